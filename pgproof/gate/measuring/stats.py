"""Production's sizes: a read-only connection in, a file out; the file in, rows by table out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from pgproof.errors import Location, SettingsError
from pgproof.pg.catalog import INTERNAL_REGEX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

_FORMAT = 1
_HINT = "`inv gate.stats --target=prod --out=FILE` writes one"

# What the server knows without a look at any row. A table that nobody has analysed has -1 rows.
_SIZES = """
SELECT n.nspname || '.' || c.relname AS table, nullif(c.reltuples, -1)::bigint AS rows, c.relpages AS pages
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
  AND n.nspname || '.' || c.relname !~ %s
ORDER BY 1
"""


@dataclass(frozen=True)
class Size:
    """How large a table is, by the server's own estimate; `rows` is None where nobody has analysed it."""

    table: str
    rows: int | None
    pages: int


def fetch_sizes(connection: Connection[Any]) -> list[Size]:
    """Return the size of each table, in one transaction that may not write; no row is read."""
    with connection.transaction(), connection.cursor(row_factory=class_row(Size)) as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        return cursor.execute(_SIZES, [INTERNAL_REGEX]).fetchall()


def render_stats(sizes: Sequence[Size]) -> str:
    """Return them as text to commit: JSON, a table a line, so that a difference reads as tables."""
    lines = [f"    {json.dumps(each.table)}: {json.dumps({'rows': each.rows, 'pages': each.pages})}" for each in sizes]
    tables = "{\n" + ",\n".join(lines) + "\n  }" if lines else "{}"
    return f'{{\n  "format": {_FORMAT},\n  "tables": {tables}\n}}\n'


def read_stats(path: Path) -> Mapping[str, int]:
    """Return the rows of each table, by `schema.table`.

    Raises:
        SettingsError: the file is not what `gate.stats` writes.
    """
    at = Location(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"it cannot be read: {error.strerror}", at=at, hint=_HINT) from error
    except ValueError as error:
        raise SettingsError(f"it is not JSON: {error}", at=at, hint=_HINT) from error
    try:
        rows = {table: each["rows"] for table, each in found["tables"].items() if each["rows"] is not None}
        is_ours = found["format"] == _FORMAT and all(type(number) is int for number in rows.values())
    except (AttributeError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise SettingsError("it is not a file of sizes", at=at, hint=_HINT)
    return rows
