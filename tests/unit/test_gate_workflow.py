"""The jobs that `inv gate.init` writes: what CI reads of them, and what they may do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]

from pgproof.errors import SettingsError
from pgproof.gate.formats.markdown import MARK
from pgproof.gate.workflow import write_job

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository whose only content is that it is one."""
    (tmp_path / ".git").mkdir()
    return tmp_path


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - texts only: `on` is no boolean


def steps(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each.get("name") or each["uses"].partition("@")[0]: each for each in job["steps"]}


def test_github_judges_each_pull_request_with_all_of_history_and_keeps_the_page(top: Path):
    job = write_job(top, "github")
    workflow = read(job.path)
    gate = steps(workflow["jobs"]["gate"])

    assert job.path == top / ".github/workflows/pgproof.yml"
    assert workflow["on"] == {"pull_request": ""}
    assert gate["actions/checkout"]["with"]["fetch-depth"] == "0"
    assert gate["Judge"]["env"]["BASE"] == "origin/${{ github.base_ref }}"
    assert gate["Judge"]["run"] == (
        'inv gate --base "$BASE" --write pgproof.md --write pgproof.sarif --write pgproof.html'
    )
    assert gate["actions/upload-artifact"]["with"]["path"].split() == ["pgproof.md", "pgproof.sarif", "pgproof.html"]
    assert gate["actions/upload-artifact"]["if"] == "${{ !cancelled() }}"


def test_what_runs_the_pull_requests_code_may_write_nothing(top: Path):
    workflow = read(write_job(top, "github").path)
    gate, report = workflow["jobs"]["gate"], workflow["jobs"]["report"]

    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in gate
    assert steps(gate)["actions/checkout"]["with"]["persist-credentials"] == "false"
    assert report["permissions"] == {"pull-requests": "write", "security-events": "write"}
    assert "actions/checkout" not in steps(report)
    assert "head.repo.full_name == github.repository" in report["if"]
    assert "pull_request_target" not in workflow["on"]


def test_no_text_of_a_pull_request_is_written_into_a_script(top: Path):
    workflow = read(write_job(top, "github").path)

    assert not [each for job in workflow["jobs"].values() for each in job["steps"] if "${{" in each.get("run", "")]


def test_every_action_is_pinned_to_a_major(top: Path):
    workflow = read(write_job(top, "github").path)
    used = [each["uses"] for job in workflow["jobs"].values() for each in job["steps"] if "uses" in each]

    assert used
    assert all(each.partition("@")[2].removeprefix("v").isdecimal() for each in used)


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("", ["/comments --field body=@pgproof.md"]),
        ("17\n18\n", ["/issues/comments/17 --field body=@pgproof.md"]),
    ],
)
def test_there_is_one_comment_which_is_written_again(top: Path, there: str, asked: list[str]):
    script = steps(read(write_job(top, "github").path)["jobs"]["report"])["Comment"]["run"]
    gh = top / "gh"
    gh.write_text(f'#!/bin/sh\ncase "$*" in *--jq*) printf "{there}";; *) echo "$*" >> asked;; esac\n')
    gh.chmod(0o755)
    environ = {"PATH": f"{top}:{os.defpath}", "GITHUB_REPOSITORY": "a/b", "NUMBER": "7"}
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=top, env=environ, check=True)

    assert MARK in script
    lines = (top / "asked").read_text().splitlines()
    assert [line[-len(end) :] for line, end in zip(lines, asked, strict=True)] == asked


def test_gitlab_judges_each_merge_request_and_shows_junit(top: Path):
    job = write_job(top, "gitlab")
    gate = read(job.path)["pgproof"]

    assert job.path == top / ".gitlab/pgproof.yml"
    assert "include:" in job.next
    assert gate["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
    assert gate["variables"]["GIT_DEPTH"] == "0"
    assert gate["script"][-1] == 'inv gate --base "origin/$TARGET" --write pgproof.xml --write pgproof.html'
    assert gate["artifacts"]["reports"] == {"junit": "pgproof.xml"}


@pytest.mark.parametrize(("name", "expected"), [(".gitlab-ci.yml", ".gitlab"), ("README", ".github")])
def test_the_kind_of_ci_is_the_one_that_is_there(top: Path, name: str, expected: str):
    (top / name).touch()

    assert write_job(top, None).path.relative_to(top).parts[0] == expected


@pytest.mark.parametrize(
    ("there", "install", "inv"),
    [
        ("inv", "./inv --version", "./inv gate "),
        ("uv.lock", "python -m pip install uv && uv sync --locked", "uv run inv gate "),
        ("requirements.txt", "python -m pip install -r requirements.txt", "inv gate "),
        ("README", "python -m pip install 'pgproof[lint]'", "inv gate "),
    ],
)
def test_a_project_is_installed_its_own_way(top: Path, there: str, install: str, inv: str):
    (top / there).touch()
    gate = steps(read(write_job(top, "github").path)["jobs"]["gate"])

    assert gate["Install"]["run"] == install
    assert gate["Judge"]["run"].startswith(inv)


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_project_in_a_folder_of_a_repository_is_judged_there(top: Path, kind: str):
    (top / "services/shop").mkdir(parents=True)
    job = write_job(top / "services/shop", kind)
    text = job.path.read_text()

    assert job.path.is_relative_to(top / f".{kind}")
    assert "services/shop/pgproof.html" in text
    assert ('working-directory: "services/shop"' in text) or ('cd "services/shop"' in text)
    assert "@folder@" not in text


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_what_is_there_stays_as_it_is(top: Path, kind: str):
    path = write_job(top, kind).path
    path.write_text("mine")

    with pytest.raises(SettingsError, match="is there already"):
        write_job(top, kind)
    assert path.read_text() == "mine"


def test_another_ci_is_not_guessed(top: Path):
    with pytest.raises(SettingsError, match="unknown CI 'jenkins'"):
        write_job(top, "jenkins")
    assert sorted(top.iterdir()) == [top / ".git"]
