"""A connection in, the views and defaults of its database out, and for a query: how they would read a later clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import tuple_row

from pgproof.contracts.variations.clock import functions, shift

if TYPE_CHECKING:
    from psycopg import Connection

# As statements that make them again, as they are. What is materialized or generated is immutable.
_DEFINITIONS = """
SELECT 'view', relname, format(
    'CREATE OR REPLACE VIEW %s%s AS %s', c.oid::regclass, ' WITH (' || array_to_string(reloptions, ', ') || ')',
    pg_get_viewdef(c.oid)
)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind = 'v' AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
UNION ALL
SELECT 'default', relname, format(
    'ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, attname, pg_get_expr(adbin, adrelid)
)
FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum JOIN pg_class AS c ON c.oid = adrelid
"""
_DEFAULTS = re.compile(r"\b(INSERT|MERGE|DEFAULT)\b", re.IGNORECASE)  # what a statement that uses one says


@dataclass(frozen=True)
class Definition:
    """A view, or the default of a column.

    Attributes:
        relation: the view's or the table's name, in small letters and without its schema.
        text: the statement that makes it.
        later: the same by a later clock; equal where it reads none.
    """

    kind: Literal["view", "default"]
    relation: str
    text: str
    later: str


def fetch_clockwork(connection: Connection[Any]) -> list[Definition]:
    """Read the views and defaults of a database; nothing where none of them reads the clock."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_DEFINITIONS).fetchall()
    found = [Definition(kind, name.lower(), text, shift(text)) for kind, name, text in rows]
    return found if any(each.later != each.text for each in found) else []


def put_forward(clockwork: list[Definition], sql: str) -> tuple[str, tuple[str, ...]]:
    """Return a query by a later clock, and the statements before it after which what it uses goes by that clock too.

    A name that only occurs in the text counts as used: to replace too much does no harm.
    """
    reached: list[Definition] = []
    texts = [sql.lower()]
    for text in texts:  # grows
        kinds = ("view", "default") if _DEFAULTS.search(sql) else ("view",)
        found = [each for each in clockwork if each.kind in kinds and each.relation in text and each not in reached]
        reached += found
        texts += [each.text.lower() for each in found if each.kind == "view"]
    later = shift(sql)
    replaced = tuple(each.later for each in reached if each.later != each.text)
    return later, (*functions(later, *replaced), *replaced)
