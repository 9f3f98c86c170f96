"""Subjects in, what of their `-- cache:` lines does not hold out.

What the application will do (`pgproof.cache.footprint`) is held against what the server says and does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg.rows import tuple_row

from pgproof.cache.declaration import read_declaration
from pgproof.cache.footprint import CHANGES, fetch_footprint, quote
from pgproof.contracts.caching.lookup import look_up
from pgproof.contracts.caching.sources import fetch_sources, fetch_watched
from pgproof.contracts.caching.traces import fetch_traces
from pgproof.contracts.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from psycopg import Connection

    from pgproof.cache.declaration import Declaration
    from pgproof.cache.footprint import Footprint
    from pgproof.contracts.caching.sources import Sources
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject
    from pgproof.queries import Query

_REFUSED_HINT = "until then it is asked of the database each time: mend that, or leave the line out"
_CHANGING_HINT = "give it as a parameter, such as %(now)s, or leave the line out"
_NAMES = "SELECT coalesce(to_regclass(quoted)::text, name) FROM unnest(%s::text[], %s::text[]) AS said (quoted, name)"


def find_uncached(session: Session, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold the `-- cache:` lines; a query without one promises nothing.

    Raises:
        SqlFileError: a line cannot be read.
    """
    said = [(each, line) for each in subjects if (line := read_declaration(each.query))]
    if not said:
        return
    watched = fetch_watched(session.connection)
    sources, unseen = fetch_sources(session.connection, [each.query for each, line in said if line.ttl])
    for subject, line in said:
        query = subject.query
        if query.name in unseen:
            yield _find(
                query, line, f"the server does not say what it reads: {unseen[query.name]}", "leave the line out"
            )
        elif line.ttl:
            footprint = look_up(session.connection, fetch_footprint(query))
            yield from _judge_reads(session.connection, query, line, footprint, sources[query.name], watched)
        if line.bumps is not None:
            yield from _judge_bumps(session, subject, line, watched)


def _judge_reads(
    connection: Connection[Any],
    query: Query,
    line: Declaration,
    footprint: Footprint,
    sources: Sources,
    watched: Mapping[str, str],
) -> Iterator[Finding]:
    for why in footprint.refusals:
        if not (sources.changing and why.endswith(CHANGES)):  # which the server says more exactly
            yield _find(query, line, f"it is not cached: {why}", _REFUSED_HINT)
    for name in sources.changing:
        yield _find(query, line, f"it asks {name}, whose answer changes without a write", _CHANGING_HINT)
    if line.reads is None:
        for name in sorted(each for each in sources.tables if watched.get(each) not in {None, *footprint.reads}):
            yield _find(
                query,
                line,
                f"its text does not show that it reads {name}",
                f"say reads={','.join(sorted(sources.tables))}",
            )
        return
    declared = _fetch_names(connection, line.reads)
    found = sources.tables | (declared if sources.hidden else set())
    if declared != found:
        yield _find(query, line, _differ(declared, found, "reads"), f"write reads={','.join(sorted(found))}")


def _judge_bumps(
    session: Session, subject: Subject, line: Declaration, watched: Mapping[str, str]
) -> Iterator[Finding]:
    """Hold what it says that it writes to what its cases have left behind, and to what its text says."""
    connection, query = session.connection, subject.query
    silent = replace(query, text=_without_line(query.text, line))
    written = {*look_up(connection, fetch_footprint(silent)).writes, *fetch_traces(session, subject)}
    declared = _fetch_names(connection, line.bumps or ())
    for table in sorted(declared - set(watched)):
        yield _find(query, line, f"{table} is not watched, so no answer follows from it", "leave it out of bumps=")
    tables = {table for table, name in watched.items() if name in written}
    if declared & set(watched) != tables:
        what = _differ(declared & set(watched), tables, "writes")
        yield _find(query, line, what, f"write bumps={','.join(sorted(tables))}")


def _differ(declared: Collection[str], found: Collection[str], verb: str) -> str:
    more = [f"it {verb} {each}, which the line does not say" for each in sorted(set(found) - set(declared))]
    less = [f"it never {verb} {each}, which the line says" for each in sorted(set(declared) - set(found))]
    return "; ".join([*more, *less])


def _fetch_names(connection: Connection[Any], names: Collection[str]) -> set[str]:
    """Return tables of a line as the server writes their names."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return {name for (name,) in cursor.execute(_NAMES, [list(map(quote, names)), list(names)])}


def _without_line(text: str, line: Declaration) -> str:
    lines = text.split("\n")
    lines[(line.at.line or 1) - 1] = "--"
    return "\n".join(lines)


def _find(query: Query, line: Declaration, what: str, hint: str) -> Finding:
    return Finding("cache", query.name, "", line.at, what, hint)
