"""Trees of queries in, what the catalog knows of the relations, functions and types in them out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.contracts.shapes.nullability.nodes import Node, parse_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection

    from pgproof.contracts.golden import Nullability

# A column is proven where the server keeps NULL out of it and of its namesakes in every table below. It does not for
# foreign tables, for what is computed when it is read, for what holds rows of an earlier day (a materialized view), and
# a constraint NOT VALID has not looked at the rows that are there. A domain's NOT NULL keeps an empty sub-select in:
# the manual says so (CREATE DOMAIN, notes). Such columns are neither `null` nor `not null`.
_RELATIONS = """
WITH RECURSIVE heap (root, oid) AS (
    SELECT oid, oid FROM pg_class WHERE oid = ANY (%s)
    UNION
    SELECT root, inhrelid FROM heap JOIN pg_inherits ON inhparent = heap.oid
),
proven (root, attname) AS (
    SELECT root, attname
    FROM heap
    JOIN pg_class AS c ON c.oid = heap.oid
    JOIN pg_attribute AS a ON attrelid = heap.oid AND attnum > 0 AND NOT attisdropped
    GROUP BY root, attname
    HAVING bool_and(
        relkind IN ('r', 'p') AND attnotnull AND attgenerated <> 'v'
        AND NOT EXISTS (
            SELECT FROM pg_constraint
            WHERE conrelid = heap.oid AND contype = 'n' AND conkey = ARRAY[attnum] AND NOT convalidated
        )
    )
)
SELECT c.oid, relkind, relhasrules, (
    SELECT ev_action::text FROM pg_rewrite WHERE ev_class = c.oid AND relkind = 'v' AND rulename = '_RETURN'
), coalesce(json_object_agg(attnum, CASE
    WHEN EXISTS (SELECT FROM proven WHERE root = c.oid AND proven.attname = a.attname) THEN 'not null'
    WHEN attnotnull OR typnotnull OR relkind NOT IN ('r', 'p') THEN 'unknown'
    ELSE 'null'
END) FILTER (WHERE attnum > 0), '{}')
FROM pg_class AS c
LEFT JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_type AS t ON t.oid = atttypid
WHERE c.oid = ANY (%s)
GROUP BY c.oid
"""

# Whatever takes no other types than these gives no NULL for them, if it is one of the server's own operators or casts.
_FUNCTIONS = """
SELECT called, p.oid < 10000, proname, proisstrict, proargtypes::oid[] <@ '{
    bool, int2, int4, int8, float4, float8, numeric, money, oid, text, varchar, bpchar, name, "char", bytea, uuid,
    date, time, timetz, timestamp, timestamptz, interval
}'::regtype[]::oid[]
FROM (
    SELECT oid::int8 AS called, oid AS code FROM pg_proc WHERE oid = ANY (%s)
    UNION ALL
    SELECT -oid::int8, oprcode FROM pg_operator WHERE oid = ANY (%s)
) AS named
JOIN pg_proc AS p ON p.oid = code
"""
_DOMAINS = "SELECT oid FROM pg_type WHERE typnotnull AND oid = ANY (%s)"

_RELID = re.compile(r":relid (\d+)")
_FUNCTION = re.compile(r":(?:funcid|aggfnoid|winfnoid) (\d+)")
_OPERATOR = re.compile(r":opno (\d+)")
_RESULT = re.compile(r":resulttype (\d+)")


@dataclass(frozen=True)
class Relation:
    """What is selected from, or written to.

    Attributes:
        kind: as pg_class has it; `v` is a view.
        ruled: whether there are rules that may put something else in the place of a statement.
        query: a view's.
        columns: by number; of no use for a view.
    """

    kind: str
    ruled: bool
    query: Node | None = field(repr=False)
    columns: Mapping[int, Nullability] = field(repr=False)


@dataclass(frozen=True)
class Function:
    """What an expression calls.

    Attributes:
        builtin: whether it came with the server.
        strict: whether it gives NULL as soon as it is given one.
        plain: whether all that it takes are numbers, texts, moments and the like.
    """

    builtin: bool
    name: str
    strict: bool
    plain: bool


@dataclass(frozen=True)
class Knowledge:
    """What the catalog says, by oid; `domains` are those that refuse NULL."""

    relations: Mapping[int, Relation]
    functions: Mapping[int, Function]
    operators: Mapping[int, Function]
    domains: frozenset[int]


def fetch_knowledge(connection: Connection[Any], trees: Iterable[str]) -> Knowledge:
    """Ask for all that the trees name, also by way of views."""
    texts, relations, asked = list(trees), dict[int, Relation](), set[int]()
    with connection.cursor(row_factory=tuple_row) as cursor:
        while waiting := [oid for oid in _oids(_RELID, texts) if oid not in asked]:
            for oid, kind, ruled, definition, columns in cursor.execute(_RELATIONS, [waiting, waiting]).fetchall():
                query = parse_nodes(definition)[0] if definition else None
                relations[oid] = Relation(kind, ruled, query, {int(number): said for number, said in columns.items()})
                texts += [definition] if definition else []
            asked.update(waiting)
        domains = cursor.execute(_DOMAINS, [_oids(_RESULT, texts)]).fetchall()
        called = cursor.execute(_FUNCTIONS, [_oids(_FUNCTION, texts), _oids(_OPERATOR, texts)]).fetchall()
    functions = {oid: Function(*facts) for oid, *facts in called}
    operators = {-oid: function for oid, function in functions.items() if oid < 0}
    return Knowledge(relations, functions, operators, frozenset(oid for (oid,) in domains))


def _oids(pattern: re.Pattern[str], texts: Iterable[str]) -> list[int]:
    return sorted({int(oid) for text in texts for oid in pattern.findall(text)} - {0})
