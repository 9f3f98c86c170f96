"""A kind of backend in, backends for simulated processes out, with faults where and when a simulation says."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Literal, TypeVar

from pgproof.cache import Backend, BackendError, Memory, Momento, Postgres
from pgproof.queries.steps import Do
from tests.histories.cells import Cells
from tests.histories.script import Fault

Kind = Literal["memory", "shared", "postgres", "momento"]
B = TypeVar("B", Momento, Postgres)
_PATIENCE = 5.0  # seconds
KINDS: tuple[Kind, ...] = ("memory", "shared", "postgres", "momento")


class Shared(Memory):
    """Memory that all processes have in common, as if it were a Momento that no network is in front of."""

    name = "shared"
    holds_tokens = True
    is_shared = True
    timeout = 0.05


class Place:
    """Where the processes of one simulation keep results; here each in its own memory.

    Attributes:
        late: calls that are applied only when they arrive.
    """

    holds_tokens = False

    def __init__(self) -> None:
        self.late: list[Do] = []
        self._memories: list[Memory] = []

    def backend(self, clock: Callable[[], float]) -> Backend:
        """Return what a new process has."""
        self._memories.append(Memory(clock=clock))
        return self._memories[-1]

    def perform(self, step: Do, fault: Fault) -> Any:
        """Call the backend, or have the call fail."""
        match fault:
            case "fail":
                raise BackendError("SERVER_UNAVAILABLE")
            case "late":
                self.late.append(step)
                raise BackendError("TIMEOUT_ERROR")
            case "lose":
                _call(step)
                raise BackendError("SERVER_UNAVAILABLE")
            case "garble":
                given = _call(step)
                return given[:-1] + b"?" if isinstance(given, bytes) else given
        return _call(step)

    def arrive(self) -> list[Do]:
        """Apply what is late."""
        arrived, self.late = self.late, []
        for step in arrived:
            _call(step)
        return arrived

    def evict(self, part: float) -> None:
        """Lose a key, somewhere among all of them, or all of them if `part` is 1."""
        for memory in self._memories:
            _evict(memory, part)

    def advance(self, seconds: float) -> None:
        """Take note that time passes; memories know it by their own clocks."""


class SharedPlace(Place):
    """One memory for all processes, which keeps tokens."""

    holds_tokens = True

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._shared = Shared(clock=lambda: self._now)
        self._memories = [self._shared]

    def backend(self, _: Callable[[], float]) -> Backend:
        return self._shared

    def advance(self, seconds: float) -> None:
        self._now += seconds


class PostgresPlace(Place):
    """The table `pgproof_cache.entries`; time passes in it only when it jumps."""

    def __init__(self, cells: Cells, backend: Backend) -> None:
        super().__init__()
        self._cells = cells
        self._backend = backend

    def backend(self, _: Callable[[], float]) -> Backend:
        return self._backend

    def evict(self, part: float) -> None:
        with self._cells.lend() as connection:
            connection.execute(
                "DELETE FROM pgproof_cache.entries WHERE key IN (SELECT key FROM pgproof_cache.entries ORDER BY key "
                "OFFSET floor(%(part)s * (SELECT count(*) FROM pgproof_cache.entries)) LIMIT 1) OR %(part)s = 1",
                {"part": part},
            )

    def advance(self, seconds: float) -> None:
        if seconds >= 0.1:
            with self._cells.lend() as connection:
                connection.execute(
                    "UPDATE pgproof_cache.entries SET expires_at = expires_at - make_interval(secs => %s)", [seconds]
                )


class MomentoPlace(Place):
    """The real SDK on a Momento of our own."""

    holds_tokens = True
    _RPCS = {"get": "Get", "set": "Set", "add": "SetIfNotExists"}  # noqa: RUF012

    def __init__(self, server: Any, cache: str, backend: Backend) -> None:
        super().__init__()
        self._server = server
        self._cache = cache
        self._backend = backend
        server.heal()
        server.evict(cache)

    def backend(self, _: Callable[[], float]) -> Backend:
        return self._backend

    def perform(self, step: Do, fault: Fault) -> Any:
        rpc = self._RPCS[step.method]
        match fault:
            case "fail":
                self._server.fail(rpc, "UNAVAILABLE")
            case "lose":
                self._server.lose_reply(rpc)
            case "garble" if step.method == "get":
                self._server.garble(rpc)
        try:
            return super().perform(step, "late" if fault == "late" else "")
        finally:
            if fault:
                self._server.heal()

    def evict(self, part: float) -> None:
        keys = sorted(self._server.items(self._cache))
        self._server.evict(self._cache, keys[int(part * len(keys))] if keys and part < 1 else None)

    def advance(self, seconds: float) -> None:
        self._server.advance(seconds)


@contextmanager
def open_places(kind: Kind, cells: Cells) -> Iterator[Callable[[], Place]]:
    """Give places of a kind, an empty one each time."""
    if kind == "memory":
        yield Place
    elif kind == "shared":
        yield SharedPlace
    elif kind == "postgres":
        with closing(_hasty(Postgres(cells.conninfo, timeout=_PATIENCE))) as postgres:
            yield lambda: PostgresPlace(cells, postgres)
    else:
        from pgproof.testing import MomentoServer

        with MomentoServer(caches=("cells",)) as server:
            credentials, configuration = server.credentials, server.configuration
            momento = Momento("cells", credentials=credentials, configuration=configuration, timeout=_PATIENCE)
            with closing(_hasty(momento)):
                yield lambda: MomentoPlace(server, "cells", momento)


def _hasty(backend: B) -> B:
    """Have a backend say that it takes as long as in a simulation; a busy machine may take as long as it needs."""
    backend.timeout = Shared.timeout
    return backend


def _call(step: Do) -> Any:
    return getattr(step.backend, step.method)(*step.arguments)


def _evict(memory: Memory, part: float) -> None:
    kept = memory._kept  # noqa: SLF001
    keys = sorted(kept)
    for key in keys if part == 1 else keys[int(part * len(keys)) :][:1]:
        kept.pop(key, None)
