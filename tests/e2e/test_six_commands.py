"""README's six commands, from nothing to a migrated instance: AWS is moto's, and what it would make stands here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pgproof.pg.database import connect
from tests.cloud import made_instance, make_shell, start_project
from tests.dynamo import moto_server
from tests.e2e.conftest import Project
from tests.tls import HOST, PASSWORD, TlsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MIGRATOR = "migr8tor-Pa:ss?w'rd"


@pytest.fixture
def tls(cache: Path) -> Iterator[TlsServer]:
    with made_instance(cache) as tls:
        yield tls


@pytest.fixture
def project(tls: TlsServer, environ: dict[str, str], tmp_path: Path) -> Iterator[Project]:
    with moto_server() as aws:
        project = Project(tmp_path / "shop", environ | make_shell(aws, tls.tunnel))
        start_project(project, tls)
        yield project


def test_from_nothing_to_a_migrated_instance_in_six_commands(project: Project, tls: TlsServer):
    plan = project.inv("rds.plan")
    made = project.inv("rds.ensure")
    allowed = project.inv("rds.allow", "--ip=8.8.8.8", "--name=andrew")
    roles = project.inv("db.roles", "--target=prod", MIGRATOR_PASSWORD=_MIGRATOR)
    signed = project.inv("gate", "--sign", "--base=nothing", "--rows=300")
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
