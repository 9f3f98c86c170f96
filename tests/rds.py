"""RDS for tests: a project with a plan, a cloud whose answers are set one by one, moto's over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from pgproof.rds.cloud import Cloud
from pgproof.rds.plan import Plan, read_plan
from pgproof.settings import read_settings
from tests.dynamo import KEYS, NO_WAIT

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = ("rds", "ec2", "secretsmanager", "sts")

BOOTCAMP = """
identifier = "cruddur-db-instance"
instance_class = "db.t3.micro"
engine_version = "14.6"
database = "cruddur"
username = "cruddurroot"
master_password = "environment"
storage = 20
storage_type = "gp2"
availability_zone = "ca-central-1a"
publicly_accessible = true
backup_retention = 0
deletion_protection = false
performance_insights = 7
ca_certificate = "rds-ca-2019"
extended_support = true
port = 5432
"""
"""The bootcamp's instance, as its own command made it."""


def make_plan(root: Path, text: str = 'identifier = "cruddur-db-instance"') -> Plan:
    """Write a project with a plan, and read it."""
    table = f"[tool.pgproof]\ndatabase = 'cruddur'\n\n[tool.pgproof.rds]\n{text}\n"
    (root / "pyproject.toml").write_text(table, encoding="utf-8")
    return read_plan(read_settings(root, environ={}))


@dataclass(frozen=True)
class Stubs:
    """A cloud of botocore's stubs: `stubs.rds.add_response(...)`, and what is not expected is refused."""

    cloud: Cloud
    rds: Stubber
    ec2: Stubber
    secretsmanager: Stubber
    sts: Stubber


def make_stubs(**patience: Any) -> Stubs:
    """Make one; a request is tried once unless told."""
    clients = {name: boto3.client(name, **KEYS) for name in SERVICES}  # type: ignore[call-overload]
    stubs = {name: Stubber(client) for name, client in clients.items()}
    for each in stubs.values():
        each.activate()
    return Stubs(Cloud(clients.__getitem__, **{"attempts": 1, **patience}), **stubs)


def connect_cloud(url: str) -> Cloud:
    """Open clients of moto's server (`tests.dynamo.moto_server`); nothing is tried twice."""
    config = Config(retries=NO_WAIT)  # type: ignore[arg-type]
    return Cloud(lambda name: boto3.client(name, endpoint_url=url, config=config, **KEYS), attempts=1)  # type: ignore[call-overload]
