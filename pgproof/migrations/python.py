"""A Python migration written against yoyo's `step()` in, its steps run on our connection out; the door to yoyo."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import psycopg
import yoyo
from psycopg.sql import SQL, Identifier
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.exceptions import BadMigration
from yoyo.migrations import StepGroup

from pgproof.errors import Location, MigrationFailed, Problem
from pgproof.migrations.message import BACK_TO_LOGIN, RESET, Refused
from pgproof.migrations.writer import LOCK, UNLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from psycopg import Connection

    from pgproof.migrations.files import Migration

logging.getLogger("yoyo").addHandler(logging.NullHandler())  # what yoyo logs, we raise


def check_python(migration: Migration) -> list[Problem]:
    """Import a Python migration, as yoyo does, and name what would keep it from running."""
    at = Location(migration.path)
    try:
        theirs = _load(migration.path, migration.sha256)
    except BadMigration as error:
        cause = error.args[-1]
        what = cause if isinstance(cause, str) else f"it does not import: {type(cause).__name__}: {cause}"
        return [Problem(at, what, "see the file")]
    if not theirs.use_transactions:
        return [Problem(at, "__transactional__ = False is for SQL files", "write the one statement as a .sql file")]
    if not theirs.steps:
        return [Problem(at, "there is no step in it", "call step(...), or delete the file")]
    return []


def read_depends(migration: Migration) -> list[str]:
    """Return the ids that its `__depends__` names."""
    return sorted(each.id for each in _load(migration.path, migration.sha256).depends)


def check_way_back(migration: Migration) -> list[Problem]:
    """Name what would keep a Python migration from being undone."""
    if problems := check_python(migration):
        return problems
    if not any(map(_has_way_back, _load(migration.path, migration.sha256).steps)):
        hint = "give step() a second argument; nothing was rolled back"
        return [Problem(Location(migration.path), "there is no rollback", hint)]
    return []


def run(
    connection: Connection[Any],
    migration: Migration,
    direction: Literal["apply", "rollback"],
    record: str,
    **limits: str,
) -> None:
    """Run the steps and `record` in one transaction.

    Raises:
        Refused: Postgres refused a statement.
        MigrationFailed: a step raised, or ended the transaction itself.
    """
    try:
        _run(connection, migration, direction, record, limits)
    except (psycopg.Error, MigrationFailed) as error:
        if connection.closed:
            raise
        connection.execute(UNLOCK)  # a step that ended the transaction may have committed the lock with it
        if isinstance(error, psycopg.Error):
            raise Refused(error, 0) from error
        raise


def _run(
    connection: Connection[Any], migration: Migration, direction: str, record: str, limits: Mapping[str, str]
) -> None:
    with connection.transaction():
        connection.execute(LOCK)
        for name, value in limits.items():
            connection.execute(SQL("SET LOCAL {} = {}").format(Identifier(name), value))
        transaction = _transaction_id(connection)
        _process(connection, migration, direction)
        if _transaction_id(connection) != transaction:
            hint = "what it did before that is kept; undo it by hand"
            raise MigrationFailed("a step ended the transaction", at=Location(migration.path), hint=hint)
        connection.execute(f"{BACK_TO_LOGIN}{record}{UNLOCK}".encode())
    connection.execute(RESET)


def _process(connection: Connection[Any], migration: Migration, direction: str) -> None:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # yoyo prints what a SELECT returns
            _load(migration.path, migration.sha256).process_steps(_backend(connection), direction)
    except psycopg.Error:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise MigrationFailed(what, at=Location(migration.path), hint="nothing of it was kept") from error


@cache
def _load(path: Path, sha256: str) -> Any:  # noqa: ANN401  (yoyo has no types)
    """Read all of the folder, because yoyo looks up dependencies among the migrations it has seen."""
    (migration,) = (each for each in yoyo.read_migrations(str(path.parent)) if each.id == path.stem)
    migration.load()
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:  # yoyo reads the file itself
        raise BadMigration(path, "it was changed after it was read: once more")
    return migration


def _has_way_back(step: Any) -> bool:  # noqa: ANN401
    inner = step.step
    return any(map(_has_way_back, inner.steps)) if isinstance(inner, StepGroup) else bool(inner._rollback)  # noqa: SLF001


def _backend(connection: Connection[Any]) -> PostgresqlPsycopgBackend:
    """A yoyo backend on our connection, inside our transaction, so that its steps become savepoints."""
    backend = PostgresqlPsycopgBackend.__new__(PostgresqlPsycopgBackend)
    backend._connection = connection  # noqa: SLF001  (the constructor would open a connection of its own)
    backend._in_transaction = True  # noqa: SLF001
    backend.DatabaseError = psycopg.DatabaseError
    backend.has_transactional_ddl = True
    return backend


def _transaction_id(connection: Connection[Any]) -> object:
    row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
    return row and row[0]
