"""`rds.stop`, `rds.start` and `rds.delete` through what AWS answers."""

import pytest

from pgproof.errors import CloudError, DestructionRefused
from pgproof.rds import lifecycle
from tests.instances import NAME, Life

FINAL = f"{NAME}-final-20261126-161354"


@pytest.fixture
def life() -> Life:
    return Life()


def test_instance_is_stopped_and_waited_for(life):
    life.show("available")
    life.take("stop_db_instance", DBInstanceIdentifier=NAME)
    life.show("available", "stopping", "stopped")

    assert lifecycle.stop(life.cloud, NAME, life.wait).status == "stopped"
    life.end()


@pytest.mark.parametrize("status", ["stopping", "stopped"])
def test_stop_of_what_stops_already_asks_for_nothing(life, status):
    life.show(status, "stopped")

    assert lifecycle.stop(life.cloud, NAME, life.wait).status == "stopped"
    life.end()


def test_stop_at_a_bad_moment_says_that_it_has_to_wait(life):
    life.show("backing-up")
    life.refuse("stop_db_instance", "InvalidDBInstanceState")

    with pytest.raises(CloudError, match=r"(?s)StopDBInstance: InvalidDBInstanceState.*wait until it is available"):
        lifecycle.stop(life.cloud, NAME, life.wait)


def test_instance_is_started_and_waited_for(life):
    life.show("stopped")
    life.take("start_db_instance", DBInstanceIdentifier=NAME)
    life.show("stopped", "starting", "configuring-log-exports", "available")

    assert lifecycle.start(life.cloud, NAME, life.wait).status == "available"
    life.end()


def test_start_of_what_runs_asks_for_nothing(life):
    life.show("available", "available")

    assert lifecycle.start(life.cloud, NAME, life.wait).status == "available"
    life.end()


def test_start_of_what_still_stops_says_that_it_has_to_be_asked_again(life):
    life.show("stopping", "stopping", "stopped")

    with pytest.raises(CloudError, match=r"(?s)is stopped.*inv rds.start"):
        lifecycle.start(life.cloud, NAME, life.wait)


def test_instance_that_there_is_not_is_neither_started_nor_stopped(life):
    life.show("gone", "gone")

    for each in (lifecycle.start, lifecycle.stop):
        with pytest.raises(CloudError, match=f"there is no RDS instance {NAME}"):
            each(life.cloud, NAME, life.wait)


def delete(life: Life, allowed: str | None = NAME) -> str | None:
    return lifecycle.delete(life.cloud, NAME, life.wait, allowed=allowed)


def grant_deletion(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "name_snapshot", lambda *_: FINAL)
    life.take(
        "delete_db_instance",
        DBInstanceIdentifier=NAME,
        SkipFinalSnapshot=False,
        FinalDBSnapshotIdentifier=FINAL,
        DeleteAutomatedBackups=False,
    )


def test_deletion_takes_a_final_snapshot_keeps_the_backups_and_waits_until_it_is_gone(life, monkeypatch):
    life.show("available", DeletionProtection=False)
    grant_deletion(life, monkeypatch)
    life.show("available", "deleting", "deleting", "gone")

    assert delete(life) == FINAL
    life.end()


@pytest.mark.parametrize("allowed", [None, "", "cruddur", NAME.upper(), f"{NAME} "])
def test_deletion_needs_the_identifier_in_full(life, allowed):
    life.show("available", DeletionProtection=False)

    with pytest.raises(DestructionRefused, match=rf"(?s)destroy.*{NAME}: 20 GiB at {NAME}.abc.*--yes-destroy={NAME}$"):
        delete(life, allowed)

    life.end()


def test_protected_instance_is_not_deleted_and_who_wants_to_is_told_how(life):
    life.show("available")

    with pytest.raises(DestructionRefused, match=r"(?s)is protected.*deletion_protection = false.*inv rds.ensure"):
        delete(life)

    life.end()


@pytest.mark.parametrize("status", ["failed", "incompatible-network", "incompatible-restore"])
def test_instance_that_no_snapshot_can_be_taken_of_is_not_deleted(life, status):
    life.show(status, DeletionProtection=False)

    with pytest.raises(CloudError, match=f"(?s)is {status}: no final snapshot.*--skip-final-snapshot"):
        delete(life)

    life.end()


def test_deletion_that_goes_on_is_waited_for_and_not_asked_for_again(life):
    life.show("deleting", "deleting", "gone")

    assert delete(life) == ""
    life.end()


def test_deletion_of_nothing_is_nothing(life):
    life.show("gone")

    assert delete(life) is None


def test_deletion_that_did_not_happen_is_an_error(life, monkeypatch):
    life.show("available", DeletionProtection=False)
    grant_deletion(life, monkeypatch)
    life.show("deleting", "available")

    with pytest.raises(CloudError, match=r"(?s)is available.*it was not deleted"):
        delete(life)
