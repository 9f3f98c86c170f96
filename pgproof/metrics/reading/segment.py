"""The parts of a table that is read as a whole in, how far each was read out; several are read at the same time.

A part is a segment of a scan, or a file of an export. How far it was read is written by the transaction that kept what
was read: whoever is killed goes on there.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from pgproof.metrics.mirror.source import Source

_FETCH = "SELECT number, start_key, items, done FROM pgproof_metrics.segment WHERE source = %s ORDER BY number"
_FORGET = "DELETE FROM pgproof_metrics.segment WHERE source = %s"
_ADD = "INSERT INTO pgproof_metrics.segment (source, number, start_key) VALUES (%s, %s, %s)"
_KEEP = """
UPDATE pgproof_metrics.segment SET start_key = %s, items = items + %s, done = %s WHERE source = %s AND number = %s
"""


@dataclass(frozen=True)
class Segment:
    """A part of a table, and how far it was read.

    Attributes:
        start_key: of a scan, JSON of the key after which the next page begins, None: at the beginning; of an export,
            the file's name.
        items: how many were read.
    """

    number: int
    start_key: str | None
    items: int
    done: bool


class Tally:
    """How many items were read, over all parts; several threads add to it."""

    def __init__(self, items: int, notify: Callable[[int], None]) -> None:
        self.items = items
        self._notify = notify
        self._lock = Lock()

    def add(self, items: int) -> None:
        """Add to it, and tell the sum."""
        with self._lock:
            self.items += items
            self._notify(self.items)


def fetch_segments(connection: Connection[Any], source: Source) -> list[Segment]:
    """Return the parts of a table that is, or was, read."""
    with connection.cursor(row_factory=class_row(Segment)) as cursor:
        return cursor.execute(_FETCH, [source.id]).fetchall()


def replace_segments(connection: Connection[Any], source: Source, start_keys: Sequence[str | None]) -> None:
    """Begin anew, with a part for each of these."""
    connection.execute(_FORGET, [source.id])
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [(source.id, number, key) for number, key in enumerate(start_keys)])


def keep_place(
    connection: Connection[Any], source: Source, number: int, *, start_key: str | None, items: int, done: bool
) -> None:
    """Write down that so many items more were read of a part, in the caller's transaction."""
    connection.execute(_KEEP, [start_key, items, done, source.id, number])


def read_together(segments: Sequence[Segment], read: Callable[[Segment, Event], None], *, at_once: int) -> None:
    """Read what is left of these parts.

    The first error ends it: the others stop where they next look at the event, and that error is raised.

    Args:
        segments: those that are done are left out.
        read: reads one, and returns soon after the event is set.
        at_once: how many are read at the same time.
    """
    stop = Event()
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(read, each, stop) for each in segments if not each.done]
        try:
            for job in as_completed(jobs):
                job.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
