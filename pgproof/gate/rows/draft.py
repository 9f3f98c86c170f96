"""A table's facts in, the statement that gives it more rows out: which column gets its values from where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.gate.rows.choice import TRIES, Place, choose
from pgproof.gate.rows.references import count_parents, join_parent, turn
from pgproof.gate.rows.values import largest

if TYPE_CHECKING:
    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from pgproof.gate.rows.facts import Field, ForeignKey, TableFacts

# Rows to be varied: not so long that the many make the disk full, not so many that looking at them takes time.
_KEPT = "(SELECT * FROM {source} AS kept WHERE pg_column_size(kept.*) <= 1000 LIMIT 1000) AS few"
_ORIGINALS = """
JOIN (SELECT row_number() OVER () - 1 AS "pgproof#", * FROM {kept}) AS original
ON original."pgproof#" = series.k % {count}"""
_INSERT = """
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
SELECT {columns} FROM (
    SELECT series.k AS "pgproof#", {values}
    FROM (SELECT generate_series({first}::bigint, {last}) AS k) AS series{joins}
) AS made
WHERE {conditions} {order}LIMIT {rows}{conflict}"""

# So many more rows are made than are wanted, where a few may be refused; in no order, for sorting takes its time.
_SPARE = 1.25


class UnfillableError(Exception):
    """A table cannot have more rows; the text says why."""


@dataclass
class Draft:
    """How a table gets its rows.

    Attributes:
        offset: the number after which its rows are counted.
        originals: how many of its own rows are there to be varied.
        values: an expression for each column, by its number.
        joins: what these take their values from.
        proven: columns of which each value passes the checks on it alone.
        apart: conditions on which a row is none of those that a partial unique index holds for.
        room: how many rows can be told apart; None where there is no such limit.
        crowded: some rows may be there already.
        selective: some rows may have nothing to refer to.
    """

    facts: TableFacts
    offset: int
    originals: int = 0
    values: dict[int, str] = field(default_factory=dict)
    joins: list[str] = field(default_factory=list)
    proven: set[int] = field(default_factory=set)
    apart: list[str] = field(default_factory=list)
    room: int | None = None
    crowded: bool = False
    selective: bool = False

    def statement(self, rows: int, *, careful: bool) -> str:
        """Return the INSERT of so many rows; a careful one passes over what would be refused, and that may be most."""
        conditions = [*self.apart, *self._conditions(careful=careful)]
        tries = rows * TRIES if careful else int(rows * _SPARE) if conditions or self.selective else rows
        names = [self.facts.fields[each].quoted for each in self.values]
        return _INSERT.format(
            table=self.facts.table.identifier.as_string(),
            columns=", ".join(names),
            values=", ".join(f"{value} AS {name}" for name, value in zip(names, self.values.values(), strict=True)),
            first=self.offset + 1,
            last=self.offset + (tries if self.room is None else min(tries, self.room)),
            joins="".join(self.joins),
            conditions=" AND ".join(conditions) or "true",
            order='ORDER BY "pgproof#" ' if careful else "",
            rows=rows,
            conflict=" ON CONFLICT DO NOTHING" if careful else "",
        )

    def _conditions(self, *, careful: bool) -> list[str]:
        """What a copy of a row keeps is not asked again, nor what was tried for a column; the server asks anyway."""
        known = [each for each in self.facts.checks if set(each.columns) <= set(self.values)]
        found = [each for each in known if careful or not each.validated or not set(each.columns) <= self.proven]
        conditions = [f"({each.expression}) IS NOT FALSE" for each in found if each.columns]
        if self.facts.partitions and (careful or self.facts.bounds):
            conditions.append("(" + " OR ".join(f"({each})" for each in self.facts.partitions) + ")")
        return conditions


def make_draft(cursor: Cursor[TupleRow], facts: TableFacts, rows: int, *, offset: int, apart: bool = True) -> Draft:
    """Return how a table can get so many rows more.

    Args:
        cursor: in a transaction.
        facts: the table's.
        rows: how many.
        offset: the number after which they are counted.
        apart: make rows that partial unique indexes do not hold for, rather than others that they let pass.

    Raises:
        UnfillableError: it cannot.
    """
    if not facts.fields:
        raise UnfillableError("it has no column that an INSERT may name")
    kept = _kept(facts)
    draft = Draft(facts, offset, _count(cursor, kept))
    if draft.originals:
        draft.joins.append(_ORIGINALS.format(kept=kept, count=draft.originals))
    unique, junction = _choose_unique(draft, apart=apart)
    totals = {each.name: count_parents(cursor, each) for each in facts.foreign}
    wheels = turn(facts, junction, totals, offset)
    draft.room, draft.values = wheels.room, dict(wheels.values)
    existing = _count(cursor, facts.table.source.as_string())
    draft.crowded |= wheels.room is not None and rows + existing > max(wheels.first, wheels.room // 4)
    late = [
        each for each in facts.foreign if not _refer(cursor, draft, each, totals[each.name], wheels.places[each.name])
    ]
    for number, column in facts.fields.items():
        if number not in draft.values:
            draft.values[number] = _fill_in(cursor, draft, column, rows, unique=number in unique)
    for each in late:
        _refer_to_itself(draft, each)
    draft.values = {number: draft.values[number] for number in facts.fields}
    return draft


def _choose_unique(draft: Draft, *, apart: bool) -> tuple[set[int], tuple[int, ...]]:
    """Return the columns that differ in each row, and those of a key that has none of these: it is counted through."""
    facts = draft.facts
    chosen: set[int] = set()
    junction: tuple[int, ...] = ()
    for key in sorted(facts.keys, key=lambda each: (bool(each.predicate), each.excludes, len(each.columns))):
        draft.crowded |= key.excludes
        if not chosen.isdisjoint(key.columns) and not key.excludes:
            continue
        free = facts.free(key)
        if free:
            chosen.add(free[0].number)
        elif key.excludes:
            raise UnfillableError("an exclusion constraint has no column of a range that could be another in each row")
        elif key.predicate and apart:
            draft.apart.append(f"({key.predicate}) IS NOT TRUE")
        else:
            junction = junction or key.columns
    return chosen, junction


def _refer(cursor: Cursor[TupleRow], draft: Draft, foreign: ForeignKey, total: int, place: str) -> bool:
    """Let columns refer to rows that are there; return whether that could be done."""
    fields = draft.facts.fields
    if not set(foreign.columns) <= set(fields):
        return True
    columns = [fields[each] for each in foreign.columns]
    optional = [each for each in columns if each.nullable]
    if not total:
        if not optional and foreign.parent != draft.facts.table.oid:
            raise UnfillableError(f"{foreign.name} refers to {'.'.join(foreign.parent_name)}, which has no rows")
        draft.values |= {each.number: f"NULL::{each.type}" for each in optional}
        return bool(optional)
    alias = f"parent_{len(draft.joins)}"
    known = {each: draft.values[each] for each in foreign.columns if each in draft.values}
    draft.joins.append(join_parent(foreign, alias, place, known, optional=bool(optional)))
    draft.selective |= bool(known)
    missing = _missing(cursor, draft, optional)
    for column, parent in zip(columns, foreign.quoted_parents, strict=True):
        if column.number not in known:
            value = f"{alias}.{parent}"
            absent = missing and column.nullable
            draft.values[column.number] = f"CASE WHEN NOT ({missing}) THEN {value} END" if absent else value
    return True


def _missing(cursor: Cursor[TupleRow], draft: Draft, optional: list[Field]) -> str:
    """Return the condition on which a row refers to nothing: as its original does, if any refers to something."""
    if not optional:
        return ""
    absent = " OR ".join(f"{each.quoted} IS NULL" for each in optional)
    if draft.originals and _count(cursor, f"{_kept(draft.facts)} WHERE NOT ({absent})"):
        return " OR ".join(f"original.{each.quoted} IS NULL" for each in optional)
    return _now_and_then(optional[0])


def _kept(facts: TableFacts) -> str:
    return _KEPT.format(source=facts.table.source.as_string())


def _now_and_then(column: Field) -> str:
    return f"(hashint8(series.k + {column.number}000003) & 3) = 0"


def _refer_to_itself(draft: Draft, foreign: ForeignKey) -> None:
    """Let the first rows of a table refer to themselves, where each has to refer to one."""
    by_name = {each.quoted: each.number for each in draft.facts.fields.values()}
    for number, name in zip(foreign.columns, foreign.quoted_parents, strict=True):
        draft.values[number] = draft.values[by_name[name]]


def _fill_in(cursor: Cursor[TupleRow], draft: Draft, column: Field, rows: int, *, unique: bool) -> str:
    """Return the values of a column that refers to nothing."""
    if draft.originals and not unique and column.name not in draft.facts.bounds:
        draft.proven.add(column.number)
        return f"original.{column.quoted}"
    joins = draft.joins[0] if draft.originals else ""
    start = _start(cursor, draft, column, rows) if unique else 0
    place = Place(draft.facts, column, min(rows, draft.room or rows), draft.offset, joins, unique)
    chosen = choose(cursor, place, start)
    if chosen is None:
        raise UnfillableError(f"column {column.name} ({column.base}): no value was found that its type and checks take")
    if chosen.proven:
        draft.proven.add(column.number)
    if column.nullable and not unique and not draft.originals:
        return f"CASE WHEN NOT {_now_and_then(column)} THEN {chosen.value} END"
    return chosen.value


def _start(cursor: Cursor[TupleRow], draft: Draft, column: Field, rows: int) -> int:
    """Return what is added to a row's number for a key that is free."""
    if column.base not in ("smallint", "integer", "bigint", "numeric") or column.name in draft.facts.bounds:
        return 0
    query = f"SELECT coalesce(ceil(max({column.quoted}) FILTER (WHERE {column.quoted} < 1e18)), 0) FROM "  # noqa: S608
    (found,) = cursor.execute(query + draft.facts.table.source.as_string()).fetchone() or (0,)
    start, end = max(0, int(found)), largest(column)
    if end is None or start + rows <= end:
        return start - draft.offset
    draft.crowded = True
    draft.room = min(draft.room or end, end)
    return -draft.offset


def _count(cursor: Cursor[TupleRow], source: str) -> int:
    (count,) = cursor.execute(f"SELECT count(*) FROM {source}").fetchone() or (0,)  # noqa: S608
    return int(count)
