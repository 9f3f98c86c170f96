"""A statement that Postgres runs outside a transaction in, its effect checked and recorded out.

It cannot be atomic, so it is made repeatable: an intent row first, then whatever an earlier attempt left is cleared
away, then the statement, then a look at the result, then the record. A crash at any point leaves the intent row, and
the next run begins again from there. A statement that is refused leaves neither row nor half an index.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Identifier

from pgproof.errors import Location, MigrationError, MigrationFailed
from pgproof.migrations import writer
from pgproof.migrations.ledger import fetch_ledger
from pgproof.migrations.message import Refused, failure, send
from pgproof.sqltext import Statement, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from pgproof.migrations.files import Migration, Script
    from pgproof.migrations.runner import Runner

_INDEX = """
SELECT n.nspname, c.relname, i.indisvalid, i.indrelid = to_regclass(%(table)s),
  (SELECT p.pid FROM pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid) AS builder
FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%(index)s)
"""

# What REINDEX CONCURRENTLY builds beside an index, and leaves there where it is killed: of the table that is named,
# its partitions and their TOAST tables; of all where none is.
_REINDEXED = """
WITH home AS (
  SELECT coalesce(indrelid, c.oid) AS oid FROM pg_class AS c LEFT JOIN pg_index ON indexrelid = c.oid
  WHERE c.oid = to_regclass(%(relation)s)
), part AS (SELECT oid FROM home UNION SELECT relid FROM home, pg_partition_tree(home.oid))
SELECT n.nspname, c.relname
FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE NOT indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND (%(relation)s::text IS NULL OR indrelid IN (
    SELECT oid FROM part UNION SELECT reltoastrelid FROM pg_class JOIN part USING (oid)))
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = c.oid)
ORDER BY 1, 2
"""


def run(runner: Runner, migration: Migration, script: Script, record: Callable[[float | None], str]) -> None:
    """Run the only statement of `script` and record it.

    Raises:
        MigrationFailed: Postgres refused it, or what it made is not what it should be.
    """
    (statement,) = parse(script.text)
    row = fetch_ledger(runner.connection).rows.get(migration.id)
    resumed = row is not None and row.state == "running"  # an earlier run died, and may have come to its end before
    half_undone = script is migration and row is not None and row.applied_at is not None
    intent = writer.checksum(migration, "running")
    runner.retrying(migration.id, lambda: send(runner.connection, f"BEGIN; {writer.LOCK}{intent} COMMIT"))
    started = time.monotonic()
    limits = runner.limits(migration)
    runner.connection.execute(SQL("SET lock_timeout = {}").format(limits["lock_timeout"]))

    def attempt() -> None:
        _attempt(runner.connection, script, statement, statement_timeout=limits["statement_timeout"], resumed=resumed)

    try:
        runner.retrying(migration.id, attempt)
    except MigrationError as error:
        _give_up(runner.connection, statement, "" if half_undone else _nothing(migration, script))
        if isinstance(error, Refused):
            raise failure(script, error.error, statement) from error.error
        raise
    runner.connection.execute("RESET ALL")
    done = writer.checksum(migration, "applied") if half_undone else record(time.monotonic() - started)
    send(runner.connection, f"BEGIN; {done}{writer.UNLOCK} COMMIT")


def _nothing(migration: Migration, script: Script) -> str:
    """Say that the statement left nothing: the migration is not begun, or its rollback is not."""
    return writer.forget(migration) if script is migration else writer.checksum(migration, "applied")


def _give_up(connection: Connection[Any], statement: Statement, nothing: str) -> None:
    """Take away what the statement left, and say with `nothing` that it left nothing."""
    try:
        _drop_invalid(connection, statement)
    except Refused:
        nothing = ""  # a lock is in the way: the intent stays, and the next run clears the index away
    connection.execute("RESET ALL")
    send(connection, f"BEGIN; {nothing}{writer.UNLOCK} COMMIT")


def _attempt(
    connection: Connection[Any], script: Script, statement: Statement, *, statement_timeout: str, resumed: bool
) -> None:
    _drop_invalid(connection, statement)
    if resumed and statement.kind == "ReindexStmt":
        _drop_reindexed(connection, statement)
    if not (resumed and _fetch_index(connection, statement)):
        _send_limited(connection, script.text, statement_timeout)
    if statement.kind == "IndexStmt":
        _verify(connection, script, statement)


def _send_limited(connection: Connection[Any], text: str, statement_timeout: str) -> None:
    """Send the statement, which has to be alone in its message; the limit is for it and not for our own queries."""
    connection.execute(SQL("SET statement_timeout = {}").format(statement_timeout))
    try:
        send(connection, text)
    finally:
        if not connection.closed:
            connection.execute("SET statement_timeout = 0")


def _verify(connection: Connection[Any], script: Script, statement: Statement) -> None:
    name = statement.tree["idxname"]
    at = Location(script.path, statement.line)
    found = _fetch_index(connection, statement)
    if found is None:
        raise MigrationFailed(f"index {name} is not there after the statement", at=at)
    _, _, valid, on_this_table, _ = found
    if not on_this_table:
        hint = "IF NOT EXISTS found it and did nothing; choose another name"
        raise MigrationFailed(f"an index {name} exists on another table", at=at, hint=hint)
    if not valid:
        raise MigrationFailed(f"index {name} is there but invalid", at=at, hint="run it again: it is rebuilt")


def _drop_invalid(connection: Connection[Any], statement: Statement) -> None:
    """Drop the index of `statement` if it is there and invalid; wait first while another session builds it."""
    while found := _fetch_index(connection, statement):
        schema, name, valid, on_this_table, builder = found
        if valid or not on_this_table:
            return
        if builder is None:
            _drop(connection, schema, name)
            return
        time.sleep(0.2)


def _drop_reindexed(connection: Connection[Any], statement: Statement) -> None:
    """Drop what an earlier REINDEX CONCURRENTLY was building when it was killed: the next one would build it again."""
    relation = statement.tree.get("relation")
    name = _qualified(relation.get("schemaname"), relation["relname"]) if relation else None
    for schema, index in connection.execute(_REINDEXED, {"relation": name}).fetchall():
        _drop(connection, schema, index)


def _drop(connection: Connection[Any], schema: str, index: str) -> None:
    send(connection, SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(Identifier(schema, index)).as_string())


def _fetch_index(connection: Connection[Any], statement: Statement) -> tuple[Any, ...] | None:
    if statement.kind != "IndexStmt":
        return None
    relation = statement.tree["relation"]
    schema = relation.get("schemaname")
    names = {
        "table": _qualified(schema, relation["relname"]),
        "index": _qualified(schema, statement.tree["idxname"]),
    }
    return connection.execute(_INDEX, names).fetchone()


def _qualified(schema: str | None, name: str) -> str:
    return Identifier(*filter(None, (schema, name))).as_string()
