"""The bootcamp's instance from nothing to a final snapshot, over HTTP, on moto's RDS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgproof.errors import CloudError
from pgproof.rds import lifecycle
from pgproof.rds.cloud import Cloud
from pgproof.rds.difference import compare
from pgproof.rds.ensure import Ensured, Provision
from pgproof.rds.instance import fetch_instance, find_instance
from pgproof.rds.snapshot import take_snapshot
from pgproof.rds.waiting import Wait
from tests.dynamo import moto_server
from tests.rds import BOOTCAMP, connect_cloud, make_plan

pytestmark = pytest.mark.once

NAME = "cruddur-db-instance"
WAIT = Wait(again="inv rds.ensure")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with moto_server() as url:
        yield connect_cloud(url)


def ensure(cloud: Cloud, root: Path, text: str) -> Ensured:
    provision = Provision(
        cloud=cloud,
        plan=make_plan(root, text),
        wait=WAIT,
        judge=lambda _: [],  # it would refuse 14.6, which AWS makes no more
        password="of-a-master-user",  # noqa: S106
    )
    return provision.ensure()


def test_the_bootcamps_instance_is_made_changed_copied_stopped_started_and_deleted(cloud, tmp_path):
    made = ensure(cloud, tmp_path, BOOTCAMP)
    said = made.instance.said
    expected = {
        "DBInstanceIdentifier": NAME,
        "DBInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "EngineVersion": "14.6",
        "MasterUsername": "cruddurroot",
        "AllocatedStorage": 20,
        "StorageType": "gp2",
        "AvailabilityZone": "ca-central-1a",
        "BackupRetentionPeriod": 0,
        "MultiAZ": False,
        "DBName": "cruddur",
        "PubliclyAccessible": True,
        "StorageEncrypted": True,
        "DeletionProtection": False,
        "CACertificateIdentifier": "rds-ca-2019",
        "CopyTagsToSnapshot": True,
    }
    assert made.made
    assert made.instance.port == 5432
    assert said.items() >= expected.items()

    again = ensure(cloud, tmp_path, BOOTCAMP)
    assert (again.made, again.changed, again.waiting) == (False, [], [])

    larger = ensure(cloud, tmp_path, BOOTCAMP.replace("storage = 20", "storage = 30"))
    assert [(each.name, each.before, each.after) for each in larger.changed] == [("storage", "20", "30")]
    assert larger.instance.said["AllocatedStorage"] == 30

    assert take_snapshot(cloud, NAME, "before-the-change") == "before-the-change"
    with pytest.raises(CloudError, match="DBSnapshotAlreadyExists"):
        take_snapshot(cloud, NAME, "before-the-change")

    assert lifecycle.stop(cloud, NAME, WAIT).status == "stopped"
    assert lifecycle.start(cloud, NAME, WAIT).status == "available"

    final = lifecycle.delete(cloud, NAME, WAIT, allowed=NAME)
    assert find_instance(cloud, NAME) is None
    kept = cloud.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert {each["DBSnapshotIdentifier"] for each in kept} == {"before-the-change", final}


def test_instance_of_a_plan_that_says_little_has_a_group_that_lets_nobody_in_and_a_secret(cloud, tmp_path):
    text = 'identifier = "cruddur-small"\navailability_zone = "ca-central-1a"\ntags = {team = "cruddur"}'

    instance = ensure(cloud, tmp_path, text).instance

    (group,) = instance.groups
    rules = cloud.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    assert [each for each in rules["SecurityGroupRules"] if not each["IsEgress"]] == []
    assert instance.secret
    assert instance.said["DeletionProtection"]
    assert instance.said["TagList"] == [{"Key": "team", "Value": "cruddur"}]
    assert compare(make_plan(tmp_path, text), instance) == []


def test_password_and_protection_are_changed_in_place(cloud, tmp_path):
    old = BOOTCAMP.replace(NAME, "cruddur-changed")
    ensure(cloud, tmp_path, old)

    text = old.replace('"environment"', '"managed"').replace("protection = false", "protection = true")
    done = ensure(cloud, tmp_path, text + 'tags = {team = "cruddur"}')

    assert {each.name for each in done.changed} == {"master_password", "deletion_protection", "tags"}
    now = fetch_instance(cloud, "cruddur-changed")
    assert now.secret
    assert now.said["DeletionProtection"]
    assert now.said["TagList"] == [{"Key": "team", "Value": "cruddur"}]
