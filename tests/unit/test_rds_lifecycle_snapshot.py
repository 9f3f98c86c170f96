"""`rds.snapshot` through what AWS answers."""

from datetime import datetime, timedelta, timezone

import pytest

from pgproof.errors import CloudError, SettingsError
from pgproof.rds.snapshot import name_snapshot, take_snapshot
from tests.instances import NAME, Life


@pytest.fixture
def life() -> Life:
    return Life()


def snapshot(life: Life, status: str, percent: int = 0, instance: str = NAME) -> None:
    said = {"DBSnapshotIdentifier": "before", "DBInstanceIdentifier": instance, "Status": status}
    found = {"DBSnapshots": [{**said, "PercentProgress": percent}]}
    life.rds.add_response("describe_db_snapshots", found, {"DBSnapshotIdentifier": "before"})


def test_snapshot_is_there_when_it_is_said_to_be(life):
    life.rds.add_response("create_db_snapshot", {}, {"DBInstanceIdentifier": NAME, "DBSnapshotIdentifier": "before"})
    life.refuse("describe_db_snapshots", "DBSnapshotNotFound", 404)
    snapshot(life, "creating", 7)
    snapshot(life, "available", 100)

    assert take_snapshot(life.cloud, NAME, "before", wait=life.wait) == "before"
    life.end()
    assert life.told == ["snapshot before: not there yet", "snapshot before: creating, 7 %"]


def test_snapshot_that_is_being_taken_already_is_waited_for(life):
    life.refuse("create_db_snapshot", "DBSnapshotAlreadyExists")
    snapshot(life, "creating", 50)
    snapshot(life, "available")

    assert take_snapshot(life.cloud, NAME, "before", wait=life.wait) == "before"
    life.end()


@pytest.mark.parametrize(("status", "instance"), [("available", NAME), ("creating", "another")])
def test_older_snapshot_of_the_name_or_anothers_is_not_taken_for_ours(life, status, instance):
    life.refuse("create_db_snapshot", "DBSnapshotAlreadyExists")
    snapshot(life, status, instance=instance)

    with pytest.raises(CloudError, match=r"(?s)DBSnapshotAlreadyExists.*take another name"):
        take_snapshot(life.cloud, NAME, "before", wait=life.wait)


def test_snapshot_that_failed_is_an_error(life):
    life.rds.add_response("create_db_snapshot", {})
    snapshot(life, "failed")

    with pytest.raises(CloudError, match="snapshot before is failed"):
        take_snapshot(life.cloud, NAME, "before", wait=life.wait)


def test_snapshot_that_cannot_be_taken_now_says_why(life):
    life.refuse("create_db_snapshot", "InvalidDBInstanceState")

    with pytest.raises(CloudError, match="InvalidDBInstanceState"):
        take_snapshot(life.cloud, NAME, "before", wait=life.wait)


@pytest.mark.parametrize("name", ["", "-x", "x-", "a--b", "rds:auto", "1a", "a b", "ä", "a" * 256, "x'; DROP", "$(id)"])
def test_name_that_is_none_is_not_asked_for(life, name):
    with pytest.raises(SettingsError, match="no name of a snapshot"):
        take_snapshot(life.cloud, NAME, name, wait=life.wait)


def test_snapshots_are_named_for_instance_occasion_and_moment():
    now = datetime(2026, 11, 26, 18, 13, 54, tzinfo=timezone(timedelta(hours=2)))

    assert name_snapshot(NAME, "final", now) == f"{NAME}-final-20261126-161354"
    assert name_snapshot(NAME, now=now) == f"{NAME}-20261126-161354"
