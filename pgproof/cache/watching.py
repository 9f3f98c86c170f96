"""Tables in, the SQL that has their writes noted out, and the SQL that undoes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgproof.sqltext import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = Path(__file__).with_name("schema.sql")
"""What the cache needs in a database before any table can be watched."""

# ALWAYS: who replays another server's rows, or loads many, often has triggers off, and changes results all the same.
_WATCH = """
INSERT INTO pgproof_cache.tables (name) VALUES ({name}) ON CONFLICT DO NOTHING;
CREATE TRIGGER pgproof_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write({name});
ALTER TABLE {table} ENABLE ALWAYS TRIGGER pgproof_cache;
"""
_UNWATCH = """
DROP TRIGGER pgproof_cache ON {table};
DELETE FROM pgproof_cache.writes WHERE name = {name};
DELETE FROM pgproof_cache.tables WHERE name = {name};
"""

# A database that the stock yoyo made has no repeatables; one that nobody migrates, no ledger.
WATCH_LEDGER = """
-- A migration, its way back or another view may change what any query gives, without a write to any table.
DO $$
BEGIN
    IF to_regclass('_yoyo_migration') IS NOT NULL THEN
        CREATE TRIGGER pgproof_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON _yoyo_migration
        FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_migration();
    END IF;
    IF to_regclass('_pgproof_repeatable') IS NOT NULL THEN
        CREATE TRIGGER pgproof_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON _pgproof_repeatable
        FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_migration();
    END IF;
END $$;
"""
"""What changes the versions of all tables in each transaction that writes to the ledger."""


def watch(tables: Iterable[str]) -> str:
    """Return the SQL that watches tables, named `schema.table`, unquoted; the name stays theirs if they are renamed."""
    return _fill(_WATCH, tables)


def unwatch(tables: Iterable[str]) -> str:
    """Return the SQL that undoes `watch`."""
    return _fill(_UNWATCH, tables)


def install(tables: Iterable[str]) -> str:
    """Return the SQL that makes the cache's schema, and watches the ledger and tables."""
    return f"{SCHEMA.read_text(encoding='utf-8')}{WATCH_LEDGER}\n{watch(tables)}"


def uninstall() -> str:
    """Return the SQL that undoes `install`: the triggers of all tables go with the functions that they call."""
    return "DROP SCHEMA pgproof_cache CASCADE;\n"


def _fill(text: str, tables: Iterable[str]) -> str:
    return "".join(
        sql.SQL(text).format(name=sql.Literal(table), table=sql.SQL(_quote(table))).as_string() for table in tables
    ).lstrip()


def _quote(table: str) -> Any:  # noqa: ANN401 - not a literal string, but one that is quoted
    """Return the name as the server would write it, in quotes where that is needed."""
    prefix = "SELECT FROM "
    return canonical(prefix + sql.Identifier(*table.split(".", 1)).as_string()).removeprefix(prefix)
