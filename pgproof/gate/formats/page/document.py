"""A report in, a whole HTML page out: no script, no request to anywhere, for a phone in the dark as for a desk."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from pgproof.figures import duration
from pgproof.gate.formats.page.findings import show_findings, show_notes
from pgproof.gate.formats.page.seen import show_live, show_schema
from pgproof.gate.formats.verdict import SIGNS, give_verdict
from pgproof.gate.proof import Live, SchemaChange
from pgproof.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.proof import Proof, Report
    from pgproof.markup import Markup

_HERE = Path(__file__).parent


def to_html(report: Report) -> str:
    """Return the page."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    # The page's policy lets in this one style, by its digest, and nothing else.
    digest = b64encode(sha256(style.encode()).digest()).decode()
    verdict = give_verdict(report)
    sign = SIGNS["broken" if report.is_broken else "held"]
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        digest=digest,
        style=style,
        title=join(f"{sign} pgproof gate: {verdict.headline}"),
        verdict=element("h1", element("span", f"{sign} ", aria_hidden="true"), verdict.headline),
        look="broken" if report.is_broken else "held",
        subject=_subject(report, verdict.news),
        body=join(*_sections(report)),
    )


def _subject(report: Report, news: str) -> Markup:
    ends = (element("code", report.base), " → ", element("code", report.head))
    return join(element("p", *ends), *(element("p", each, class_="news") for each in (news, report.server) if each))


def _sections(report: Report) -> Iterator[Markup | None]:
    yield _proofs(report)
    yield show_findings(report)
    for proof in report.proofs:
        if isinstance(proof.evidence, SchemaChange):
            yield show_schema(proof.evidence)
        if isinstance(proof.evidence, Live):
            yield show_live(proof.evidence)
    yield show_notes(report)


def _proofs(report: Report) -> Markup:
    heads = (element("th", each, scope="col") for each in ("", "proof", "took", "what was seen"))
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *map(_proof, report.proofs)))
    return element(
        "section", element("h2", "Proofs"), element("div", table, class_="scroll", tabindex="0"), id="proofs"
    )


def _proof(proof: Proof) -> Markup:
    look = proof.condition.replace(" ", "-")
    return element(
        "tr",
        element("td", element("span", f"{SIGNS[proof.condition]} {proof.condition}", class_=f"condition {look}")),
        element("th", proof.title, scope="row"),
        element("td", duration(proof.took), class_="number"),
        element("td", proof.not_applicable or proof.note, class_="wide"),
    )
