"""Queries in, the migration that is missing for the cache out: the cache's schema, and a trigger for each table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import tuple_row

from pgproof.cache import watching
from pgproof.cache.declaration import read_declaration
from pgproof.cache.footprint import quote
from pgproof.cache.relations import fetch_relations
from pgproof.contracts.caching.lookup import look_up
from pgproof.contracts.caching.sources import fetch_sources
from pgproof.errors import PgproofError
from pgproof.migrations.new import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.contracts.session import Session
    from pgproof.queries import Query

_QUALIFIED = """
SELECT nspname || '.' || relname, to_regnamespace('pgproof_cache') IS NOT NULL
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE c.oid = ANY (%s::regclass[]) ORDER BY 1
"""
_WATCHABLE = ("r", "p")
_WHY = """\
The cache is told of writes: {tables}.

Each statement that writes to one of these tables adds a small row to pgproof_cache.writes, in its own transaction.
That changes the table's version, and whatever was kept at another version is not found any more."""


@dataclass(frozen=True)
class Unwatched:
    """What the cache misses in a database.

    Attributes:
        schema: its own schema is not there.
        tables: those that cached queries read and nobody watches, as `schema.table`.
    """

    schema: bool
    tables: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is missing."""
        return not self.tables

    def draft(self) -> tuple[str, Draft]:
        """Return the name of the migration, and its texts."""
        why = _WHY.format(tables=", ".join(self.tables))
        if self.schema:
            return "watch writes for the cache", Draft(why, watching.install(self.tables), watching.uninstall())
        names = [each.rpartition(".")[2] for each in self.tables]
        name = f"watch {' '.join(names)} for the cache" if len(names) < 4 else "watch more tables for the cache"  # noqa: PLR2004
        return name, Draft(why, watching.watch(self.tables), watching.unwatch(self.tables))


def fetch_unwatched(session: Session, queries: Sequence[Query]) -> Unwatched:
    """Look for what cached queries read, through views and partitions, and which of that nobody watches.

    Raises:
        SqlFileError: a `-- cache:` line cannot be read.
        PgproofError: no query has one; or the server does not say what one of them reads.
    """
    cached = [(each, line) for each in queries if (line := read_declaration(each)) and line.ttl]
    if not cached:
        hint = "write `-- cache: ttl=60s mode=strict` into the leading comment of one"
        raise PgproofError("no query is cached", hint=hint)
    sources, unseen = fetch_sources(session.connection, [each for each, _ in cached])
    for query, line in cached:
        if query.name in unseen:
            raise PgproofError(f"the server does not say what it reads: {unseen[query.name]}", at=line.at)
    declared = {quote(each) for _, line in cached for each in line.reads or ()}
    names = sorted({table for each in sources.values() for table in each.tables} | declared)
    relations = look_up(session.connection, fetch_relations((name, "read") for name in names))
    missing = [each.name for each in relations if each.kind in _WATCHABLE and not each.tag]
    with session.connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_QUALIFIED, [missing]).fetchall()
    return Unwatched(not any(there for _, there in found), tuple(name for name, _ in found))
