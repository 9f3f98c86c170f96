"""A connection and one script at a time in, a changed schema out: one transaction with its ledger row inside it."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from psycopg import errors

from pgproof.errors import LockTimeout
from pgproof.migrations import message, untransacted, writer, yoyolock
from pgproof.migrations.events import Event, Verb, ignore
from pgproof.migrations.message import Refused, failure, send
from pgproof.pg.blockers import CLOSELY, USUALLY
from pgproof.pg.loss import named_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from pgproof.migrations.files import Migration, Script
    from pgproof.pg.blockers import Blockers
    from pgproof.settings import Settings


@dataclass
class Runner:
    """Runs scripts on one connection that holds the runner lock; `schema` is the ledger's."""

    connection: Connection[Any]
    schema: str
    settings: Settings
    blockers: Blockers
    notify: Callable[[Event], None] = field(default=ignore)

    def apply(self, migration: Migration) -> None:
        """Apply one migration and record it."""
        self._run(migration, migration, "applied", lambda took: writer.record(migration, "apply", seconds=took))

    def roll_back(self, migration: Migration) -> None:
        """Undo one migration and forget it."""
        script = migration.rollback or migration  # a Python migration has its way back in the same file
        self._run(migration, script, "rolled back", lambda _: writer.erase(migration.id, "rollback"))

    def repeat(self, repeatable: Migration) -> None:
        """Run a repeatable and record its content."""
        self._run(repeatable, repeatable, "repeated", lambda _: writer.record_repeatable(repeatable))

    def withdraw(self, repeatable: Migration) -> None:
        """Undo a repeatable, so that what it stands on can be rolled back; without a rollback, only say so."""
        record = writer.withdraw_repeatable(repeatable)
        if repeatable.rollback:
            self._run(repeatable, repeatable.rollback, "rolled back", lambda _: record)
        else:
            send(self.connection, record)

    def wait_for_yoyo(self) -> None:
        """Wait until no stock yoyo is at work on this database."""
        yoyolock.ensure_free(
            self.connection,
            self.schema,
            wait=self.settings.runner_wait,
            on_wait=lambda who: self.notify(Event("waiting", text=who)),
        )

    def limits(self, migration: Migration) -> dict[str, str]:
        """Return the time-outs of a migration: its header's, else the settings'."""
        return {
            "lock_timeout": migration.header.get("lock_timeout", self.settings.lock_timeout),
            "statement_timeout": migration.header.get("statement_timeout", self.settings.statement_timeout),
        }

    def retrying(self, id: str, attempt: Callable[[], object]) -> None:
        """Make `attempt` again while it meets a lock or a deadlock: each time the whole transaction.

        Raises:
            LockTimeout: every attempt met a lock; who held it is named.
            Refused: Postgres refused for another reason; nothing of the attempt is left.
            YoyoAtWork: the stock `yoyo` holds its lock; the plan has to be made anew after it.
        """
        for count in range(1, self.settings.lock_attempts + 1):
            try:
                attempt()
            except Refused as refused:
                if yoyolock.is_taken(refused.error):
                    raise yoyolock.YoyoAtWork from refused.error
                if not isinstance(refused.error, errors.LockNotAvailable | errors.DeadlockDetected):
                    raise
                met = refused.error
                self.blockers.every = CLOSELY
            else:
                self.blockers.every = USUALLY
                return
            if count < self.settings.lock_attempts:
                self.notify(Event("retrying", id, f"{met.diag.message_primary}; in its way: {self.blockers}"))
                time.sleep(_pause(count))
        raise LockTimeout(
            f"{id} met a lock in each of {count} attempts; in its way: {self.blockers}",
            hint="end the session that holds it (`inv db.sessions --kill`), or raise lock_timeout",
        ) from met

    def _run(self, migration: Migration, script: Script, verb: Verb, record: Callable[[float | None], str]) -> None:
        self.notify(Event("begun", migration.id))
        started = time.monotonic()
        with named_loss(self.connection, f"during {script.path.name}"), self._hearing(migration.id):
            if migration.language == "python":
                self._python(migration, "apply" if verb == "applied" else "rollback", record(None))
            elif migration.transactional:
                self._transaction(migration, script, record(None))
            else:
                untransacted.run(self, migration, script, record)
        self.notify(Event(verb, migration.id, took=time.monotonic() - started))

    def _python(self, migration: Migration, direction: Literal["apply", "rollback"], record: str) -> None:
        from pgproof.migrations import python

        def attempt() -> None:
            python.run(self.connection, migration, direction, record, **self.limits(migration))

        try:
            self.retrying(migration.id, attempt)
        except Refused as refused:
            raise failure(migration, refused.error) from refused.error

    def _transaction(self, migration: Migration, script: Script, record: str) -> None:
        text = message.transaction(script, record, **self.limits(migration))
        try:
            self.retrying(migration.id, lambda: send(self.connection, text.text))
        except Refused as refused:
            raise text.failure(refused) from refused.error

    @contextmanager
    def _hearing(self, id: str) -> Iterator[None]:
        """Pass on what the server says meanwhile: RAISE NOTICE, and what IF EXISTS skipped."""

        def hear(said: errors.Diagnostic) -> None:
            self.notify(Event("notice", id, f"{said.severity_nonlocalized}: {said.message_primary}"))

        self.connection.add_notice_handler(hear)
        try:
            yield
        finally:
            self.connection.remove_notice_handler(hear)


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: doubling up to 5, with jitter, so that two runners do not meet again."""
    return min(0.1 * 2.0**attempt, 5.0) * random.uniform(0.5, 1.0)  # noqa: S311  (not a secret)
