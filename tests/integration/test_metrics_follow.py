"""Following a table: whatever happens to its stream, to AWS or to Postgres, it is told in a line and gone on from."""

from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from pgproof.errors import CloudError, SettingsError
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mirror.source import claim
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.follow import Follower
from tests.following import Desk, at_desk, down, follow, messages, until
from tests.metrics import MESSAGES, fetch_daily, write_mapping
from tests.shards import DAY
from tests.streams import Dynamo


@pytest.fixture
def first() -> tuple[int, ...]:
    return (0,)


# reading anew


def test_where_records_were_lost_the_table_is_read_anew_and_what_is_gone_from_it_is_gone(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1, 2)
    desk.catch_up()
    dynamo.delete(pk="MSG#1", sk="2026-01-01T10:00:00")
    messages(dynamo, 3)
    dynamo.stream.trim(dynamo.stream.open_shards()[0], 4)

    desk.catch_up()

    (shard,) = dynamo.stream.open_shards()
    assert desk.told == [
        f"messages: records were lost before they were read: {shard}",
        "messages: reading the whole table anew",
        "messages: read the whole table",
    ]
    assert desk.epoch() == 2
    assert fetch_daily(desk.connection)["messages", "2026-01-01", "{}"] == 3
    desk.check()


def test_records_lost_while_it_follows_are_made_up_for(desk: Desk, dynamo: Dynamo):
    def lose() -> None:
        messages(dynamo, 1, 2)
        dynamo.pass_time(DAY + 1)

    follow(desk, until(dynamo.pace, lose, lambda: messages(dynamo, 3)))

    assert desk.epoch() == 2
    desk.check()


def test_a_stream_that_is_another_one_has_the_table_read_anew(desk: Desk, dynamo: Dynamo):
    dynamo.disable()
    messages(dynamo, 1)
    dynamo.enable()
    messages(dynamo, 2)

    desk.catch_up()

    assert (desk.epoch(), desk.source().stream) == (2, dynamo.stream.arn)
    desk.check()


def test_a_stream_that_is_off_is_an_error_to_who_reads_once(desk: Desk, dynamo: Dynamo):
    dynamo.disable()

    with pytest.raises(CloudError, match="DynamoDB's table messages has no stream"):
        desk.catch_up()


def test_a_stream_that_is_off_is_waited_for_by_who_follows(desk: Desk, dynamo: Dynamo):
    acts = [dynamo.disable, lambda: messages(dynamo, 1), lambda: None, dynamo.enable, lambda: messages(dynamo, 2)]
    follow(desk, until(dynamo.pace, *acts))

    assert desk.told == [
        "messages: waiting: DynamoDB's table messages has no stream",
        "messages: reading the whole table anew",
        "messages: read the whole table",
        "messages: going on",
    ]
    assert desk.epoch() == 2
    desk.check()


def test_what_a_stream_had_when_it_was_turned_off_is_read(desk: Desk, dynamo: Dynamo):
    def disable() -> None:
        messages(dynamo, 1)
        dynamo.disable()

    follow(desk, until(dynamo.pace, disable, lambda: None, lambda: None))

    assert desk.epoch() == 1
    desk.check()


def test_new_shards_are_found_while_it_follows(desk: Desk, dynamo: Dynamo):
    def split() -> None:
        dynamo.stream.split(dynamo.stream.open_shards()[0])
        messages(dynamo, *range(9))

    follow(desk, until(dynamo.pace, split, split, lambda: None))

    assert desk.told == []
    desk.check()


def test_an_epoch_that_somebody_else_begins_is_gone_on_in(desk: Desk, dynamo: Dynamo):
    def begin() -> None:
        messages(dynamo, 1)
        Scan(desk.feed).run(desk.source(), again=True)
        messages(dynamo, 2)

    follow(desk, until(dynamo.pace, begin, lambda: None))

    assert (desk.epoch(), desk.told) == (2, [])
    desk.check()


