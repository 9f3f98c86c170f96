"""Tables in, the SQL that has their writes noted out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = Path(__file__).with_name("schema.sql")
"""What the cache needs in a database before any table can be watched."""

_WATCH = """
INSERT INTO pgproof_cache.tables (name) VALUES ({name});
CREATE TRIGGER pgproof_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write({name});
"""


def watch(tables: Iterable[str]) -> str:
    """Return the SQL that watches tables, named `schema.table`, unquoted; the name stays theirs if they are renamed."""
    return "".join(_watch(table) for table in tables).lstrip()


def _watch(table: str) -> str:
    names = {"name": sql.Literal(table), "table": sql.Identifier(*table.split("."))}
    return sql.SQL(_WATCH).format(**names).as_string()
