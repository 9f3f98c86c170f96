"""Findings in, the text that another program reads out: GitHub's annotations, SARIF, JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote

from pgproof.lint.finding import Tool
from pgproof.lint.own import RULES
from pgproof.lint.tool import fetch_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.lint.finding import Finding, Report
    from pgproof.lint.rule import Rule

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOMES = {
    "pgproof": ("pgproof", "https://pypi.org/project/pgproof/"),
    "sqlfluff": ("sqlfluff", "https://docs.sqlfluff.com/"),
    "squawk": ("squawk-cli", "https://squawkhq.com/"),
}


def to_json(report: Report) -> str:
    """Return the report for a script."""
    findings = [
        {"rule": each.rule, "tool": each.tool, **_place(each)}
        | {"what": each.what, "help": each.help, "fixable": each.fixable}
        for each in report.findings
    ]
    return json.dumps({"files": report.files, "unchecked": report.unchecked, "findings": findings}, indent=2)


def to_github(report: Report) -> str:
    """Return workflow commands, from which GitHub makes annotations in a pull request."""
    return "\n".join(map(_annotation, report.findings))


def to_sarif(report: Report) -> str:
    """Return a SARIF 2.1.0 log, as code scanning takes it: one run for each tool."""
    runs = [_run(tool, [each for each in report.findings if each.tool == tool]) for tool in get_args(Tool)]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)


def rules_to_json(rules: Iterable[Rule]) -> str:
    """Return our rules with their examples."""
    return json.dumps([{k: v for k, v in vars(rule).items() if k != "find"} for rule in rules], indent=2)


def _place(finding: Finding) -> dict[str, Any]:
    return {"path": finding.at.path.as_posix(), "line": finding.at.line, "column": finding.column}


def _annotation(finding: Finding) -> str:
    place = {"file": finding.at.path.as_posix(), "line": finding.at.line, "col": finding.column}
    properties = {name: value for name, value in place.items() if value is not None}
    properties["title"] = f"{finding.tool} {finding.rule}"
    shown = ",".join(f"{name}={_escape(str(value), ':,')}" for name, value in properties.items())
    return f"::error {shown}::{_escape(_message(finding))}"


def _escape(text: str, also: str = "") -> str:
    """Write signs that would end a command, or a property of one, by their numbers; the percent sign first."""
    for sign in f"%\r\n{also}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _message(finding: Finding) -> str:
    return f"{finding.what}\n{finding.help}" if finding.help else finding.what


def _run(tool: Tool, findings: list[Finding]) -> dict[str, Any]:
    distribution, home = _HOMES[tool]
    ids = [rule.id for rule in RULES] if tool == "pgproof" else sorted({each.rule for each in findings})
    described = {rule.id: _describe(rule) for rule in RULES} if tool == "pgproof" else {}
    driver: dict[str, Any] = {"name": tool, "version": fetch_version(distribution), "informationUri": home}
    driver["rules"] = [{"id": id, **described.get(id, {})} for id in ids]
    results = [_result(each, ids.index(each.rule)) for each in findings]
    return {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}


def _describe(rule: Rule) -> dict[str, Any]:
    texts = {"shortDescription": rule.what, "fullDescription": rule.why, "help": rule.instead}
    return {name: {"text": text} for name, text in texts.items()}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.at.path.as_posix())}}
    if finding.at.line:
        column = {"startColumn": finding.column} if finding.column else {}
        place["region"] = {"startLine": finding.at.line, **column}
    said = {"ruleId": finding.rule, "ruleIndex": index, "level": "error", "message": {"text": _message(finding)}}
    return {**said, "locations": [{"physicalLocation": place}]}
