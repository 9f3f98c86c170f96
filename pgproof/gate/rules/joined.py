"""Warnings of rules, measured statements and earlier proofs in, what they say together out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pgproof.figures import lock_mode
from pgproof.gate.rules.referee import MOOT, find_referee

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.errors import Location
    from pgproof.gate.finding import Finding
    from pgproof.gate.measuring.measured import Lock, Measured
    from pgproof.gate.proof import Proof
    from pgproof.gate.rules.referee import Referee
    from pgproof.lint import Finding as Warned

Verdict = Literal["moot", "confirmed", "disproved", "open"]


@dataclass(frozen=True)
class Joined:
    """A warning of a rule, and what came of it.

    Attributes:
        statement: that it is about; None where none was measured there.
        verdict: `open` where no proof can judge it.
        why: what disproves it.
    """

    warned: Warned
    statement: Measured | None
    verdict: Verdict
    why: str = ""


def join(warnings: Sequence[Warned], statements: Sequence[Measured], proofs: Sequence[Proof]) -> list[Joined]:
    """Judge each warning by what was measured of its statement, and by what the proofs before found of it.

    Args:
        warnings: their paths are whole ones.
        statements: all that were measured.
        proofs: those that were made before.
    """
    return [_judge(each, find_statement(each.at, statements), statements, proofs) for each in warnings]


def find_unspoken(joined: Sequence[Joined], statements: Sequence[Measured], proofs: Sequence[Proof]) -> list[Finding]:
    """Return the hazards at statements of which no rule has said anything."""
    spoken = {each.statement.at for each in joined if each.statement and each.verdict != "moot"}
    hazards = [each for proof in proofs if proof.name == "live" for each in proof.findings if _is_hazard(each)]
    places = [(each, find_statement(each.at, statements)) for each in hazards]
    return [each for each, statement in places if statement is None or statement.at not in spoken]


def find_statement(at: Location, statements: Sequence[Measured]) -> Measured | None:
    """Return the statement that a place is in."""
    for each in statements:
        first = each.at.line or 1
        if each.at.path == at.path and first <= (at.line or 1) <= first + each.text.count("\n"):
            return each
    return None


def describe(statement: Measured) -> str:
    """Say what a statement was seen to do, in facts that are the same each time."""
    work = list(statement.said)
    for verb, counts in (("read", statement.scanned), ("written", statement.written)):
        work += [f"{count} rows of {table} {verb}" for table, count in sorted(counts.items()) if count]
    locks = sorted({f"{lock_mode(each.mode)} on {each.relation}" for each in statement.locks if _is_felt(each)})
    held = f"{', '.join(locks)} for a moment" if locks else "no lock that anybody waits for"
    return f"{', '.join(work) or 'no rewrite, no scan, no index built'}; {held}"


def _judge(
    warned: Warned, statement: Measured | None, statements: Sequence[Measured], proofs: Sequence[Proof]
) -> Joined:
    if warned.rule in MOOT:
        return Joined(warned, statement, "moot")
    referee = find_referee(warned.rule)
    if any(_confirms(each, referee, statement, statements) for proof in proofs for each in proof.findings):
        return Joined(warned, statement, "confirmed")
    looked = {proof.name for proof in proofs if not proof.not_applicable}
    if statement is None or not referee.proofs or not looked.issuperset(referee.proofs):
        return Joined(warned, statement, "open")
    return Joined(warned, statement, "disproved", referee.clear or describe(statement))


def _confirms(finding: Finding, referee: Referee, statement: Measured | None, statements: Sequence[Measured]) -> bool:
    """Whether a finding says the same as a rule; one that points to no statement may be about any."""
    if not finding.kind.id.startswith(referee.confirm):
        return False
    place = find_statement(finding.at, statements)
    return place is None or place == statement


def _is_hazard(finding: Finding) -> bool:
    return finding.kind.severity != "note"


def _is_felt(lock: Lock) -> bool:
    return bool(lock.blocks) and lock.was_there
