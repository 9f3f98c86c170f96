"""A connection to a database that is ours alone in, that database vacuumed and analysed out: as a budget wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from psycopg import Connection

# Never analysed; or written to since; or with pages that an index-only scan would have to look at.
_STALE = """
SELECT nspname, relname
FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind IN ('r', 'm', 'p') AND relpersistence <> 't'
    AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
    AND (reltuples < 0 OR pg_stat_get_mod_since_analyze(c.oid) + pg_stat_get_dead_tuples(c.oid) > 0
        OR (relkind <> 'p' AND pg_relation_size(c.oid) <> relallvisible * current_setting('block_size')::bigint))
ORDER BY c.oid
"""

# A session tells what it wrote some time after it did; this acts when its own transaction has ended.
_TELL = "SELECT pg_stat_force_next_flush()"

# Where commits do not wait for the disk, VACUUM finds no page all visible whose rows are not on it yet. That holds for
# what was committed around the same time too, as ANALYZE is: it comes after all of VACUUM. So does the lock that VACUUM
# takes to cut off the end of an empty table, where WAL is more than minimal: it cuts off nothing.
_SETTLE = """
BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'pgproof', ''); COMMIT
"""


def ensure_analysed(connection: Connection[Any]) -> list[str]:
    """Vacuum, freeze and analyse the tables that need it; return their names.

    The connection is in autocommit, and what it does is not rolled back. Cruddur's seeds take 30 ms, a
    look at what needs nothing one or two. Writes that were rolled back are a need as well: they leave dead rows.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_TELL)
        stale = cursor.execute(_STALE).fetchall()
        if stale:
            cursor.execute(_SETTLE)
            tables = sql.SQL(", ").join(sql.Identifier(*each) for each in stale)
            cursor.execute(sql.SQL("VACUUM (FREEZE, TRUNCATE off) {}").format(tables))
            cursor.execute(sql.SQL("ANALYZE {}").format(tables))
    return [table for _, table in stale]
