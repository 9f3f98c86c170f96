"""A connection and a step of a deploy in, its statements run one by one and what each did out."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.gate.measuring import running
from pgproof.gate.measuring.probe import IN_THE_END, look_between, look_within, read_message
from pgproof.gate.measuring.sampling import sampling
from pgproof.gate.measuring.seen import Seen, find_foreign_keys, measure
from pgproof.pg.loss import named_loss
from pgproof.sqltext import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from pgproof.gate.measuring.deploy import Step
    from pgproof.gate.measuring.measured import Measured
    from pgproof.gate.measuring.probe import Probe

_CONSTRAINED = """
SELECT DISTINCT conrelid::bigint FROM pg_constraint
WHERE contype = 'f' AND conname = ANY(%s) AND conrelid = ANY(%s::bigint[]::oid[])
"""
_LOCKS = """
SELECT relation::bigint, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND granted
"""


@dataclass(frozen=True)
class Performer:
    """Runs steps on a connection as the runner does, and looks at it after each statement.

    Attributes:
        observe: opens another connection, to look at what the first one does without a transaction.
        rows: of each table before, by oid.
    """

    connection: Connection[Any]
    observe: Callable[[], Connection[Any]]
    rows: Mapping[int, int]

    def perform(self, step: Step) -> list[Measured]:
        """Run one step.

        Raises:
            MigrationFailed: the server refuses a statement.
        """
        with suppress(psycopg.errors.InsufficientPrivilege):  # only a superuser hears of temporary files
            self.connection.execute("SET log_temp_files = 0")
        with named_loss(self.connection, f"during {step.migration.path.name}"):
            if step.migration.language == "python":
                first, seen = self._python(step)
            elif step.migration.transactional:
                first, seen = self._transaction(step)
            else:
                first, seen = self._alone(step)
        ended = seen[-1].ended if seen else 0.0
        return [measure(step, first, each, ended, self.rows) for each in seen]

    def _transaction(self, step: Step) -> tuple[Probe, list[Seen]]:
        seen: list[Seen] = []

        def each(statement: Statement) -> None:
            before = seen[-1].after if seen else look_within(self.connection)
            seen.append(self._statement(step, statement, seen[-1].ended if seen else 0.0, before))

        running.run_transaction(self.connection, step, each)
        return seen[0].before, seen

    def _statement(self, step: Step, statement: Statement, began: float, before: Probe) -> Seen:
        with _hearing(self.connection) as heard:
            took = running.send(self.connection, step, statement)
        after = look_within(self.connection)
        return Seen(statement, began, took, before, after, tuple(heard), self._fetch_validated(heard, after))

    def _alone(self, step: Step) -> tuple[Probe, list[Seen]]:
        """Run a statement without a transaction: its locks come and go, so another connection looks at them."""
        seen: list[Seen] = []

        def each(statement: Statement) -> None:
            before = look_between(self.connection)
            with self._sampling() as sampled, _hearing(self.connection) as heard:
                took = running.send(self.connection, step, statement)
            after = look_between(self.connection)
            seen.append(Seen(statement, 0.0, took, before, after, tuple(heard), sampled=sampled))

        running.run_alone(self.connection, step, each)
        return seen[0].before, seen

    def _python(self, step: Step) -> tuple[Probe, list[Seen]]:
        before = replace(look_between(self.connection), counts={}, lock_timeout=step.milliseconds)
        began = time.perf_counter()
        with _hearing(self.connection) as heard:
            running.run_python(self.connection, step, IN_THE_END)
        took = time.perf_counter() - began
        (after,) = filter(None, map(read_message, heard))
        statement = Statement(step.migration.text, 1, 0, "python", {})
        return before, [Seen(statement, 0.0, took, before, after, tuple(heard), self._fetch_validated(heard, after))]

    def _fetch_validated(self, heard: list[str], after: Probe) -> tuple[int, ...]:
        names = find_foreign_keys(heard)
        found = self.connection.execute(_CONSTRAINED, [names, [oid for oid, _ in after.locks]]) if names else ()
        return tuple(oid for (oid,) in found)

    @contextmanager
    def _sampling(self) -> Iterator[dict[tuple[int, str], tuple[float, float]]]:
        """Give the locks that the connection holds meanwhile, with when they were first and last seen."""
        held: dict[tuple[int, str], tuple[float, float]] = {}
        pid, began = self.connection.info.backend_pid, time.perf_counter()

        def look(observer: Connection[Any]) -> None:
            now = time.perf_counter() - began
            for oid, mode in observer.execute(_LOCKS, [pid]):
                held[oid, mode] = (held.get((oid, mode), (now, now))[0], now)

        with sampling(self.observe, look):
            yield held


@contextmanager
def _hearing(connection: Connection[Any]) -> Iterator[list[str]]:
    """Give what the server says meanwhile."""
    heard: list[str] = []

    def hear(said: psycopg.errors.Diagnostic) -> None:
        heard.append(said.message_primary or "")

    connection.add_notice_handler(hear)
    try:
        yield heard
    finally:
        connection.remove_notice_handler(hear)
