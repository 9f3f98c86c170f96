"""A query in, the watched tables that it reads and writes out: as the server resolves the names in its text.

Names are followed through views to their tables, to partitions, and from what is written along foreign keys that
cascade. What a function does to tables does not show; the query's `-- cache:` line says it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from pgproof.cache.declaration import read_declaration
from pgproof.cache.flights import Flights
from pgproof.cache.relations import fetch_changing, fetch_functions, fetch_missing, fetch_relations, tags_of
from pgproof.cache.tables import read_names
from pgproof.cache.versions import QUERY
from pgproof.errors import PgproofError, SqlFileError
from pgproof.queries.steps import Select
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgproof.cache.access import Access
    from pgproof.cache.declaration import Declaration
    from pgproof.cache.tables import Names
    from pgproof.queries import Query
    from pgproof.queries.steps import Steps

CHANGES = "changes without a write"
_REST = 30.0  # seconds after which a query that was refused is looked at again: a migration may have been late
_LOG = logging.getLogger("pgproof.cache")

# What is kept is read again without the connection that it came by, as psycopg reads it by default.
_PLAIN = {"client_encoding": "UTF8", "DateStyle": "ISO", "IntervalStyle": "postgres"}
_SETTINGS = "SELECT name, current_setting(name) FROM unnest($1::text[]) AS name"


@dataclass(frozen=True)
class Footprint:
    """What a query has to do with the cache.

    Attributes:
        declaration: its `-- cache:` line, if it has one.
        reads: what its result follows from: names of watched tables, and itself, because it can be flushed.
        writes: those that it may change, also by foreign keys.
        refusals: why it is not cached although it asks for it.
        catalog: a version of the catalog, which was looked up before all this was.
        is_known: the server has said what it writes, or it is sure to write nothing; else it may write anything.
    """

    declaration: Declaration | None
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    refusals: tuple[str, ...] = ()
    catalog: str = ""
    is_known: bool = True

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
    if declaration is None and names.plain:
        return _UNTOUCHED
    reads, refusals = tuple[str, ...](), list[str]()
    if declaration and declaration.ttl:
        reads, refusals = yield from _fetch_reads(names, declaration)
    declared = {quote(name) for name in (declaration and declaration.bumps) or ()}
    unnamed = declared - {name for name, _ in names.writes}  # a function writes it, and nobody knows how
    written = yield from fetch_relations({*names.writes, *((name, "any") for name in unnamed)})
    return Footprint(declaration, (*reads, f"{QUERY}{query.name}"), tags_of(written), tuple(refusals))


class Footprints:
    """The footprints of queries, each found when it is first asked for; a refused one is looked at again later."""

    def __init__(
        self, clock: Callable[[], float], patience: float, find_catalog: Callable[[Declaration, Access], Steps[str]]
    ) -> None:
        self._clock = clock
        self._find_catalog = find_catalog
        self._known: dict[str, tuple[Footprint, float]] = {}
        self._flights: Flights[Footprint] = Flights(patience)
        self._find_session: Callable[[], Steps[object]] | None = None
        self._session: object = None
        self._said: dict[str, tuple[str, ...]] = {}

    def follow(self, find_session: Callable[[], Steps[object]]) -> None:
        """Look at the session before each query; in another one names may mean other tables."""
        self._find_session = find_session

    def of(self, query: Query, access: Access) -> Steps[Footprint]:
        """Return what a query has to do with the cache; where the server cannot say it now, nothing."""
        footprint, until = self._known.get(query.name, (_UNTOUCHED, 0.0))
        if self._find_session and footprint != _UNTOUCHED and (yield from self._has_moved(self._find_session)):
            until = 0.0
        if self._clock() < until:
            return footprint
        return (yield from self._flights.share(query.name, lambda: self._find(query, access)))

    def renew(self, query: Query, access: Access) -> Steps[Footprint]:
        """Forget all that was found, because the catalog has changed; return what a query has to do with it now."""
        self._known = {}
        return (yield from self.of(query, access))

    def _has_moved(self, find_session: Callable[[], Steps[object]]) -> Steps[bool]:
        try:
            session = yield from find_session()
        except (psycopg.Error, PgproofError):
            return False  # whoever asks next on that connection says it
        if session == self._session:
            return False
        self._session, self._known = session, {}
        return True

    def _find(self, query: Query, access: Access) -> Steps[Footprint]:
        known, declaration = self._known, read_declaration(query)
        try:
            catalog = (yield from self._find_catalog(declaration, access)) if declaration and declaration.ttl else ""
            footprint = replace((yield from fetch_footprint(query)), catalog=catalog)
        except SqlFileError:
            raise
        except (psycopg.Error, PgproofError) as error:
            why = f"the server did not say what it reads: {type(error).__name__}"
            self._say(query, (why,))
            harmless = read_names(parse(query.command.sql)[0]).plain and not (declaration and declaration.bumps)
            return Footprint(declaration, (), (), (why,), is_known=harmless)
        self._say(query, footprint.refusals)
        rests = _REST if footprint.refusals else float("inf")
        known[query.name] = footprint, self._clock() + rests  # which is out of use if the catalog has changed meanwhile
        return footprint

    def _say(self, query: Query, refusals: tuple[str, ...]) -> None:
        """Warn of what is new."""
        for refusal in refusals:
            if refusal not in self._said.get(query.name, ()):
                _LOG.warning("%s is not cached: %s", query.name, refusal)
        self._said[query.name] = refusals


def quote(name: str) -> str:
    """Return a name of a `-- cache:` line as the server reads names."""
    return sql.Identifier(*name.split(".")).as_string()


def _fetch_reads(names: Names, declaration: Declaration) -> Steps[tuple[tuple[str, ...], list[str]]]:
    """Return the names of watched tables that are read, and what is against keeping the result."""
    asked = {*names.reads, *map(quote, declaration.reads or ())}
    missing = yield from fetch_missing(asked - names.parts)
    relations = yield from fetch_relations((name, "read") for name in asked)
    functions = yield from fetch_functions(names.functions, relations)
    changing = yield from fetch_changing(names.functions)
    settings = yield Select(_SETTINGS, [list(_PLAIN)])
    refusals = [each.refusal for each in relations if each.refusal]
    refusals += [f"there is no table {name}" for name in missing]
    if declaration.reads is None:
        refusals += [f"what {name}() reads does not show; say reads=…" for name in functions]
    refusals += [f"{word} {CHANGES}" for word in (*sorted(names.changing), *(f"{f}()" for f in changing))]
    refusals += [f"{name} is {value}" for name, value in settings if not value.startswith(_PLAIN[name])]
    refusals += _refuse_kind(names)
    tags = tags_of(relations)
    if not tags and not refusals:
        refusals.append("it reads no table, so nothing would ever change it")
    return tags, refusals


def _refuse_kind(names: Names) -> Iterator[str]:
    if not names.plain:
        yield "it writes"
    elif names.kind != "SelectStmt":
        yield "it is no SELECT"
    if names.locks:
        yield "it locks rows, which a kept answer does not"
