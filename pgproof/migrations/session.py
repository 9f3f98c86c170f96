"""A connection in, a runner that is alone on its database out, and what it does there in one go."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import errors
from psycopg.sql import SQL

from pgproof.errors import LockTimeout, MigrationFailed
from pgproof.migrations import writer, yoyolock
from pgproof.migrations.events import Event, Outcome
from pgproof.migrations.ledger import ensure_tables, fetch_ledger
from pgproof.migrations.message import Refused, send
from pgproof.migrations.runner import Runner
from pgproof.pg.blockers import watch_blockers
from pgproof.pg.lock import runner_lock
from pgproof.pg.loss import named_loss
from pgproof.pg.sweep import SweepFinding, fetch_findings, new_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from pgproof.migrations.files import Folder, Migration
    from pgproof.settings import Settings

_MAY_BE_NEW = "unvalidated-constraint"  # NOT VALID now and VALIDATE in the next migration is how to do it


@contextmanager
def alone(
    connection: Connection[Any],
    settings: Settings,
    notify: Callable[[Event], None],
) -> Iterator[Runner]:
    """Give a runner that is alone on this database, with the ledger's tables there."""

    def waiting(who: object) -> None:
        notify(Event("waiting", text=str(who)))

    with (
        named_loss(connection, "between two migrations"),
        runner_lock(connection, wait=settings.runner_wait, on_wait=waiting),
        watch_blockers(connection) as blockers,
    ):
        schema = _ensure_ledger(connection)
        with writer.prepared(connection, schema):
            runner = Runner(connection, schema, settings, blockers, notify)
            runner.wait_for_yoyo()
            yield runner


def _ensure_ledger(connection: Connection[Any]) -> str:
    """Return the ledger's schema; making the tables needs a right that only the first runner has to have."""
    ledger = fetch_ledger(connection)
    return ledger.schema if ledger.schema and ledger.complete else ensure_tables(connection)


def apply_all(
    runner: Runner, to_do: Callable[[], tuple[list[Migration], list[Migration]]], stop: Callable[[], bool]
) -> list[str]:
    """Apply and repeat until nothing is left or `stop` says so; where yoyo came between, look again at what it left."""
    done: list[str] = []
    while True:
        todo, again = to_do()
        _think_ahead(todo)
        try:
            for each in todo:
                if done and stop():
                    return done
                runner.apply(each)
                done.append(each.id)
            for each in again:
                runner.repeat(each)
                done.append(each.id)
        except yoyolock.YoyoAtWork:
            runner.wait_for_yoyo()
        else:
            return done


def _think_ahead(todo: Sequence[Migration]) -> None:
    """Let a second core write the canonical texts, in the parser's C code, while the server is at work."""
    threading.Thread(target=lambda: [each.meaning for each in todo], name="pgproof-meaning", daemon=True).start()


def withdraw(runner: Runner, repeatables: Sequence[Migration]) -> None:
    """Take the repeatables away, last first, so that what they stand on can be undone."""
    ledger = fetch_ledger(runner.connection)
    standing = ledger.repeatables.keys() - ledger.withdrawn
    for each in reversed([each for each in repeatables if each.id in standing]):
        runner.withdraw(each)


def put_back(runner: Runner, folder: Folder) -> None:
    """Run the repeatables that were withdrawn again, on what is left of the schema."""
    withdrawn = fetch_ledger(runner.connection).withdrawn
    for each in [each for each in folder.repeatables if each.id in withdrawn]:
        try:
            runner.repeat(each)
        except MigrationFailed as error:
            runner.notify(Event("notice", each.id, f"{each.id} does not fit this schema and waits: {error.what}"))


def write(runner: Runner, texts: Sequence[str]) -> None:
    """Write ledger rows without running anything."""
    send(runner.connection, f"BEGIN; {writer.LOCK}{''.join(texts)}{writer.UNLOCK} COMMIT")


def sweep(runner: Runner) -> list[SweepFinding] | None:
    """Sweep the catalog; None where a lock stays in the way, for a look is no reason to fail.

    Its functions wait for locks on any table, so it is tried again as a migration is.
    """
    found: list[SweepFinding] = []

    def attempt() -> None:
        try:
            with runner.connection.transaction():
                runner.connection.execute(SQL("SET LOCAL lock_timeout = {}").format(runner.settings.lock_timeout))
                found[:] = fetch_findings(runner.connection)
        except errors.LockNotAvailable as error:
            raise Refused(error, 0) from error

    try:
        runner.retrying("the sweep of the catalog", attempt)
    except LockTimeout as error:
        runner.notify(Event("notice", text=f"not looked for what should not stay: {error.what}"))
        return None
    return found


def conclude(runner: Runner, before: Sequence[SweepFinding] | None, changed: Sequence[str]) -> Outcome:
    """Sweep the catalog again and tell what was there before from what the run made."""
    after = None if before is None else sweep(runner)
    if before is None or after is None:
        return Outcome(tuple(changed))
    failures = [each for each in new_findings(before, after) if each.rule != _MAY_BE_NEW]
    notes = [each for each in after if each not in failures]
    return Outcome(tuple(changed), tuple(notes), tuple(failures))
