"""Findings in, the text that another program reads out: GitHub's annotations, SARIF, JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from pgproof.lint.finding import Tool
from pgproof.lint.own import RULES
from pgproof.lint.sarif import make_result, make_run, make_texts, to_log
from pgproof.lint.tool import fetch_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.lint.finding import Finding, Report
    from pgproof.lint.rule import Rule

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
    return to_log(runs)


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
    return make_run(driver, [_result(each, ids.index(each.rule)) for each in findings])


def _describe(rule: Rule) -> dict[str, Any]:
    return make_texts(shortDescription=rule.what, fullDescription=rule.why, help=rule.instead)


def _result(finding: Finding, index: int) -> dict[str, Any]:
    return make_result(finding.rule, index, "error", _message(finding), finding.at, column=finding.column)
