"""A migration in, the SQL text that records it in the ledger out.

Text, because a ledger row goes to the server in the same message, and so in the same transaction, as the migration.
Prepared, because parsing and planning the ledger's own statements took a fifth of the time of a small migration.
"""

from __future__ import annotations

import getpass
import hashlib
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from psycopg.sql import quote

from pgproof.migrations.ledger import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from pgproof.migrations.files import Migration

Operation = Literal["apply", "rollback", "mark", "unmark"]

# yoyo_lock is taken and given back inside the transaction of the migration. So a `yoyo` that starts meanwhile waits, a
# row that yoyo holds stops us (unique violation), and a killed runner leaves no row. Our rows have a negative pid.
LOCK = "EXECUTE _pgproof_lock;"
UNLOCK = "EXECUTE _pgproof_unlock;"

_PREPARE = """
PREPARE _pgproof_lock AS
INSERT INTO {schema}.yoyo_lock VALUES (1, now() AT TIME ZONE 'utc', -pg_backend_pid());

PREPARE _pgproof_unlock AS
DELETE FROM {schema}.yoyo_lock WHERE locked = 1 AND pid < 0;

PREPARE _pgproof_record(text, text, text, text, text, text, interval) AS
WITH yoyo AS (
  INSERT INTO {schema}._yoyo_migration VALUES ($1, $2, clock_timestamp() AT TIME ZONE 'utc')
), log AS (
  INSERT INTO {schema}._yoyo_log
  VALUES (gen_random_uuid(), $1, $2, $3, {user}, {host}, NULL, clock_timestamp() AT TIME ZONE 'utc')
)
INSERT INTO {schema}._pgproof_migration VALUES ($2, 'applied', $4, $5, $6, $7)
ON CONFLICT (migration_id) DO UPDATE SET (state, sha256, meaning, rollback_sha256, took, recorded_at)
  = (excluded.state, excluded.sha256, excluded.meaning, excluded.rollback_sha256, excluded.took, excluded.recorded_at);

PREPARE _pgproof_checksum(text, text, text, text, text) AS
INSERT INTO {schema}._pgproof_migration VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (migration_id) DO UPDATE SET (state, sha256, meaning, rollback_sha256)
  = (excluded.state, excluded.sha256, excluded.meaning, excluded.rollback_sha256);

PREPARE _pgproof_forget(text) AS
DELETE FROM {schema}._pgproof_migration WHERE migration_id = $1;

PREPARE _pgproof_erase(text, text, text) AS
WITH yoyo AS (
  DELETE FROM {schema}._yoyo_migration WHERE migration_hash = $1
), ours AS (
  DELETE FROM {schema}._pgproof_migration WHERE migration_id = $2
)
INSERT INTO {schema}._yoyo_log
VALUES (gen_random_uuid(), $1, $2, $3, {user}, {host}, NULL, clock_timestamp() AT TIME ZONE 'utc');

PREPARE _pgproof_repeated(text, text) AS
INSERT INTO {schema}._pgproof_repeatable VALUES ($1, $2, {stands_on}, clock_timestamp() - statement_timestamp())
ON CONFLICT (name) DO UPDATE SET (sha256, stands_on, took, applied_at)
  = (excluded.sha256, excluded.stands_on, excluded.took, excluded.applied_at);

PREPARE _pgproof_withdrawn(text) AS
UPDATE {schema}._pgproof_repeatable SET sha256 = 'withdrawn' WHERE name = $1;
"""


@contextmanager
def prepared(connection: Connection[Any], schema: str) -> Iterator[None]:
    """Prepare the statements that the texts of this module execute, for the ledger in `schema`."""
    user, host = _who()
    connection.execute(fill(schema, _PREPARE, user=user, host=host).encode())
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("DEALLOCATE ALL")


def record(migration: Migration, operation: Operation, *, seconds: float | None = None) -> str:
    """Say that a migration is applied; the time it took is given, or that of the message so far."""
    took = "NULL"
    if operation == "apply":
        took = "clock_timestamp() - statement_timestamp()" if seconds is None else f"'{seconds:f} s'"
    return f"EXECUTE _pgproof_record({_name(migration.id)}, '{operation}', {_checksums(migration)}, {took});"


def erase(id: str, operation: Operation) -> str:
    """Say that a migration is not applied any more."""
    return f"EXECUTE _pgproof_erase({_name(id)}, '{operation}');"


def checksum(migration: Migration, state: Literal["applied", "running"]) -> str:
    """Write what the files are now; with state `running`, the intent before a statement without a transaction."""
    return f"EXECUTE _pgproof_checksum({quote(migration.id)}, '{state}', {_checksums(migration)});"


def forget(migration: Migration) -> str:
    """Take the intent back: nothing of the statement is left."""
    return f"EXECUTE _pgproof_forget({quote(migration.id)});"


def record_repeatable(repeatable: Migration) -> str:
    """Say with which content a repeatable was run last."""
    return f"EXECUTE _pgproof_repeated({quote(repeatable.id)}, '{repeatable.sha256}');"


def withdraw_repeatable(repeatable: Migration) -> str:
    """Say that a repeatable is away, and has to run again: also when a rollback dies before it can put it back."""
    return f"EXECUTE _pgproof_withdrawn({quote(repeatable.id)});"


def _name(id: str) -> str:
    """Return yoyo's key of a migration, which is a hash of its name, and the name, as SQL."""
    return f"'{hashlib.sha256(id.encode()).hexdigest()}', {quote(id)}"


def _checksums(migration: Migration) -> str:
    rollback = f"'{migration.rollback.sha256}'" if migration.rollback else "NULL"
    return f"'{migration.sha256}', '{migration.meaning}', {rollback}"


def _who() -> tuple[str, str]:
    try:
        return getpass.getuser(), socket.gethostname()
    except (KeyError, OSError):  # a uid without a name, as in containers
        return "?", socket.gethostname()
