"""A connection in, what its database says was applied out: yoyo's tables, and our checksums beside them.

Reading is plain SELECT, so that it works for a read-only role, during a run, and creates nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, LiteralString

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from pgproof.errors import MigrationError
from pgproof.pg.loss import named_loss

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

# yoyo 9 (internal schema version 2): the tables that `yoyo apply` would make, to the letter.
_YOYO_TABLES = """
CREATE TABLE IF NOT EXISTS {schema}.yoyo_lock (
  locked int DEFAULT 1, ctime timestamp, pid int NOT NULL, PRIMARY KEY (locked));
CREATE TABLE IF NOT EXISTS {schema}._yoyo_log (
  id varchar(36), migration_hash varchar(64), migration_id varchar(255), operation varchar(10),
  username varchar(255), hostname varchar(255), comment varchar(255), created_at_utc timestamp, PRIMARY KEY (id));
CREATE TABLE IF NOT EXISTS {schema}._yoyo_version (version int NOT NULL PRIMARY KEY, installed_at_utc timestamp);
CREATE TABLE IF NOT EXISTS {schema}._yoyo_migration (
  migration_hash varchar(64), migration_id varchar(255), applied_at_utc timestamp, PRIMARY KEY (migration_hash));
INSERT INTO {schema}._yoyo_version VALUES (2, now() AT TIME ZONE 'utc') ON CONFLICT DO NOTHING;
"""

_OUR_TABLES = """
CREATE TABLE IF NOT EXISTS {schema}._pgproof_migration (
  migration_id text PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('applied', 'running')),
  sha256 text NOT NULL,
  meaning text NOT NULL,
  rollback_sha256 text,
  took interval,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp());
COMMENT ON TABLE {schema}._pgproof_migration IS
  'pgproof: checksums beside _yoyo_migration; state running is an unfinished migration without a transaction';
CREATE TABLE IF NOT EXISTS {schema}._pgproof_repeatable (
  name text PRIMARY KEY,
  sha256 text NOT NULL,
  stands_on text NOT NULL,
  took interval,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
COMMENT ON TABLE {schema}._pgproof_repeatable IS
  'pgproof: with which content, and on which migrations, each repeatable was run last';
"""

FORMAT = hashlib.sha256(f"{_YOYO_TABLES}{_OUR_TABLES}".encode()).hexdigest()
"""Hash of how the ledger's tables are made: databases of two formats are not the same."""

_TABLES = """
SELECT n.nspname, c.relname, n.nspname = current_schema() AS here
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relname IN ('_yoyo_migration', '_pgproof_migration')
"""

_ROWS_OF_YOYO = """
SELECT m.migration_id AS id, m.applied_at_utc AT TIME ZONE 'utc' AS applied_at
FROM {schema}._yoyo_migration AS m
"""

_ROWS = """
SELECT coalesce(m.migration_id, o.migration_id) AS id, m.applied_at_utc AT TIME ZONE 'utc' AS applied_at,
  o.state, o.sha256, o.meaning, o.rollback_sha256, extract(epoch FROM o.took)::float AS took
FROM {schema}._yoyo_migration AS m
FULL JOIN {schema}._pgproof_migration AS o USING (migration_id)
"""

# A migration that came or went, by whoever's hand, may have taken a view along: what stood on others is to run again.
_STANDS_ON = SQL("""(
  SELECT md5(coalesce(string_agg(migration_id || extract(epoch FROM applied_at_utc), ' ' ORDER BY migration_id), ''))
  FROM {schema}._yoyo_migration
)""")
_REPEATABLES = """
SELECT name, CASE WHEN stands_on = {stands_on} OR sha256 = 'withdrawn' THEN sha256 ELSE '' END, sha256
FROM {schema}._pgproof_repeatable
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the ledger knows of one migration.

    Attributes:
        applied_at: when, as yoyo's table has it; None where yoyo's table has no row.
        state: None where only yoyo knows of it; `running` is an intent that nothing has completed yet.
        took: seconds, None where it was marked or applied by yoyo.
    """

    id: str
    applied_at: datetime | None
    state: Literal["applied", "running"] | None = None
    sha256: str | None = None
    meaning: str | None = None
    rollback_sha256: str | None = None
    took: float | None = None


@dataclass(frozen=True)
class Ledger:
    """Everything the database says, by id.

    Attributes:
        schema: None where there is no ledger yet.
        complete: our tables are there too.
        repeatables: the content of each as it was run last; empty where the migrations have changed since,
            `withdrawn` where a rollback has taken it away and not put it back yet.
        contents: the same, whatever the migrations have done since.
    """

    schema: str | None = None
    complete: bool = False
    rows: Mapping[str, Row] = field(default_factory=dict)
    repeatables: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def applied(self) -> dict[str, Row]:
        """The rows that yoyo's table confirms."""
        return {id: row for id, row in self.rows.items() if row.applied_at is not None}

    @property
    def withdrawn(self) -> set[str]:
        """The repeatables to be put back at the end of a rollback; with no migration left there is nothing to put."""
        return {id for id, state in self.repeatables.items() if state == "withdrawn"} if self.applied else set()


def fetch_ledger(connection: Connection[Any]) -> Ledger:
    """Read the ledger; nothing is created.

    Raises:
        MigrationError: a ledger lies in another schema than this connection would use.
        ServerUnavailable: the connection was lost.
    """
    with named_loss(connection, "while the ledger was read"):
        tables = connection.execute(_TABLES).fetchall()
        if not tables:
            return Ledger()
        schema = _schema_of(tables)
        complete = any(table == "_pgproof_migration" for _, table, _ in tables)
        with connection.cursor(row_factory=class_row(Row)) as cursor:
            rows = cursor.execute(fill(schema, _ROWS if complete else _ROWS_OF_YOYO)).fetchall()
        repeatables = connection.execute(fill(schema, _REPEATABLES)).fetchall() if complete else []
        states, contents = ({name: said[at] for name, *said in repeatables} for at in (0, 1))
        return Ledger(schema, complete, {row.id: row for row in rows}, states, contents)


def ensure_tables(connection: Connection[Any]) -> str:
    """Make what is missing of yoyo's tables and ours; return the schema they are in."""
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise MigrationError("no schema of this connection's search_path exists", hint="create it, or correct the URL")
    connection.execute(fill(row[0], f"BEGIN;{_YOYO_TABLES}{_OUR_TABLES}COMMIT"))
    return str(row[0])


def _schema_of(tables: list[tuple[str, str, bool]]) -> str:
    schemas = sorted({schema for schema, _, _ in tables})
    if len(schemas) > 1 or not all(here for _, _, here in tables):
        raise MigrationError(
            f"there is a ledger in schema {' and '.join(schemas)}, and this connection would use another",
            hint="give the URL the same search_path on each run: ?options=-csearch_path%3D<schema>",
        )
    if not any(table == "_yoyo_migration" for _, table, _ in tables):
        raise MigrationError(f"{schemas[0]} has our _pgproof_migration, but yoyo's _yoyo_migration is gone")
    return schemas[0]


def fill(schema: str, text: LiteralString, **values: str) -> str:
    """Return SQL text about the ledger in `schema`; `{stands_on}` is what repeatables stand on."""
    name = Identifier(schema)
    return SQL(text).format(schema=name, stands_on=_STANDS_ON.format(schema=name), **values).as_string()
