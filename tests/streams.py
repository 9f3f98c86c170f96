# ruff: noqa: N803 - boto3's names
"""A DynamoDB table with its stream, in memory: what moto's stream cannot do, as DynamoDB's documents have it.

From here come: shards that split, merge, roll and close; parents; records and shards that are trimmed; iterators that
expire; empty pages in the midst of a shard; a page that is given again; throttling and any other error; lists of shards
in pages; a stream that is turned off and on; items that DynamoDB takes away by TTL; and limits, which are counted.
From moto come the wire and boto3's own parsing: the rest of what is tested of streams is tested on its server.

Time passes only when a test, or who waits for it, says so.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import Any, cast
from zlib import crc32

from botocore.exceptions import ClientError

from pgproof.metrics.aws import Aws
from pgproof.metrics.streams.stream import Pace
from tests.clock import Clock
from tests.dynamo import typed
from tests.shards import MOST_RECORDS, Shard, Stream, most_within, size_of

ITERATOR_LIVES = 15 * 60.0
TTL = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}

Item = dict[str, Any]
"""Attribute -> typed value."""

Hook = Callable[[str], object]


class Dynamo:
    """One table and its streams, with the methods of boto3's two clients that the product uses.

    Attributes:
        items: what the table holds: what a mirror of it is compared with.
        stream: the one that is on, or was last: split it, trim it.
        is_on: whether it is.
        empty: so many of the next reads give nothing, though there is something.
        again: so many of the next reads give a page, and their next iterator gives it once more.
        ends_late: the last records of a closed shard come with another iterator, which gives an empty page and the end.
        on_call: is told each operation's name, and may do what happens just before it.
        calls: how often each operation was asked, failures included.
        reads: shard -> when it was read.
        listings: when shards were listed.
    """

    def __init__(
        self,
        name: str = "messages",
        *,
        keys: tuple[str, ...] = ("pk", "sk"),
        shards: int = 1,
        first: int = 10**20,
        page: int = 100,
    ) -> None:
        """Make the table.

        Args:
            name: of the table.
            keys: attributes of its key.
            shards: how many are open at first.
            first: sequence number of the first record.
            page: how many items a page of a scan has, and shards one of a list.
        """
        self.name, self.keys, self.page = name, keys, page
        self.clock = Clock(time.time())
        self.items: dict[str, Item] = {}
        self.streams: dict[str, Stream] = {}
        self.is_on = self.ends_late = False
        self.empty = self.again = 0
        self.on_call: Hook = lambda _: None
        self.calls: Counter[str] = Counter()
        self.reads: dict[str, list[float]] = defaultdict(list)
        self.listings: list[float] = []
        self._sequences = count(first)
        self._failures: list[tuple[str, Exception]] = []
        self._lock = RLock()
        self.enable(shards)

    # what a test does

    @property
    def aws(self) -> Aws:
        """The two clients; nothing is tried twice."""
        return Aws(cast("Any", self), cast("Any", self), attempts=1)

    @property
    def pace(self) -> Pace:
        """A pace whose time is that of this table."""
        return Pace(clock=self.clock, sleep=self.sleep)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now, UTC)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.clock.now += seconds

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is older than a day is trimmed."""
        self.sleep(seconds)
        for each in self.streams.values():
            each.trim_what_is_old()

    def put(self, **attributes: Any) -> None:
        """Put an item, whose values are plain texts or typed; no record is written where it is what it was."""
        item = typed(attributes)
        with self._lock:
            old = self.items.get(self._key(item))
            if old != item:
                self.items[self._key(item)] = item
                self._write("MODIFY" if old else "INSERT", item, old, item)

    def delete(self, **key: Any) -> None:
        """Delete an item, if it is there."""
        self._remove(typed(key))

    def expire(self, **key: Any) -> None:
        """Have DynamoDB take an item away because its time to live is over."""
        self._remove(typed(key), userIdentity=TTL)

    def disable(self) -> None:
        """Turn the stream off: its shards close, and stay readable for a day."""
        self.stream.close()
        self.is_on = False

    def enable(self, shards: int = 1) -> None:
        """Turn a stream on: a new one, of which so many shards are open."""
        arn = f"arn:aws:dynamodb:ca-central-1:123456789012:table/{self.name}/stream/{len(self.streams) + 1}"
        self.stream = self.streams[arn] = Stream(arn, self.clock, shards)
        self.is_on = True

    def fail(self, operation: str, error: str | Exception, times: int = 1) -> None:
        """Have the next calls of an operation fail: with a code of DynamoDB's, or with an error of boto3's."""
        self._failures += [(operation, _error(operation, error) if isinstance(error, str) else error)] * times

    def most_reads_a_second(self) -> int:
        """The most reads of one shard within any second."""
        return max((most_within(1.0, times) for times in self.reads.values()), default=0)

    # what boto3's clients do

    def describe_table(self, *, TableName: str) -> dict[str, Any]:
        self._call("describe_table")
        if TableName != self.name:
            raise _error("describe_table", "ResourceNotFoundException")
        kinds = zip(self.keys, ("HASH", "RANGE"), strict=False)
        table: dict[str, Any] = {
            "TableName": self.name,
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in kinds],
            "ItemCount": len(self.items),
            "LatestStreamArn": self.stream.arn,
        }
        if self.is_on:
            table["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        return {"Table": table}

    def scan(
        self,
        *,
        TableName: str,
        ConsistentRead: bool,
        Segment: int = 0,
        TotalSegments: int = 1,
        ExclusiveStartKey: Item | None = None,
    ) -> dict[str, Any]:
        self._call("scan")
        assert TableName == self.name
        assert ConsistentRead, "an item that is given as it was a moment ago: no record may be there to mend it"
        with self._lock:
            mine = sorted(key for key in self.items if crc32(key.encode()) % TotalSegments == Segment)
            after = self._key(ExclusiveStartKey) if ExclusiveStartKey else ""
            left = [key for key in mine if key > after]
            page = [self.items[key] for key in left[: self.page]]
        more = {"LastEvaluatedKey": self._key_of(page[-1])} if len(left) > len(page) else {}
        return {"Items": page, "Count": len(page), **more}

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:
        self._call("describe_stream")
        self.listings.append(self.clock.now)
        shards = sorted(self._find("describe_stream", StreamArn).shards.items())
        left = [shard for id, shard in shards if id > ExclusiveStartShardId]
        page = left[: self.page]
        more = {"LastEvaluatedShardId": page[-1].id} if len(left) > len(page) else {}
        return {"StreamDescription": {"StreamArn": StreamArn, "Shards": [each.describe() for each in page], **more}}

    def get_shard_iterator(
        self, *, StreamArn: str, ShardId: str, ShardIteratorType: str, SequenceNumber: str = ""
    ) -> dict[str, Any]:
        self._call("get_shard_iterator")
        shard = self._find_shard("get_shard_iterator", StreamArn, ShardId)
        place = shard.place(ShardIteratorType, SequenceNumber)
        if place is None:
            raise _error("get_shard_iterator", "TrimmedDataAccessException")
        return {"ShardIterator": self._iterator(StreamArn, ShardId, place)}

    def get_records(self, *, ShardIterator: str, Limit: int = MOST_RECORDS) -> dict[str, Any]:
        arn, id, place, made_at = json.loads(ShardIterator)
        self.reads[id].append(self.clock.now)
        self._call("get_records")
        if not 1 <= Limit <= MOST_RECORDS:
            raise _error("get_records", "ValidationException")
        if self.clock.now - made_at > ITERATOR_LIVES:
            raise _error("get_records", "ExpiredIteratorException")
        with self._lock:
            shard = self._find_shard("get_records", arn, id)
            if place < shard.lost:
                raise _error("get_records", "TrimmedDataAccessException")
            records, reached = self._page(shard, place, Limit)
        return {"Records": records} | (
            {} if reached is None else {"NextShardIterator": self._iterator(arn, id, reached)}
        )

    # how

    def _page(self, shard: Shard, place: int, limit: int) -> tuple[list[Item], int | None]:
        """Records, and where the next ones are; None: the shard has come to its end."""
        if self.empty:
            self.empty -= 1
            return [], place
        records = shard.page(place, limit)
        reached = place + len(records)
        if self.again and records:
            self.again -= 1
            return records, place
        at_end = shard.closed_at is not None and reached == len(shard.records)
        return records, None if at_end and not (self.ends_late and records) else reached

    def _iterator(self, arn: str, id: str, place: int) -> str:
        return json.dumps([arn, id, place, self.clock.now])

    def _call(self, operation: str) -> None:
        self.calls[operation] += 1
        self.on_call(operation)
        for failure in self._failures:
            if failure[0] == operation:
                self._failures.remove(failure)
                raise failure[1]

    def _find(self, operation: str, arn: str) -> Stream:
        if arn not in self.streams:
            raise _error(operation, "ResourceNotFoundException")
        return self.streams[arn]

    def _find_shard(self, operation: str, arn: str, id: str) -> Shard:
        if id not in (shards := self._find(operation, arn).shards):
            raise _error(operation, "ResourceNotFoundException")
        return shards[id]

    def _key_of(self, item: Item) -> Item:
        return {name: item[name] for name in self.keys}

    def _key(self, item: Item) -> str:
        return json.dumps(self._key_of(item), default=bytes.hex)

    def _remove(self, key: Item, **besides: Any) -> None:
        with self._lock:
            if old := self.items.pop(self._key(key), None):
                self._write("REMOVE", old, old, None, **besides)

    def _write(self, event: str, item: Item, old: Item | None, new: Item | None, **besides: Any) -> None:
        """Write a record, if a stream is on."""
        if not self.is_on:
            return
        body = {
            "ApproximateCreationDateTime": self.now().replace(microsecond=0),
            "Keys": self._key_of(item),
            "SequenceNumber": str(next(self._sequences)),
            "SizeBytes": size_of(old, new),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **{name: image for name, image in (("OldImage", old), ("NewImage", new)) if image},
        }
        record = {"eventID": body["SequenceNumber"], "eventName": event, "eventVersion": "1.1", "dynamodb": body}
        self.stream.write(
            self._key(item), {**record, "eventSource": "aws:dynamodb", "awsRegion": "ca-central-1", **besides}
        )


def _error(operation: str, code: str) -> ClientError:
    name = "".join(map(str.capitalize, operation.split("_")))
    status = 500 if code == "InternalServerError" else 400
    said: Any = {"Error": {"Code": code, "Message": "as asked"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, name)
