"""Waiting for an instance: what it survives, what ends it, and what is said then; the clock is a test's own."""

from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError

from pgproof.errors import CloudError
from pgproof.rds.statuses import FAILURES, THERE
from pgproof.rds.waiting import await_status
from tests.instances import NAME, Life

ON_THE_WAY = [
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "creating",
    "delete-precheck",
    "maintenance",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "starting",
    "stopping",
    "storage-config-upgrade",
    "upgrading",
]
"""What RDS' list of statuses has beside what is there and what failed."""


@pytest.fixture
def life() -> Life:
    return Life()


def wait(life: Life, **chosen: float) -> str:
    return await_status(life.cloud, NAME, THERE, replace(life.wait, **chosen)).status  # type: ignore[arg-type]


def test_every_status_on_the_way_is_waited_through_and_told(life):
    life.show(*ON_THE_WAY, "available")

    assert wait(life) == "available"
    life.end()
    assert life.told == [f"{NAME}: {each}" for each in ON_THE_WAY]


@pytest.mark.parametrize("status", sorted(THERE))
def test_instance_that_takes_connections_is_not_waited_for(life, status):
    life.show(status)

    assert (wait(life), life.now) == (status, 0)


@pytest.mark.parametrize("status", sorted(FAILURES))
def test_every_status_that_is_not_left_by_itself_ends_the_waiting_with_what_to_do(life, status):
    life.show("creating", status)

    with pytest.raises(CloudError) as caught:
        wait(life)

    assert caught.value.what == f"{NAME} is {status}"
    assert len(caught.value.hint) > 20


def test_what_it_was_when_rds_was_asked_is_no_failure_until_it_has_moved_or_had_its_time():
    moved, stuck = Life(), Life()
    moved.show("stopped", "starting", "stopped")
    stuck.show(*["stopped"] * 13)

    for life in (moved, stuck):
        with pytest.raises(CloudError, match="is stopped"):
            await_status(life.cloud, NAME, THERE, life.wait, before="stopped")
        life.end()
    assert (moved.now, stuck.now) == (20, 120)


def test_how_far_it_is_is_told_where_rds_tells_it(life):
    life.show("modifying", PercentProgress="40")
    life.show("available")

    wait(life)

    assert life.told == [f"{NAME}: modifying, 40 %"]


@pytest.mark.parametrize(
    ("code", "status"), [("Throttling", 400), ("RequestLimitExceeded", 400), ("ServiceUnavailable", 503), ("Odd", 500)]
)
def test_busy_aws_is_survived_for_as_long_as_one_waits(life, code, status):
    life.show("creating")
    for _ in range(20):
        life.refuse("describe_db_instances", code, status)
    life.show("available")

    assert wait(life) == "available"
    life.end()
    assert f"not known, AWS refused DescribeDBInstances: {code}" in life.told[1]


def test_lost_network_is_survived(life, monkeypatch):
    life.show("creating", "available")
    ask, failing = life.rds.client.describe_db_instances, [True, True]

    def describe(**arguments: str) -> object:
        if failing:
            failing.pop()
            raise EndpointConnectionError(endpoint_url="https://rds.ca-central-1.amazonaws.com")
        return ask(**arguments)

    monkeypatch.setattr(life.rds.client, "describe_db_instances", describe)

    assert wait(life) == "available"
    assert "AWS was not reached" in life.told[0]


@pytest.mark.parametrize("code", ["ExpiredToken", "AccessDenied"])
def test_refusal_while_waiting_says_that_rds_goes_on_and_how_to_go_on_waiting(life, code):
    life.show("creating")
    life.refuse("describe_db_instances", code, 403)

    with pytest.raises(CloudError) as caught:
        wait(life)

    assert caught.value.code == code
    assert "RDS goes on by itself, and `inv rds.ensure` goes on waiting" in caught.value.hint
    assert ("get new credentials" if code == "ExpiredToken" else "may not do that") in caught.value.hint


def test_waiting_ends_in_time_and_says_how_to_go_on(life):
    life.show(*["creating"] * 7)

    with pytest.raises(CloudError) as caught:
        wait(life, timeout=60)

    assert str(caught.value) == (
        f"{NAME}: still creating after 1:00\n  hint: RDS goes on by itself, and `inv rds.ensure` goes on waiting"
    )
    life.end()


def test_interrupt_says_how_to_go_on(life):
    life.show("creating")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await_status(life.cloud, NAME, THERE, replace(life.wait, sleep=interrupt))

    assert life.told[-1] == "interrupted; RDS goes on by itself, and `inv rds.ensure` goes on waiting"


def test_interrupt_during_a_request_says_so_too(life, monkeypatch):
    def interrupt(**_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(life.rds.client, "describe_db_instances", interrupt)

    with pytest.raises(KeyboardInterrupt):
        wait(life)

    assert life.told == ["interrupted; RDS goes on by itself, and `inv rds.ensure` goes on waiting"]


def test_instance_that_disappears_is_told(life):
    life.show(*["gone"] * 13)

    with pytest.raises(CloudError, match=f"{NAME} is gone"):
        wait(life)

    life.end()
    assert life.now == 120
