"""The shards of a DynamoDB stream, in memory: they are written to, split, merge, roll, close, and are trimmed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from zlib import crc32

DAY = 24 * 3600.0
MOST_RECORDS = 1000
MOST_BYTES = 1_000_000

Record = dict[str, Any]
"""A record, as GetRecords gives it."""


@dataclass
class Shard:
    """A shard.

    Attributes:
        low: from where on keys write to it, of 0 to 1.
        high: up to where.
        records: all that it ever had.
        lost: how many of them are trimmed away.
    """

    id: str
    parent: str | None
    low: float
    high: float
    records: list[Record] = field(default_factory=list)
    lost: int = 0
    closed_at: float | None = None

    def sequences(self) -> list[int]:
        return [int(each["dynamodb"]["SequenceNumber"]) for each in self.records]

    def page(self, place: int, limit: int) -> list[Record]:
        """What one read gives from there: so many records, or 1 MB of them; the first always fits."""
        return list(_fitting(self.records[place : place + limit]))

    def place(self, kind: str, sequence: str) -> int | None:
        """Where a kind of iterator begins; None: what it would begin with is trimmed away."""
        if kind in ("TRIM_HORIZON", "LATEST"):
            return self.lost if kind == "TRIM_HORIZON" else len(self.records)
        reached = int(sequence) + (kind == "AFTER_SEQUENCE_NUMBER")
        sequences = self.sequences()
        trimmed = self.lost and int(sequence) <= sequences[self.lost - 1]
        return None if trimmed else sum(each < reached for each in sequences)

    def describe(self) -> dict[str, Any]:
        """What DescribeStream says of it."""
        sequences = self.sequences() or [0]
        reach = {"StartingSequenceNumber": str(sequences[0])}
        if self.closed_at is not None:
            reach["EndingSequenceNumber"] = str(sequences[-1])
        parent = {"ParentShardId": self.parent} if self.parent else {}
        return {"ShardId": self.id, "SequenceNumberRange": reach, **parent}


class Stream:
    """A stream that is written to; by shard id."""

    def __init__(self, arn: str, clock: Callable[[], float], shards: int = 1) -> None:
        self.arn = arn
        self.shards: dict[str, Shard] = {}
        self._clock = clock
        self._ids = (f"shardId-{arn.rpartition('/')[2]:0>10}{number:010}" for number in count(1))
        for each in range(shards):
            self._open(None, each / shards, (each + 1) / shards)

    def open_shards(self) -> list[str]:
        """The shards that are written to."""
        return [each.id for each in self.shards.values() if each.closed_at is None]

    def write(self, key: str, record: Record) -> None:
        """Write to the shard that a key belongs to."""
        where = crc32(key.encode()) / 2**32
        (shard,) = (each for id in self.open_shards() if (each := self.shards[id]).low <= where < each.high)
        shard.records.append(record)

    def roll(self, id: str) -> str:
        """Close a shard; the one that goes on from it."""
        old = self._close(id)
        return self._open(id, old.low, old.high)

    def split(self, id: str) -> tuple[str, str]:
        """Close a shard; the two that go on from it."""
        old = self._close(id)
        middle = (old.low + old.high) / 2
        return self._open(id, old.low, middle), self._open(id, middle, old.high)

    def merge(self, first: str, second: str) -> str:
        """Close two shards, neighbours; the one that goes on from both, though DynamoDB names one parent only."""
        low, high = sorted([self._close(first), self._close(second)], key=lambda each: each.low)
        assert low.high == high.low, "they are no neighbours"
        return self._open(first, low.low, high.high)

    def close(self) -> None:
        """Close all shards: the stream was turned off."""
        for id in self.open_shards():
            self._close(id)

    def trim(self, id: str, records: int) -> None:
        """Have so many of all records that a shard ever had be gone."""
        self.shards[id].lost = records

    def lose(self, id: str) -> None:
        """Have a whole shard be gone."""
        del self.shards[id]

    def trim_what_is_old(self) -> None:
        """Have all be gone that is older than a day."""
        horizon = self._clock() - DAY
        for each in list(self.shards.values()):
            moments = [record["dynamodb"]["ApproximateCreationDateTime"].timestamp() for record in each.records]
            each.lost = max(each.lost, sum(moment < horizon for moment in moments))
            if each.closed_at is not None and each.closed_at < horizon:
                self.lose(each.id)

    def _open(self, parent: str | None, low: float, high: float) -> str:
        shard = Shard(next(self._ids), parent, low, high)
        self.shards[shard.id] = shard
        return shard.id

    def _close(self, id: str) -> Shard:
        shard = self.shards[id]
        assert shard.closed_at is None, "it is closed already"
        shard.closed_at = self._clock()
        return shard


def size_of(*images: Record | None) -> int:
    return len(json.dumps(images, default=bytes.hex))


def most_within(seconds: float, times: list[float]) -> int:
    """The most of these times within any so many seconds."""
    return max((sum(0 <= each - first < seconds - 1e-6 for each in times) for first in times), default=0)


def _fitting(records: list[Record]) -> Iterator[Record]:
    size = 0
    for place, record in enumerate(records):
        size += record["dynamodb"]["SizeBytes"]
        if place and size > MOST_BYTES:
            return
        yield record
