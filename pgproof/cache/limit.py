"""Callers who want the database in, so many of them at a time out."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from pgproof.errors import ServerUnavailable
from pgproof.queries.steps import Join

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.queries.steps import Steps

T = TypeVar("T")


class Limit:
    """Lets some in and has the others wait in line: a cache that is empty or down must not bring the database down."""

    def __init__(self, places: int, patience: float) -> None:
        self._places = places
        self._patience = patience
        self._lock = Lock()
        self._waiting: deque[Future[None]] = deque()

    def within(self, fetch: Callable[[], Steps[T]]) -> Steps[T]:
        """Fetch when it is our turn.

        Raises:
            ServerUnavailable: it was not, for as long as a caller waits.
        """
        yield from self._enter()
        try:
            return (yield from fetch())
        finally:
            self._leave()

    def _enter(self) -> Steps[None]:
        turn: Future[None] = Future()
        with self._lock:
            if self._places > 0:
                self._places -= 1
                return
            self._waiting.append(turn)
        try:
            yield Join(turn, self._patience)
        except BaseException as error:
            self._give_up(turn)
            if not isinstance(error, TimeoutError):
                raise
            raise ServerUnavailable(
                f"no place was free for {self._patience:g} s among the queries that fill the cache",
                hint="Limits(max_fills=…) lets more of them in; leave connections of the pool (max_size) to others",
            ) from None

    def _give_up(self, turn: Future[None]) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self._leave()  # our turn came while we were going

    def _leave(self) -> None:
        with self._lock:
            if not self._waiting:
                self._places += 1
                return
            turn = self._waiting.popleft()
        turn.set_result(None)
