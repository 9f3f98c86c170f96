"""A connection to a database that is ours alone in, the same database with many rows out.

Injected statistics do not make a plan for a large table: the planner looks at the file itself. So the rows are really
there: copies of the seeds, each copy a world of its own, in which a post's author is a copy of that post's author.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.contracts.planning.analysis import ensure_analysed
from pgproof.contracts.planning.copies import choose_columns, fetch_schema
from pgproof.errors import PgproofError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection, Cursor
    from psycopg.rows import TupleRow

    from pgproof.contracts.planning.copies import Column, Schema, Table

# The copies are numbered from 1. A number moves on by more than all of them span.
_MAPS = {
    "uuid": "md5({column}::text || ':' || copy.number)::uuid",
    "number": "{column} + copy.number * {span}",
    "text": "{column} || '~' || copy.number",
    "": "{column}",
}
_INSERT = """
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
SELECT {values} FROM {source} AS original CROSS JOIN generate_series(1, {copies}) AS copy (number)
"""

# A mapped key may be too long, or have a sign that is not allowed; the other columns are as they were.
_CHECKS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'c' AND conrelid = %s AND conkey && %s::int2[] AND coninhcount = 0
"""

# Otherwise a case that inserts would be given a number that a copy has.
_SEQUENCES = """
SELECT objid::regclass::text, refobjsubid FROM pg_depend INNER JOIN pg_class AS s ON s.oid = objid
WHERE relkind = 'S' AND deptype IN ('a', 'i') AND refobjid = %s AND refobjsubid = ANY(%s::int[])
"""
_MATERIALIZED = """
SELECT nspname, relname FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind = 'm' AND relispopulated ORDER BY c.oid
"""


@dataclass(frozen=True)
class Scaled:
    """What came of it.

    Attributes:
        factor: how many rows there are now for each that there was.
        left: tables that have no more rows than before, and why.
    """

    factor: int
    left: Mapping[str, str]


def scale(connection: Connection[Any], rows: int) -> Scaled:
    """Multiply the rows of all tables alike, so that the largest has about this many; and analyse the database.

    It is for plans only: checks on mapped keys hold for new rows alone afterwards. A table that does not take copies
    stays as it was, and what refers to it refers to the rows that it has. A table of a few words that others refer
    to is multiplied as well, words and all.

    Raises:
        PgproofError: our role is no superuser.
    """
    with connection.cursor(row_factory=tuple_row) as cursor, connection.transaction():
        _become_replica(cursor)
        schema = fetch_schema(cursor)
        largest = max((_count(cursor, table) for table in schema.tables.values()), default=0)
        factor = max(1, round(rows / max(1, largest)))
        left = {table: f"{name} excludes copies" for table, name in schema.exclusions.items()}
        while factor > 1 and not _multiply(cursor, schema, factor, left):
            pass
    ensure_analysed(connection)
    return Scaled(factor, {str(schema.tables[oid]): why for oid, why in left.items()})


def _count(cursor: Cursor[TupleRow], table: Table) -> int:
    (count,) = cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table.source)).fetchone() or (0,)
    return int(count)


def _multiply(cursor: Cursor[TupleRow], schema: Schema, factor: int, left: dict[int, str]) -> bool:
    """Copy the rows of all tables, or of none; a table that refuses is among those that are `left` then."""
    chosen = choose_columns(schema, left)
    with cursor.connection.transaction() as attempt:
        span = _fetch_span(cursor, schema, chosen)
        for table in (each for oid, each in schema.tables.items() if oid not in left):
            kinds = {each.number: schema.kinds[each] for each in chosen if each.table == table.oid}
            try:
                _copy(cursor, table, kinds, span=span, copies=factor - 1)
            except psycopg.Error as error:
                left[table.oid] = f"the server refuses its copies: {error.diag.message_primary}"
                raise psycopg.Rollback(attempt) from error
        for view in cursor.execute(_MATERIALIZED).fetchall():
            cursor.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(*view)))
        return True
    return False


def _become_replica(cursor: Cursor[TupleRow]) -> None:
    """Let no trigger fire, and no reference be looked up for each row: whatever is copied keeps them."""
    try:
        cursor.execute("SET LOCAL session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege as error:
        hint = "a plan that needs `rows=` is checked on an embedded server, or in a container"
        raise PgproofError("only a superuser can fill a database with copies of its rows", hint=hint) from error


def _fetch_span(cursor: Cursor[TupleRow], schema: Schema, chosen: Iterable[Column]) -> int:
    """Return by how much a number has to move on, so that it meets no other."""
    ends: list[int] = []
    for each in chosen:
        if schema.kinds[each] == "number":
            table = schema.tables[each.table]
            query = sql.SQL("SELECT min({0}), max({0}) FROM {1}")
            column = sql.Identifier(table.columns[each.number])
            found = cursor.execute(query.format(column, table.source)).fetchone() or ()
            ends += [end for end in found if end is not None]
    return int(max(ends) - min(ends)) + 1 if ends else 1


def _copy(cursor: Cursor[TupleRow], table: Table, kinds: Mapping[int, str], *, span: int, copies: int) -> None:
    checks = cursor.execute(_CHECKS, [table.oid, list(kinds)]).fetchall()
    change = sql.SQL("ALTER TABLE {} ").format(table.identifier)
    for name, _ in checks:
        cursor.execute(change + sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(name)))
    cursor.execute(_insert(table, kinds, span=span, copies=copies))
    for name, definition in checks:
        later = sql.SQL(definition if " NOT VALID" in definition else f"{definition} NOT VALID")
        cursor.execute(change + sql.SQL("ADD CONSTRAINT {} ").format(sql.Identifier(name)) + later)
    for sequence, number in cursor.execute(_SEQUENCES, [table.oid, list(kinds)]).fetchall():
        query = sql.SQL("SELECT setval({}, max({})) FROM {}")
        cursor.execute(query.format(sequence, sql.Identifier(table.columns[number]), table.source))


def _insert(table: Table, kinds: Mapping[int, str], *, span: int, copies: int) -> sql.Composed:
    values = [
        sql.SQL(_MAPS[kinds.get(number, "")]).format(column=sql.Identifier("original", name), span=span)
        for number, name in table.columns.items()
    ]
    return sql.SQL(_INSERT).format(
        table=table.identifier,
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns.values())),
        values=sql.SQL(", ").join(values),
        source=table.source,
        copies=copies,
    )
