"""Streams as DynamoDB has them: parents and children, ends, pages, limits. The stream is that of tests/streams.py."""

from pathlib import Path

import psycopg
import pytest

from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.streams import sync
from pgproof.metrics.streams.stream import Trimmed
from tests.following import Desk, at_desk, messages
from tests.streams import ITERATOR_LIVES, Dynamo

# lineage


def test_a_child_is_read_after_its_parent_and_its_grandparent(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    messages(dynamo, *range(5))
    second = dynamo.stream.roll(first)
    messages(dynamo, *range(5), day="2026-01-02")
    left, right = dynamo.stream.split(second)
    messages(dynamo, *range(3, 9))
    last = dynamo.stream.merge(left, right)
    messages(dynamo, *range(9), day="2026-01-03")

    desk.catch_up()

    begun = list(dict.fromkeys(each.shard for each in desk.progress))
    assert begun[:2] == [first, second]
    assert {left, right} == {*begun[2:4]}
    assert begun[4] == last
    desk.check()


def test_a_child_that_comes_while_its_parent_is_read_is_read_too(desk: Desk, dynamo: Dynamo):
    def roll(operation: str) -> None:
        if operation == "get_records":
            dynamo.on_call = lambda _: None
            dynamo.stream.roll(*dynamo.stream.open_shards())
            messages(dynamo, 1)

    dynamo.on_call = roll

    desk.catch_up()

    desk.check()


def test_a_child_waits_while_somebody_else_reads_its_parent(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    other, mine = desk.sync(), desk.sync()
    messages(dynamo, 1)
    other.read_once()
    child = dynamo.stream.roll(first)
    messages(dynamo, 1, day="2026-01-02")
    mine.catch_up()
    assert {each.shard for each in desk.progress} == {first}

    other.catch_up()

    assert [each.shard for each in desk.progress if each.records][-1] == child
    desk.check()


@pytest.mark.parametrize("late", [False, True], ids=["with its last records", "with an empty page after them"])
def test_a_shard_that_ends_is_never_read_again(desk: Desk, dynamo: Dynamo, late: bool):  # noqa: FBT001
    dynamo.ends_late = late
    (first,) = dynamo.stream.open_shards()
    messages(dynamo, 1, 2)
    second = dynamo.stream.roll(first)
    desk.catch_up()
    assert desk.shards() == {first: True, second: False}
    reads = len(dynamo.reads[first])

    messages(dynamo, 3)
    desk.catch_up()

    assert len(dynamo.reads[first]) == reads
    desk.check()


def test_a_shard_that_ends_without_a_record_gives_way_to_its_child(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    dynamo.stream.roll(first)
    messages(dynamo, 1)

    desk.catch_up()

    assert desk.shards()[first]
    desk.check()


def test_shards_that_dynamodb_has_forgotten_are_forgotten_once_their_children_are_known(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    messages(dynamo, 1)
    second = dynamo.stream.roll(first)
    desk.catch_up()
    dynamo.stream.lose(first)
    messages(dynamo, 2)
    desk.catch_up()
    assert desk.shards() == {second: False}

    third = dynamo.stream.roll(second)
    messages(dynamo, 3)
    desk.catch_up()

    assert desk.shards() == {second: True, third: False}
    assert desk.epoch() == 1
    desk.check()


def test_a_closed_shard_stays_known_until_its_child_is(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    messages(dynamo, 1)
    dynamo.stream.close()
    desk.catch_up()
    dynamo.stream.lose(first)

    desk.catch_up()

    assert desk.shards() == {first: True}


def test_sequence_numbers_are_compared_as_numbers_of_any_length(database: str, tmp_path: Path):
    dynamo = Dynamo(first=10**21 - 3)
    for desk in at_desk(database, tmp_path, dynamo):
        desk.read_all()
        for day in range(1, 8):
            messages(dynamo, 1, day=f"2026-01-0{day}")
            dynamo.put(pk="MSG#0", sk="2026-01-01T10:00:00", user_uuid=f"user {day}")
            desk.catch_up()
        desk.check()
    dynamo = Dynamo("long", first=10**40 - 2)
    dynamo.put(pk="MSG#1", sk="2026-01-01")
    (record,) = dynamo.stream.shards[dynamo.stream.open_shards()[0]].records
    assert read_record(record, dynamo.keys, []).sequence == 10**40 - 2


# pages


def test_empty_pages_in_the_midst_of_a_shard_do_not_hide_what_follows(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1, 2)
    dynamo.empty = 4

    desk.catch_up()

    desk.check()


def test_a_page_that_is_given_again_changes_nothing(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1, 2)
    dynamo.again = 2

    desk.catch_up()

    assert [(each.records, each.news) for each in desk.progress if each.records] == [(2, 2), (2, 0), (2, 0)]
    desk.check()


def test_an_iterator_that_has_expired_is_asked_for_again(desk: Desk, dynamo: Dynamo):
    reader = desk.sync()
    messages(dynamo, 1)
    reader.read_once()
    messages(dynamo, 2)
    dynamo.pass_time(ITERATOR_LIVES + 1)

    assert [reader.read_once() for _ in range(2)] == [0, 1]

    assert dynamo.calls["get_shard_iterator"] == 2
    desk.check()


def test_an_iterator_that_has_expired_is_not_taken_for_the_end_of_a_shard(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1, 2)
    dynamo.fail("get_records", "ExpiredIteratorException", times=sync.PATIENCE)

    desk.catch_up()

    desk.check()


def test_an_iterator_that_expires_unread_for_a_day_is_not_asked_for_again(desk: Desk, dynamo: Dynamo):
    reader = desk.sync()
    reader.read_once()
    desk.connection.execute("UPDATE pgproof_metrics.shard SET since = now() - interval '1 day'")
    dynamo.pass_time(ITERATOR_LIVES + 1)
    reader.read_once()

    with pytest.raises(Trimmed, match="was not begun within a day"):
        reader.read_once()


def test_a_page_that_could_not_be_taken_in_is_read_again(desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch):
    reader = desk.sync()
    messages(dynamo, 1)
    with monkeypatch.context() as patched:
        patched.setattr(sync, "take_in", _refuse)
        with pytest.raises(psycopg.errors.DeadlockDetected):
            reader.read_once()
    messages(dynamo, 2)

    reader.catch_up()

    desk.check()


def test_a_record_whose_place_is_no_number_of_dynamodbs_is_set_aside_and_blocks_nobody(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1)
    (shard,) = dynamo.stream.open_shards()
    whole = dynamo.stream.shards[shard].records[0]
    strange = {**whole, "dynamodb": {**whole["dynamodb"], "SequenceNumber": "9" * 60}}
    dynamo.stream.shards[shard].records.append(strange)
    messages(dynamo, 2)

    desk.catch_up()

    desk.check()
    assert desk.connection.execute("SELECT count(*) FROM pgproof_metrics.dead_letter").fetchone() == (1,)


def _refuse(*_: object) -> int:
    raise psycopg.errors.DeadlockDetected("as asked")


# limits


def test_no_shard_is_read_more_than_five_times_a_second(database: str, tmp_path: Path):
    dynamo = Dynamo(shards=3)
    for desk in at_desk(database, tmp_path, dynamo):
        desk.read_all()
        messages(dynamo, *range(100))
        desk.catch_up()

        assert len(dynamo.reads) == 3
        assert dynamo.most_reads_a_second() == 5
        desk.check()


def test_a_read_asks_for_no_more_records_than_dynamodb_gives(desk: Desk, dynamo: Dynamo):
    for number in range(2300):
        dynamo.put(pk="GRP#1", sk=str(number))

    desk.catch_up()

    assert [each.records for each in desk.progress if each.records] == [1000, 1000, 300]
    desk.check()


def test_large_records_come_by_the_megabyte(desk: Desk, dynamo: Dynamo):
    for number in range(6):
        dynamo.put(pk="GRP#1", sk=str(number), body="a" * 390_000)

    desk.catch_up()

    assert [each.records for each in desk.progress if each.records] == [2, 2, 2]
    desk.check()


def test_an_item_taken_away_by_its_time_to_live_is_gone(desk: Desk, dynamo: Dynamo):
    messages(dynamo, 1, 2)
    desk.catch_up()
    dynamo.expire(pk="MSG#1", sk="2026-01-01T10:00:00")

    desk.catch_up()

    rows = desk.connection.execute("SELECT expired FROM pgproof_metrics.item WHERE deleted").fetchall()
    assert rows == [(True,)]
    desk.check()
