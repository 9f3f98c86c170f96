"""The task `lint`: what tools and rules have against the project's SQL."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Exit

from pgproof.errors import SettingsError
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.lint import Finding, Fixed, Report, Rule
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

_FORMATS = ("human", "github", "sarif", "json")


@place_task(
    help={
        "path": "a file or folder of queries/, seeds/ or migrations/; may be given several times; all without",
        "fix": "mend what sqlfluff can, where it stays the same SQL to Postgres",
        "format": f"how findings are told: {', '.join(_FORMATS)}",
        "rules": "show our own rules with their examples, and look at nothing",
    },
    iterable=["path"],
)
def lint(
    place: Place,
    path: list[str],
    fix: bool = False,  # noqa: FBT001, FBT002
    format: str = "human",  # noqa: A002  (the option's name)
    rules: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Look for faults in queries, seeds and migrations."""
    if format not in _FORMATS:
        raise SettingsError(f"unknown format {format!r}", hint=", ".join(_FORMATS))
    if rules:
        _show_rules(place.screen, format)
        return
    from pgproof import lint as linting

    paths = [Path(each) for each in path]
    if format == "human":
        place.screen.busy("lint")
    if fix:
        _say_fixed(place.screen, linting.fix(place.settings, paths))
    report = linting.lint(place.settings, paths)
    _show(place.screen, report, format)
    if report.findings:
        raise Exit(f"error: {_count(report)}", code=1)


def _show(screen: Screen, report: Report, format: str) -> None:  # noqa: A002
    from pgproof.lint import formats

    if format == "human":
        _show_human(screen, report)
    elif format == "json":
        screen.say(formats.to_json(report))
    elif format == "sarif":
        screen.say(formats.to_sarif(report))
    elif report.findings:
        screen.say(formats.to_github(report))


def _show_human(screen: Screen, report: Report) -> None:
    for _, findings in groupby(report.findings, key=lambda each: each.at.path):
        _show_file(screen, list(findings))
        screen.say("")
    for each in report.unchecked:
        screen.say(f"not looked at, {each}", "notice")
    if not report.findings:
        screen.say(f"{report.files} files, nothing to say", "applied")


def _show_file(screen: Screen, findings: Iterable[Finding]) -> None:
    """Say what to do once for each rule, behind its last finding in a row."""
    for _, same in groupby(findings, key=lambda each: (each.rule, each.help)):
        for each in (listed := list(same)):
            screen.say(f"{each.place} {each.rule} {each.what}")
        if listed[-1].help:
            screen.say(f"    {listed[-1].help}", "help")


def _count(report: Report) -> str:
    """Return how much there is to do, in a line."""
    files = len({each.at.path for each in report.findings})
    fixable = sum(each.fixable for each in report.findings)
    found = "1 finding" if len(report.findings) == 1 else f"{len(report.findings)} findings"
    counted = f"{found} in {files} of {report.files} files"
    return f"{counted}\n  hint: `inv lint --fix` mends {fixable} of them" if fixable else counted


def _say_fixed(screen: Screen, fixed: Fixed) -> None:
    for path in fixed.written:
        screen.say(f"mended {path}", "applied")
    for path in fixed.left:
        screen.say(f"not all is mended, for it would be other SQL to Postgres: {path}", "notice")


def _show_rules(screen: Screen, format: str) -> None:  # noqa: A002
    from pgproof.lint import RULES, formats

    if format == "json":
        screen.say(formats.rules_to_json(RULES))
        return
    for rule in RULES:
        _show_rule(screen, rule)


def _show_rule(screen: Screen, rule: Rule) -> None:
    where = "everywhere" if rule.on == "all" else f"in a {rule.on}"
    screen.say(f"## {rule.id}\n\nFound {where}: {rule.what}. {rule.why}\n\nInstead: {rule.instead}.\n")
    for title, text in (("Wrong", rule.bad), ("Right", rule.good)):
        screen.say(f"{title}:\n\n```sql\n{text}```\n")
