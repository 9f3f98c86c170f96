"""A report in, the same with every path as a person at the project's root types it out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.proof import Live

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.gate.finding import Finding
    from pgproof.gate.proof import Evidence, Proof, Report


def seen_from(root: Path, report: Report) -> Report:
    """Return the report with its paths seen from `root`; one that is not below it stays as it is."""
    return replace(report, proofs=tuple(_proof(root, each) for each in report.proofs))


def _proof(root: Path, proof: Proof) -> Proof:
    findings = tuple(_finding(root, each) for each in proof.findings)
    return replace(proof, findings=findings, evidence=_evidence(root, proof.evidence))


def _finding(root: Path, finding: Finding) -> Finding:
    """Shorten the server's and the reader's words as well, for they name files by the path that was opened."""
    return replace(
        finding,
        at=_place(root, finding.at),
        what=_text(root, finding.what),
        instead=_text(root, finding.instead),
        details=tuple(_text(root, each) for each in finding.details),
    )


def _evidence(root: Path, evidence: Evidence | None) -> Evidence | None:
    if not isinstance(evidence, Live):
        return evidence
    rehearsal, traffic = evidence.rehearsal, evidence.traffic
    statements = tuple(replace(each, at=_place(root, each.at)) for each in rehearsal.statements)
    ran = tuple(replace(each, at=_place(root, each.at)) for each in traffic.ran)
    waits = tuple(replace(each, at=each.at and _place(root, each.at)) for each in traffic.waits)
    seconds = {_text(root, place): each for place, each in evidence.seconds.items()}
    return Live(replace(rehearsal, statements=statements), replace(traffic, ran=ran, waits=waits), seconds)


def _place(root: Path, at: Location) -> Location:
    return Location(at.path.relative_to(root), at.line) if at.path.is_relative_to(root) else at


def _text(root: Path, text: str) -> str:
    return text.replace(f"{root.as_posix().rstrip('/')}/", "")
