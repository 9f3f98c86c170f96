"""AWS or Postgres is down while a table is followed: that is told once, waited for, and gone on from."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from pgproof.errors import CloudError
from tests.following import Desk, Enough, down, follow, messages, until
from tests.streams import Dynamo

REFUSED = ["AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException", "ValidationException"]


@pytest.fixture
def first() -> tuple[int, ...]:
    return (0,)


def test_aws_that_is_down_is_waited_for_and_told_once(desk: Desk, dynamo: Dynamo):
    def fall() -> None:
        messages(dynamo, 1)
        dynamo.fail("get_records", down(dynamo), times=3)

    follow(desk, until(dynamo.pace, fall, *[lambda: None] * 5))

    assert desk.told == [
        'messages: waiting: AWS was not reached: Could not connect to the endpoint URL: "https://messages"',
        "messages: going on",
    ]
    desk.check()


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "InternalServerError", "ThrottlingException"]
)
def test_aws_that_is_busy_is_waited_for(desk: Desk, dynamo: Dynamo, code: str):
    def fall() -> None:
        messages(dynamo, 1)
        for operation in ("describe_table", "describe_stream", "get_shard_iterator", "get_records"):
            dynamo.fail(operation, code)

    follow(desk, until(dynamo.pace, fall, *[lambda: None] * 6))

    assert desk.told[-1] == "messages: going on"
    desk.check()


@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_of_aws_ends_it_at_once(desk: Desk, dynamo: Dynamo, code: str):
    dynamo.fail("get_records", code)

    with (
        closing(desk.follower()) as follower,
        pytest.raises(CloudError, match=f"AWS refused GetRecords: {code}") as told,
    ):
        follower.run()

    assert told.value.code == code
    assert desk.told == []


def test_a_connection_that_is_lost_is_made_anew(desk: Desk, dynamo: Dynamo):
    sessions: list[psycopg.Connection[Any]] = []

    def connect() -> psycopg.Connection[Any]:
        sessions.append(desk.connect())
        return sessions[-1]

    def end() -> None:
        desk.connection.execute("SELECT pg_terminate_backend(%s, 60000)", [sessions[-1].info.backend_pid])
        messages(dynamo, 1)

    pace = until(dynamo.pace, end, lambda: None, lambda: None)
    follower = desk.follower(feed=replace(desk.feed, connect=connect), pace=pace)
    with closing(follower), pytest.raises(Enough):
        follower.run()

    waits, goes_on = desk.told
    assert waits.startswith("messages: waiting: Postgres: terminating connection due to administrator command")
    assert goes_on == "messages: going on"
    desk.check()


def test_a_deadlock_is_no_outage(desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch):
    failures = iter([psycopg.errors.DeadlockDetected("as asked"), psycopg.errors.SerializationFailure("as asked")])
    taking = _patient(failures)
    monkeypatch.setattr("pgproof.metrics.streams.sync.hold_shard", taking)
    messages(dynamo, 1)

    desk.catch_up()

    assert desk.told == []
    desk.check()


def _patient(failures: Iterator[Exception]) -> Any:
    from pgproof.metrics.streams.shard import hold_shard

    def hold(*arguments: Any) -> Any:
        if error := next(failures, None):
            raise error
        return hold_shard(*arguments)

    return hold


def test_a_fault_of_ours_in_the_database_is_not_waited_for(desk: Desk):
    desk.connection.execute("ALTER TABLE pgproof_metrics.shard RENAME TO shards")

    with closing(desk.follower()) as follower, pytest.raises(psycopg.errors.UndefinedTable):
        follower.run()
