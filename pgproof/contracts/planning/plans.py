"""Calls in, the plans that the server makes for them out; with where they do not keep what the query promises.

A call is planned with its values, as the server plans it when an application sends it. What runs inside functions
and triggers is no part of a plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.contracts.planning.plantree import Plan, parse_plan
from pgproof.contracts.planning.verdict import Plans, find_broken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from pgproof.contracts.answer import Answer, Call, Refusal
    from pgproof.contracts.finding import Finding
    from pgproof.contracts.planning.promise import Promise
    from pgproof.contracts.session import Session
    from pgproof.queries import Query

# VERBOSE, because only so is each column written with the name of its table.
_EXPLAIN = b"EXPLAIN (VERBOSE, FORMAT JSON) "
_ANALYZE = b"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, VERBOSE, FORMAT JSON) "

# Without them a table is read by an index, and only those of its rows that the index finds, if any index can do that.
_AVOIDED = """
SELECT set_config(name, 'off', true)
FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) AS setting (name)
"""

# Of a row or two the planner may as well read all, by an index too. A table that was never looked at counts ten pages.
# Only a superuser may make it forget; another one's promises are judged by the rows that there are.
_FORGET = """
DO $$ BEGIN
    UPDATE pg_class SET reltuples = -1
    WHERE relkind IN ('r', 'm') AND relpages < 10 AND reltuples >= 0 AND relnamespace NOT IN (
        SELECT oid FROM pg_namespace WHERE nspname = 'information_schema' OR starts_with(nspname, 'pg_')
    );
EXCEPTION WHEN insufficient_privilege THEN
END $$
"""

# A plan names partitions and heirs, a promise their parent.
_HEIRS = """
WITH RECURSIVE heirs AS (
    SELECT name, to_regclass(quoted)::oid AS oid FROM unnest(%s::text[], %s::text[]) AS asked (name, quoted)
    UNION
    SELECT name, inhrelid FROM heirs INNER JOIN pg_inherits ON inhparent = oid
)
SELECT name, nspname || '.' || relname
FROM heirs INNER JOIN pg_class AS c USING (oid) INNER JOIN pg_namespace AS n ON n.oid = relnamespace
"""
_INDEXES = """
SELECT c.relname, indpred IS NOT NULL, attname
FROM pg_index INNER JOIN pg_class AS c ON c.oid = indexrelid INNER JOIN pg_am AS a ON a.oid = relam
LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] AND amname = 'btree'
"""


def fetch_plan(session: Session, call: Call, *, analyze: bool, before: Sequence[str] = ()) -> Plan | Refusal:
    """Return the plan of a call; `analyze` executes it, in a transaction that is rolled back."""
    return fetch_plans(session, {"": call}, analyze=analyze, before=before)[""]


def fetch_plans(
    session: Session, calls: Mapping[str, Call], *, analyze: bool, before: Sequence[str] = ()
) -> dict[str, Plan | Refusal]:
    """Return the plan of each call, or the server's no."""
    explain = _ANALYZE if analyze else _EXPLAIN
    asked = [replace(each, sql=explain + each.sql) for each in calls.values()]
    return dict(zip(calls, map(_plan, session.ask(asked, before=before)), strict=True))


def fetch_promised(
    session: Session, promise: Promise, calls: Mapping[str, Call], *, before: Sequence[str] = ()
) -> Plans:
    """Return the plans that a promise speaks of, on a database that `scaling` has prepared."""
    forced = (
        fetch_plans(session, calls, analyze=False, before=[*before, _FORGET, _AVOIDED]) if promise.index_for else {}
    )
    run = fetch_plans(session, calls, analyze=True, before=before) if promise.buffers else {}
    tables = _fetch_tables(session.connection, promise.index_for)
    return Plans(forced, run, tables, *_fetch_indexes(session.connection))


def fetch_plan_findings(
    session: Session, query: Query, promise: Promise, calls: Mapping[str, Call], *, before: Sequence[str] = ()
) -> list[Finding]:
    """Return what the calls, by the names of their cases, do not keep of what their query promises of its plans."""
    return find_broken(query, promise, fetch_promised(session, promise, calls, before=before))


def _plan(answer: Answer) -> Plan | Refusal:
    return answer.refusal or parse_plan((answer.rows[0][0] or b"").decode(errors="surrogateescape"))


def _fetch_tables(connection: Connection[Any], tables: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return how a plan may name each table: by its alias, which the promise may have, or as itself or an heir."""
    quoted = [sql.Identifier(*table.split(".")).as_string() for table in tables]
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_HEIRS, [list(tables), quoted]).fetchall() if tables else []
    return {table: frozenset((table, *(heir for name, heir in rows if name == table))) for table in tables}


def _fetch_indexes(connection: Connection[Any]) -> tuple[frozenset[str], dict[str, str]]:
    """Return the partial ones, and the first column of each b-tree that begins with one."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_INDEXES).fetchall()
    return frozenset(name for name, partial, _ in rows if partial), {name: first for name, _, first in rows if first}
