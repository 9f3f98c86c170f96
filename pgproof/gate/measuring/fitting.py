"""A migration that generated rows stand in the way of in, rows that it takes out.

Generated rows keep the rules that base has, not those that the change brings: nobody knows these before it has run. So
when the server refuses a migration for its rows, they are put right in the column that it names, and it runs again.
Whether production has such rows is for the proof `way back` to ask; here it is measured what the migration does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import errors, sql
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from pgproof.errors import MigrationFailed
from pgproof.gate.rows.choice import Place, choose
from pgproof.gate.rows.facts import Check
from pgproof.gate.rows.reading import fetch_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection, Cursor
    from psycopg.errors import Diagnostic
    from psycopg.rows import TupleRow

    from pgproof.gate.rows.facts import Field, TableFacts

_Result = TypeVar("_Result")
_KEY = re.compile(r"Key \((.*?)\)=\(")
_WORD = re.compile(r'"(?:[^"]|"")+"|\w+')
_TURN_OFF = "SET LOCAL session_replication_role = replica"
_RULE = """
SELECT con.contype::text, pg_get_expr(con.conbin, con.conrelid),
  ARRAY(SELECT attname::text FROM unnest(con.conkey) WITH ORDINALITY AS key (number, place)
        JOIN pg_attribute ON attrelid = con.conrelid AND attnum = number ORDER BY place),
  fn.nspname, f.relname,
  ARRAY(SELECT attname::text FROM unnest(con.confkey) WITH ORDINALITY AS key (number, place)
        JOIN pg_attribute ON attrelid = con.confrelid AND attnum = number ORDER BY place)
FROM pg_constraint AS con JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS f ON f.oid = con.confrelid LEFT JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND con.conname = %s AND con.contype IN ('c', 'f')
"""
_NUMBERED = """
UPDATE {table} AS t SET {column} = {value}
FROM (SELECT tableoid, ctid, row_number() OVER (ORDER BY tableoid, ctid) AS k FROM {table} AS t WHERE {which}) AS series
WHERE t.tableoid = series.tableoid AND t.ctid = series.ctid
"""
_SAME = """
UPDATE {table} AS t SET ({columns}) = (SELECT {columns} FROM {table} AS t WHERE {good} LIMIT 1)
WHERE {bad} AND EXISTS (SELECT FROM {table} AS t WHERE {good})
"""
_REFER = """
UPDATE {table} AS t SET ({columns}) = ROW ({keys})
FROM (SELECT tableoid, ctid, row_number() OVER (ORDER BY tableoid, ctid) AS k FROM {table}) AS series
JOIN (SELECT row_number() OVER () - 1 AS "pgproof#", * FROM {parent}) AS parent
  ON "pgproof#" = k % (SELECT count(*) FROM {parent})
