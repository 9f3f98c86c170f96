"""A connection in, what a migration left behind out: indexes that serve nobody, promises not kept, ends in sight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgproof.pg.catalog import LEDGER_REGEX, fetch_pinned

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

_RULES = Path(__file__).with_name("sweep.sql")

# The rules cost as much as ten migrations, and a run on an empty database would pay it twice.
_ANYTHING = """
SELECT true FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p', 'm', 'S') AND relname !~ %s LIMIT 1
"""


@dataclass(frozen=True, order=True)
class SweepFinding:
    """One thing that hurts later: the rule, the object by its name, why it hurts and what to do."""

    rule: str
    object: str
    help: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.object}: {self.help}"


def fetch_findings(connection: Connection[Any]) -> list[SweepFinding]:
    """Return everything the sweep finds outside of extensions and the ledger, sorted."""
    if not connection.execute(_ANYTHING, [LEDGER_REGEX]).fetchone():
        return []
    return sorted(SweepFinding(*row) for row in fetch_pinned(connection, _RULES, {}))


def new_findings(before: Collection[SweepFinding], after: Collection[SweepFinding]) -> list[SweepFinding]:
    """Return what `after` holds and `before` did not, by rule and object: what one run has made."""
    known = {(finding.rule, finding.object) for finding in before}
    return [finding for finding in after if (finding.rule, finding.object) not in known]
