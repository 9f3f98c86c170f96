"""What queries depend on in, which tables and columns none of them reads or writes out; and who touches a given one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.rows import tuple_row

from pgproof.contracts.impact.dependencies import Place, fetch_dependencies
from pgproof.errors import PgproofError
from pgproof.pg.catalog import INTERNAL_REGEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pgproof.contracts.session import Session
    from pgproof.queries import Query

# A partition has the columns of its parent, and queries name the parent.
_PLACES = """
SELECT c.oid::regclass::text, coalesce(a.attname, '')
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = relnamespace AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
CROSS JOIN LATERAL (
    SELECT 0, NULL UNION ALL
    SELECT attnum, attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
) AS a (attnum, attname)
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition AND nspname || '.' || relname !~ %s
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY nspname, relname, a.attnum
"""


@dataclass(frozen=True)
class Covered:
    """A column, or a table where `column` is empty, and the queries that touch it."""

    relation: str
    column: str
    readers: tuple[str, ...]
    writers: tuple[str, ...]

    @property
    def place(self) -> Place:
        """What it is about."""
        return Place(self.relation, self.column)


@dataclass(frozen=True)
class Touch:
    """What a query has to do with a table: columns that it reads, and those that it writes."""

    query: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """What queries touch of a schema.

    Attributes:
        covered: every table and view, each before its columns.
        unseen: queries of which that is not known, and why.
    """

    covered: tuple[Covered, ...] = field(repr=False)
    unseen: Mapping[str, str]

    @property
    def untouched(self) -> tuple[Covered, ...]:
        """Tables that no query touches, and columns that none touches of the other tables."""
        tables = {each.relation for each in self.covered if not (each.column or each.readers or each.writers)}
        return tuple(
            each
            for each in self.covered
            if not (each.readers or each.writers) and (not each.column or each.relation not in tables)
        )

    @property
    def only_written(self) -> tuple[Covered, ...]:
        """Columns that some query writes and none reads."""
        return tuple(each for each in self.covered if each.column and each.writers and not each.readers)

    def touching(self, name: str) -> list[Touch]:
        """Return the queries that touch a table, or one column of it: `activities` or `activities.message`.

        Raises:
            PgproofError: there is neither a table nor a column of that name.
        """
        found = [each for each in self.covered if name in (each.relation, str(each.place))]
        if not found:
            raise PgproofError(f"there is no table and no column {name}", hint=self._guess(name))
        queries = sorted({query for each in found for query in (*each.readers, *each.writers)})
        return [_touch(query, found) for query in queries]

    def _guess(self, name: str) -> str:
        from difflib import get_close_matches

        guesses = get_close_matches(name, [str(each.place) for each in self.covered])
        return f"did you mean {' or '.join(guesses)}?" if guesses else "write table, or table.column"


def fetch_coverage(session: Session, queries: Iterable[Query]) -> Coverage:
    """Ask the server which tables and columns there are, and which of them the queries touch."""
    dependencies = fetch_dependencies(session, queries)
    readers: dict[Place, list[str]] = {}
    writers: dict[Place, list[str]] = {}
    for query, uses in sorted(dependencies.by_query.items()):
        for place in uses.reads:
            readers.setdefault(place, []).append(query)
        for place in uses.writes:
            writers.setdefault(place, []).append(query)
    with session.connection.cursor(row_factory=tuple_row) as cursor:
        places = [Place(*row) for row in cursor.execute(_PLACES, [INTERNAL_REGEX])]
    covered = [Covered(*place, tuple(readers.get(place, ())), tuple(writers.get(place, ()))) for place in places]
    return Coverage(tuple(covered), dependencies.unseen)


def _touch(query: str, covered: Iterable[Covered]) -> Touch:
    columns = [each for each in covered if each.column]
    reads = tuple(each.column for each in columns if query in each.readers)
    return Touch(query, reads, tuple(each.column for each in columns if query in each.writers))
