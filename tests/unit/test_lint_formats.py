"""Findings as other programs read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgproof.errors import Location
from pgproof.lint import RULES, Finding, Report
from pgproof.lint.formats import rules_to_json, to_github, to_json, to_sarif

PATH = Path("queries/a b,c:d%/é.sql")
FINDINGS = (
    Finding("select-star", "pgproof", Location(PATH, 3), 8, "50 % of\nall", "name them: a, b"),
    Finding("LT01", "sqlfluff", Location(PATH, 4), 1, "a space", fixable=True),
    Finding("query-file", "pgproof", Location(PATH), None, "no name"),
)
REPORT = Report(FINDINGS, 2, ("queries/x.sql: too long",))


def test_a_place_is_what_an_editor_opens():
    assert [each.place for each in FINDINGS] == [f"{PATH}:3:8", f"{PATH}:4:1", str(PATH)]


def test_what_ends_a_command_of_github_is_escaped_where_it_does():
    file = "queries/a b%2Cc%3Ad%25/é.sql"

    assert to_github(REPORT).splitlines() == [
        f"::error file={file},line=3,col=8,title=pgproof select-star::50 %25 of%0Aall%0Aname them: a, b",
        f"::error file={file},line=4,col=1,title=sqlfluff LT01::a space",
        f"::error file={file},title=pgproof query-file::no name",
    ]


def test_json_has_all_that_a_finding_says():
    told = json.loads(to_json(REPORT))

    assert {name: told[name] for name in ("files", "unchecked")} == {
        "files": 2,
        "unchecked": ["queries/x.sql: too long"],
    }
    assert told["findings"][0] == {
        "rule": "select-star",
        "tool": "pgproof",
        "path": str(PATH),
        "line": 3,
        "column": 8,
        "what": "50 % of\nall",
        "help": "name them: a, b",
        "fixable": False,
    }


def test_sarif_has_a_run_for_each_tool_and_a_uri_for_each_file():
    log = json.loads(to_sarif(REPORT))
    ours, sqlfluff, squawk = log["runs"]

    assert log["version"] == "2.1.0"
    assert [run["tool"]["driver"]["name"] for run in log["runs"]] == ["pgproof", "sqlfluff", "squawk"]
    assert squawk["results"] == []
    place = {"artifactLocation": {"uri": "queries/a%20b%2Cc%3Ad%25/%C3%A9.sql"}}
    region = {"startLine": 3, "startColumn": 8}
    assert ours["results"][0]["locations"] == [{"physicalLocation": {**place, "region": region}}]
    assert ours["results"][1]["locations"] == [{"physicalLocation": place}]
    assert sqlfluff["results"][0]["message"] == {"text": "a space"}


@pytest.mark.parametrize("run", [0, 1])
def test_sarif_results_point_at_the_rule_that_they_name(run: int):
    run_of_tool = json.loads(to_sarif(REPORT))["runs"][run]
    rules = run_of_tool["tool"]["driver"]["rules"]

    assert run_of_tool["results"]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run_of_tool["results"])


def test_rules_for_a_script_have_their_examples():
    told = json.loads(rules_to_json(RULES))

    assert [each["id"] for each in told] == [rule.id for rule in RULES]
    assert set(told[0]) == {"id", "what", "why", "instead", "good", "bad", "on"}
