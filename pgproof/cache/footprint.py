"""A query in, the watched tables that it reads and writes out: as the server resolves the names in its text.

Names are followed through views to their tables, to partitions, and from what is written along foreign keys that
cascade. What a function does to tables does not show; the query's `-- cache:` line says it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from pgproof.cache.declaration import read_declaration
from pgproof.cache.flights import Flights
from pgproof.cache.tables import read_names
from pgproof.cache.versions import QUERY
from pgproof.errors import PgproofError, SqlFileError
from pgproof.queries.steps import Select
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgproof.cache.declaration import Declaration
    from pgproof.queries import Query
    from pgproof.queries.steps import Steps

_REST = 30.0  # seconds after which a query that was refused is looked at again: a migration may have been late
_LOG = logging.getLogger("pgproof.cache")

# The tables behind names: `$2` says whether along foreign keys too, by which a write goes on to other tables.
_RESOLVE = """
WITH RECURSIVE found (relation) AS (
    SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL
    UNION
    SELECT next.relation
    FROM found CROSS JOIN LATERAL (
        SELECT d.refobjid FROM pg_rewrite AS r
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE r.ev_class = found.relation AND d.refclassid = 'pg_class'::regclass
        UNION ALL
        SELECT inhrelid FROM pg_inherits WHERE inhparent = found.relation
        UNION ALL
        SELECT conrelid FROM pg_constraint
        WHERE $2 AND contype = 'f' AND confrelid = found.relation
          AND ('{c,n,d}'::"char"[] @> ARRAY[confdeltype] OR '{c,n,d}'::"char"[] @> ARRAY[confupdtype])
    ) AS next (relation)
)
SELECT c.oid::regclass::text, c.relkind::text, c.relrowsecurity, (
    SELECT convert_from(substring(t.tgargs FOR length(t.tgargs) - 1), getdatabaseencoding())
    FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgrelid = c.oid AND t.tgenabled <> 'D' AND p.proname = 'note_write'
      AND p.pronamespace = to_regnamespace('pgproof_cache')
    LIMIT 1
) FROM found JOIN pg_class AS c ON c.oid = found.relation WHERE c.relkind NOT IN ('v', 'S')
ORDER BY 1
"""
_MISSING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL"
_NO_TABLES = {"m": "materialized view", "f": "foreign table"}


@dataclass(frozen=True)
class Footprint:
    """What a query has to do with the cache.

    Attributes:
        declaration: its `-- cache:` line, if it has one.
        reads: what its result follows from: names of watched tables, and itself, because it can be flushed.
        writes: those that it may change, also by foreign keys.
        refusals: why it is not cached although it asks for it.
    """

    declaration: Declaration | None
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    refusals: tuple[str, ...] = field(default=())

    @property
    def is_cached(self) -> bool:
        """Whether its results are kept."""
        return self.declaration is not None and self.declaration.ttl > 0 and not self.refusals


_UNTOUCHED = Footprint(None, (), ())


def fetch_footprint(query: Query) -> Steps[Footprint]:
    """Find what a query reads and writes.

    Raises:
        SqlFileError: its `-- cache:` line cannot be read, or its text not be run.
    """
    declaration = read_declaration(query)
    names = read_names(parse(query.command.sql)[0])
    bumps = declaration and declaration.bumps
    if declaration is None and names.plain:
        return _UNTOUCHED
    reads, refusals = tuple[str, ...](), list[str]()
    if declaration and declaration.ttl:
        reads, refusals = yield from _fetch_reads({*names.reads, *map(quote, declaration.reads or ())}, names.parts)
        refusals += [] if names.plain else ["it writes"]
    writes, _ = yield from _fetch_tables({*names.writes, *map(quote, bumps or ())}, cascading=True)
    return Footprint(declaration, (*reads, f"{QUERY}{query.name}"), writes, tuple(refusals))


class Footprints:
    """The footprints of queries, each found when it is first asked for; a refused one is looked at again later."""

    def __init__(self, clock: Callable[[], float], patience: float) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Footprint, float]] = {}
        self._flights: Flights[Footprint] = Flights(patience)

    def of(self, query: Query) -> Steps[Footprint]:
        """Return what a query has to do with the cache; where the server cannot say it now, nothing."""
        footprint, until = self._known.get(query.name, (_UNTOUCHED, 0.0))
        if self._clock() < until:
            return footprint
        return (yield from self._flights.share(query.name, lambda: self._find(query)))

    def _find(self, query: Query) -> Steps[Footprint]:
        try:
            footprint = yield from fetch_footprint(query)
        except SqlFileError:
            raise
        except (psycopg.Error, PgproofError) as error:
            why = f"the server did not say what it reads: {type(error).__name__}"
            footprint = Footprint(None, (), (), (why,))
        for refusal in footprint.refusals:
            _LOG.warning("%s is not cached: %s", query.name, refusal)
        rests = _REST if footprint.refusals else float("inf")
        self._known[query.name] = footprint, self._clock() + rests
        return footprint


def quote(name: str) -> str:
    """Return a name of a `-- cache:` line as the server reads names."""
    return sql.Identifier(*name.split(".")).as_string()


def _fetch_reads(names: Iterable[str], parts: frozenset[str]) -> Steps[tuple[tuple[str, ...], list[str]]]:
    missing = yield Select(_MISSING, [sorted(set(names) - parts)])
    tables, refusals = yield from _fetch_tables(names, cascading=False)
    refusals += [f"there is no table {name}" for (name,) in missing]
    if not tables and not refusals:
        refusals.append("it reads no table, so nothing would ever change it")
    return tables, refusals


def _fetch_tables(names: Iterable[str], *, cascading: bool) -> Steps[tuple[tuple[str, ...], list[str]]]:
    """Return names of watched tables, and what is against keeping what is read of the others."""
    if not (asked := sorted(names)):
        return (), []
    found = yield Select(_RESOLVE, [asked, cascading])
    watched = tuple(sorted({name for _, _, _, name in found if name}))
    return watched, [why for row in found if (why := _refuse(*row))]


def _refuse(table: str, kind: str, secured: bool, watched: str | None) -> str:  # noqa: FBT001
    if kind in _NO_TABLES:
        return f"{table} is a {_NO_TABLES[kind]}, whose changes nobody notes"
    if secured:
        return f"{table} has row security: what is read of it may depend on who reads"
    return "" if watched else f"{table} is not watched; `inv cache.init` writes the migration for it"
