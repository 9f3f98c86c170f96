"""A foreign key in, the join out that gives its columns the key of a row that is there: now this one, now that."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from pgproof.gate.rows.values import few_values, is_few, pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from pgproof.gate.rows.facts import ForeignKey, TableFacts

# One column is spread otherwise than the next, so that their values do not go together.
_PRIMES = (15_485_863, 32_452_843, 49_979_687, 67_867_967, 86_028_121, 104_395_301)
_COUNT = "SELECT count(*) FROM {source} WHERE {present}"
_PARENT = """
{join} (SELECT row_number() OVER () - 1 AS "pgproof#", {columns} FROM {source} WHERE {present}) AS {alias}
ON {alias}."pgproof#" = {index}"""

# Where another key has said already which tenant it is, the row is one of that tenant's.
_KIN = """
{join} (SELECT {shared}, count(*) AS "pgproof#" FROM {source} WHERE {present} GROUP BY {shared}) AS {alias}_kin
ON {meets}
{join} (
    SELECT row_number() OVER (PARTITION BY {shared}) - 1 AS "pgproof#", {columns} FROM {source} WHERE {present}
) AS {alias}
ON {same} AND {alias}."pgproof#" = ({index}) % {alias}_kin."pgproof#"
"""


class Wheels(NamedTuple):
    """How the rows of a table are counted through.

    Attributes:
        places: which row each foreign key refers to, by its name.
        values: those of columns that have only a few, by their numbers.
        room: how many rows can be told apart; None where something else does.
        first: how many rows the first of them refers to.
    """

    places: Mapping[str, str]
    values: Mapping[int, str]
    room: int | None = None
    first: int = 0


def count_parents(cursor: Cursor[TupleRow], foreign: ForeignKey) -> int:
    """Return how many rows can be referred to."""
    query = _COUNT.format(source=foreign.source.as_string(), present=_present(foreign))
    (count,) = cursor.execute(query).fetchone() or (0,)
    return int(count)


def turn(facts: TableFacts, junction: Sequence[int], totals: Mapping[str, int], offset: int) -> Wheels:
    """Return which row each foreign key refers to.

    A key that is made of nothing else is counted through, so that no two rows are the same: the first wheel turns with
    each row, from the newest that it can refer to on; the next with each turn of the first. All else is spread.
    """
    spread = {
        each.name: f"(series.k * {_PRIMES[at % len(_PRIMES)]}) % {max(1, totals[each.name])}"
        for at, each in enumerate(facts.foreign)
    }
    wheels: list[tuple[str | int, int]] = [
        (each.name, max(1, totals[each.name])) for each in facts.foreign if set(each.columns) <= set(junction)
    ]
    few = [each for number, each in facts.fields.items() if number in junction and is_few(each)]
    wheels += [(each.number, len(few_values(each))) for each in few if not facts.refers(each.number)]
    if not wheels:
        return Wheels(spread, {})
    wheels.sort(key=lambda wheel: -wheel[1])
    values: dict[int, str] = {}
    for (name, _), place in zip(wheels, _places([size for _, size in wheels], offset), strict=True):
        if isinstance(name, str):
            spread[name] = place
        else:
            values[name] = pick(facts.fields[name], few_values(facts.fields[name]), place)
    return Wheels(spread, values, prod(size for _, size in wheels), wheels[0][1])


def _places(sizes: list[int], offset: int) -> list[str]:
    index = f"(series.k - {offset + 1})"
    places = [f"({sizes[0]} - 1 - {index} % {sizes[0]})"]
    for at, size in enumerate(sizes[1:], start=1):
        places.append(f"(({index} / {prod(sizes[:at])} + {places[0]} * {_PRIMES[at % len(_PRIMES)]}) % {size})")
    return places


def join_parent(foreign: ForeignKey, alias: str, index: str, known: Mapping[int, str], *, optional: bool) -> str:
    """Return the join that gives a row to refer to.

    Args:
        foreign: the foreign key.
        alias: the row's name.
        index: which of them it is.
        known: columns that have their values from another one already.
        optional: there need be none.
    """
    names = dict(zip(foreign.columns, map(_quoted, foreign.parent_columns), strict=True))
    shared = {names[number]: value for number, value in known.items()}
    return (_KIN if known else _PARENT).format(
        join="LEFT JOIN" if optional else "JOIN",
        columns=", ".join(dict.fromkeys(names.values())),
        source=foreign.source.as_string(),
        present=_present(foreign),
        alias=alias,
        index=index,
        shared=", ".join(shared),
        meets=" AND ".join(f"{alias}_kin.{name} = {value}" for name, value in shared.items()),
        same=" AND ".join(f"{alias}.{name} = {alias}_kin.{name}" for name in shared),
    )


def _present(foreign: ForeignKey) -> str:
    return " AND ".join(f"{_quoted(each)} IS NOT NULL" for each in foreign.parent_columns)


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()
