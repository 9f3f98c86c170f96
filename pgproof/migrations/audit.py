"""A change of production in, a row of who, when, from where, what and why out: it stands before the change begins."""

from __future__ import annotations

import os
import pwd
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Json

from pgproof.errors import MigrationError, PgproofError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from psycopg import Connection

NAME = "_pgproof_audit"

_TABLE = """
CREATE TABLE {table} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  outcome text NOT NULL DEFAULT 'begun' CHECK (outcome IN ('begun', 'applied', 'failed')),
  what text NOT NULL,
  role text NOT NULL DEFAULT session_user,
  person text NOT NULL,
  program text NOT NULL,
  host text NOT NULL,
  client inet DEFAULT inet_client_addr(),
  files json NOT NULL,
  proof text,
  reason text,
  snapshot text,
  error text);
COMMENT ON TABLE {table} IS
  'pgproof: who has changed this database, when, from where, with which files; begun without an end was killed';
"""
# Default privileges open what a migrator makes to the application, or to all; this is not for them.
_OTHERS = """
SELECT DISTINCT 'REVOKE ALL ON ' || c.oid::regclass::text || ' FROM '
  || CASE grantee WHEN 0::oid THEN 'PUBLIC' ELSE grantee::regrole::text END
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(relacl)
WHERE c.oid IN (to_regclass(%(table)s), pg_get_serial_sequence(%(table)s, 'id')::regclass) AND grantee <> relowner
"""
_BEGIN = """
INSERT INTO {table} (what, person, program, host, files, proof, reason, snapshot)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_END = "UPDATE {table} SET ended_at = clock_timestamp(), outcome = %s, error = %s WHERE id = %s"
_LAST = """
SELECT id, begun_at, extract(epoch FROM ended_at - begun_at)::float AS seconds, outcome, what, role, person, program,
  host, host(client) AS client, files, proof, reason, snapshot, error
FROM {table} ORDER BY id DESC LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What is about to be done.

    Attributes:
        what: as it is typed: `db.migrate`.
        files: what it runs or records, each with its SHA-256.
        proof: fingerprint of the gate's record that allows it.
        reason: why it goes on without one.
        snapshot: that was taken before.
    """

    what: str
    files: Mapping[str, str] = field(default_factory=dict)
    proof: str = ""
    reason: str = ""
    snapshot: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One deed as the table has it; `seconds` is None until it has ended, `client` where it came by a socket."""

    id: int
    begun_at: datetime
    seconds: float | None
    outcome: str
    what: str
    role: str
    person: str
    program: str
    host: str
    client: str | None
    files: dict[str, str]
    proof: str | None
    reason: str | None
    snapshot: str | None
    error: str | None


@contextmanager
def recorded(
    connection: Connection[Any],
    deed: Deed,
    reconnect: Callable[[], Connection[Any]],
    tell: Callable[[str], None],
) -> Iterator[None]:
    """Write the row, let the deed be done, and write its end; a run that is killed leaves `begun`.

    Args:
        connection: in autocommit.
        deed: what is about to be done.
        reconnect: for the end of the row, where the deed has cost the connection.
        tell: is told if the end could not be written.

    Raises:
        psycopg.Error, MigrationError: the row cannot be written; nothing is done then.
    """
    table = ensure_table(connection)
    row = _begin(connection, table, deed)

    def end(outcome: str, error: str | None) -> None:
        query, values = SQL(_END).format(table=table), [outcome, error, row]
        if not (_end(connection, query, values) or _end_anew(reconnect, query, values)):
            tell(f"row {row} of {NAME} stays `begun`: its end could not be written")

    try:
        yield
    except BaseException as error:
        end("failed", _first_line(error))
        raise
    end("applied", None)


def ensure_table(connection: Connection[Any]) -> Identifier:
    """Return the table, which only its owner may write; it is made where it is missing.

    Raises:
        MigrationError: this connection has no schema to make it in.
    """
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise MigrationError("no schema of this connection's search_path exists", hint="create it, or correct the URL")
    table = Identifier(row[0], NAME)
    if not _is_there(connection, table):
        try:
            with connection.transaction():
                _make(connection, table)
        except (psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):
            pass  # another run was faster
    return table


def fetch_last(connection: Connection[Any], count: int) -> list[Row]:
    """Return the last rows, the newest first; none where there is no table."""
    row = connection.execute("SELECT current_schema()").fetchone()
    table = Identifier(row[0] if row and row[0] else "public", NAME)
    if not _is_there(connection, table):
        return []
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(SQL(_LAST).format(table=table), [count]).fetchall()


def name_person() -> str:
    """Return the operating system's name of who runs us: by the user id, for LOGNAME says what it is told to."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in containers
        return f"uid {uid}"


def _make(connection: Connection[Any], table: Identifier) -> None:
    connection.execute(SQL(_TABLE).format(table=table))
    for (text,) in connection.execute(_OTHERS, {"table": table.as_string(connection)}).fetchall():
        connection.execute(text.encode())


def _is_there(connection: Connection[Any], table: Identifier) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table.as_string(connection)]).fetchone()
    return bool(row and row[0])


def _begin(connection: Connection[Any], table: Identifier, deed: Deed) -> int:
    program = f"pgproof {version('pgproof')}, pid {os.getpid()}"
    why = [each or None for each in (deed.proof, deed.reason, deed.snapshot)]
    values = [deed.what, name_person(), program, socket.gethostname(), Json(dict(deed.files)), *why]
    row = connection.execute(SQL(_BEGIN).format(table=table), values).fetchone()
    return int(row[0]) if row else 0


def _end(connection: Connection[Any], query: Composed, values: list[Any]) -> bool:
    """Write the end; False where the deed has left the connection as one that nothing can be committed on."""
    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
        return False
    try:
        return connection.execute(query, values).rowcount == 1
    except psycopg.Error:
        return False


def _end_anew(reconnect: Callable[[], Connection[Any]], query: Composed, values: list[Any]) -> bool:
    try:
        with reconnect() as connection:
            return _end(connection, query, values)
    except (psycopg.Error, PgproofError):  # the cloud, too, may have no address or token any more
        return False


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
