"""`inv rds.ensure` and what follows it, as a person types them."""

import json
from pathlib import Path

from tests.dynamo import KEYS, moto_server
from tests.e2e.conftest import Project
from tests.rds import make_plan

NAME = "cruddur-db-instance"
PASSWORD = "Master+Passw0rd"  # noqa: S105 - what is not to be seen
PLAN = f"""
identifier = "{NAME}"
availability_zone = "ca-central-1a"
master_password = "environment"
deletion_protection = false
"""


def test_an_instance_lives_and_dies_and_its_password_is_seen_nowhere(environ: dict[str, str], tmp_path: Path):
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    make_plan(tmp_path, PLAN)
    with moto_server() as url:
        shell = {**dict(zip(names, KEYS.values(), strict=True)), "AWS_ENDPOINT_URL": url}
        project = Project(tmp_path, environ | shell | {"MASTER_USER_PASSWORD": PASSWORD})
        project.write("tasks.py", "from pgproof.tasks import ns\n")

        made = project.inv("rds.ensure")
        facts = json.loads(project.inv("rds.status", "--json"))
        stopped = project.inv("rds.stop")
        refused = project.refuse("rds.delete", "--yes-destroy=cruddur")
        deleted = project.inv("rds.delete", f"--yes-destroy={NAME}")

    assert made.startswith(f"{NAME} is available at {NAME}.")
    assert made.endswith(":5432, made\n")
    assert (facts["identifier"], facts["status"], facts["storage"]) == (NAME, "available", 20)
    assert facts["differences"] == []
    assert "RDS starts it again by itself after 7 days" in stopped
    assert f"would destroy the RDS instance {NAME}: 20 GiB at {NAME}." in refused
    assert f"kept, and paid for: the snapshot {NAME}-final-" in deleted
    assert PASSWORD not in f"{made}{facts}{stopped}{refused}{deleted}"
    assert not [each for each in tmp_path.rglob("*") if each.is_file() and PASSWORD in each.read_text(errors="ignore")]
