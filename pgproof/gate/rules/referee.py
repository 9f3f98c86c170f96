"""A rule of squawk or of ours in, who has the last word on it out: the proofs that measure what it only guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.gate.proof import ProofName


@dataclass(frozen=True)
class Referee:
    """Who judges a rule's warning.

    Attributes:
        proofs: those that must have looked; the warning is disproved where they found nothing of `confirm`.
        confirm: ids of the findings that say the same, or how they begin.
        clear: what is so where there is none of them; empty for what was measured of the statement.
        loses: rows are certainly lost, unless a proof has shown that they are not.
    """

    proofs: tuple[ProofName, ...]
    confirm: tuple[str, ...]
    clear: str = ""
    loses: bool = False


# What it does while it runs, to those who wait for it.
_LIVE = Referee(("live",), ("PG4",))
# The same; and what it gives is another thing to those who read it.
_LIVE_AND_READERS = Referee(("live",), ("PG4", "PG201", "PG202", "PG203", "PG204", "PG205"))
_READERS = Referee(
    ("release",),
    ("PG201", "PG202", "PG203", "PG204", "PG205", "PG209", "PG210", "PG303", "PG304"),
    "no contract of the running release breaks by it",
)
_ROWS = Referee(("way back",), ("PG303", "PG304"), "no row that was there before is lost", loses=True)
_NOBODY = Referee((), ())
_NOBODY_AND_LOSES = Referee((), (), loses=True)

REFEREES: Mapping[str, Referee] = {
    "adding-field-with-default": _LIVE,
    "adding-foreign-key-constraint": _LIVE,
    "adding-not-nullable-field": _LIVE_AND_READERS,
    "adding-serial-primary-key-field": _LIVE,
    "ban-alter-domain-with-add-constraint": _LIVE,
    "changing-column-type": _LIVE_AND_READERS,
    "constraint-missing-not-valid": _LIVE,
    "disallowed-unique-constraint": _LIVE,
    "prefer-repack": _LIVE,
    "require-concurrent-index-creation": _LIVE,
    "require-concurrent-index-deletion": _LIVE,
    "require-concurrent-partition-detach": _LIVE,
    "require-concurrent-reindex": _LIVE,
    "without-where": _LIVE,
    "adding-required-field": _READERS,
    "ban-alter-generated-expression": _READERS,
    "ban-alter-identity": _READERS,
    "ban-alter-row-level-security": _READERS,
    "ban-create-policy": _READERS,
    "ban-disable-trigger": _READERS,
    "ban-drop-column": _READERS,
    "ban-drop-constraint": _READERS,
    "ban-drop-default": _READERS,
    "ban-drop-domain": _READERS,
    "ban-drop-extension": _READERS,
    "ban-drop-function": _READERS,
    "ban-drop-generated-expression": _READERS,
    "ban-drop-index": _READERS,
    "ban-drop-not-null": _READERS,
    "ban-drop-policy": _READERS,
    "ban-drop-schema": _READERS,
    "ban-drop-sequence": _READERS,
    "ban-drop-table": _READERS,
    "ban-drop-trigger": _READERS,
    "ban-drop-type": _READERS,
    "ban-drop-view": _READERS,
    "ban-new-write-restriction": _READERS,
    "ban-replace-view-function": _READERS,
    "ban-revoke": _READERS,
    "ban-set-default": _READERS,
    "ban-set-schema": _READERS,
    "renaming-column": _READERS,
    "renaming-object": _READERS,
    "renaming-table": _READERS,
    "ban-truncate-cascade": _ROWS,
    "ban-drop-database": _NOBODY_AND_LOSES,
}
"""Rules that a proof can judge; of the others, squawk's newest and those of style, a person is the judge."""

MOOT: Mapping[str, str] = {
    "prefer-robust-stmts": "a killed run goes on where it was, which the proof `crashes` holds",
    "ban-concurrent-index-creation-in-transaction": "Postgres refuses it itself, so the proof `schema` tells it",
    "ban-duplicate-column-assignments": "Postgres refuses it itself, so the proof `schema` tells it",
    "transaction-nesting": "the runner refuses a migration that begins or ends a transaction",
    "ban-uncommitted-transaction": "the runner refuses a migration that begins or ends a transaction",
    "require-lock-timeout": "the runner sets one, and the proof `live` looks whether it holds",
    "require-statement-timeout": "the runner sets one where a project wants it",
    "require-timeout-settings": "the runner sets them",
    "unused-ignore": "`inv lint` tells it",
    "bad-ignore": "`inv lint` tells it",
}
"""Rules that say nothing of a change, and why."""


def find_referee(rule: str) -> Referee:
    """Return who judges a rule; nobody but a person where no proof can."""
    return REFEREES.get(rule, _NOBODY)
