"""Who calls in, the client of its own out: one for all threads of a process, one for all tasks of an event loop.

What came over a fork is of no use to the child, and is left as it is: the parent is at work with it.
"""

from __future__ import annotations

import asyncio
import os
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

C = TypeVar("C")


class Clients(Generic[C]):
    """Clients by who calls; each is made when it is first asked for."""

    def __init__(self, make: Callable[[], C], caller: Callable[[], int | AbstractEventLoop]) -> None:
        self._make = make
        self._caller = caller
        self._lock = Lock()
        self._made: dict[int | AbstractEventLoop, tuple[C, float]] = {}

    def own(self) -> C:
        """Return the client of who calls."""
        caller = self._caller()
        with self._lock:
            if caller not in self._made:
                self._made = {each: made for each, made in self._made.items() if not _is_over(each)}
                self._made[caller] = self._make(), monotonic()
            return self._made[caller][0]

    def drop(self, min_age: float = 0) -> C | None:
        """Give up the client of who calls, for them to close, if there is one and it is that many seconds old."""
        caller = self._caller()
        with self._lock:
            client, made_at = self._made.get(caller, (None, 0.0))
            if client is None or monotonic() - made_at < min_age:
                return None
            del self._made[caller]
            return client


def by_process(make: Callable[[], C]) -> Clients[C]:
    """Make a client for each process."""
    return Clients(make, os.getpid)


def by_loop(make: Callable[[], C]) -> Clients[C]:
    """Make a client for each event loop."""
    return Clients(make, asyncio.get_running_loop)


def _is_over(caller: int | AbstractEventLoop) -> bool:
    return not isinstance(caller, int) and caller.is_closed()