def test_a_table_that_somebody_else_reads_is_waited_for(desk: Desk, dynamo: Dynamo):
    claims = ExitStack()

    def take() -> None:
        desk.connection.execute("UPDATE pgproof_metrics.source SET epoch = 2, phase = 'scanning'")
        claims.enter_context(claim(desk.connection, desk.source()))
        messages(dynamo, 1)

    def leave() -> None:
        desk.connection.execute("UPDATE pgproof_metrics.source SET phase = 'live'")

    with claims:
        follow(desk, until(dynamo.pace, take, lambda: None, leave, lambda: None))

    begun, waits, goes_on = desk.told
    assert begun == "messages: reading the whole table on"
    assert waits.startswith("messages: waiting: DynamoDB's table messages is being read as a whole by pgproof")
    assert goes_on == "messages: going on"
    desk.check()


def test_a_reading_that_was_interrupted_is_gone_on_with(desk: Desk, dynamo: Dynamo):
    dynamo.page = 1
    messages(dynamo, *range(9))
    dynamo.disable()
    dynamo.enable()

    def fall(operation: str) -> None:
        if operation == "scan" and dynamo.calls["scan"] > 8:
            raise down(dynamo)

    dynamo.on_call = fall
    with pytest.raises(CloudError):
        desk.catch_up()
    dynamo.on_call = lambda _: None
    read = dynamo.calls["scan"]

    desk.catch_up()

    assert dynamo.calls["scan"] < read + 9
    assert desk.told[-2:] == ["messages: reading the whole table on", "messages: read the whole table"]
    assert desk.epoch() == 2
    desk.check()


def test_a_table_that_was_never_read_is_not_read_unasked(database: str, tmp_path: Path, dynamo: Dynamo):
    for desk in at_desk(database, tmp_path, dynamo):
        for work in (Follower.catch_up, Follower.run):
            with pytest.raises(CloudError, match="messages was never read"):
                work(desk.follower())


def test_what_nobody_needs_any_more_is_forgotten(desk: Desk, dynamo: Dynamo):
    dynamo.delete(pk="MSG#0", sk="2026-01-01T10:00:00")
    desk.catch_up()
    desk.connection.execute("UPDATE pgproof_metrics.item SET changed_at = now() - interval '3 days'")

    desk.catch_up()

    assert desk.connection.execute("SELECT count(*) FROM pgproof_metrics.item").fetchone() == (0,)


# mappings


def test_mappings_that_change_under_it_end_it_with_a_line_for_people(desk: Desk, dynamo: Dynamo, tmp_path: Path):
    def change() -> None:
        from pgproof.metrics.mappings.mapping import read_mappings

        write_mapping(
            tmp_path, "messages", MESSAGES.format(table=dynamo.name) + "\n[metric.again]\nby = ['user_uuid']\n"
        )
        adopt(desk.connection, read_mappings(tmp_path / "metrics"))
        messages(dynamo, 1)

    pace = until(dynamo.pace, change, lambda: None)
    with closing(desk.follower(pace=pace)) as follower, pytest.raises(SettingsError) as told:
        follower.run()

    assert str(told.value) == (
        "metrics of DynamoDB's table messages follow other mappings now than when this began\n"
        "  hint: somebody has changed metrics/*.toml: start again with the files as they are"
    )
    assert len(desk.mirror()) == 1  # nothing was counted by the old ones


def test_two_followers_that_find_a_loss_read_the_table_once(desk: Desk, dynamo: Dynamo):
    one, other = desk.follower(), desk.follower()
    messages(dynamo, 1)
    dynamo.disable()
    dynamo.enable()

    def overtake(operation: str) -> None:
        if operation == "describe_table":
            dynamo.on_call = lambda _: None
            other.catch_up()

    dynamo.on_call = overtake
    with closing(one), closing(other):
        one.catch_up()

    assert desk.epoch() == 2
    desk.check()


def test_who_reads_once_does_not_wait_for_somebody_else(desk: Desk, dynamo: Dynamo):
    dynamo.disable()
    dynamo.enable()

    with (
        claim(desk.connection, desk.source()),
        pytest.raises(CloudError, match="is being read as a whole by pgproof, server process"),
    ):
        desk.catch_up()


HELD = """
SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
WHERE locktype = 'advisory' AND datname = current_database()
"""


def test_who_has_read_is_no_longer_in_the_way_of_who_comes_next(
    desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
):
    messages(dynamo, 1)
    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "close", lambda _: None)  # as slow as a server may be to notice
        with closing(desk.follower()) as follower:
            follower.catch_up()
        desk.read_all()

        assert desk.connection.execute(HELD).fetchone() == (0,)
