"""What a person asks of a database's migrations: migrate, roll back, mark, unmark, repair.

Each one looks first, without a lock and without writing, and refuses what it can refuse. Then it takes the runner
lock, looks again, and changes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.errors import MigrationError, MigrationFailed, Problem, SqlFileError
from pgproof.migrations import plan, rules, writer, yoyolock
from pgproof.migrations.ledger import Ledger, ensure_tables, fetch_ledger
from pgproof.migrations.message import send
from pgproof.migrations.runner import Event, Runner, ignore
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


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        changed: ids that were applied, rolled back or repeated, in that order.
        notes: what the sweep of the catalog found that had been there before.
        failures: what it found that this run made, and that should not stay.
    """

    changed: tuple[str, ...] = ()
    notes: tuple[SweepFinding, ...] = ()
    failures: tuple[SweepFinding, ...] = ()


def migrate(
    connection: Connection[Any],
    folder: Folder,
    settings: Settings,
    *,
    to: str | None = None,
    notify: Callable[[Event], None] = ignore,
) -> Outcome:
    """Apply what is pending, up to and with `to`, then the repeatables whose content changed.

    Raises:
        LedgerDrift, SqlFileError: before anything is touched.
        MigrationFailed, LockTimeout: what was applied before stays, and is in the ledger.
    """
    todo, again = _to_do(folder, fetch_ledger(connection), to)
    position = {each.id: index for index, each in enumerate(folder.migrations)}
    _refuse([problem for each in (*todo, *again) for problem in rules.check(each, position)])
    if not todo and not again:
        return Outcome()
    with _session(connection, settings, notify) as runner:
        before = fetch_findings(connection)
        done = _apply_all(runner, folder, to)
        return _outcome(done, before, fetch_findings(connection))


def roll_back(
    connection: Connection[Any],
    folder: Folder,
    settings: Settings,
    *,
    steps: int | None = None,
    to: str | None = None,
    notify: Callable[[Event], None] = ignore,
) -> Outcome:
    """Undo the last `steps` migrations, or all after `to`, newest first.

    Repeatables stand on the schema, so those with a rollback are taken away first and put back at the end, also when
    a rollback fails. One that does not fit the older schema waits for the next `migrate`.

    Raises:
        LedgerDrift, MigrationError, SqlFileError: before anything is undone.
        MigrationFailed, LockTimeout: what was undone before stays undone, and is out of the ledger.
    """

    def chosen() -> list[Migration]:
        return plan.to_roll_back(plan.compare(folder.migrations, fetch_ledger(connection)), steps=steps, to=to)

    if not (undo := chosen()):
        return Outcome()
    _refuse([problem for each in undo for problem in rules.check_rollback(each)])
    with _session(connection, settings, notify) as runner:
        before = fetch_findings(connection)
        undo = chosen()
        try:
            _withdraw(runner, folder.repeatables)
            for each in undo:
                runner.roll_back(each)
        except MigrationError:
            _put_back(runner, folder)
            raise
        _put_back(runner, folder)
        return _outcome([each.id for each in undo], before, fetch_findings(connection))


def mark(connection: Connection[Any], migrations: Sequence[Migration], settings: Settings) -> None:
    """Say that `migrations` are applied without running them: to adopt a database that has them already."""
    with _session(connection, settings, ignore) as runner:
        applied = fetch_ledger(connection).applied
        if known := [each.id for each in migrations if each.id in applied]:
            raise MigrationError(f"already applied: {', '.join(known)}")
        _write(runner, [writer.record(each, "mark") for each in migrations])


def unmark(connection: Connection[Any], ids: Sequence[str], settings: Settings) -> None:
    """Forget that migrations are applied without undoing them: to mend a ledger on purpose."""
    with _session(connection, settings, ignore) as runner:
        rows = fetch_ledger(connection).rows
        if unknown := [id for id in ids if id not in rows]:
            raise MigrationError(f"not in the ledger: {', '.join(unknown)}")
        _write(runner, [writer.erase(id, "unmark") for id in ids])


def repair(connection: Connection[Any], migrations: Sequence[Migration], settings: Settings) -> list[str]:
    """Record the checksums of files whose comments or layout changed, and of what yoyo applied; return their ids.

    A file that means something else than what was applied is left as it is.
    """

    def found() -> list[Migration]:
        entries = plan.compare(migrations, fetch_ledger(connection))
        return [each.migration for each in entries if each.migration and each.condition in ("reworded", "unchecked")]

    if not found():
        return []
    with _session(connection, settings, ignore) as runner:
        mended = found()
        _write(runner, [writer.checksum(each, "applied") for each in mended])
        return [each.id for each in mended]


def _to_do(folder: Folder, ledger: Ledger, to: str | None) -> tuple[list[Migration], list[Migration]]:
    """Return the migrations to apply and the repeatables to run; those wait until nothing else is pending."""
    entries = plan.compare(folder.migrations, ledger)
    todo = plan.pending(entries, to=to)
    if len(todo) < len(plan.pending(entries)):
        return todo, []
    return todo, [each for each in folder.repeatables if ledger.repeatables.get(each.id) != each.sha256]


def _apply_all(runner: Runner, folder: Folder, to: str | None) -> list[str]:
    """Apply and repeat until nothing is left; where yoyo came between, look again at what it left."""
    done = []
    while True:
        todo, again = _to_do(folder, fetch_ledger(runner.connection), to)
        _think_ahead(todo)
        try:
            for each in todo:
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


def _withdraw(runner: Runner, repeatables: Sequence[Migration]) -> None:
    standing = fetch_ledger(runner.connection).repeatables
    for each in reversed([each for each in repeatables if each.id in standing]):
        runner.withdraw(each)


def _put_back(runner: Runner, folder: Folder) -> None:
    """Run the repeatables again on what is left of the schema; with no migration left there is nothing to put."""
    ledger = fetch_ledger(runner.connection)
    for each in folder.repeatables if ledger.applied else ():
        if ledger.repeatables.get(each.id) == each.sha256:
            continue
        try:
            runner.repeat(each)
        except MigrationFailed as error:
            runner.notify(Event("notice", each.id, f"{each.id} does not fit this schema and waits: {error.what}"))


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise SqlFileError(problems)


def _outcome(done: Sequence[str], before: Sequence[SweepFinding], after: Sequence[SweepFinding]) -> Outcome:
    new = new_findings(before, after)
    failures = tuple(each for each in new if each.rule != _MAY_BE_NEW)
    return Outcome(tuple(done), tuple(each for each in after if each not in failures), failures)


def _write(runner: Runner, texts: Sequence[str]) -> None:
    send(runner.connection, f"BEGIN; {writer.LOCK}{''.join(texts)}{writer.UNLOCK} COMMIT")


@contextmanager
def _session(
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
