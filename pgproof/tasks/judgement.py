"""The gate's report in, lines on the screen out: what was judged, proofs, findings, what was measured, notes."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

from pgproof.figures import duration, many, one_line
from pgproof.gate.formats.plain import explain, in_order, title
from pgproof.gate.formats.statements import make_rows, tabulate
from pgproof.gate.formats.verdict import give_verdict
from pgproof.gate.proof import Live

if TYPE_CHECKING:
    from pgproof.gate.finding import Finding
    from pgproof.gate.proof import Report
    from pgproof.tasks.screen import Screen

_DETAILS = 24  # lines of one finding
_NOTE = 160  # of what a proof has seen; all of it is on the page
_WIDTH = 100  # of prose; what can be pasted is never broken


def show_judgement(screen: Screen, report: Report) -> None:
    """Say all of it: what breaks the change first, what is well last."""
    verdict = give_verdict(report)
    for line in (verdict.subject, verdict.news, report.server, ""):
        screen.say(line)
    _show_proofs(screen, report)
    screen.say("")
    for each, again in in_order(each for each in report.findings if each.severity != "note"):
        _show_finding(screen, each, again=again)
    _show_measured(screen, report)
    for each in report.findings:
        if each.severity == "note":
            allowed = f" (allowed because {each.allowed})" if each.allowed else ""
            screen.say(f"note: {title(each)}{allowed}", "note")
    if not report.is_broken:
        screen.say(verdict.headline, "held")


def _show_proofs(screen: Screen, report: Report) -> None:
    rows = [
        [each.title, each.condition, duration(each.took), one_line(each.not_applicable or each.note, _NOTE)]
        for each in report.proofs
    ]
    screen.table(["proof", "", "took", ""], rows)


def _show_finding(screen: Screen, finding: Finding, *, again: bool) -> None:
    screen.say(title(finding), finding.severity)
    lines = explain(_shorten(finding), again=again)
    if not again:
        lines[:1] = textwrap.wrap(lines[0], _WIDTH, break_long_words=False, break_on_hyphens=False)
    for each in lines:
        screen.say(textwrap.indent(each, "    "))
    screen.say("")


def _shorten(finding: Finding) -> Finding:
    lines = [line for each in finding.details for line in each.splitlines()]
    more = len(lines) - _DETAILS
    rest = (f"… {many(more, 'more line')}: `--html` has them all",) if more > 0 else ()
    return replace(finding, details=(*lines[:_DETAILS], *rest))


def _show_measured(screen: Screen, report: Report) -> None:
    rows = [each for proof in report.proofs if isinstance(proof.evidence, Live) for each in make_rows(proof.evidence)]
    if rows:
        columns, cells = tabulate(rows)
        screen.table(["statement", *columns], [[each.place, *row] for each, row in zip(rows, cells, strict=True)])
        screen.say("")
