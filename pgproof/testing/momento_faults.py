"""Calls of RPCs in, what befalls each of them out: refused, late, lost on the way back, never heard of, or held."""

from __future__ import annotations

from collections import defaultdict, deque
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from grpc import StatusCode  # type: ignore[import-untyped]

from pgproof.testing.momento_service import RPCS

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc import ServicerContext

    # Given what applies a call and returns its answer; returns what the client gets.
    Fault = Callable[[Callable[[], Any], ServicerContext], Any]

_PATIENCE = 30.0  # seconds


class Faults:
    """What was planned for the next calls of each RPC."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._endless: defaultdict[str, list[Fault]] = defaultdict(list)

    def plan(self, rpc: str, fault: Fault, times: int | None) -> None:
        """Have a fault befall so many calls, in the order of planning; None: all others, until it is forgotten.

        Raises:
            ValueError: the server has no such RPC.
        """
        if rpc not in RPCS:
            raise ValueError(f"there is no RPC {rpc!r} here, but {', '.join(sorted(RPCS))}")
        with self._lock:
            if times is None:
                self._endless[rpc].append(fault)
            else:
                self._counted[rpc].extend([fault] * times)

    def take(self, rpc: str) -> Fault | None:
        """Return what befalls a call that comes in now."""
        with self._lock:
            if counted := self._counted[rpc]:
                return counted.popleft()
            return self._endless[rpc][-1] if self._endless[rpc] else None

    def forget(self, fault: Fault | None = None) -> None:
        """Have one fault, or none at all, befall any further call."""
        with self._lock:
            for planned in (*self._counted.values(), *self._endless.values()):
                kept = [each for each in planned if fault is not None and each is not fault]
                planned.clear()
                planned.extend(kept)


class Held:
    """Calls that wait at the server's door; none of them is applied yet."""

    def __init__(self) -> None:
        self._arrived = Event()
        self._released = Event()

    def wait(self, timeout: float = _PATIENCE) -> None:
        """Return when a call has arrived.

        Raises:
            TimeoutError: none did in so many seconds.
        """
        if not self._arrived.wait(timeout):
            raise TimeoutError(f"no call arrived in {timeout:g} s")

    def release(self) -> None:
        """Let all calls go on, those that are still to come as well."""
        self._released.set()

    def __call__(self, apply: Callable[[], Any], _: ServicerContext) -> Any:  # noqa: ANN401
        """Be the fault: also a call that its client has given up is applied in the end, as on a slow line."""
        self._arrived.set()
        self._released.wait()
        return apply()


def refuse(status: StatusCode) -> Fault:
    """Answer with a status; nothing is applied."""
    return lambda _, context: context.abort(status, "refused, as the test wants it")


def delay(seconds: float) -> Fault:
    """Apply a call at once, and answer later."""

    def answer(apply: Callable[[], Any], context: ServicerContext) -> Any:  # noqa: ANN401
        given = apply()
        _end_of(context).wait(seconds)
        return given

    return answer


def lose_reply(apply: Callable[[], Any], context: ServicerContext) -> None:
    """Apply a call, but do not say so."""
    apply()
    context.abort(StatusCode.UNAVAILABLE, "the reply is lost, as the test wants it")


def swallow(_: Callable[[], Any], context: ServicerContext) -> None:
    """Neither apply nor answer it."""
    _end_of(context).wait()
    context.abort(StatusCode.CANCELLED, "nobody waits for it any more")


def garble(apply: Callable[[], Any], _: ServicerContext) -> Any:  # noqa: ANN401
    """Answer a hit with one bit in its middle changed."""
    given = apply()
    if body := bytearray(given.cache_body):
        body[len(body) // 2] ^= 1
        given.cache_body = bytes(body)
    return given


def _end_of(context: ServicerContext) -> Event:
    """Return what is set when the client has given up, or the server goes."""
    ended = Event()
    if not context.add_callback(ended.set):
        ended.set()
    return ended