WHERE t.tableoid = series.tableoid AND t.ctid = series.ctid AND ROW ({present}) IS NOT NULL
"""


@dataclass(frozen=True)
class Fitting:
    """Puts rows right on one connection.

    Attributes:
        connect_head: to a database as head has it, where the rules are.
    """

    connection: Connection[Any]
    connect_head: Callable[[], Connection[Any]]

    def fitted(self, attempt: Callable[[], _Result]) -> _Result:
        """Make an attempt, and again as often as rows could be put right for it.

        Raises:
            MigrationFailed: it is refused for another reason, or twice for the same.
        """
        met: set[tuple[str | None, ...]] = set()
        while True:
            try:
                return attempt()
            except MigrationFailed as refused:
                error = refused.__cause__
                if not isinstance(error, errors.IntegrityError):
                    raise
                said = error.diag
                reason = (said.sqlstate, said.schema_name, said.table_name, said.constraint_name, said.column_name)
                if reason in met or not self._fit(said):
                    raise
                met.add(reason)

    def _fit(self, said: Diagnostic) -> bool:
        """Put right what the server points at; return whether anything was."""
        try:
            with self.connection.transaction(), self.connection.cursor(row_factory=tuple_row) as cursor:
                if cursor.execute("SELECT current_setting('is_superuser') = 'on'").fetchone() == (True,):
                    cursor.execute(_TURN_OFF)
                name = (said.schema_name, said.table_name)
                facts = next((each for each in fetch_facts(cursor).values() if tuple(each.table.name) == name), None)
                done = facts is not None and self._change(cursor, facts, said)
                cursor.execute("RESET session_replication_role")
                return done
        except psycopg.Error:
            if self.connection.closed:
                raise
            return False  # these rows cannot be put right so; the migration's own error is told

    def _change(self, cursor: Cursor[TupleRow], facts: TableFacts, said: Diagnostic) -> bool:
        match said.sqlstate:
            case "23502":
                return _fill_nulls(cursor, facts, said.column_name or "")
            case "23505" | "23P01":
                return _tell_apart(cursor, facts, said.message_detail or "")
            case "23503" | "23514":
                rule = self._fetch_rule(cursor, [said.schema_name, said.table_name, said.constraint_name])
                return rule is not None and _keep(cursor, facts, rule)
        return False

    def _fetch_rule(self, cursor: Cursor[TupleRow], names: list[str | None]) -> tuple[Any, ...] | None:
        """A rule that is validated is here already, and head may have dropped it again; one that is added is there."""
        if rule := cursor.execute(_RULE, names).fetchone():
            return rule
        with self.connect_head() as head:
            return head.execute(_RULE, names).fetchone()


def _fill_nulls(cursor: Cursor[TupleRow], facts: TableFacts, name: str) -> bool:
    """Give a column without a value one that another row has, or one of its type."""
    column = next((each for each in facts.fields.values() if each.name == name), None)
    if column is None:
        return False
    absent = f"t.{column.quoted} IS NULL"
    return _repeat(cursor, facts, [column], good=f"t.{column.quoted} IS NOT NULL", bad=absent) or _number(
        cursor, facts, replace(column, nullable=False), absent
    )


def _tell_apart(cursor: Cursor[TupleRow], facts: TableFacts, detail: str) -> bool:
    """Give one column of a key another value in each row."""
    found = _KEY.match(detail)
    words = [word.strip('"').replace('""', '"') for word in _WORD.findall(found[1])] if found else []
    columns = [each for each in facts.fields.values() if each.name in words and not facts.refers(each.number)]
    columns.sort(key=lambda each: (not each.subtype, bool(each.labels) or each.base == "boolean"))
    return any(_number(cursor, facts, each, "true", unique=True) for each in columns)


def _keep(cursor: Cursor[TupleRow], facts: TableFacts, rule: tuple[Any, ...]) -> bool:
    """Let rows keep a check or a foreign key."""
    kind, expression, names, *parent, keys = rule
    by_name = {each.name: each for each in facts.fields.values()}
    if not set(names) <= by_name.keys():
        return False
    columns = [by_name[name] for name in names]
    if kind == "f":
        return _refer(cursor, facts, columns, (Identifier(*parent), keys))
    good, bad = f"({expression}) IS TRUE", f"({expression}) IS FALSE"
    if _repeat(cursor, facts, columns, good=good, bad=bad) or len(columns) != 1:
        return True
    check = Check((columns[0].number,), expression)
    return _number(cursor, replace(facts, checks=(*facts.checks, check)), columns[0], bad)


def _number(cursor: Cursor[TupleRow], facts: TableFacts, column: Field, which: str, *, unique: bool = False) -> bool:
    """Give a column values by the numbers of its rows."""
    table = facts.table.identifier
    (rows,) = cursor.execute(SQL("SELECT count(*) FROM {}").format(table)).fetchone() or (0,)
    chosen = choose(cursor, Place(facts, column, rows, unique=unique), 0)
    if chosen is None:
        return False
    parts = {"table": table, "column": Identifier(column.name), "value": _raw(chosen.value), "which": _raw(which)}
    return cursor.execute(SQL(_NUMBERED).format(**parts)).rowcount > 0


def _repeat(cursor: Cursor[TupleRow], facts: TableFacts, columns: list[Field], *, good: str, bad: str) -> bool:
    """Give rows that are bad what one that is good has in some columns."""
    names = SQL(", ").join(Identifier(each.name) for each in columns)
    parts = {"table": facts.table.identifier, "columns": names, "good": _raw(good), "bad": _raw(bad)}
    return cursor.execute(SQL(_SAME).format(**parts)).rowcount > 0


def _refer(
    cursor: Cursor[TupleRow], facts: TableFacts, columns: list[Field], parent: tuple[Identifier, list[str]]
) -> bool:
    """Let columns refer to rows that are there."""
    parts = {
        "table": facts.table.identifier,
        "columns": SQL(", ").join(Identifier(each.name) for each in columns),
        "parent": parent[0],
        "present": SQL(", ").join(Identifier("t", each.name) for each in columns),
        "keys": SQL(", ").join(Identifier("parent", each) for each in parent[1]),
    }
    return cursor.execute(SQL(_REFER).format(**parts)).rowcount > 0


def _raw(text: str) -> sql.SQL:
    """An expression in the server's own words, or of our making."""
    return SQL(text)
