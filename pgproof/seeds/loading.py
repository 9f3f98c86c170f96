"""Seeds in, rows of a database out: all in one transaction, and loading twice changes nothing.

A seed is the truth about the rows it holds, known by their primary key: a new one is inserted, one that differs is
made as the file says, so whoever edits a seed sees the edit after the next load. Rows that no seed holds are left
alone; a row taken out of a file stays until the database is built anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.errors import Location, SeedError
from pgproof.seeds.files import CsvSeed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from psycopg import Connection, Cursor

    from pgproof.seeds.files import Seed, SqlSeed

# A time without a zone must mean the same on every machine.
_SETTINGS = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'"
_COLUMNS = """
SELECT a.attname,
       coalesce(a.attnum = ANY (i.indkey), false),
       pg_get_serial_sequence(%(table)s, a.attname)
  FROM pg_attribute AS a
  LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
 WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""
# Where COPY is worth a try, and gives what INSERT … ON CONFLICT would: no trigger and no rule tells the two apart.
_FILLABLE = """
SELECT true
  FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary AND i.indimmediate
 WHERE c.oid = to_regclass(%(table)s) AND NOT c.relhasrules
   AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
   AND NOT EXISTS (SELECT FROM {table})
"""
_STAGE = "CREATE TEMPORARY TABLE pgproof_seed AS SELECT {columns} FROM {table} WITH NO DATA"
_COPY = "COPY {table} ({columns}) FROM STDIN (FORMAT csv, HEADER true, ENCODING 'UTF8')"
_UNSTAGE = "DROP TABLE pgproof_seed"
_TWIN = """
SELECT record
  FROM (SELECT row_number() OVER (ORDER BY ctid) AS record,
               row_number() OVER (PARTITION BY {key} ORDER BY ctid) AS occurrence
          FROM pgproof_seed) AS numbered
 WHERE occurrence > 1 ORDER BY record LIMIT 1
"""
_INSERT = """
INSERT INTO {table} AS t ({columns}) OVERRIDING SYSTEM VALUE
SELECT {columns} FROM pgproof_seed WHERE {which}
ON CONFLICT ({key}) DO {otherwise}
"""
# Compares what is stored: NULL equals NULL, and types without an equality, such as json, compare too.
_UPDATE = "UPDATE SET {assignments} WHERE record_image_ne(ROW ({stored}), ROW ({given}))"
_ADVANCE = """
SELECT setval(s.seqrelid::regclass, given.top)
  FROM pg_sequence AS s, (SELECT max({column}) AS top FROM {table}) AS given
 WHERE s.seqrelid = %(sequence)s::regclass
   AND given.top > coalesce(pg_sequence_last_value(s.seqrelid), s.seqstart - 1)
"""
_ROWS = "SELECT row_number() OVER (ORDER BY ctid), ctid::text FROM pgproof_seed ORDER BY ctid"
_COPY_CONTEXT = re.compile(r"pgproof_seed\D+(?P<line>\d+)(?:, \w+ (?P<column>\w+))?")
_HINTS = {
    "23503": "the rows it refers to must stand in this file, or in one that comes before it",
    "23505": "another row has it already",
}


@dataclass(frozen=True)
class Loaded:
    """What became of one seed.

    Attributes:
        name: of the file.
        rows: that the file holds; for SQL, that its statements wrote.
        changed: how many of them were inserted or made different; 0 where everything was as the file says.
    """

    name: str
    rows: int
    changed: int


@dataclass(frozen=True)
class _Target:
    """A seed's table as the database knows it; `sequences` feed columns that the seed fills itself."""

    table: sql.Identifier
    columns: list[str]
    key: list[str]
    sequences: dict[str, str]


def load(connection: Connection[Any], seeds: Sequence[Seed]) -> list[Loaded]:
    """Load all seeds, or nothing.

    Raises:
        SeedError: what the server refused, by file and line.
    """
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_SETTINGS)
        loaded = [_load_csv(cursor, seed) if isinstance(seed, CsvSeed) else _load_sql(cursor, seed) for seed in seeds]
        _check_deferred(cursor)
    return loaded


def _load_sql(cursor: Cursor, seed: SqlSeed) -> Loaded:
    changed = 0
    for statement in seed.statements:
        try:
            cursor.execute(statement.text)
        except psycopg.Error as error:
            before = statement.text[: int(error.diag.statement_position or 1) - 1]
            raise _refusal(error, seed.path, statement.line + before.count("\n")) from error
        changed += cursor.rowcount if cursor.description is None and cursor.rowcount > 0 else 0
    return Loaded(seed.path.name, changed, changed)


def _load_csv(cursor: Cursor, seed: CsvSeed) -> Loaded:
    target = _fetch_target(cursor, seed)
    loaded = _fill(cursor, seed, target) or _merge(cursor, seed, target)
    for column, sequence in target.sequences.items():
        advance = sql.SQL(_ADVANCE).format(column=sql.Identifier(column), table=target.table)
        cursor.execute(advance, {"sequence": sequence})
    return loaded


def _fill(cursor: Cursor, seed: CsvSeed, target: _Target) -> Loaded | None:
    """Copy the file straight into an empty table, in a third of the time that merging takes.

    None where the table is not one for that, or where a row is refused: which one, the merge finds out and says.
    """
    fillable = sql.SQL(_FILLABLE).format(table=target.table)
    if not cursor.execute(fillable, {"table": target.table.as_string()}).fetchone():
        return None
    try:
        with cursor.connection.transaction():
            rows = _copy(cursor, seed, target.table)
    except psycopg.Error as error:
        if cursor.connection.closed:
            raise _refusal(error, seed.path, None) from error
        return None
    return Loaded(seed.path.name, rows, changed=rows)


