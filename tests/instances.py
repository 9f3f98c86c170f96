"""An RDS instance's life for tests: what RDS says of it, status after status, and a clock that only waiting moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.stub import Stubber

from pgproof.rds.cloud import Cloud
from pgproof.rds.ensure import Provision
from pgproof.rds.waiting import Wait
from tests.dynamo import KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.rds.finding import Finding
    from pgproof.rds.plan import Plan

NAME = "cruddur-db-instance"
GROUP = "sg-0123456789abcdef0"
PLANNED = f"""
identifier = "{NAME}"
instance_class = "db.t4g.micro"
engine_version = "18"
port = 5432
username = "cruddur_master"
security_groups = ["{GROUP}"]
availability_zone = "ca-central-1a"
"""
"""A plan whose instance needs nothing of EC2."""

ARN = f"arn:aws:rds:ca-central-1:123456789012:db:{NAME}"
SECRET = "arn:aws:secretsmanager:ca-central-1:123456789012:secret:rds!db-1"  # noqa: S105 - a name


def describe(status: str = "available", **more: Any) -> dict[str, Any]:
    """Return how RDS describes the instance of `PLANNED`."""
    return {
        "DBInstanceIdentifier": NAME,
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "DBInstanceStatus": status,
        "MasterUsername": "cruddur_master",
        "DBName": "cruddur",
        "Endpoint": {"Address": f"{NAME}.abc.ca-central-1.rds.amazonaws.com", "Port": 5432},
        "AllocatedStorage": 20,
        "BackupRetentionPeriod": 7,
        "VpcSecurityGroups": [{"VpcSecurityGroupId": GROUP, "Status": "active"}],
        "DBParameterGroups": [{"DBParameterGroupName": "default.postgres18", "ParameterApplyStatus": "in-sync"}],
        "AvailabilityZone": "ca-central-1a",
        "DBSubnetGroup": {"DBSubnetGroupName": "default"},
        "PendingModifiedValues": {},
        "MultiAZ": False,
        "EngineVersion": "18.4",
        "AutoMinorVersionUpgrade": True,
        "PubliclyAccessible": False,
        "StorageType": "gp3",
        "DbInstancePort": 0,
        "StorageEncrypted": True,
        "KmsKeyId": "arn:aws:kms:ca-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "IAMDatabaseAuthenticationEnabled": False,
        "PerformanceInsightsEnabled": True,
        "PerformanceInsightsRetentionPeriod": 7,
        "DeletionProtection": True,
        "DBInstanceArn": ARN,
        "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "MasterUserSecret": {"SecretArn": SECRET, "SecretStatus": "active"},
        "TagList": [{"Key": "team", "Value": "cruddur"}],
        **more,
    }


def _stub() -> Stubber:
    stub = Stubber(boto3.client("rds", **KEYS))  # type: ignore[call-overload]
    stub.activate()
    return stub


@dataclass
class Life:
    """A cloud whose instance has one status after the other."""

    rds: Stubber = field(default_factory=_stub)
    now: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def cloud(self) -> Cloud:
        """A cloud that has RDS only."""
        return Cloud({"rds": self.rds.client}.__getitem__, attempts=1)

    @property
    def wait(self) -> Wait:
        """Waiting that takes no time."""
        return Wait(again="inv rds.ensure", notify=self.told.append, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let the clock go on."""
        self.now += seconds

    def show(self, *statuses: str, **more: Any) -> None:
        """Let the instance be described with these, one at a look; `gone` is none."""
        for status in statuses:
            if status == "gone":
                self.rds.add_client_error("describe_db_instances", "DBInstanceNotFound", "no such", 404)
            else:
                said = {"DBInstances": [describe(status, **more)]}
                self.rds.add_response("describe_db_instances", said, {"DBInstanceIdentifier": NAME})

    def take(self, operation: str, **expected: Any) -> None:
        """Let a request be granted, with exactly these arguments."""
        said = {} if operation == "add_tags_to_resource" else {"DBInstance": describe()}
        self.rds.add_response(operation, said, expected)

    def refuse(self, operation: str, code: str, status: int = 400) -> None:
        """Let a request be refused."""
        self.rds.add_client_error(operation, code, f"because of {code}", status)

    def provision(self, plan: Plan, findings: Sequence[Finding] = (), **more: Any) -> Provision:
        """Return what `inv rds.ensure` does, with a judge that finds these."""
        return Provision(cloud=self.cloud, plan=plan, wait=self.wait, judge=lambda _: findings, **more)

    def end(self) -> None:
        """Be sure that all was asked for that should be."""
        self.rds.assert_no_pending_responses()
