"""`inv rds.allow`, `rds.rules` and `rds.deny` as a person types them."""

import re
from pathlib import Path

from pgproof.rds.firewall.group import ensure_group
from tests.dynamo import KEYS, moto_server
from tests.e2e.conftest import Project
from tests.rds import connect_cloud, make_plan


def test_a_person_lets_themselves_in_looks_and_leaves(environ: dict[str, str], tmp_path: Path):
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    plan = make_plan(tmp_path, 'identifier = "cruddur-db-instance"\npublicly_accessible = true')
    with moto_server() as url:
        project = Project(tmp_path, environ | dict(zip(names, KEYS.values(), strict=True)) | {"AWS_ENDPOINT_URL": url})
        project.write("tasks.py", "from pgproof.tasks import ns\n")
        cloud = connect_cloud(url)
        cloud.rds.create_db_instance(
            DBInstanceIdentifier=plan.identifier,
            DBInstanceClass=plan.instance_class,
            Engine="postgres",
            Port=5432,
            PubliclyAccessible=True,
            VpcSecurityGroupIds=[ensure_group(cloud, plan)],
        )

        assert "8.8.4.4/32 may reach port 5432 until" in project.inv("rds.allow", "--ip=8.8.4.4", "--ttl=1h")
        assert re.search(r"^ours +user/moto +8\.8\.4\.4/32 +tcp +5432 ", project.inv("rds.rules"), re.MULTILINE)
        assert project.inv("rds.deny").startswith("removed: 8.8.4.4/32, user/moto")
