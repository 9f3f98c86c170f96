"""A connection to a seeded database in, the same database with many rows in every table out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.contracts.planning.analysis import ensure_analysed
from pgproof.gate.rows.choice import TRIES
from pgproof.gate.rows.draft import UnfillableError, make_draft
from pgproof.gate.rows.groups import group_tables, is_circular
from pgproof.gate.rows.loading import advance_sequences, become_replica, indexes_aside, pin, refresh_views
from pgproof.gate.rows.reading import fetch_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection, Cursor
    from psycopg.rows import TupleRow

    from pgproof.gate.rows.facts import TableFacts

# Which part of the rows there is after each round.
_ROUNDS = (10, 1)

# A pass is made where more than this part of the rows is missing; the last has rows that a partial index holds for.
_PASSES = ((0.05, True), (0.05, True), (0.5, False))

# A table with this part of its rows is full: it has what its keys had room for.
_ENOUGH = 0.5

# Below that, building indexes anew is more work than keeping them.
_MANY = 5_000


@dataclass(frozen=True)
class Load:
    """A table that is to be filled.

    Attributes:
        goals: how many rows it has after each round.
        stride: how many numbers are set aside for each of its rows, so that no round has those of another.
    """

    facts: TableFacts
    goals: list[int]
    stride: int


def fill(connection: Connection[Any], rows: int) -> Mapping[str, str]:
    """Give every table about so many rows, deterministic ones that keep keys, uniqueness and checks; and analyse.

    The connection is in autocommit. A superuser's load is the faster one, and no trigger fires in it.

    Returns:
        Tables that have fewer, by `schema.table`, and why.
    """
    left: dict[str, str] = {}
    with connection.cursor(row_factory=tuple_row) as cursor, connection.transaction():
        pin(cursor)
        superuser = become_replica(cursor)
        facts = fetch_facts(cursor)
        for group in group_tables(facts):
            stride = TRIES if is_circular(facts, group) else 1
            for oid, goals in _rounds(facts, group, rows):
                left[facts[oid].name] = _fill_table(cursor, Load(facts[oid], goals, stride), aside=superuser)
        advance_sequences(cursor)
        left |= refresh_views(cursor)
    ensure_analysed(connection)
    return {name: why for name, why in sorted(left.items()) if why}


def _rounds(facts: Mapping[int, TableFacts], group: list[int], rows: int) -> list[tuple[int, list[int]]]:
    """A table that refers to itself is filled in rounds: its rows refer to those of the round before."""
    goals = [max(1, rows // share) for share in (_ROUNDS if is_circular(facts, group) else (1,))]
    if len(group) == 1:
        return [(group[0], goals)]
    return [(oid, [goal]) for goal in goals for oid in group]


def _fill_table(cursor: Cursor[TupleRow], load: Load, *, aside: bool) -> str:
    """Fill a table, or leave it as it is; return why it has fewer rows than were asked for."""
    rows = _count(cursor, load.facts)
    try:
        if aside and load.goals[-1] - rows >= _MANY:
            rows = _fill_quickly(cursor, load, rows)
        for goal in load.goals:
            rows = _fill_carefully(cursor, load, rows, goal)
    except UnfillableError as error:
        return str(error)
    except psycopg.Error as error:
        return f"the server refuses its rows: {error.diag.message_primary}"
    few = rows < load.goals[-1] * _ENOUGH
    return f"only {rows} rows were found that its keys and checks take" if few else ""


def _fill_quickly(cursor: Cursor[TupleRow], load: Load, existing: int) -> int:
    """Insert with no index in the way; return how many rows there are: as many as before, where that cannot be done."""
    rows = existing
    try:
        with cursor.connection.transaction() as attempt, indexes_aside(cursor, load.facts.table.oid):
            for goal in (each for each in load.goals if each > rows):
                draft = make_draft(cursor, load.facts, goal - rows, offset=rows * load.stride)
                if draft.crowded:
                    raise psycopg.Rollback(attempt)
                rows += cursor.execute(draft.statement(goal - rows, careful=False)).rowcount
            return rows
    except psycopg.errors.IntegrityError:
        pass
    return existing


def _fill_carefully(cursor: Cursor[TupleRow], load: Load, rows: int, goal: int) -> int:
    """Insert what is taken; return how many rows there are."""
    for share, apart in _PASSES:
        if goal - rows > goal * share:
            draft = make_draft(cursor, load.facts, goal - rows, offset=rows * load.stride, apart=apart)
            with cursor.connection.transaction():
                rows += cursor.execute(draft.statement(goal - rows, careful=True)).rowcount
    return rows


def _count(cursor: Cursor[TupleRow], facts: TableFacts) -> int:
    (count,) = cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(facts.table.source)).fetchone() or (0,)
    return int(count)
