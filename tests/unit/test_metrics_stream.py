"""Reading a stream without a database: pages, pace, and the double's own manners."""

from contextlib import suppress
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from pgproof.errors import CloudError
from pgproof.metrics.streams.shard import Shard
from pgproof.metrics.streams.stream import Reader, Trimmed, fetch_stream_shards
from tests.shards import most_within
from tests.streams import ITERATOR_LIVES, Dynamo


@pytest.fixture
def dynamo() -> Dynamo:
    return Dynamo()


def read(dynamo: Dynamo, shard: Shard | None = None) -> Reader:
    known = shard or Shard(dynamo.stream.open_shards()[0], None)
    return Reader(dynamo.aws, dynamo.stream.arn, known, dynamo.pace)


def test_a_long_list_of_shards_is_asked_for_in_pages_at_ten_a_second(dynamo: Dynamo):
    dynamo.page = 1
    dynamo.enable(shards=25)

    found = fetch_stream_shards(dynamo.aws, dynamo.stream.arn, dynamo.pace)

    assert [each.id for each in found] == dynamo.stream.open_shards()
    assert len(dynamo.listings) == 25
    assert most_within(1.0, dynamo.listings) == 10


def test_a_shard_is_read_five_times_a_second(dynamo: Dynamo):
    reader = read(dynamo)
    for _ in range(20):
        reader.read()

    assert dynamo.most_reads_a_second() == 5


def test_a_read_that_failed_counts_as_one(dynamo: Dynamo):
    reader = read(dynamo)
    dynamo.fail("get_records", "LimitExceededException", times=20)
    for _ in range(20):
        with suppress(CloudError):
            reader.read()

    assert dynamo.most_reads_a_second() == 5


def test_an_open_shard_has_no_last_page(dynamo: Dynamo):
    assert not read(dynamo).read().last


@pytest.mark.parametrize("late", [False, True])
def test_a_closed_shard_has_one(dynamo: Dynamo, late: bool):  # noqa: FBT001
    dynamo.ends_late = late
    reader = read(dynamo)
    dynamo.put(pk="MSG#1", sk="1")
    dynamo.stream.close()

    pages = [reader.read() for _ in range(1 + late)]

    assert [(len(each.records), each.last) for each in pages] == [(1, False), (0, True)] if late else [(1, True)]


def test_an_iterator_that_has_expired_is_no_end(dynamo: Dynamo):
    reader = read(dynamo)
    reader.read()
    dynamo.stream.close()
    dynamo.pass_time(ITERATOR_LIVES + 1)

    pages = [reader.read(), reader.read()]

    assert [each.last for each in pages] == [False, True]


def test_a_shard_that_was_never_begun_is_trusted_for_a_day_and_no_longer(dynamo: Dynamo):
    (id,) = dynamo.stream.open_shards()
    read(dynamo, Shard(id, None, age=timedelta(hours=22))).read()

    with pytest.raises(Trimmed):
        read(dynamo, Shard(id, None, age=timedelta(hours=24))).read()


def test_a_shard_that_was_begun_is_read_from_there_however_old_it_is(dynamo: Dynamo):
    dynamo.put(pk="MSG#1", sk="1")
    dynamo.put(pk="MSG#1", sk="2")
    (id,) = dynamo.stream.open_shards()

    page = read(dynamo, Shard(id, None, sequence=10**20, age=timedelta(days=9))).read()

    assert [each["dynamodb"]["SequenceNumber"] for each in page.records] == [str(10**20 + 1)]


# the double


def test_the_double_refuses_what_dynamodb_refuses(dynamo: Dynamo):
    (id,) = dynamo.stream.open_shards()
    asked = {"StreamArn": dynamo.stream.arn, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = dynamo.get_shard_iterator(**asked)["ShardIterator"]

    with pytest.raises(ClientError, match="ValidationException"):
        dynamo.get_records(ShardIterator=iterator, Limit=1001)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        dynamo.get_shard_iterator(**asked | {"ShardId": "another"})
    dynamo.pass_time(ITERATOR_LIVES + 1)
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        dynamo.get_records(ShardIterator=iterator)


def test_the_double_writes_no_record_of_what_changes_nothing(dynamo: Dynamo):
    for _ in range(2):
        dynamo.put(pk="MSG#1", sk="1")
    dynamo.delete(pk="MSG#2", sk="1")

    (shard,) = dynamo.stream.shards.values()

    assert [each["eventName"] for each in shard.records] == ["INSERT"]
