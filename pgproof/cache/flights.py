"""Callers of one key in, one of them that fetches out; the others get what it got."""

from __future__ import annotations

from concurrent.futures import Future
from copy import copy
from threading import Lock
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pgproof.queries.steps import Join

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.queries.steps import Steps

T = TypeVar("T")


class _Found(NamedTuple, Generic[T]):
    value: T


class _Failed(NamedTuple):
    error: Exception


class _Interrupted(NamedTuple):
    """Who fetched was stopped, which is nobody else's affair."""


_End = _Found[T] | _Failed | _Interrupted


class Flights(Generic[T]):
    """What is being fetched in this process, by key."""

    def __init__(self, patience: float) -> None:
        """Begin with none.

        Args:
            patience: seconds that a caller waits for another one.
        """
        self._patience = patience
        self._lock = Lock()
        self._under_way: dict[str, Future[_End[T]]] = {}

    def share(self, key: str, fetch: Callable[[], Steps[T]], joined: Callable[[], None] = lambda: None) -> Steps[T]:
        """Fetch, unless somebody does already: then wait for theirs, and `joined` is told.

        What they get is as good: a key holds the versions that its caller looked up, so whoever has the same key began
        before any commit that would have changed them. An error of theirs is everybody's; one who vanishes is replaced.
        """
        while True:
            mine: Future[_End[T]] = Future()
            with self._lock:
                theirs = self._under_way.setdefault(key, mine)
            if theirs is mine:
                return (yield from self._lead(key, mine, fetch))
            try:
                end = yield Join(theirs, self._patience)
            except TimeoutError:
                self._end(key, theirs)  # whoever comes now shall not wait for one who may never end
                return (yield from fetch())
            if isinstance(end, _Failed):
                raise _again(end.error)
            if isinstance(end, _Found):
                joined()
                found: T = end.value
                return found

    def _lead(self, key: str, mine: Future[_End[T]], fetch: Callable[[], Steps[T]]) -> Steps[T]:
        end: _End[T] = _Interrupted()
        try:
            found = yield from fetch()
            end = _Found(found)
        except Exception as error:
            end = _Failed(error)
            raise
        finally:
            self._end(key, mine)
            mine.set_result(end)
        return found

    def _end(self, key: str, flight: Future[_End[T]]) -> None:
        with self._lock:
            if self._under_way.get(key) is flight:
                del self._under_way[key]


def _again(error: Exception) -> Exception:
    """Return an error for another caller to raise; one that all raise would gather the tracebacks of all."""
    try:
        another = copy(error)
    except Exception:  # noqa: BLE001  (an error that cannot be copied is better than none)
        return error
    another.__cause__ = error.__cause__
    return another
