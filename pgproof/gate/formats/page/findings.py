"""Findings in, how the page tells them out: by file, what weighs most first, each with the safer way."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pgproof.figures import many
from pgproof.gate.formats.page.details import show_details
from pgproof.gate.formats.plain import in_order, is_pasted, split_code
from pgproof.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.gate.finding import Finding
    from pgproof.gate.proof import Report
    from pgproof.markup import Markup

_SIGNS = {"error": "✗", "warning": "!", "note": "i"}


def show_findings(report: Report) -> Markup | None:
    """Return the section of errors and warnings; None where there are none."""
    weighed = [each for each in report.findings if each.severity != "note"]
    if not weighed:
        return None
    files = [
        element("section", element("h3", element("code", path)), *(_show(*each) for each in same), class_="file")
        for path, same in groupby(in_order(weighed), key=lambda each: each[0].at.path.as_posix())
    ]
    return element("section", element("h2", "Findings"), *files, id="findings")


def show_notes(report: Report) -> Markup | None:
    """Return the section of notes, folded: what was looked at and is well; None where there are none."""
    notes = [each for each in report.findings if each.severity == "note"]
    if not notes:
        return None
    summary = element("summary", element("h2", many(len(notes), "note")))
    return element("section", element("details", summary, element("ul", *map(_note, notes))), id="notes")


def _show(finding: Finding, again: bool) -> Markup:  # noqa: FBT001
    kind = finding.kind
    head = element(
        "h4",
        element("span", join(_SIGNS[finding.severity], " ", finding.severity), class_=f"badge {finding.severity}"),
        " ",
        element("span", kind.id, class_="id"),
        " ",
        _prose(finding.what),
    )
    place = element("p", element("code", str(finding.at)), " · ", kind.name, class_="place")
    happens = None if again else element("p", _prose(kind.happens))
    return element(
        "article", head, place, happens, show_details(finding), _safer(finding), class_=f"finding {finding.severity}"
    )


def _safer(finding: Finding) -> Markup | None:
    if is_pasted(finding):
        summary = element("summary", "The safer way, to paste")
        text = element("pre", element("code", finding.instead), tabindex="0")
        return element("details", summary, text, open=True, class_="safer")
    return element("p", element("strong", "Instead: "), _prose(finding.instead)) if finding.instead else None


def _note(finding: Finding) -> Markup:
    where = element("code", str(finding.at))
    allowed = element("p", f"Allowed because {finding.allowed}") if finding.allowed else None
    return element(
        "li",
        where,
        " ",
        element("span", finding.kind.id, class_="id"),
        " ",
        _prose(finding.what),
        allowed,
        _more(finding),
    )


def _prose(text: str) -> Markup:
    return join(*(element("code", piece) if is_code else piece for is_code, piece in split_code(text)))


def _more(finding: Finding) -> Markup | None:
    details: Sequence[str] = finding.details
    return element("details", element("summary", "More"), show_details(finding)) if details else None
