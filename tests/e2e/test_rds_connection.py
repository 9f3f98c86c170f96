"""`--target=prod` on a planned instance: found by its name, logged in to past a tunnel, and no secret left anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
import psycopg
import pytest

from pgproof.pg.database import connect
from tests.cloud import make_shell
from tests.dynamo import KEYS, moto_server
from tests.e2e.conftest import Project
from tests.tls import HOST, PASSWORD, TlsServer, set_password, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TRACE = PASSWORD[:9]  # a piece of it that no quoting changes

# A client of Postgres' that tells what every user of the machine can see while it runs.
_PGCLI = """#!/bin/sh
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >seen
printf '%s' "$PGPASSWORD" | sha256sum >sum
"""


@dataclass(frozen=True)
class Production:
    """A project with a planned instance; AWS is moto's, and a tunnel leads to a server of our own."""

    project: Project
    tls: TlsServer
    aws: str

    def plan(self, *words: str) -> Project:
        plan = [f'identifier = "{HOST.partition(".")[0]}"', f'ca_bundle = "{self.tls.roots}"', *words]
        table = "\n".join(["[tool.pgproof]", 'database = "cruddur"', "[tool.pgproof.rds]", *plan])
        self.project.write("pyproject.toml", f"{table}\n")
        return self.project

    def secret(self) -> str:
        """Return what moto keeps as the master password, whatever it is."""
        rds, secrets = (boto3.client(name, endpoint_url=self.aws, **KEYS) for name in ("rds", "secretsmanager"))  # type: ignore[call-overload]
        arn = rds.describe_db_instances()["DBInstances"][0]["MasterUserSecret"]["SecretArn"]
        said: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        return str(said["password"])


@pytest.fixture(scope="module")
def production(cache: Path, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    root = tmp_path_factory.mktemp("production") / "shop"
    with tls_server(cache) as tls, moto_server() as aws:
        boto3.client("rds", endpoint_url=aws, **KEYS).create_db_instance(  # type: ignore[call-overload]
            DBInstanceIdentifier=HOST.partition(".")[0],
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            MasterUsername="cruddur_master",
            ManageMasterUserPassword=True,
            EnableIAMDatabaseAuthentication=True,
        )
        project = Project(root, environ | make_shell(aws, tls.tunnel))
        project.fill()
        yield Production(project, tls, aws)


def test_production_is_found_by_name_and_its_password_is_shown_to_who_asks_for_it(production: Production):
    project = production.plan('master_password = "environment"')

    shown = project.inv("db.url", "--target=prod", "--show-password").strip()
    masked = project.inv("db.url", "--target=prod").strip()

    assert masked == shown.replace(quote(PASSWORD, safe=""), "***")
    assert masked.startswith(f"postgresql://cruddur_master:***@{HOST}:")
    with psycopg.connect(shown) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("cruddur",)


def test_the_password_that_rds_keeps_logs_in_and_is_masked(production: Production):
    project = production.plan('username = "cruddur_root"')
    with connect(production.tls.inside) as connection:
        set_password(connection, "cruddur_root", production.secret(), verb="CREATE")

    said = project.inv("db.url", "--target=prod")

    assert said.startswith(f"postgresql://cruddur_root:***@{HOST}:")
    assert production.secret() not in said


def test_a_client_gets_the_password_where_nobody_else_sees_it(production: Production):
    project = production.plan('master_password = "environment"')
    client = project.write("bin/pgcli", _PGCLI)
    client.chmod(0o755)
    path = f"{client.parent}:{project.environ['PATH']}"

    project.inv("db.psql", "--target=prod", PATH=path)

    seen = (project.root / "seen").read_text()
    assert f"host={HOST} " in seen
    assert "sslmode=verify-full" in seen
    assert _TRACE not in seen
    assert (project.root / "sum").read_text().split()[0] == sha256(PASSWORD.encode()).hexdigest()


def test_a_token_that_the_server_refuses_is_not_shown(production: Production):
    project = production.plan("iam = true", 'connect_as = "cruddur_master"', 'username = "other"')

    error = project.refuse("db.status", "--target=prod")

    assert 'password authentication failed for user "cruddur_master"' in error
    assert "X-Amz" not in error


def test_a_task_says_why_it_does_not_trust_a_server(production: Production):
    project = production.plan('master_password = "environment"')
    text = (project.root / "pyproject.toml").read_text()
    project.write("pyproject.toml", "".join(line for line in text.splitlines(keepends=True) if "ca_bundle" not in line))

    done = project.run("db.status", "--target=prod")

    assert done.returncode == 1
    assert (
        "failed: SSL error: certificate verify failed (unable to get local issuer certificate)\n  hint:" in done.stderr
    )
