"""Queries in, the tables and columns that each reads and writes out: as the server resolves them, also through views.

Each query becomes the body of a function, in a transaction that is rolled back, and the server notes what that function
depends on. It does not say what is only written: that is read off the parse tree. What neither of them shows is what a
trigger, or a function whose body is a string, does to other tables.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row, tuple_row

from pgproof.contracts.impact.writes import read_writes
from pgproof.contracts.shapes.description import fetch_descriptions
from pgproof.queries.refusal import is_lost
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection

    from pgproof.contracts.session import Session
    from pgproof.contracts.shapes.description import Description
    from pgproof.queries import Query

_TYPES = """
SELECT coalesce(string_agg(format_type(oid, NULL), ', ' ORDER BY place), '')
FROM unnest(%s::oid[]) WITH ORDINALITY AS parameter (oid, place)
"""
REACH = """
WITH RECURSIVE reach (query, class, object, body, direct) AS (
    SELECT proname, 'pg_proc'::regclass, oid, prosqlbody::text, true FROM pg_proc
    WHERE pronamespace = pg_my_temp_schema() AND proname = ANY (%s)
    UNION
    SELECT query, next.class, next.object, next.body, false
    FROM reach
    JOIN pg_depend AS on_it ON on_it.classid = class AND on_it.objid = object AND deptype = 'n'
    JOIN LATERAL (
        SELECT 'pg_rewrite'::regclass, r.oid, r.ev_action::text FROM pg_rewrite AS r
        WHERE refclassid = 'pg_class'::regclass AND ev_class = refobjid
        UNION ALL
        SELECT 'pg_proc'::regclass, f.oid, f.prosqlbody::text FROM pg_proc AS f
        WHERE refclassid = 'pg_proc'::regclass AND f.oid = refobjid AND f.prosqlbody IS NOT NULL
    ) AS next (class, object, body) ON true
)"""
"""The functions that `installed` made, and the views and functions that they lead to, with the parse tree of each."""

# A whole row (`SELECT u FROM users AS u`) depends on no column in pg_depend; in the tree it is a Var of attribute 0.
_PLACES = """,
place (query, relation, attnum, direct) AS (
    SELECT query, refobjid, refobjsubid, direct
    FROM reach JOIN pg_depend ON classid = class AND objid = object AND deptype = 'n'
    WHERE refclassid = 'pg_class'::regclass AND refobjsubid >= 0
    UNION
    SELECT query, typrelid, attnum, direct
    FROM reach
    CROSS JOIN regexp_matches(body, ':varattno 0 :vartype (\\d+)', 'g') AS found (groups)
    JOIN pg_type AS whole ON whole.oid = groups[1]::oid
    JOIN pg_attribute ON attrelid = typrelid AND attnum > 0 AND NOT attisdropped
)
SELECT query, relation::regclass::text, coalesce(attname, ''), bool_or(direct), bool_or(NOT direct)
FROM place
JOIN pg_class AS c ON c.oid = relation AND relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_attribute AS a ON attrelid = relation AND a.attnum = place.attnum AND place.attnum > 0
GROUP BY 1, 2, 3
"""


class Place(NamedTuple):
    """A column, or a table as such; the relation's name as Postgres writes it: with its schema where that is needed."""

    relation: str
    column: str = ""

    def __str__(self) -> str:
        return f"{self.relation}.{self.column}" if self.column else self.relation


class _Found(NamedTuple):
    """How a query depends on a place: by its own text, through a view, or both."""

    direct: bool
    viewed: bool


@dataclass(frozen=True)
class Uses:
    """What a query touches; a table is in it beside its columns.

    Attributes:
        reads: also what a view that it names reads, whichever columns of the view it wants.
        writes: what INSERT, UPDATE, DELETE or MERGE name.
        direct: what its own text means, not only a view's.
        inserts: tables that it adds rows to.
    """

    reads: frozenset[Place] = field(repr=False)
    writes: frozenset[Place] = field(repr=False)
    direct: frozenset[Place] = field(repr=False)
    inserts: frozenset[str] = field(repr=False)

    @property
    def touches(self) -> frozenset[Place]:
        """What it reads or writes."""
        return self.reads | self.writes


