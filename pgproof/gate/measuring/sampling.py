"""A way to connect and a look in, the look taken again and again out: in a thread, while something else is at work."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

EVERY = 0.003  # seconds: a wait that is shorter nobody feels


@contextmanager
def sampling(
    connect: Callable[[], Connection[Any]], look: Callable[[Connection[Any]], None], every: float = EVERY
) -> Iterator[None]:
    """Take a look every so many seconds, on a connection of its own, until the block ends."""
    done = threading.Event()
    with connect() as observer:

        def watch() -> None:
            try:
                while not done.wait(every):
                    look(observer)
            except psycopg.Error:
                return  # an observer that loses its connection sees nothing more; the run itself says what is wrong

        look(observer)
        thread = threading.Thread(target=watch, name="pgproof-observer", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
