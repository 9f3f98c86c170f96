"""Callers of one key in, one of them that fetches out; the others get what it got."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from pgproof.queries.steps import Join

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.queries.steps import Steps

T = TypeVar("T")


class _Abandoned(Exception):
    """Who fetched was interrupted."""


class Flights(Generic[T]):
    """What is being fetched in this process, by key."""

    def __init__(self, patience: float) -> None:
        """Begin with none.

        Args:
            patience: seconds that a caller waits for another one.
        """
        self._patience = patience
        self._lock = Lock()
        self._under_way: dict[str, Future[T]] = {}

    def share(self, key: str, fetch: Callable[[], Steps[T]], joined: Callable[[], None] = lambda: None) -> Steps[T]:
        """Fetch, unless somebody does already: then wait for theirs, and `joined` is told.

        What they get is as good: a key holds the versions that its caller looked up, so whoever has the same key began
        before any commit that would have changed them. An error of theirs is everybody's; one who vanishes is replaced.
        """
        while True:
            mine: Future[T] = Future()
            with self._lock:
                theirs = self._under_way.setdefault(key, mine)
            if theirs is mine:
                return (yield from self._lead(key, mine, fetch))
            joined()
            try:
                found: T = yield Join(theirs, self._patience)
            except TimeoutError:
                return (yield from fetch())
            except _Abandoned:
                continue
            return found

    def _lead(self, key: str, mine: Future[T], fetch: Callable[[], Steps[T]]) -> Steps[T]:
        try:
            found = yield from fetch()
        except Exception as error:
            self._end(key)
            mine.set_exception(error)
            raise
        except BaseException:
            self._end(key)
            mine.set_exception(_Abandoned())
            raise
        self._end(key)
        mine.set_result(found)
        return found

    def _end(self, key: str) -> None:
        with self._lock:
            del self._under_way[key]
