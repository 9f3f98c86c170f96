"""A connection to a clone in, the same rows in the opposite physical order out.

What a query leaves to chance then turns out otherwise. CLUSTER rewrites each table along an index over a number that
falls while the index is built. So no trigger fires and no constraint is checked, generated columns, identities,
partitions and materialized views are nothing special, what the planner knows stays, and no role but the owner's is
needed. Of all orders the opposite one changes most: each pair of rows changes places, where a shuffle leaves half of
them as they were.

What it cannot see: a result that is the same forwards and backwards, such as the middle one of three equals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.pg.catalog import INTERNAL_REGEX

if TYPE_CHECKING:
    from psycopg import Connection

# An index over no column is refused, as is one over some of those that are generated. Rows without columns are equal.
_TABLES = """
SELECT DISTINCT ON (nspname, relname) nspname, relname, attname,
    pg_has_role(relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = relnamespace
JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
WHERE relkind IN ('r', 'm') AND relpersistence <> 't' AND pg_relation_size(c.oid) > 0
    AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_') AND nspname || '.' || relname !~ %s
ORDER BY nspname, relname, attnum
"""

# Said to be immutable, or no index may use it; and costly, or CLUSTER sorts, and asks for the number of a row again.
_BEGIN = """
CREATE TEMP SEQUENCE pgproof_place;
GRANT USAGE ON SEQUENCE pg_temp.pgproof_place TO PUBLIC;
CREATE FUNCTION pg_temp.pgproof_place(anyelement) RETURNS bigint LANGUAGE sql IMMUTABLE COST 1e9
AS $$ SELECT -pg_catalog.nextval('pg_temp.pgproof_place') $$;
"""
_REVERSE = """
CREATE INDEX pgproof_place ON {table} (pg_temp.pgproof_place({column}));
CLUSTER {table} USING pgproof_place;
DROP INDEX {index};
"""
_END = "DROP FUNCTION pg_temp.pgproof_place; DROP SEQUENCE pg_temp.pgproof_place"


def scramble(connection: Connection[Any]) -> list[str]:
    """Turn the rows of every table round, and commit that; return the tables that our role may not turn.

    Args:
        connection: to a database that nobody else uses; in autocommit, outside of a transaction.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        tables = cursor.execute(_TABLES, [INTERNAL_REGEX]).fetchall()
    reversals = [_reverse(schema, name, column) for schema, name, column, ours in tables if ours]
    with connection.transaction():
        connection.execute(sql.SQL("").join([sql.SQL(_BEGIN), *reversals, sql.SQL(_END)]))
    return [f"{schema}.{name}" for schema, name, _, ours in tables if not ours]


def _reverse(schema: str, name: str, column: str) -> sql.Composed:
    return sql.SQL(_REVERSE).format(
        table=sql.Identifier(schema, name), column=sql.Identifier(column), index=sql.Identifier(schema, "pgproof_place")
    )
