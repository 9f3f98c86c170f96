"""Watched tables in, a version of each out, which a commit that writes to it changes: from Postgres."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from pgproof.errors import PgproofError
from pgproof.queries.steps import Select

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pgproof.queries.steps import Steps

_VERSIONS = """
SELECT t.name, (t.version + coalesce(w.step, 0))::text, w.many
FROM pgproof_cache.tables AS t
CROSS JOIN LATERAL (
    SELECT sum(step) AS step, count(*) AS many FROM pgproof_cache.writes WHERE writes.name = t.name
) AS w
WHERE t.name = ANY ($1::text[]) AND NOT pg_is_in_recovery()
"""
QUERY = "query:"  # before the name of a query that can be flushed as a table can be written
CATALOG = "catalog"  # what migrations write to: names may mean other tables than before
COMPACT = "SELECT pgproof_cache.compact()"
_AT_MOST = 200  # rows to add up at each look; beyond that they are added up for good


def fetch_versions(names: Iterable[str]) -> Steps[Mapping[str, str]]:
    """Read versions as of now, in one statement, so at one moment; what is not watched is not in it.

    Raises:
        psycopg.Error, PgproofError: as the database does.
    """
    asked = list(names)
    found = yield Select(_VERSIONS, [asked])
    if any(many > _AT_MOST for _, _, many in found):
        yield from _compact()
    never_written = {name: "0" for name in asked if name.startswith(QUERY) or name == CATALOG}
    return never_written | {name: version for name, version, _ in found}


def _compact() -> Steps[None]:
    """Add up what was read row by row; where that is refused, as in a session that may only read, others do it."""
    with suppress(psycopg.Error, PgproofError):
        yield Select(COMPACT)
