"""Queries in, what their answers follow from out: tables and functions, also behind views, as the server sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.contracts.impact.dependencies import REACH, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection

    from pgproof.queries import Query

# In a parse tree CURRENT_DATE to LOCALTIMESTAMP(n) are 0 to 8, SESSION_USER is 12. What a function does whose body the
# server keeps as text nobody sees; one that is IMMUTABLE has promised to read nothing, and one in C knows no table.
_SOURCES = r"""
SELECT DISTINCT query, 'table', c.oid::regclass::text
FROM reach
JOIN pg_depend ON classid = class AND objid = object AND deptype = 'n' AND refclassid = 'pg_class'::regclass
JOIN pg_class AS c ON c.oid = refobjid AND c.relkind IN ('r', 'p', 'm', 'f')
UNION
SELECT query, CASE
    WHEN provolatile = 'v' THEN 'changing'
    WHEN p.oid >= 16384 THEN
        CASE WHEN provolatile = 's' AND prosqlbody IS NULL AND lanname NOT IN ('c', 'internal') THEN 'hidden' END
    WHEN provolatile = 's' AND (
        proname ~ '^(now|(transaction|statement)_timestamp|current_setting|(session|system)_user|version|mxid_age)$'
        OR proname ~ '^(pg_|has_.*_privilege$|txid_|inet_(client|server)_|(database|schema|table)_to_xml|row_security)'
        OR proname ~ '^(col|obj|shobj)_description$' OR (proname = 'age' AND pronargs = 1)
    ) AND proname <> 'pg_typeof' THEN 'changing'
    END, p.oid::regprocedure::text
FROM reach
CROSS JOIN LATERAL regexp_matches(body, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS called (oid)
JOIN pg_proc AS p ON p.oid = called.oid[1]::oid
JOIN pg_language AS l ON l.oid = prolang
UNION
SELECT query, 'changing', 'TABLESAMPLE' FROM reach WHERE body LIKE '%%{TABLESAMPLECLAUSE %%'
UNION
SELECT query, 'changing', CASE word.op[1]::int WHEN 12 THEN 'SESSION_USER' ELSE 'the clock' END
FROM reach
CROSS JOIN LATERAL regexp_matches(body, 'SQLVALUEFUNCTION :op (\d+)', 'g') AS word (op)
WHERE word.op[1]::int <= 8 OR word.op[1]::int = 12
ORDER BY 1, 2, 3
"""

_WATCHED = """
SELECT tgrelid::regclass::text, convert_from(substring(tgargs FOR length(tgargs) - 1), getdatabaseencoding())
FROM pg_trigger JOIN pg_proc AS p ON p.oid = tgfoid
WHERE proname = 'note_write' AND pronamespace = to_regnamespace('pgproof_cache') AND tgenabled IN ('O', 'A')
"""


@dataclass(frozen=True)
class Sources:
    """What an answer follows from.

    Attributes:
        tables: also behind views and in functions whose bodies the server has parsed.
        changing: functions whose value changes without a write, or follows from who asks.
        hidden: functions that may read what nobody sees.
    """

    tables: frozenset[str]
    changing: tuple[str, ...]
    hidden: tuple[str, ...]


def fetch_sources(
    connection: Connection[Any], queries: Iterable[Query]
) -> tuple[Mapping[str, Sources], Mapping[str, str]]:
    """Return what each query's answer follows from, by its name; and why that is not known of the others."""
    with installed(connection, queries) as (by_name, unseen), connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute((REACH + _SOURCES).encode(), [list(by_name)]).fetchall()
        return {query.name: _sources(name, rows) for name, query in by_name.items()}, unseen


def fetch_watched(connection: Connection[Any]) -> Mapping[str, str]:
    """Return under which name the writes to each watched table are noted."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(_WATCHED).fetchall())


def _sources(name: str, rows: Iterable[tuple[str, str | None, str]]) -> Sources:
    found = [(kind, about) for function, kind, about in rows if function == name]

    def of(kind: str) -> tuple[str, ...]:
        return tuple(about for each, about in found if each == kind)

    return Sources(frozenset(of("table")), of("changing"), of("hidden"))
