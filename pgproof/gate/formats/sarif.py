"""A report in, a SARIF 2.1.0 log out, as code scanning takes it: what is allowed is a suppressed result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.gate.formats.plain import explain
from pgproof.lint.sarif import make_result, make_run, make_texts, to_log
from pgproof.lint.tool import fetch_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.gate.finding import Finding, Kind
    from pgproof.gate.proof import Report


def to_sarif(report: Report, kinds: Sequence[Kind]) -> str:
    """Return the log; its rules are all `kinds`, also those of which nothing was found."""
    known = {each.id: each for each in (*kinds, *(each.kind for each in report.findings))}
    ids = list(known)
    driver: dict[str, Any] = {
        "name": "pgproof gate",
        "version": fetch_version("pgproof"),
        "informationUri": "https://pypi.org/project/pgproof/",
        "rules": [_rule(each) for each in known.values()],
    }
    return to_log([make_run(driver, [_result(each, ids.index(each.kind.id)) for each in report.findings])])


def _rule(kind: Kind) -> dict[str, Any]:
    texts = make_texts(shortDescription=kind.what, fullDescription=kind.happens, help=kind.instead)
    return {"id": kind.id, "name": kind.name, **texts, "defaultConfiguration": {"level": kind.severity}}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    message = "\n".join([finding.what, *explain(finding)])
    result = make_result(finding.kind.id, index, finding.kind.severity, message, finding.at)
    if finding.allowed:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.allowed}]
    return result
