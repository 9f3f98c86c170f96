"""A report in, JUnit's XML out, as CI systems show it: a testcase for each proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # writes only; what it writes is ours

from pgproof.gate.formats.plain import explain, title
from pgproof.markup import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.gate.finding import Finding
    from pgproof.gate.proof import Proof, Report

# What XML 1.0 cannot hold, in whatever way it is written, beside controls.
_FORBIDDEN = re.compile("[\ufffe\uffff]")


def to_junit(report: Report) -> str:
    """Return a suite with a case for each proof: errors are its failures, the rest is its output."""
    counts = {
        "tests": len(report.proofs),
        "failures": sum(each.condition == "broken" for each in report.proofs),
        "errors": 0,
        "skipped": sum(each.condition == "not applicable" for each in report.proofs),
        "time": f"{sum(each.took for each in report.proofs):.3f}",
    }
    suites = _element("testsuites", name="pgproof gate", **counts)
    suite = _element("testsuite", name=f"{report.base} to {report.head}", **counts)
    suite.extend(map(_case, report.proofs))
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False)


def _case(proof: Proof) -> ET.Element:
    case = _element("testcase", classname="pgproof.gate", name=f"{proof.name}: {proof.title}", time=f"{proof.took:.3f}")
    errors = [each for each in proof.findings if each.severity == "error"]
    others = [each for each in proof.findings if each.severity != "error"]
    if proof.condition == "not applicable":
        case.append(_element("skipped", message=proof.not_applicable))
    for each in errors:
        case.append(_element("failure", _text([each]), message=title(each), type=each.kind.id))
    if proof.note or others:
        case.append(_element("system-out", "\n\n".join(filter(None, [proof.note, _text(others)]))))
    return case


def _text(findings: Iterable[Finding]) -> str:
    return "\n\n".join("\n".join([title(each), *explain(each)]) for each in findings)


def _element(name: str, text: str = "", /, **attributes: object) -> ET.Element:
    element = ET.Element(name, {key: _writable(str(value)) for key, value in attributes.items()})
    element.text = _writable(text) or None
    return element


def _writable(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", visible(text))
