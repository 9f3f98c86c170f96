"""What a stream has lost before it was read: found each time, also where DynamoDB says nothing."""

from contextlib import closing

import pytest

from pgproof.metrics.streams.stream import Trimmed
from tests.following import Desk, messages
from tests.shards import DAY
from tests.streams import Dynamo


def test_records_trimmed_before_they_were_read_are_found(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1)
    desk.catch_up()
    messages(dynamo, 2, 3)
    (shard,) = dynamo.stream.open_shards()
    dynamo.stream.trim(shard, 2)

    with pytest.raises(Trimmed, match=shard):
        desk.sync().catch_up()


def test_records_trimmed_between_two_pages_are_found(desk: Desk, dynamo: Dynamo):
    reader = desk.sync()
    messages(dynamo, 1)
    reader.read_once()
    messages(dynamo, 2, 3)
    dynamo.stream.trim(dynamo.stream.open_shards()[0], 2)

    with pytest.raises(Trimmed):
        reader.read_once()


def test_records_trimmed_in_a_shard_of_which_nothing_was_read_are_found_though_dynamodb_says_nothing(
    desk: Desk, dynamo: Dynamo
):
    messages(dynamo, 1)
    desk.connection.execute("UPDATE pgproof_metrics.shard SET since = now() - interval '23 hours 1 second'")

    with pytest.raises(Trimmed, match="was not begun within a day"):
        desk.sync().catch_up()


def test_a_shard_that_came_after_the_last_look_may_be_as_old_as_that(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    desk.catch_up()
    desk.connection.execute("UPDATE pgproof_metrics.shard SET listed_at = now() - interval '20 h'")
    dynamo.stream.roll(first)
    messages(dynamo, 1)
    desk.sync().list_shards()
    desk.connection.execute("UPDATE pgproof_metrics.shard SET since = since - interval '4 h'")  # so many hours later

    with pytest.raises(Trimmed, match="was not begun within a day"):
        desk.sync().catch_up()


def test_looks_for_shards_are_noted(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    desk.connection.execute("UPDATE pgproof_metrics.shard SET listed_at = now() - interval '1 hour'")
    desk.catch_up()
    second = dynamo.stream.roll(first)
    messages(dynamo, 1)

    desk.catch_up()

    late = "SELECT id FROM pgproof_metrics.shard WHERE since < now() - interval '5 minutes'"
    assert desk.connection.execute(late).fetchall() == []
    assert second in desk.shards()


def test_a_shard_that_vanished_unread_is_found(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    messages(dynamo, 1)
    dynamo.stream.roll(first)
    dynamo.stream.lose(first)

    with pytest.raises(Trimmed, match=f"{first} went before it was read"):
        desk.sync().catch_up()


def test_a_child_whose_parent_came_and_went_unseen_is_found(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    desk.catch_up()
    second = dynamo.stream.roll(first)
    messages(dynamo, 1)
    third = dynamo.stream.roll(second)
    dynamo.stream.lose(second)

    with pytest.raises(Trimmed, match=f"what {third} goes on from came and went"):
        desk.sync().catch_up()


def test_a_stream_that_is_gone_is_found(desk: Desk, dynamo: Dynamo):
    reader = desk.sync()
    dynamo.streams.clear()

    with pytest.raises(Trimmed):
        reader.catch_up()


def test_a_day_without_a_reader_is_found_by_what_is_missing(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1)
    desk.catch_up()
    messages(dynamo, 2)
    dynamo.pass_time(DAY + 1)

    with closing(desk.follower()) as follower:
        follower.catch_up()

    assert desk.epoch() == 2
    desk.check()
