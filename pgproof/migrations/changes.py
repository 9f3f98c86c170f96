"""What a person asks most: migrate, roll back.

Each one looks first, without a lock and without writing, and refuses what it can refuse. Then it takes the runner
lock, looks again, and changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.errors import MigrationError, Problem, SqlFileError
from pgproof.migrations import plan
from pgproof.migrations.events import Event, Outcome, ignore
from pgproof.migrations.ledger import Ledger, fetch_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from pgproof.migrations.files import Folder, Migration
    from pgproof.migrations.header import Phase
    from pgproof.settings import Settings


def find_pending(
    folder: Folder, ledger: Ledger, *, to: str | None = None, phase: Phase | None = None
) -> tuple[list[Migration], list[Migration]]:
    """Return what `migrate` would do: the migrations to apply, and the repeatables to run after them.

    Those wait until nothing else is pending in this phase, and then run where their content or what they stand on
    has changed: what waits for the new code may need that views no longer stand in its way.

    Raises:
        LedgerDrift, MigrationError: as of `migrate`.
    """
    entries = plan.compare(folder.migrations, ledger)
    todo = plan.before_code(plan.pending(entries, to=to)) if phase == "pre" else plan.pending(entries, to=to)
    if to is not None and len(todo) < len(plan.pending(entries)):
        return todo, []
    return todo, list(folder.repeatables) if todo else plan.to_repeat(folder.repeatables, ledger)


def migrate(  # noqa: PLR0913  (each is a choice of its own)
    connection: Connection[Any],
    folder: Folder,
    settings: Settings,
    *,
    to: str | None = None,
    phase: Phase | None = None,
    notify: Callable[[Event], None] = ignore,
    stop: Callable[[], bool] = lambda: False,
    sweeps: bool = True,
) -> Outcome:
    """Apply what is pending, up to and with `to`, then the repeatables whose content changed.

    In phase `pre`, only what comes before the first that waits for the new code; `post` is all that is left.
    `stop` is asked between two migrations: where it says yes, the run ends there. Whoever does not ask what the run
    leaves behind saves the two sweeps of the catalog, which cost more than most migrations: `sweeps=False`.

    Raises:
        LedgerDrift, SqlFileError: before anything is touched.
        MigrationFailed, LockTimeout: what was applied before stays, and is in the ledger.
    """

    def to_do() -> tuple[list[Migration], list[Migration]]:
        return find_pending(folder, fetch_ledger(connection), to=to, phase=phase)

    todo, again = to_do()
    if not todo and not again:
        return Outcome()
    from pgproof.migrations import rules, session  # only a run that has something to do pays for them

    _refuse([problem for each in (*todo, *again) for problem in rules.check(each, folder.positions)])
    with session.alone(connection, settings, notify) as runner:
        before = session.sweep(runner) if sweeps else None
        return session.conclude(runner, before, session.apply_all(runner, to_do, stop))


def roll_back(  # noqa: PLR0913  (each is a choice of its own)
    connection: Connection[Any],
    folder: Folder,
    settings: Settings,
    *,
    steps: int | None = None,
    to: str | None = None,
    notify: Callable[[Event], None] = ignore,
    sweeps: bool = True,
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

    if not (undo := chosen()) and not fetch_ledger(connection).withdrawn:
        return Outcome()
    from pgproof.migrations import rules, session

    problems = [problem for each in undo for problem in rules.check_rollback(each)]
    _refuse([*problems, *(problem for each in folder.repeatables for problem in rules.check(each, folder.positions))])
    with session.alone(connection, settings, notify) as runner:
        before = session.sweep(runner) if sweeps else None
        undo = chosen()
        try:
            session.withdraw(runner, folder.repeatables)
            for each in undo:
                runner.roll_back(each)
        except MigrationError:
            session.put_back(runner, folder)
            raise
        session.put_back(runner, folder)
        return session.conclude(runner, before, [each.id for each in undo])


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise SqlFileError(problems)
