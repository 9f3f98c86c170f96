"""Hostile texts in a plan, a person's words and AWS' answers: each is taken for a text, or told in a line."""

import json
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import pgproof
from pgproof.aws import explain
from pgproof.errors import PgproofError, SqlFileError
from pgproof.rds.firewall.address import read_address
from pgproof.rds.firewall.label import Label, check_name, read_label
from pgproof.rds.plan import Plan
from pgproof.tasks.task import term
from tests.hostile import HOSTILE, nothing_started, toml
from tests.rds import make_plan

SOURCE = Path(pgproof.__file__).parent
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WORDS = [each.name for each in fields(Plan) if each.type == "str"]


def in_a_line(error: object) -> bool:
    """Whether it is a line, and one for the hint, in which all is seen."""
    return str(error).replace("\n  hint: ", "", 1).isprintable()


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text)[:40])
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_are_fifty_of_them():
    assert len(set(HOSTILE)) >= 50


def test_a_plan_takes_a_text_as_it_is_or_tells_it_in_a_line(text: str, tmp_path: Path):
    said = {word: f"{word} = {toml(text)}" for word in WORDS} | {"tags": f"tags = {{a = {toml(text)}}}"}
    with pytest.raises(SqlFileError) as error, nothing_started():
        make_plan(tmp_path, "\n".join(said.values()))

    for each in error.value.problems:
        assert in_a_line(each), str(each)
    wrong = {list(said)[(each.at.line or 0) - 5] for each in error.value.problems}
    fine = [line for word, line in said.items() if word not in (wrong | {"identifier"})]
    plan = make_plan(tmp_path, "\n".join(['identifier = "a"', *fine]))
    for word in said.keys() - wrong - {"tags"}:
        assert getattr(plan, word) == json.loads(toml(text))
    assert plan.tags == ({} if "tags" in wrong else {"a": json.loads(toml(text))})


def test_no_text_opens_more_than_one_address(text: str):
    for each in (text, f"8.8.4.4{text}", f"{text}8.8.4.4", f"8.8.4.4/{text}"):
        try:
            assert ip_network(read_address(each).cidr).num_addresses == 1
        except PgproofError as error:
            assert in_a_line(error), str(error)  # noqa: PT017 - or none is raised


def test_no_text_gets_into_a_rule_but_as_a_name(text: str):
    for check in (check_name, lambda each: term("--ttl", each, longest=timedelta(days=7))):
        try:
            with nothing_started():
                check(text)
        except PgproofError as error:
            assert in_a_line(error), str(error)  # noqa: PT017 - or none is raised
        else:
            assert read_label(str(Label(text, NOW))) == Label(text, NOW)


def test_what_aws_says_reaches_no_terminal_as_it_is(text: str):
    said: Any = {
        "Error": {"Code": "Odd", "Message": f"it is {text}"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }

    assert in_a_line(explain(ClientError(said, "DescribeDBInstances")))


SHELLS = re.compile(r"\bshell\s*=\s*True|\bos\.(system|popen)\b|\bgetoutput\b|\bgetstatusoutput\b|\bsubprocess_shell\b")


def test_no_module_of_ours_hands_anything_to_a_shell():
    modules = list(SOURCE.rglob("*.py"))

    assert len(modules) > 100
    assert [each for each in modules if SHELLS.search(each.read_text(encoding="utf-8"))] == []


def test_what_speaks_with_aws_and_makes_roles_starts_no_program():
    modules = [*SOURCE.glob("rds/**/*.py"), *SOURCE.glob("roles/**/*.py"), *SOURCE.glob("parity/**/*.py")]
    tasks = [SOURCE / "tasks" / f"{name}.py" for name in ("planning", "lifecycle", "firewall", "roles", "parity")]

    assert len(modules) > 10
    for path in [*modules, *tasks]:
        assert not re.search(
            r"\b(subprocess|pty|os\.(exec|spawn|posix_spawn)\w*)\b", path.read_text(encoding="utf-8")
        ), path
