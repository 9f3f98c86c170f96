"""A report in, the same with what a person allows marked as such: `-- allow: PG401 because …` on the statement.

An allow is about findings in its own file: those of the statement that it stands above, in, or behind; at the first
statement, those about the file as a whole as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgproof.errors import Location, PgproofError
from pgproof.gate.change import NOTHING
from pgproof.gate.proof import FATAL
from pgproof.gate.proofs import KINDS
from pgproof.gate.proofs.rules import IDLE_ALLOW
from pgproof.lint.remarks import number_statement, read_remarks
from pgproof.lint.source import Source
from pgproof.sqltext import ParseError, parse, split_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.gate.proof import Proof, Report
    from pgproof.lint.remarks import Remark
    from pgproof.sqltext import Statement

_ALLOW = re.compile(r"--\s*allow:(?P<ids>.*?)(?P<because>\bbecause\b(?P<why>.*))?", re.IGNORECASE)
_ID = re.compile(r"\bPG\d+\b")
_IDS = frozenset(each.id for each in KINDS)
_NEVER = FATAL | {IDLE_ALLOW.id}


@dataclass(frozen=True)
class Allow:
    """One finding that a person accepts, and why; `statement` is the number of the one that it is about."""

    id: str
    why: str
    line: int
    statement: int


@dataclass(frozen=True)
class Allows:
    """What is allowed in one file."""

    path: Path
    statements: Sequence[Statement]
    allows: tuple[Allow, ...]

    def answer(self, finding: Finding) -> str:
        """Return the reason for which a finding is allowed; empty where it is not."""
        return next((each.why for each in self.allows if each.why and self.is_about(each, finding)), "")

    def is_about(self, allow: Allow, finding: Finding) -> bool:
        """Whether an allow means a finding."""
        if (allow.id, self.path) != (finding.kind.id, finding.at.path) or allow.id in _NEVER:
            return False
        return allow.statement == number_statement(finding.at.line or 1, self.statements)


def apply_allows(change: Change, report: Report) -> Report:
    """Return the report with each allowed finding marked; an allow that matches nothing is itself a finding."""
    files = {each.path: each for each in _read_all(change) if each.allows}
    is_whole = change.base.name != NOTHING and FATAL.isdisjoint(each.kind.id for each in report.findings)
    faults = [fault for each in files.values() for fault in _find_faults(each, report.findings, is_whole=is_whole)]
    return replace(report, proofs=tuple(_mark(proof, files, faults) for proof in report.proofs))


def read_allows(source: Source) -> Allows:
    """Read what is allowed in a file; in one that cannot be read, nothing is."""
    if not source.is_text:
        return Allows(source.path, (), ())
    try:
        statements = parse(source.readable)
    except ParseError:
        return Allows(source.path, (), ())
    remarks = read_remarks(split_pieces(source.text), statements)
    return Allows(source.path, statements, tuple(allow for each in remarks for allow in _read(each)))


def _read(remark: Remark) -> Iterator[Allow]:
    """Yield what a comment allows; one that names nothing of ours, and gives no reason, is for people only."""
    if not (found := _ALLOW.fullmatch(remark.text.strip())):
        return
    ids = re.findall(r"[^,\s]+", found["ids"]) or [""] if found["because"] else _ID.findall(found["ids"])
    for id in ids:
        yield Allow(id, (found["why"] or "").strip(), remark.line, remark.statement)


def _read_all(change: Change) -> Iterator[Allows]:
    """Read what is new: elsewhere an allow has done its work, and its finding is gone with the change before."""
    try:
        scripts = (*change.new, *change.repeated)
        before = {each.name: each.text for each in change.base.queries}
        queries = [each for each in change.head.queries if before.get(each.name) != each.text]
    except PgproofError:  # files that cannot be read are told by who reads them
        return
    for each in scripts:
        if each.language == "sql":
            yield read_allows(Source(each.path, "migration", each.raw))
        if each.rollback:
            yield read_allows(Source(each.rollback.path, "rollback", each.rollback.raw))
    for query in queries:
        yield read_allows(Source(query.path, "query", query.text.encode()))


def _find_faults(file: Allows, findings: Sequence[Finding], *, is_whole: bool) -> Iterator[Finding]:
    """Yield what is wrong with allows; of a report that is not whole, nobody knows which are of no use.

    Nor of one on all files at once: each was judged as it came, and a later one may have mended what it allows.
    """
    for allow in file.allows:
        what = _fault(allow)
        if not what and is_whole and not any(file.is_about(allow, each) for each in findings):
            what = f"there is no {allow.id} to allow here"
        if what:
            yield IDLE_ALLOW.find(Location(file.path, allow.line), what)


def _fault(allow: Allow) -> str:
    if not allow.id:
        return "an allow that names no finding"
    if allow.id not in _IDS:
        return f"there is no finding {allow.id}"
    if allow.id in _NEVER:
        return f"{allow.id} cannot be allowed"
    return "" if allow.why else f"nobody says why {allow.id} is allowed"


def _mark(proof: Proof, files: dict[Path, Allows], faults: Sequence[Finding]) -> Proof:
    findings = [
        replace(each, allowed=files[each.at.path].answer(each)) if each.at.path in files else each
        for each in proof.findings
    ]
    if proof.name == "rules":
        findings += faults
    return replace(proof, findings=tuple(sorted(findings, key=lambda each: each.order)))
