"""A cursor in, what a row of each table has to be like out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pgproof.contracts.planning.copies import fetch_schema
from pgproof.gate.rows.facts import Bounds, Check, Field, ForeignKey, Key, TableFacts, find_constants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from pgproof.contracts.planning.copies import Schema

# A domain is what it stands on. `character` and `bit` without a length would be one of length 1.
_FIELDS = """
WITH RECURSIVE stand AS (
    SELECT oid, oid AS base, typtypmod AS typmod, typnotnull AS required FROM pg_type WHERE typtype <> 'd'
    UNION ALL
    SELECT d.oid, base, CASE WHEN d.typtypmod >= 0 THEN d.typtypmod ELSE typmod END, required OR d.typnotnull
    FROM pg_type AS d INNER JOIN stand ON stand.oid = d.typbasetype WHERE d.typtype = 'd'
)
SELECT attrelid, attnum, attname,
    CASE WHEN atttypid = 'bpchar'::regtype THEN 'bpchar' WHEN atttypid = 'bit'::regtype THEN 'varbit'
        ELSE format_type(atttypid, NULL) END,
    CASE base WHEN 'bpchar'::regtype THEN 'bpchar' ELSE format_type(base, NULL) END,
    CASE WHEN atttypmod >= 0 THEN atttypmod ELSE stand.typmod END,
    NOT (attnotnull OR required),
    ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = base ORDER BY enumsortorder),
    CASE WHEN t.typcategory = 'A' THEN format_type(t.typelem, NULL) END,
    ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.typelem ORDER BY enumsortorder),
    (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE base IN (rngtypid, rngmultitypid)),
    (SELECT format_type(rngtypid, NULL) FROM pg_range WHERE base = rngmultitypid),
    (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum),
    attidentity <> ''