def _merge(cursor: Cursor, seed: CsvSeed, target: _Target) -> Loaded:
    """Bring the file into a table that may hold some of its rows, in this or another form."""
    rows = _stage(cursor, seed, target)
    _check_twins(cursor, seed, target)
    changed = _insert(cursor, seed, target)
    cursor.execute(_UNSTAGE)
    return Loaded(seed.path.name, rows, changed)


def _fetch_target(cursor: Cursor, seed: CsvSeed) -> _Target:
    table = sql.Identifier(*seed.table.split("."))
    found = cursor.execute(_COLUMNS, {"table": table.as_string()}).fetchall()
    names = [name for name, _, _ in found]
    key = [name for name, in_key, _ in found if in_key]
    sequences = {name: sequence for name, _, sequence in found if sequence and name in seed.columns}
    if not names:
        hint = "a seed is named after its table: NNN_table.csv; the migrations come first"
        raise SeedError(f"there is no table {seed.table}", at=Location(seed.path), hint=hint)
    if unknown := [column for column in seed.columns if column not in names]:
        what = f"{seed.table} has no column {', '.join(unknown)}"
        raise SeedError(what, at=Location(seed.path, 1), hint=f"it has {', '.join(names)}")
    if not key or not set(key) <= set(seed.columns):
        what = f"the header lacks the primary key of {seed.table}: loading twice would double the rows"
        hint = f"add {', '.join(key)}" if key else f"{seed.table} has none: give it one, or write the seed as SQL"
        raise SeedError(what, at=Location(seed.path, 1), hint=hint)
    return _Target(table, list(seed.columns), key, sequences)


def _stage(cursor: Cursor, seed: CsvSeed, target: _Target) -> int:
    """Copy the file as it is into a table of its own; return how many rows it has."""
    cursor.execute(sql.SQL(_STAGE).format(columns=_names(target.columns), table=target.table))
    try:
        return _copy(cursor, seed, sql.Identifier("pgproof_seed"))
    except psycopg.Error as error:
        match = _COPY_CONTEXT.search(error.diag.context or "")
        last = int(match["line"]) if match else 1  # COPY counts to the last line of the record
        line = max(first for first in seed.record_lines if first <= last)
        raise _refusal(error, seed.path, line, column=match["column"] if match else None) from error


def _copy(cursor: Cursor, seed: CsvSeed, table: sql.Identifier) -> int:
    with cursor.copy(sql.SQL(_COPY).format(table=table, columns=_names(seed.columns))) as copy:
        copy.write(seed.content)
    return cursor.rowcount


def _check_twins(cursor: Cursor, seed: CsvSeed, target: _Target) -> None:
    twin = cursor.execute(sql.SQL(_TWIN).format(key=_names(target.key))).fetchone()
    if twin:
        what = f"a row before it has the same key ({', '.join(target.key)})"
        at = Location(seed.path, seed.record_lines[twin[0]])
        raise SeedError(what, at=at, hint="delete one of the two, or give it a key of its own")


def _insert(cursor: Cursor, seed: CsvSeed, target: _Target) -> int:
    try:
        with cursor.connection.transaction():
            return cursor.execute(_insert_statement(target, sql.SQL("true"))).rowcount
    except psycopg.Error as error:
        record = _find_record(cursor, _insert_statement(target, sql.SQL("ctid = %s::tid")), error)
        raise _refusal(error, seed.path, seed.record_lines[record] if record else None) from error


def _insert_statement(target: _Target, which: sql.SQL) -> sql.Composed:
    rest = [sql.Identifier(column) for column in target.columns if column not in target.key]
    otherwise: sql.Composable = sql.SQL("NOTHING")
    if rest:
        otherwise = sql.SQL(_UPDATE).format(
            assignments=_listed(sql.SQL("{0} = excluded.{0}").format(column) for column in rest),
            stored=_listed(sql.SQL("t.{}").format(column) for column in rest),
            given=_listed(sql.SQL("excluded.{}").format(column) for column in rest),
        )
    return sql.SQL(_INSERT).format(
        table=target.table,
        columns=_names(target.columns),
        key=_names(target.key),
        which=which,
        otherwise=otherwise,
    )


def _find_record(cursor: Cursor, insert_one: sql.Composed, refused: psycopg.Error) -> int | None:
    """Find the row that was refused, as the server does not name it: alone it is refused in the same words.

    Other words are no proof: a row alone may miss another one of its file.
    """
    if not isinstance(refused, psycopg.IntegrityError | psycopg.errors.RaiseException):
        return None
    for record, ctid in cursor.execute(_ROWS).fetchall():
        try:
            with cursor.connection.transaction():
                cursor.execute(insert_one, [ctid])
        except psycopg.Error as error:
            if _words(error) == _words(refused):
                return int(record)
    return None


def _words(error: psycopg.Error) -> tuple[str | None, str | None]:
    return error.diag.message_primary, error.diag.message_detail


def _check_deferred(cursor: Cursor) -> None:
    """Ask for what the server would otherwise only say at COMMIT."""
    try:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        raise _refusal(error, None, None) from error


def _refusal(error: psycopg.Error, path: Path | None, line: int | None, column: str | None = None) -> SeedError:
    """Say what the server said; a row's whole text is left out, as its line is named."""
    said = error.diag.message_primary or str(error)
    what = f"column {column}: {said}" if column else said
    if error.sqlstate in _HINTS and error.diag.message_detail:
        what += f": {error.diag.message_detail}"
    hint = error.diag.message_hint or _HINTS.get(error.sqlstate or "", "nothing of the load was kept")
    return SeedError(what, at=Location(path, line) if path else None, hint=hint)


def _names(columns: Iterable[str]) -> sql.Composed:
    return _listed(sql.Identifier(column) for column in columns)


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
