"""A trial in, the databases that a rolling deploy goes through out, each with a session as the application's role."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgproof.contracts.session import Session
from pgproof.migrations import migrate
from pgproof.seeds import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.trial import Trial


@contextmanager
def before(trial: Trial) -> Iterator[Session]:
    """Give a session in base's database, with its seeds: where the running release is at home."""
    databases = trial.databases
    with databases.clone(databases.built(trial.change.base, seeded=True)) as name, _session(trial, name) as session:
        yield session


@contextmanager
def on_pre(trial: Trial) -> Iterator[Session]:
    """Give a session in the same after the `pre` migrations.

    Raises:
        MigrationFailed: a repeatable does not fit there.
    """
    databases = trial.databases
    with databases.clone(databases.built(trial.change.base, seeded=True)) as name:
        migrate_pre(trial, name)
        with _session(trial, name) as session:
            yield session


@contextmanager
def head_on_pre(trial: Trial) -> Iterator[Session]:
    """Give a session in base's schema with the `pre` migrations and head's seeds, as head's goldens know them.

    Raises:
        MigrationFailed: a repeatable does not fit there.
        SeedError: a seed does not.
    """
    databases, head = trial.databases, trial.change.head
    with databases.clone(databases.built(trial.change.base, seeded=False)) as name:
        migrate_pre(trial, name)
        with databases.connect_runner(name) as connection:
            load(connection, head.recipe(seeded=True).seeds)
        with _session(trial, name) as session:
            yield session


@contextmanager
def after(trial: Trial) -> Iterator[Session]:
    """Give a session in head's database, with its seeds: all migrations are in.

    Raises:
        SeedError, MigrationFailed: as of `Databases.built`.
    """
    databases = trial.databases
    with databases.clone(databases.built(trial.change.head, seeded=True)) as name, _session(trial, name) as session:
        yield session


def migrate_pre(trial: Trial, name: str) -> None:
    """Apply what comes before the new code, and the repeatables.

    Raises:
        MigrationFailed: the server refuses it.
    """
    head = trial.change.head
    with trial.databases.connect_runner(name) as connection:
        migrate(connection, head.folder, head.settings, phase="pre", sweeps=False)


@contextmanager
def _session(trial: Trial, name: str) -> Iterator[Session]:
    with trial.databases.connect(name) as connection:
        yield Session(connection, role=trial.databases.role)