FROM pg_attribute INNER JOIN stand ON stand.oid = atttypid INNER JOIN pg_type AS t ON t.oid = base
WHERE attrelid = ANY(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attrelid, attnum
"""
_FOREIGN = """
SELECT conrelid, conname, conkey, confrelid, nspname, relname, relkind = 'p', ARRAY(
    SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS key (number, place)
    INNER JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place
)
FROM pg_constraint INNER JOIN pg_class AS c ON c.oid = confrelid INNER JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE contype = 'f' AND conparentid = 0 AND conrelid = ANY(%s)
ORDER BY array_length(conkey, 1) DESC, conname
"""

# A check of no column has no key.
_CHECKS = """
SELECT conrelid, coalesce(conkey, '{}'), pg_get_expr(conbin, conrelid), convalidated FROM pg_constraint
WHERE contype = 'c' AND conrelid = ANY(%s)
ORDER BY conrelid, conname
"""
_PARTIAL = """
SELECT indexrelid::regclass::text, pg_get_expr(indpred, indrelid) FROM pg_index
WHERE indisunique AND indpred IS NOT NULL AND indrelid = ANY(%s)
"""
_EXCLUSIONS = "SELECT conrelid, conkey FROM pg_constraint WHERE contype = 'x' AND conrelid = ANY(%s) ORDER BY conname"
_GENERATED = """
SELECT adrelid, adnum, array_agg(refobjsubid ORDER BY refobjsubid)
FROM pg_attrdef AS a INNER JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum AND attgenerated <> ''
INNER JOIN pg_depend ON classid = 'pg_attrdef'::regclass AND objid = a.oid AND refobjid = adrelid
    AND refobjsubid NOT IN (0, adnum)
WHERE adrelid = ANY(%s)
GROUP BY adrelid, adnum
"""
_PARTITIONS = """
SELECT root.oid, tree.isleaf, pg_get_partition_constraintdef(tree.relid), pg_get_expr(part.relpartbound, tree.relid),
    ARRAY(
        SELECT (SELECT attname::text FROM pg_attribute WHERE attrelid = partrelid AND attnum = number)
        FROM unnest(partattrs::int2[]) WITH ORDINALITY AS key (number, place) ORDER BY place
    ), partstrat
FROM pg_class AS root CROSS JOIN pg_partition_tree(root.oid) AS tree
INNER JOIN pg_class AS part ON part.oid = tree.relid
INNER JOIN pg_partitioned_table ON partrelid = tree.parentrelid
WHERE root.oid = ANY(%s) AND root.relkind = 'p'
ORDER BY tree.level, part.relname
"""

_Value = TypeVar("_Value")


def fetch_facts(cursor: Cursor[TupleRow]) -> dict[int, TableFacts]:
    """Read what the rows of all tables have to be like, by the tables' oids; the ledger's are left out."""
    schema = fetch_schema(cursor)
    oids = list(schema.tables)
    fields, keys = _fetch_fields(cursor, oids), _fetch_keys(cursor, schema)
    foreign = _grouped(
        (row[0], ForeignKey(row[1], tuple(row[2]), row[3], (row[4], row[5]), row[6], tuple(row[7])))
        for row in cursor.execute(_FOREIGN, [oids]).fetchall()
    )
    checks = _grouped((row[0], Check(tuple(row[1]), *row[2:])) for row in cursor.execute(_CHECKS, [oids]).fetchall())
    parts = _grouped((row[0], row[1:]) for row in cursor.execute(_PARTITIONS, [oids]).fetchall())
    return {
        oid: TableFacts(
            table,
            fields.get(oid, {}),
            foreign=tuple(foreign.get(oid, ())),
            keys=tuple(keys.get(oid, ())),
            checks=tuple(checks.get(oid, ())),
            partitions=tuple(found for leaf, found, *_ in parts.get(oid, ()) if leaf and found),
            bounds=_bounds(parts.get(oid, [])),
        )
        for oid, table in schema.tables.items()
    }


def _fetch_keys(cursor: Cursor[TupleRow], schema: Schema) -> dict[int, list[Key]]:
    oids = list(schema.tables)
    predicates: dict[str, str] = dict(cursor.execute(_PARTIAL, [oids]).fetchall())
    made_of = {(table, number): tuple(found) for table, number, found in cursor.execute(_GENERATED, [oids]).fetchall()}

    def columns(table: int, numbers: Iterable[int]) -> tuple[int, ...]:
        found = (each for number in numbers for each in made_of.get((table, number), (number,)))
        return tuple(dict.fromkeys(found))

    keys = [
        (table, Key(columns(table, (each.number for each in found)), predicates.get(name, "")))
        for table, name, found in schema.keys
    ]
    excluding = cursor.execute(_EXCLUSIONS, [oids]).fetchall()
    return _grouped([*keys, *((table, Key(columns(table, found), excludes=True)) for table, found in excluding)])


def _fetch_fields(cursor: Cursor[TupleRow], oids: list[int]) -> dict[int, dict[int, Field]]:
    fields: dict[int, dict[int, Field]] = {}
    for oid, number, name, type_, base, typmod, nullable, labels, element, inner, *rest in cursor.execute(
        _FIELDS, [oids]
    ).fetchall():
        made = Field(number, name, type_, base, typmod, nullable, tuple(labels), element, tuple(inner), *rest)
        fields.setdefault(oid, {})[number] = made
    return fields


def _bounds(parts: list[tuple[bool, str, str, list[str], str]]) -> dict[str, Bounds]:
    """A lower bound belongs to its partition, and so does each value of a list; hashes take what comes."""
    found: dict[str, Bounds] = {}
    for _, _, bound, columns, strategy in parts:
        if strategy != "h" and len(columns) == 1 and columns[0]:
            known = found.get(columns[0], Bounds((), strategy == "r")).constants
            more = find_constants((bound or "").split(" TO (")[0])
            found[columns[0]] = Bounds(tuple(dict.fromkeys((*known, *more))), strategy == "r")
    return {column: each for column, each in found.items() if each.constants}


def _grouped(pairs: Iterable[tuple[int, _Value]]) -> dict[int, list[_Value]]:
    groups: dict[int, list[_Value]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups
