"""A cursor and tables in, a load that no trigger and no index slows down out; then everything is as it was."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Cursor
    from psycopg.rows import TupleRow

# Nested loops and merges are for plans that have statistics; and rows come in one order only from one process.
_PIN = """
SELECT set_config(name, value, true) FROM (VALUES
    ('synchronous_commit', 'off'), ('work_mem', '256MB'), ('maintenance_work_mem', '512MB'), ('jit', 'off'),
    ('enable_nestloop', 'off'), ('enable_mergejoin', 'off'), ('max_parallel_workers_per_gather', '0'),
    ('synchronize_seqscans', 'off'), ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('lc_monetary', 'C'), ('row_security', 'off'),
    ('statement_timeout', '0'), ('lock_timeout', '0')
) AS pin (name, value)
"""
_SUPERUSER = "SELECT current_setting('is_superuser') = 'on'"
_INDEXES = """
SELECT i.indexrelid, nspname, c.relname
FROM pg_index AS i INNER JOIN pg_class AS c ON c.oid = i.indexrelid INNER JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE c.relkind = 'i' AND indisvalid AND indisready AND i.indrelid IN (
    SELECT %(table)s::oid UNION ALL SELECT relid FROM pg_partition_tree(%(table)s::oid::regclass)
) ORDER BY i.indexrelid
"""
_SET_ASIDE = "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = ANY(%s)"

# A key's numbers come from a sequence that is its own, or that its default names.
_SEQUENCES = """
SELECT DISTINCT s.oid::regclass::text, t.oid::regclass::text, attname FROM pg_depend AS d
LEFT JOIN pg_attrdef AS a ON classid = 'pg_attrdef'::regclass AND a.oid = objid
INNER JOIN pg_class AS s ON s.relkind = 'S' AND s.oid = CASE WHEN a.oid IS NULL THEN objid ELSE refobjid END
INNER JOIN pg_class AS t ON t.relkind IN ('r', 'p') AND t.oid = coalesce(adrelid, refobjid)
INNER JOIN pg_sequence ON seqrelid = s.oid AND seqincrement > 0
INNER JOIN pg_attribute ON attrelid = t.oid AND attnum = coalesce(adnum::int, refobjsubid) AND attnum > 0
WHERE classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass)
ORDER BY 1, 2, 3
"""
_ADVANCE = """
SELECT setval({name}, max({column})::bigint) FROM {table} HAVING max({column}) > (SELECT last_value FROM {sequence})
"""
_MATERIALIZED = """
SELECT nspname, relname FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind = 'm' AND relispopulated ORDER BY c.oid
"""

# Many rows that are joined with many may be more than anybody wants to wait for.
_PATIENCE = "SELECT set_config('statement_timeout', '20s', true)"


def pin(cursor: Cursor[TupleRow]) -> None:
    """Pin what decides how values are printed, and in which order rows come, until the transaction ends."""
    cursor.execute(_PIN)


def become_replica(cursor: Cursor[TupleRow]) -> bool:
    """Let no trigger fire until the transaction ends; return whether we may do so, and whatever else we like."""
    (superuser,) = cursor.execute(_SUPERUSER).fetchone() or (False,)
    if superuser:
        cursor.execute("SET LOCAL session_replication_role = replica")
    return bool(superuser)


@contextmanager
def indexes_aside(cursor: Cursor[TupleRow], table: int) -> Iterator[None]:
    """Let a table have no index for a while, and build them all afterwards; that takes a third of the time.

    Dropped and made again, an index would lose its comment, its statistics target, what depends on it. So it stays, and
    is only said not to be ready: REINDEX says that it is.

    Raises:
        psycopg.errors.UniqueViolation: rows are there twice.
    """
    found = cursor.execute(_INDEXES, {"table": table}).fetchall()
    cursor.execute(_SET_ASIDE, [[oid for oid, *_ in found]])
    yield
    for _, *name in found:
        cursor.execute(sql.SQL("REINDEX INDEX {}").format(sql.Identifier(*name)))


def advance_sequences(cursor: Cursor[TupleRow]) -> None:
    """Let sequences go on after the numbers that are there, where that is in their range."""
    for sequence, table, column in cursor.execute(_SEQUENCES).fetchall():
        query = sql.SQL(_ADVANCE).format(
            name=sequence, column=sql.Identifier(column), table=sql.SQL(table), sequence=sql.SQL(sequence)
        )
        with suppress(psycopg.errors.NumericValueOutOfRange), cursor.connection.transaction():
            cursor.execute(query)


def refresh_views(cursor: Cursor[TupleRow]) -> dict[str, str]:
    """Bring materialized views up to date; return those that are not, and why."""
    left: dict[str, str] = {}
    for name in cursor.execute(_MATERIALIZED).fetchall():
        try:
            with cursor.connection.transaction():
                cursor.execute(_PATIENCE)
                cursor.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(*name)))
        except psycopg.Error as error:
            left[".".join(name)] = f"not refreshed: {error.diag.message_primary}"
    return left
