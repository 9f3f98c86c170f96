"""A database whose tables are watched, and calls that are performed step by step, in the order that shows a race."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import psycopg

from pgproof import Database
from pgproof.cache import Cache
from pgproof.cache.watching import SCHEMA, watch
from pgproof.queries.call import call_for_rows
from pgproof.queries.steps import Step, Steps

T = TypeVar("T")


def watch_tables(connection: psycopg.Connection[Any], tables: Iterable[str]) -> None:
    """Install the cache's schema and watch tables of `public`; the ledger need not exist."""
    connection.execute(SCHEMA.read_text(encoding="utf-8").encode())
    connection.execute(watch(f"public.{table}" for table in tables).encode())


class Run(Generic[T]):
    """Steps that are performed one after the other, as far as a test says."""

    def __init__(self, db: Database, steps: Steps[T]) -> None:
        self._perform = db._perform  # noqa: SLF001  (as the database itself does)
        self._steps = steps
        self.answer: T | None = None
        self.next: Step | None = None
        self._go(None)

    @property
    def is_over(self) -> bool:
        return self.next is None

    def step(self) -> None:
        """Perform the next step."""
        assert self.next is not None
        try:
            given = self._perform(self.next)
        except BaseException as error:  # noqa: BLE001  (the protocol's to handle)
            self._go(None, error)
        else:
            self._go(given)

    def until(self, kind: type[Step], method: str = "") -> "Run[T]":
        """Stop before a step of this kind, such as `Fetch`, or `Do` with the method `set`."""
        while self.next is not None and not _is(self.next, kind, method):
            self.step()
        assert self.next is not None, f"it never came to {kind.__name__} {method}"
        return self

    def past(self, kind: type[Step], method: str = "") -> "Run[T]":
        """Stop after a step of this kind."""
        self.until(kind, method).step()
        return self

    def hear(self, given: Any, error: BaseException | None = None) -> None:
        """Go on with what the next step gave or raised: a test performed it, and did something in between."""
        self._go(given, error)

    def finish(self) -> T | None:
        """Perform all that is left; return the answer."""
        while self.next is not None:
            self.step()
        return self.answer

    def kill(self) -> None:
        """Perform nothing more, as if the process had been killed before the next step."""
        self.next = None

    def _go(self, given: Any, error: BaseException | None = None) -> None:
        try:
            self.next = self._steps.throw(error) if error else self._steps.send(given)
        except StopIteration as end:
            self.next, self.answer = None, end.value


def begin(db: Database, cache: Cache, name: str, **parameters: object) -> Run[Any]:
    """Begin a call of a database with a cache; nothing of it is performed yet."""
    return Run(db, cache.answer(call_for_rows(db.queries[name], None, parameters)))


def _is(step: Step, kind: type[Step], method: str) -> bool:
    return isinstance(step, kind) and (not method or getattr(step, "method", "") == method)
