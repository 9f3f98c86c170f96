"""A connection in, how copies of its database's rows could differ from them out: which columns, and in which way.

A key is mapped by its type, in every table alike, so that what refers to it still does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from pgproof.pg.catalog import INTERNAL_REGEX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from psycopg import Cursor
    from psycopg.rows import TupleRow

# Which of our three ways to map a key is for a type; the others have none.
_COLUMNS = """
SELECT c.oid, nspname, relname, relkind = 'p', attnum, attname, CASE
    WHEN coalesce(nullif(typbasetype, 0), t.oid) = 'uuid'::regtype THEN 'uuid'
    WHEN coalesce(nullif(typbasetype, 0), t.oid) IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype,
        'numeric'::regtype) THEN 'number'
    WHEN coalesce(nullif(typbasetype, 0), t.oid) IN ('text'::regtype, 'varchar'::regtype, to_regtype('citext'))
        THEN 'text'
    ELSE '' END
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = relnamespace
LEFT JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
LEFT JOIN pg_type AS t ON t.oid = atttypid
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't'
    AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_') AND nspname || '.' || relname !~ %s
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY c.oid, attnum
"""

# An expression's columns are only in its tree.
_KEYS = r"""
SELECT indrelid, indexrelid::regclass::text, ARRAY(
    SELECT number FROM unnest(indkey::int2[]) WITH ORDINALITY AS key (number, place)
    WHERE number > 0 AND place <= indnkeyatts ORDER BY place
) || ARRAY(SELECT found[1]::int2 FROM regexp_matches(indexprs::text, ':varattno (\d+)', 'g') AS found)
FROM pg_index WHERE indisunique ORDER BY indisprimary DESC, indexrelid
"""
_REFERENCES = """
SELECT conrelid, unnest(conkey), confrelid, unnest(confkey) FROM pg_constraint WHERE contype = 'f' ORDER BY oid
"""
_EXCLUSIONS = "SELECT conrelid, conname FROM pg_constraint WHERE contype = 'x'"


class Column(NamedTuple):
    """A column of a table, by their numbers in the catalog."""

    table: int
    number: int


@dataclass(frozen=True)
class Table:
    """A table that can have copies of its rows; `columns` are those that an INSERT may name, by their numbers."""

    oid: int
    name: tuple[str, str]
    parted: bool
    columns: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        schema, name = self.name
        return name if schema == "public" else f"{schema}.{name}"

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in a statement."""
        return sql.Identifier(*self.name)

    @property
    def source(self) -> sql.Composable:
        """Its own rows in a FROM; those of tables that inherit from it are copied as theirs."""
        return self.identifier if self.parted else sql.SQL("ONLY {}").format(self.identifier)


@dataclass(frozen=True)
class Schema:
    """What of a schema says how its rows can be copied.

    Attributes:
        kinds: how a column could be mapped: `uuid`, `number` or `text`; empty: not at all.
        keys: of each unique index its table, its name and its columns; primary keys come first.
        references: each column that refers to another, and that one.
        exclusions: the names of exclusion constraints, by table.
    """

    tables: Mapping[int, Table]
    kinds: Mapping[Column, str]
    keys: tuple[tuple[int, str, tuple[Column, ...]], ...]
    references: tuple[tuple[Column, Column], ...]
    exclusions: Mapping[int, str]


def choose_columns(schema: Schema, left: dict[int, str]) -> frozenset[Column]:
    """Return the columns that differ between a row and its copies; tables that have none for a key are `left`.

    All that refers and is referred to, unless that stays as it is; and one more for a key that has none of these.
    """
    while True:
        stuck = _stuck(schema, left)
        chosen = {each for reference in schema.references for each in reference if each in schema.kinds} - stuck
        for table, name, columns in schema.keys:
            if table in schema.tables and table not in left and chosen.isdisjoint(columns):
                free = [each for each in columns if each in schema.kinds and each not in stuck]
                if not free:
                    left[table] = f"{name} has no column of a type that could be mapped to another key"
                    break
                chosen.add(free[0])
        else:
            return frozenset(chosen)


def _stuck(schema: Schema, left: Collection[int]) -> set[Column]:
    """Return the columns that stay as they are, with those that refer to them."""
    stuck = {each for each, kind in schema.kinds.items() if not kind or each.table in left}
    while grown := {child for child, parent in schema.references if parent in stuck} - stuck:
        stuck |= grown
    return stuck


def fetch_schema(cursor: Cursor[TupleRow]) -> Schema:
    """Read what says how the rows of a database can be copied; the ledger is no part of it."""
    tables: dict[int, Table] = {}
    kinds: dict[Column, str] = {}
    for oid, schema, name, parted, number, column, kind in cursor.execute(_COLUMNS, [INTERNAL_REGEX]).fetchall():
        table = tables.setdefault(oid, Table(oid, (schema, name), parted))
        if number:
            table.columns[number] = column
            kinds[Column(oid, number)] = kind
    keys = [
        (table, name, tuple(Column(table, number) for number in numbers))
        for table, name, numbers in cursor.execute(_KEYS).fetchall()
    ]
    references = [(Column(*each[:2]), Column(*each[2:])) for each in cursor.execute(_REFERENCES).fetchall()]
    exclusions = {table: name for table, name in cursor.execute(_EXCLUSIONS).fetchall() if table in tables}
    return Schema(tables, kinds, tuple(keys), tuple(references), exclusions)
