"""Names in a query in, the watched tables behind them out, and what is against keeping what is read of the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.queries.steps import Select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.queries.steps import Steps

_MISSING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL"

# Functions of the database's own, called by name ($1) or behind a view: those in C know of no table.
_FUNCTIONS = """
SELECT DISTINCT p.proname FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace <> 'pg_catalog'::regnamespace AND p.provolatile <> 'i' AND l.lanname NOT IN ('internal', 'c')
  AND (
      p.proname = ANY ($1::text[])
      OR p.oid IN (
          SELECT d.refobjid FROM pg_rewrite AS r
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
          WHERE d.refclassid = 'pg_proc'::regclass AND r.ev_class = ANY ($2::text[]::regclass[])
      )
  )
ORDER BY 1
"""
# Functions of Postgres's own that give something else each time, or each transaction; a lock gives nothing.
_CHANGING = """
SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
  AND proname = ANY ($1::text[]) AND prorettype <> 'void'::regtype
GROUP BY proname
HAVING bool_and(provolatile = 'v') OR proname IN ('now', 'transaction_timestamp', 'statement_timestamp')
ORDER BY 1
"""
_UNSEEN = {
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "temporary": "temporary",
    "subscribed": "replicated from elsewhere, which fires no trigger of a statement",
    "system": "of the system",
}
_VIEW = "v"


@dataclass(frozen=True)
class Relation:
    """A relation behind a name.

    Attributes:
        name: as the server says it in this session.
        kind: `pg_class.relkind`, `temporary`, `subscribed` or `system`.
        is_secured: it has row security.
        tag: the name that its writes are noted under, if they are.
    """

    name: str
    kind: str
    is_secured: bool
    tag: str | None

    @property
    def refusal(self) -> str:
        """Why what is read of it cannot be kept; empty if it can."""
        if self.kind in _UNSEEN:
            return f"{self.name} is {_UNSEEN[self.kind]}, whose changes nobody notes"
        if self.is_secured:
            return f"{self.name} has row security: what is read of it may depend on who reads"
        if self.tag or self.kind == _VIEW:
            return ""
        return f"{self.name} is not watched; `inv cache.init` writes the migration for it"


def fetch_relations(names: Iterable[tuple[str, str]]) -> Steps[list[Relation]]:
    """Return all that is behind names, through views, rules, partitions, and foreign keys that go on with a write.

    Args:
        names: as they stand in SQL, each with what is done to it: an `Effect`, or `read`.
    """
    if not (asked := sorted(names)):
        return []
    found = yield Select(_resolve(), [[name for name, _ in asked], [effect for _, effect in asked]])
    return [Relation(*row) for row in found]


def fetch_missing(names: Iterable[str]) -> Steps[list[str]]:
    """Return those names that no relation has."""
    return [name for (name,) in (yield Select(_MISSING, [sorted(names)]))]


def fetch_functions(names: Iterable[str], relations: Iterable[Relation]) -> Steps[list[str]]:
    """Return functions, of those called by these names and behind these views, that may read tables unseen."""
    views = [each.name for each in relations if each.kind == _VIEW]
    return [name for (name,) in (yield Select(_FUNCTIONS, [sorted(names), views]))]


def fetch_changing(names: Iterable[str]) -> Steps[list[str]]:
    """Return functions, of those called by these names, whose value changes without a write."""
    if not (asked := sorted(names)):
        return []
    return [name for (name,) in (yield Select(_CHANGING, [asked]))]


def tags_of(relations: Iterable[Relation]) -> tuple[str, ...]:
    """Return the names that writes to relations are noted under."""
    return tuple(sorted({each.tag for each in relations if each.tag}))


@cache
def _resolve() -> str:
    return Path(__file__).with_name("relations.sql").read_text(encoding="utf-8")
