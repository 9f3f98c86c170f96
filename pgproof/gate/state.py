"""A connection in, all that its database is out: its schema, and a digest of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.gate.rows.digest import Digests, diff_digests, fetch_digests
from pgproof.pg.catalog import INTERNAL_REGEX, Catalog, fetch_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from pgproof.gate.rows.digest import Loss

_PLACES = """
SELECT nspname || '.' || relname, attname, c.oid, attnum
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND nspname || '.' || relname !~ %s
"""


@dataclass(frozen=True)
class State:
    """A database at one time.

    Attributes:
        places: where each table, by `schema.table`, and each of its columns is stored: one made anew is elsewhere.
    """

    catalog: Catalog
    digests: Digests
    places: Mapping[tuple[str, str | None], tuple[int, int]] = field(repr=False)

    def lives_on(self, later: State, table: str, column: str | None = None) -> bool:
        """Whether a table or column is still there under its name, and was not dropped and made anew meanwhile."""
        place = self.places.get((table, column))
        return place is not None and place == later.places.get((table, column))

    def lost(self, later: State) -> list[Loss]:
        """Return what of the rows is gone or another in a later state."""
        return diff_digests(self.digests, later.digests)


def fetch_state(connection: Connection[Any]) -> State:
    """Look at a database."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_PLACES, [INTERNAL_REGEX]).fetchall()
    tables: dict[tuple[str, str | None], tuple[int, int]] = {(table, None): (oid, 0) for table, _, oid, _ in rows}
    columns = {(table, column): (oid, number) for table, column, oid, number in rows}
    return State(fetch_catalog(connection), fetch_digests(connection), {**tables, **columns})
