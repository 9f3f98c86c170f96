"""Callers of a database, counted by what they do, and a lock that holds up all queries in it."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof import AsyncDatabase, Database
from pgproof.queries.steps import Join, Select, Step

if TYPE_CHECKING:
    from concurrent.futures import Future

PATIENCE = 30  # seconds, after which what a test waits for will not come
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


class Crowd:
    """What the callers of a database are doing, counted."""

    def __init__(self, elsewhere: psycopg.Connection[Any]) -> None:
        self.steps: Counter[str] = Counter()
        self._joined: Counter[Future[Any]] = Counter()
        self._change = threading.Condition()
        self._elsewhere = elsewhere

    def note(self, step: Step) -> None:
        with self._change:
            self.steps[_kind(step)] += 1
            if isinstance(step, Join):
                self._joined[step.future] += 1
                self._change.notify_all()

    def wait_for_joined(self, many: int) -> None:
        """Return when so many wait for one and the same caller."""
        with self._change:
            assert self._change.wait_for(lambda: many in self._joins(), PATIENCE)

    def wait_in_line(self, many: int) -> None:
        """Return when so many wait, each for something else."""
        with self._change:
            assert self._change.wait_for(lambda: len(self._joins()) == many, PATIENCE)

    def _joins(self) -> list[int]:
        return [many for future, many in self._joined.items() if not future.done()]

    def wait_in_database(self, many: int) -> None:
        while self.waiting < many:
            pass

    @property
    def waiting(self) -> int:
        [(many,)] = self._elsewhere.execute(WAITING)
        return int(many)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Have all queries wait in the database."""
        self._elsewhere.execute("SELECT pg_advisory_lock(7)")
        try:
            yield
        finally:
            self._elsewhere.execute("SELECT pg_advisory_unlock(7)")


def _kind(step: Step) -> str:
    if isinstance(step, Join):
        return "join"
    if isinstance(step, Select):
        return "versions" if "step" in step.sql else "select"
    return type(step).__name__.lower()


class CountedThreads(Database):
    crowd: Crowd

    def _perform(self, step: Step) -> Any:
        self.crowd.note(step)
        return super()._perform(step)


class CountedTasks(AsyncDatabase):
    crowd: Crowd

    async def _perform(self, step: Step) -> Any:
        self.crowd.note(step)
        return await super()._perform(step)