@dataclass(frozen=True)
class Dependencies:
    """What each query touches, by its name; and why that is not known of the others."""

    by_query: Mapping[str, Uses]
    unseen: Mapping[str, str]


def fetch_dependencies(session: Session, queries: Iterable[Query]) -> Dependencies:
    """Ask the server what each query depends on.

    Raises:
        SqlFileError: a query cannot be sent at all.
        ServerUnavailable: the connection is lost.
    """
    connection = session.connection
    with installed(connection, queries) as (by_name, unseen):
        found = _fetch_found(connection, list(by_name))
        by_query = {query.name: _uses(connection, query, found[name]) for name, query in by_name.items()}
    return Dependencies(by_query, unseen)


@contextmanager
def installed(
    connection: Connection[Any], queries: Iterable[Query]
) -> Iterator[tuple[Mapping[str, Query], Mapping[str, str]]]:
    """Give the queries by the names of functions that stand for them meanwhile, and why there is none for the others.

    Raises:
        SqlFileError: a query cannot be sent at all.
        ServerUnavailable: the connection is lost.
    """
    asked = list(queries)
    descriptions = fetch_descriptions(connection, [query.command.sql for query in asked])
    by_name: dict[str, Query] = {}
    unseen: dict[str, str] = {}
    with connection.transaction(force_rollback=True):
        for number, (query, described) in enumerate(zip(asked, descriptions, strict=True)):
            name = f"depends_{number}"
            if error := _install(connection, name, query, described):
                unseen[query.name] = str(error).partition("\n")[0]
            else:
                by_name[name] = query
        yield by_name, unseen


def _install(
    connection: Connection[Any], name: str, query: Query, described: Description | psycopg.Error
) -> psycopg.Error | None:
    """Make a function of a query, among temporary objects, which anybody may make; return what is against it."""
    if isinstance(described, psycopg.Error):
        return described
    try:
        with connection.transaction(), connection.cursor(row_factory=scalar_row) as cursor:
            types = cursor.execute(_TYPES, [list(described.params)]).fetchone()
            head = f"CREATE FUNCTION pg_temp.{name} ({types}) RETURNS void LANGUAGE sql"
            cursor.execute(f"{head} BEGIN ATOMIC {query.command.sql}\n; END".encode())
    except psycopg.Error as error:
        if is_lost(error, connection):
            raise
        return error
    return None


def _fetch_found(connection: Connection[Any], names: list[str]) -> Mapping[str, Mapping[Place, _Found]]:
    by_name: dict[str, dict[Place, _Found]] = {name: {} for name in names}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for name, relation, column, direct, viewed in cursor.execute(REACH + _PLACES, [names]):
            by_name[name][Place(relation, column)] = _Found(direct, viewed)
    return by_name


def _uses(connection: Connection[Any], query: Query, found: Mapping[Place, _Found]) -> Uses:
    """Put together what the server found and what the text says is written.

    Of a table that is written the server also names columns that are only given a value, and with ON CONFLICT all of
    them: there, only what the text mentions is read.
    """
    writes, unread, inserts = set[Place](), set[Place](), set[str]()
    for write in read_writes(parse(query.command.sql)[0]):
        relation = _fetch_name(connection, write.table)
        own = {place for place in found if place.relation == relation}
        writes |= {Place(relation), *(Place(relation, column) for column in write.columns)}
        writes |= own if write.every else set()
        unread |= {place for place in own if not write.may_read(place.column)}
        inserts |= {relation} if write.inserts else set()
    reads = {place for place, how in found.items() if how.viewed or place not in unread}
    direct = {place for place, how in found.items() if how.direct and place not in unread} | writes
    return Uses(_with_tables(reads), frozenset(writes), _with_tables(direct), frozenset(inserts))


def _with_tables(places: set[Place]) -> frozenset[Place]:
    return frozenset(places | {Place(place.relation) for place in places})


def _fetch_name(connection: Connection[Any], table: tuple[str, ...]) -> str:
    """Return the name of a table as the server writes it, which the text may write in another way."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found = cursor.execute("SELECT to_regclass(%s)::text", [sql.Identifier(*table).as_string()]).fetchone()
    return str(found)
