"""A connection in, what a plan's names stand for out: tables with their size, indexes with their columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

_TABLES = """
SELECT c.oid::bigint, nspname || '.' || relname, greatest(reltuples, 0)::bigint, relpages
FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind IN ('r', 'm') AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
"""
_INDEXES = """
SELECT c.relname, t.relname, pg_get_indexdef(c.oid), c.relpages, ARRAY(
    SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY(indkey) ORDER BY attnum
)
FROM pg_index INNER JOIN pg_class AS c ON c.oid = indexrelid INNER JOIN pg_class AS t ON t.oid = indrelid
WHERE c.oid >= 16384
"""
_CODE = """
SELECT concat_ws(' ', oid, prosrc, prosqlbody::text, provolatile, proconfig) FROM pg_proc WHERE oid >= 16384
UNION ALL
SELECT concat_ws(' ', oid, pg_get_viewdef(oid)) FROM pg_class WHERE relkind = 'v' AND oid >= 16384
"""


@dataclass(frozen=True)
class Table:
    """A table as it lies there; `oid` stays the same in a copy of the database, whatever it is called."""

    oid: int
    name: str
    rows: int
    pages: int


@dataclass(frozen=True)
class Index:
    """An index: on which columns of which table, and as the statement that makes it."""

    name: str
    table: str
    definition: str
    pages: int = 0
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class Stored:
    """What is in a database, by the names that plans have: `public.users`, `users_handle_key`.

    Attributes:
        code: what functions and views say.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    indexes: Mapping[str, Index] = field(default_factory=dict)
    code: frozenset[str] = frozenset()

    def find(self, table: Table) -> Table | None:
        """Return the table that another one was in this database, by its oid, else by its name."""
        same = (each for each in self.tables.values() if each.oid == table.oid)
        return next(same, None) or self.tables.get(table.name)

    def has(self, index: Index) -> bool:
        """Whether an index of another database is here as well, the same."""
        return index.name in self.indexes and self.indexes[index.name].definition == index.definition

    def is_no_worse(self, before: Stored) -> bool:
        """Whether a plan that stays the same can look at no more blocks here than it did there."""
        sizes = {each.oid: each.pages for each in self.tables.values()}
        tables = all(sizes.get(each.oid, each.pages + 1) <= each.pages for each in before.tables.values())
        indexes = (self.has(each) and self.indexes[each.name].pages <= each.pages for each in before.indexes.values())
        return tables and all(indexes) and before.code <= self.code


def fetch_stored(connection: Connection[Any]) -> Stored:
    """Read what is there; the database is analysed."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        tables = [Table(*row) for row in cursor.execute(_TABLES).fetchall()]
        indexes = [Index(*row) for row in cursor.execute(_INDEXES).fetchall()]
        code = frozenset(text for (text,) in cursor.execute(_CODE).fetchall())
    return Stored({each.name: each for each in tables}, {each.name: each for each in indexes}, code)
