"""A statement that Postgres runs outside a transaction in, its effect checked and recorded out.

It cannot be atomic, so it is made repeatable: an intent row first, then whatever an earlier attempt left is cleared
away, then the statement, then a look at the result, then the record. A crash at any point leaves the intent row, and
the next run begins again from there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Identifier

from pgproof.errors import Location, MigrationFailed
from pgproof.migrations import writer
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


def run(runner: Runner, migration: Migration, script: Script, record: Callable[[float | None], str]) -> None:
    """Run the only statement of `script` and record it.

    Raises:
        MigrationFailed: Postgres refused it, or what it made is not what it should be.
    """
    (statement,) = parse(script.text)
    intent = "" if script is migration.rollback else writer.checksum(migration, "running")
    runner.retrying(migration, lambda: _begin(runner.connection, writer.LOCK, intent))
    started = time.monotonic()
    for name, value in runner.limits(migration).items():
        runner.connection.execute(SQL("SET {} = {}").format(Identifier(name), value))
    try:
        runner.retrying(migration, lambda: _attempt(runner.connection, script, statement))
    except Refused as refused:
        raise failure(script, statement.line, refused.error) from refused.error
    finally:
        _end_attempt(runner, statement)
    send(runner.connection, f"BEGIN; {record(time.monotonic() - started)}{writer.UNLOCK} COMMIT")


def _begin(connection: Connection[Any], lock: str, intent: str) -> None:
    send(connection, f"BEGIN; {lock}{intent} COMMIT")


def _end_attempt(runner: Runner, statement: Statement) -> None:
    """Put the session back, and take away the invalid index that a refused CREATE INDEX leaves."""
    if runner.connection.closed:
        return
    runner.connection.execute("RESET ALL")
    _drop_invalid(runner.connection, statement)


def _attempt(connection: Connection[Any], script: Script, statement: Statement) -> None:
    if statement.kind == "IndexStmt":
        _drop_invalid(connection, statement)
        if _fetch_index(connection, statement) and not statement.tree.get("if_not_exists"):
            return  # an earlier run built it and died before it could say so
    send(connection, script.text)
    if statement.kind == "IndexStmt":
        _verify(connection, script, statement)


def _verify(connection: Connection[Any], script: Script, statement: Statement) -> None:
    name = statement.tree["idxname"]
    at = Location(script.path, statement.line)
    found = _fetch_index(connection, statement)
    if found is None:
        raise MigrationFailed(f"index {name} is not there after the statement", at=at)
    _, _, valid, on_this_table, _ = found
    if not valid:
        raise MigrationFailed(f"index {name} is there but invalid", at=at, hint="run it again: it is rebuilt")
    if not on_this_table:
        hint = "IF NOT EXISTS found it and did nothing; choose another name"
        raise MigrationFailed(f"an index {name} exists on another table", at=at, hint=hint)


def _drop_invalid(connection: Connection[Any], statement: Statement) -> None:
    """Drop the index of `statement` if it is there and invalid; wait first while another session builds it."""
    if statement.kind != "IndexStmt":
        return
    while found := _fetch_index(connection, statement):
        schema, name, valid, _, builder = found
        if valid:
            return
        if builder is None:
            connection.execute(SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(Identifier(schema, name)))
            return
        time.sleep(0.2)


def _fetch_index(connection: Connection[Any], statement: Statement) -> tuple[Any, ...] | None:
    relation = statement.tree["relation"]
    schema = relation.get("schemaname")
    names = {
        "table": _qualified(schema, relation["relname"]),
        "index": _qualified(schema, statement.tree["idxname"]),
    }
    return connection.execute(_INDEX, names).fetchone()


def _qualified(schema: str | None, name: str) -> str:
    return Identifier(*filter(None, (schema, name))).as_string()
