"""A column in, an expression for its values out that its type and its own checks take: tried on the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg.sql import quote

from pgproof.gate.rows.values import NUMBERS, few_values, is_few, pick, reworded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from pgproof.gate.rows.facts import Field, TableFacts

_TRIAL = """
SELECT count(*), count(*) FILTER (WHERE {conditions}), count(DISTINCT lower({column}::text))
FROM (SELECT ({value})::{type} AS {column} FROM (
    SELECT {offset} + k::bigint AS k FROM generate_series(1, {rows}) AS k
    WHERE k <= 24 OR k > {rows} - 8 OR k % {step} = 0
) AS series{joins}) AS made
"""
_ONWARDS = {
    "date": ("({begin}) + ({step})::int", 28),
    "timestamp without time zone": ("({begin}) + ({step}) * interval '1 second'", 3600),
    "timestamp with time zone": ("({begin}) + ({step}) * interval '1 second'", 3600),
    **dict.fromkeys(NUMBERS, ("({begin}) + ({step})", 10)),
}

# Columns that are not compared by any key have values that come again, in another order for each of them.
_SPREAD = "((series.k * {prime}) % 99991 + 1)"
_PRIMES = (7_368_787, 9_737_333, 5_800_079, 8_736_028_057, 3_267_000_013)


# So many rows are made for each that is wanted, where some of them may be refused.
TRIES = 16


@dataclass(frozen=True)
class Place:
    """A column, and what its values are made for.

    Attributes:
        rows: how many.
        offset: the number after which they are counted.
        joins: what gives `original`, a row to vary; empty where there is none.
        unique: no two of them may be the same.
    """

    facts: TableFacts
    column: Field
    rows: int
    offset: int = 0
    joins: str = ""
    unique: bool = False

    @property
    def seed(self) -> str:
        """Text that is another for each column."""
        return quote(f"{self.facts.name}.{self.column.name} ")


class Choice(NamedTuple):
    """An expression on `series.k`, and whether a column's checks take each of its values, not only most."""

    value: str
    proven: bool


def choose(cursor: Cursor[TupleRow], place: Place, start: int) -> Choice | None:
    """Return what gives a column its values; None where nothing is found that it takes.

    Args:
        cursor: in a transaction.
        place: the column.
        start: what is added to the number of a row.
    """
    if place.column.name in place.facts.bounds and (found := _at_bounds(cursor, place)):
        return Choice(found, proven=False)
    n = f"({start} + series.k)" if place.unique else _SPREAD.format(prime=_PRIMES[place.column.number % len(_PRIMES)])
    old = f"original.{place.column.quoted}" if place.joins else ""
    best, share = None, 0.0
    for pattern in reworded(place.column, old=old, unique=place.unique):
        value = _filled(pattern, place, n)
        passed = _try(cursor, place, value)
        if passed == 1:
            return Choice(_cast(value, place.column), proven=True)
        if passed > share:
            best, share = value, passed
    return (None if place.unique else _choose_constant(cursor, place)) or _settle(place, best)


def _choose_constant(cursor: Cursor[TupleRow], place: Place) -> Choice | None:
    fixed = [_cast(each, place.column) for each in _constants(place) if _try(cursor, place, each) == 1]
    return Choice(pick(place.column, fixed, f"series.k % {len(fixed)}"), proven=True) if fixed else None


def _settle(place: Place, best: str | None) -> Choice | None:
    """What most rows take is better than nothing."""
    if best:
        return Choice(_cast(best, place.column), proven=False)
    return Choice(f"NULL::{place.column.type}", proven=False) if place.column.nullable else None


def _at_bounds(cursor: Cursor[TupleRow], place: Place) -> str | None:
    """Spread the values over the partitions: each begins somewhere, and a range goes on from there."""
    column, bounds = place.column, place.facts.bounds[place.column.name]
    constants = [_cast(quote(each), column) for each in bounds.constants]
    fixed = [each for each in constants if _try(cursor, place, each, distinct=False)]
    if not fixed:
        return None
    picked = pick(column, fixed, f"series.k % {len(fixed)}")
    if not bounds.ranges or column.base not in _ONWARDS:
        return picked
    pattern, length = _ONWARDS[column.base]
    step = f"series.k / {len(fixed)}" if place.unique else f"series.k / {len(fixed)} % {length}"
    return pattern.format(begin=picked, step=step)


def _constants(place: Place) -> Iterable[str]:
    """What is written in its checks, and what is near it; what it has by default; what its type has."""
    column = place.column
    if is_few(column):
        yield from few_values(column)
    for check in place.facts.checks_of(column):
        for constant in check.constants:
            yield quote(constant)
            if column.base in NUMBERS:
                yield from (f"{quote(constant)}::{column.base} {sign} 1" for sign in "+-")
    if column.default and "(" not in column.default:  # a function's result may be another one tomorrow
        yield column.default


def _try(cursor: Cursor[TupleRow], place: Place, value: str, *, distinct: bool = True) -> float:
    """Return the share of rows that a column's type and checks take; none where they must differ and do not."""
    query = _trial(place, value)
    try:
        with cursor.connection.transaction():
            count, passed, different = cursor.execute(query).fetchone() or (0, 0, 0)
    except psycopg.Error:
        return 0.0
    if not count or (place.unique and distinct and different < count):
        return 0.0
    return float(passed / count)


def _trial(place: Place, value: str) -> str:
    column = place.column
    conditions = [f"({each.expression}) IS NOT FALSE" for each in place.facts.checks_of(column)]
    if column.length is not None:
        conditions.append(f"char_length({column.quoted}::text) <= {column.length}")
    if not column.nullable:
        conditions.append(f"{column.quoted} IS NOT NULL")
    return _TRIAL.format(
        conditions=" AND ".join(conditions) or "true",
        column=column.quoted,
        value=value,
        type=column.type,
        rows=place.rows,
        offset=place.offset,
        step=max(1, place.rows // 40),
        joins=place.joins,
    )


def _filled(pattern: str, place: Place, n: str) -> str:
    width = max(5, len(str(place.offset + place.rows * TRIES)))
    digits = f"lpad(({n})::text, {width}, '0')"
    values = {"{n}": n, "{d}": digits, "{width}": str(width), "{seed}": place.seed}
    for name, value in values.items():
        pattern = pattern.replace(name, value)
    return pattern


def _cast(value: str, column: Field) -> str:
    return f"({value})::{column.type}"
