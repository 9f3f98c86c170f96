"""The races of a cache, told in what every library has, in; who reads what is old out.

A race is a schedule of what two processes do; numbers are those of `tests/integration/test_cache_races.py`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

WRITE = "UPDATE tally SET n = n + 1"
READ = "SELECT n FROM tally"


@dataclass
class World:
    """A number in a table, and what happens within the next fill, once.

    Attributes:
        elsewhere: a connection of somebody who knows nothing of a cache.
        within: what another process does after a read has asked the database, before it keeps the answer.
    """

    url: str
    elsewhere: psycopg.Connection[Any]
    within: list[Callable[[], object]] = field(default_factory=list)

    def write(self) -> None:
        """Add one and commit; nobody is told."""
        self.elsewhere.execute(WRITE)

    def asked(self) -> None:
        """Do what is to happen within a fill."""
        if self.within:
            self.within.pop()()

    @property
    def committed(self) -> int:
        """What the table holds."""
        [(number,)] = self.elsewhere.execute(READ)
        assert isinstance(number, int)
        return number


class Side(Protocol):
    """Two processes with a cache: one reads and keeps, one writes."""

    world: World

    def read(self) -> int:
        """Read, by way of the cache."""

    def write(self, *, committing: Callable[[], object] = lambda: None) -> None:
        """Write; `committing` happens between the statement and its commit."""

    def old_snapshot(self, within: Callable[[], object]) -> None:
        """Begin a transaction of the reader that sees nothing of what comes, do something elsewhere, and read in it."""

    def rolled_back(self) -> None:
        """Write and read in one transaction of the reader, and roll it back."""

    def forget(self) -> None:
        """Evict whatever is kept beside the results."""

    def wait(self) -> None:
        """Let as much time pass as is promised; nothing, where nothing is."""


def a_write(side: Side) -> None:
    """Read, then write in the other process."""
    side.read()
    side.write()


def a_slow_fill(side: Side) -> None:
    """Write while a fill has asked already."""
    side.world.within.append(side.write)
    side.read()


def a_fill_before_the_commit(side: Side) -> None:
    """Fill between a statement and its commit."""
    side.write(committing=side.read)


def an_eviction(side: Side) -> None:
    """Lose what the cache keeps beside its results, then write."""
    side.read()
    side.forget()
    side.write()


def a_killed_writer(side: Side) -> None:
    """Commit and be killed, or be psql."""
    side.read()
    side.world.write()


def an_old_snapshot(side: Side) -> None:
    """Fill from a snapshot that is older than a write."""
    side.old_snapshot(side.write)


def a_rollback(side: Side) -> None:
    """Fill from a write of one's own that is rolled back."""
    side.rolled_back()


RACES: dict[str, Callable[[Side], None]] = {
    "a write in another process": a_write,
    "a slow fill spans a write (1-4, 7)": a_slow_fill,
    "a fill before the commit (5, 10)": a_fill_before_the_commit,
    "bookkeeping is evicted (6)": an_eviction,
    "the writer is killed after its commit, or is psql (8, 8b)": a_killed_writer,
    "a fill from an old snapshot (9)": an_old_snapshot,
    "a fill from a write that is rolled back (11)": a_rollback,
}


def run_race(race: Callable[[Side], None], make: Callable[[], Any]) -> str:
    """Return what the reader gets after a race: what is committed, that after what is promised, or what is old."""
    with closing(make()) as side:
        race(side)
        if side.read() == side.world.committed:
            return "ok"
        side.wait()
        return "ok after the promised delay" if side.read() == side.world.committed else "**stale**"
