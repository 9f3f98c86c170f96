"""README's six commands, from nothing to a migrated instance: AWS is moto's, and what it would make stands here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pgproof.pg.database import connect
from tests.dynamo import KEYS, moto_server
from tests.e2e.conftest import SHOP, Project
from tests.e2e.test_production import git
from tests.tls import HOST, PASSWORD, TlsServer, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MIGRATOR = "migr8tor-Pa:ss?w'rd"
_PLAN = """
[tool.pgproof]
database = "cruddur"

[tool.pgproof.rds]
identifier = "cruddur-db-instance"
publicly_accessible = true
multi_az = false
master_password = "environment"
connect_as = "cruddur_migrator"
ca_bundle = "{roots}"
"""


@pytest.fixture
def tls(cache: Path) -> Iterator[TlsServer]:
    """What RDS makes: a server with the planned database, and a master user that is no superuser."""
    with tls_server(cache) as tls:
        with connect(tls.inside) as connection:
            connection.execute("ALTER ROLE cruddur_master CREATEROLE CREATEDB")
        yield tls


@pytest.fixture
def project(tls: TlsServer, environ: dict[str, str], tmp_path: Path) -> Iterator[Project]:
    """A project that has never been anywhere, with its first commit before its first migration."""
    with moto_server() as aws:
        port = aws.rpartition(":")[2]
        shell = {
            "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": KEYS["region_name"],
            "AWS_ENDPOINT_URL": f"http://moto.amazonaws.com:{port}",  # production is asked for at AWS' own names only
            "HTTP_PROXY": aws,
            "PGPROOF_TUNNEL": tls.tunnel,
            "MASTER_USER_PASSWORD": PASSWORD,
        }
        project = Project(tmp_path / "shop", environ | shell)
        files = SHOP | {"pyproject.toml": _PLAN.format(roots=tls.roots), "migrations/HEAD": "0003_add_bio_to_users\n"}
        project.root.mkdir()
        git(project, "init", "--quiet")
        git(project, "commit", "--quiet", "--allow-empty", "--message", "nothing yet")
        for path, text in files.items():
            project.write(path, text)
        yield project


def test_from_nothing_to_a_migrated_instance_in_six_commands(project: Project, tls: TlsServer):
    plan = project.inv("rds.plan")
    made = project.inv("rds.ensure")
    allowed = project.inv("rds.allow", "--ip=8.8.8.8", "--name=andrew")
    roles = project.inv("db.roles", "--target=prod", MIGRATOR_PASSWORD=_MIGRATOR)
    signed = project.inv("gate", "--sign", "--base=main", "--rows=300")
    migrated = project.inv("db.migrate", "--target=prod", "--snapshot", PGPASSWORD=_MIGRATOR)

    assert "there is no cruddur-db-instance: `inv rds.ensure` makes it" in plan
    assert made.splitlines()[-1] == f"cruddur-db-instance is available at {HOST}:5432, made"
    assert "8.8.8.8" in allowed
    assert "cruddur_migrator" in roles
    assert "This change may merge" in signed
    assert "snapshot cruddur-db-instance-before-handles-" in migrated
    assert migrated.splitlines()[-1] == "applied 4"
    assert [
        secret for secret in (PASSWORD, _MIGRATOR) if secret in plan + made + allowed + roles + signed + migrated
    ] == []
    (row, *_) = json.loads(project.inv("db.audit", "--target=prod", "--json", PGPASSWORD=_MIGRATOR))
    assert (row["what"], row["outcome"], row["role"]) == ("db.migrate", "applied", "cruddur_migrator")
    assert row["snapshot"].startswith("cruddur-db-instance-before-")
    with connect(tls.inside, dbname="cruddur") as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert owners == [("cruddur_owner",)]
