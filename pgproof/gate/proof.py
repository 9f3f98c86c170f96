"""What a proof comes to: whether it held, what was found, and what was seen on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pgproof.gate.finding import Finding
    from pgproof.gate.measuring.rehearsal import Rehearsal
    from pgproof.gate.measuring.traffic import Traffic
    from pgproof.pg.catalog import Catalog

ProofName = Literal["history", "schema", "release", "way back", "live", "plans", "order", "crashes", "rules"]
Condition = Literal["held", "broken", "not applicable"]


FATAL = frozenset(("PG000", "PG001", "PG002", "PG003", "PG004", "PG005", "PG006", "PG101"))
"""What leaves every further proof nothing to stand on; nobody can allow it."""


@dataclass(frozen=True)
class SchemaChange:
    """What the change does to the schema; evidence of the proof `schema`."""

    before: Catalog
    after: Catalog


@dataclass(frozen=True)
class Live:
    """What the change does to a live server; evidence of the proof `live`.

    Attributes:
        rehearsal: alone, statement by statement.
        traffic: with clients at work.
        seconds: what a statement's part that grows with a table may take in production, by `path:line`; an estimate.
    """

    rehearsal: Rehearsal
    traffic: Traffic
    seconds: dict[str, float] = field(default_factory=dict)


Evidence: TypeAlias = "SchemaChange | Live"


@dataclass(frozen=True)
class Outcome:
    """What one proof function gives.

    Attributes:
        findings: in any order.
        note: what was held or looked at, in a line: `30 queries, 263 cases, in 3 steps`.
        not_applicable: why there was nothing to prove; empty where there was.
    """

    findings: tuple[Finding, ...] = ()
    note: str = ""
    not_applicable: str = ""
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Proof:
    """One proof with its name, its findings in order, and the seconds that it took."""

    name: ProofName
    title: str
    findings: tuple[Finding, ...]
    note: str
    not_applicable: str
    evidence: Evidence | None
    took: float

    @property
    def condition(self) -> Condition:
        """Whether it held."""
        if any(each.severity == "error" for each in self.findings):
            return "broken"
        return "not applicable" if self.not_applicable else "held"


@dataclass(frozen=True)
class Report:
    """All proofs of one change, in their order.

    Attributes:
        base: what was compared with, for a person.
        head: what was judged.
        new: ids of the new migrations and changed repeatables.
        server: what it was judged on: `PostgreSQL 18.6, embedded, in memory`.
    """

    base: str
    head: str
    new: tuple[str, ...]
    proofs: tuple[Proof, ...]
    server: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of their proofs."""
        return tuple(each for proof in self.proofs for each in proof.findings)

    @property
    def is_broken(self) -> bool:
        """Whether the change may not merge."""
        return any(each.condition == "broken" for each in self.proofs)

    def evidence(self, kind: type[Evidence]) -> Evidence | None:
        """Return what a proof has seen, where it has."""
        return next((each.evidence for each in self.proofs if isinstance(each.evidence, kind)), None)
