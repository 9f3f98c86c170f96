"""rds.plan and rds.template: with AWS (moto's, over HTTP) and without."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dynamo import moto_server
from tests.e2e.conftest import Project
from tests.rds import BOOTCAMP, connect_cloud

PLAN = """[tool.pgproof]
database = "cruddur"

[tool.pgproof.rds]
identifier = "cruddur-db-instance"
availability_zone = "ca-central-1a"
storage = 30
"""
OFFLINE = {"AWS_EC2_METADATA_DISABLED": "true"}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def cruddur(environ: dict[str, str], tmp_path: Path) -> Project:
    """A project that is a plan and its tasks; no server of ours is ever started."""
    project = Project(tmp_path, environ | OFFLINE)
    project.write("tasks.py", "from pgproof.tasks import ns\n")
    project.write("pyproject.toml", PLAN)
    return project


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as url:
        yield url


def line(text: str, name: str) -> list[str]:
    (found,) = [each.split() for each in text.splitlines() if each.startswith(f"{name} ")]
    return found


def test_a_plan_that_aws_would_refuse_ends_with_1_and_tells_a_script_all(cruddur: Project):
    cruddur.write("pyproject.toml", f"[tool.pgproof.rds]\n{BOOTCAMP}")
    done = cruddur.run("rds.plan", "--json")
    told = json.loads(done.stdout)

    assert (done.returncode, done.stderr) == (1, "error: 2 words of the plan that AWS would refuse\n")
    assert [each["rule"] for each in told["findings"] if each["severity"] == "error"] == ["W3691", "expired-ca"]
    assert told["findings"][0]["line"] == 5
    assert (told["unasked"], told["exists"], told["cost"]["month"]) == ("no AWS credentials", False, None)


def test_what_there_is_stands_beside_what_is_planned_and_what_runs_is_not_refused(cruddur: Project, aws: str):
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    there = {"AWS_ENDPOINT_URL": aws, "AWS_ENDPOINT_URL_PRICING": NOBODY, **keys}
    connect_cloud(aws).rds.create_db_instance(
        DBInstanceIdentifier="cruddur-db-instance",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        EngineVersion="14.6",
        DBName="cruddur",
        MasterUsername="cruddur_master",
        ManageMasterUserPassword=True,
        AllocatedStorage=20,
    )
    cruddur.write("pyproject.toml", f'{PLAN}engine_version = "14.6"\n')
    shown = cruddur.inv("rds.plan", **there)

    assert line(shown, "storage") == ["storage", "30", "20", "at", "once"]
    assert line(shown, "instance_class")[:4] == ["instance_class", "db.t4g.micro", "db.t4g.small", "kept:"]
    assert line(shown, "deletion_protection")[1:4] == ["true", "false", "at"]
    assert line(shown, "engine_version") == ["engine_version", "14.6", "14.6"]
    assert ":8: warning: engine_version 14.6: AWS makes no instance with it any more (W3691)\n" in shown
    assert "of the plan's words differ: `inv rds.ensure` changes them\n" in shown


def test_a_template_is_written_without_aws(cruddur: Project):
    assert 'resource "aws_db_instance" "instance" {\n' in cruddur.inv("rds.template", "--format=terraform")
    assert cruddur.refuse("rds.template", "--format=pulumi") == (
        "unknown format 'pulumi'\n  hint: cloudformation or terraform\n"
    )
