"""A connection in, the same database with odd rows in every table out: NULL, empty, extremes, every label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.gate.rows.choice import TRIES
from pgproof.gate.rows.draft import UnfillableError, make_draft
from pgproof.gate.rows.groups import group_tables
from pgproof.gate.rows.loading import advance_sequences, pin
from pgproof.gate.rows.odd import odd_values
from pgproof.gate.rows.reading import fetch_facts
from pgproof.gate.rows.values import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection, Cursor
    from psycopg.rows import TupleRow

    from pgproof.gate.rows.draft import Draft
    from pgproof.gate.rows.facts import Field, TableFacts

# One refused value does not cost the others; to and fro for each of them would take longer than they do.
_EACH = """
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY {statements}::text[] LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
END
"""

# So many rows that are not odd at all: a table may have had none to vary, or for others, or itself, to refer to.
_ORDINARY = 5

# For so many rows there have to be values.
_ROOM = 1000


def add_edges(connection: Connection[Any]) -> Mapping[str, int]:
    """Add the odd rows that types, constraints and triggers allow; return how many, by `schema.table`.

    Each has one odd value, and is an ordinary row otherwise.
    """
    added: dict[str, int] = {}
    with connection.cursor(row_factory=tuple_row) as cursor, connection.transaction():
        pin(cursor)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        facts = fetch_facts(cursor)
        for group in group_tables(facts):
            for oid in group:
                added[facts[oid].name] = _add(cursor, facts[oid])
        advance_sequences(cursor)
    return {name: rows for name, rows in sorted(added.items()) if rows}


def _add(cursor: Cursor[TupleRow], facts: TableFacts) -> int:
    before = _count(cursor, facts)
    try:
        if not before:
            _insert(cursor, _draft(cursor, facts), [None] * _ORDINARY)
        draft = _draft(cursor, facts)
    except (UnfillableError, psycopg.Error):
        return 0
    _insert(cursor, draft, [None, None, *_odd(draft)])
    return _count(cursor, facts) - before


def _draft(cursor: Cursor[TupleRow], facts: TableFacts) -> Draft:
    with cursor.connection.transaction():
        return make_draft(cursor, facts, _ROOM, offset=_count(cursor, facts) * TRIES)


def _insert(cursor: Cursor[TupleRow], draft: Draft, odd: Iterable[tuple[Field, str] | None]) -> None:
    """Insert one row for each odd value, and an ordinary one for each that is None."""
    statements: list[str] = []
    for number, each in enumerate(odd):
        values = {**draft.values, each[0].number: f"({each[1]})::{each[0].type}"} if each else draft.values
        row = replace(draft, offset=draft.offset + number * TRIES, values=values)
        statements.append(row.statement(1, careful=True))
    body = sql.SQL(_EACH).format(statements=sql.Literal(statements))
    cursor.execute(sql.SQL("DO {}").format(sql.Literal(body.as_string(cursor))))


def _odd(draft: Draft) -> Iterator[tuple[Field, str]]:
    facts = draft.facts
    for number, column in facts.fields.items():
        if facts.refers(number):
            yield from [(column, "NULL")] if column.nullable else []
        elif not _is_counted(facts, column):
            constants = tuple(each for check in facts.checks_of(column) for each in check.constants)
            yield from ((column, value) for value in odd_values(column, draft.values[number], constants))


def _is_counted(facts: TableFacts, column: Field) -> bool:
    """Whether the application counts in it: after the largest number of all there would be none for its next row."""
    in_key = any(column.number in key.columns for key in facts.keys)
    return column.identity or "nextval" in (column.default or "") or (in_key and column.base in NUMBERS)


def _count(cursor: Cursor[TupleRow], facts: TableFacts) -> int:
    (count,) = cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(facts.table.source)).fetchone() or (0,)
    return int(count)
