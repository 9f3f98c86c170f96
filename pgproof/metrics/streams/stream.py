"""A DynamoDB stream in, its shards and, page by page, their records out; within the limits that DynamoDB sets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pgproof.errors import CloudError
from pgproof.metrics.mirror.source import HORIZON
from pgproof.metrics.streams.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.metrics.aws import Aws

_MOST = 1000  # records of a read; DynamoDB gives no more than 1 MB
_EXPIRED = "ExpiredIteratorException"
_TRIMMED = ("TrimmedDataAccessException", "ResourceNotFoundException")


class Trimmed(Exception):
    """Records that were not read yet are gone: DynamoDB keeps them for a day."""


@dataclass(frozen=True)
class Pace:
    """How often a shard is read.

    Attributes:
        interval: seconds between two reads of a shard; DynamoDB allows five reads a second.
        listing: seconds between two pages of a list of shards; DynamoDB allows ten a second.
        rest: seconds before a stream is asked again that had nothing new.
        patience: seconds before AWS or Postgres is asked again that was down.
        clock: seconds that never go back.
        sleep: waits.
    """

    interval: float = 0.2
    listing: float = 0.1
    rest: float = 1.0
    patience: float = 5.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Page:
    """What one read gave.

    Attributes:
        last: the shard has no more, and never will.
    """

    records: Sequence[dict[str, Any]]
    last: bool


@dataclass
class Reader:
    """Reads one shard from where it was read to.

    Attributes:
        shard: how far; `move` sets it.
        empty: how many pages without a record came one after the other.
    """

    aws: Aws
    stream: str
    shard: Shard
    pace: Pace
    empty: int = 0
    _iterator: str | None = field(default=None, repr=False)
    _ready_at: float = field(default=0.0, repr=False)

    def read(self) -> Page:
        """Read a page.

        Raises:
            Trimmed: what comes next is gone.
            CloudError: AWS refused.
        """
        self._keep_pace()
        try:
            said = self._read()
        except CloudError as error:
            if error.code not in _TRIMMED:
                raise
            raise Trimmed(self.shard.id) from error
        self._iterator = said.get("NextShardIterator")
        self.empty = 0 if said["Records"] or not self._iterator else self.empty + 1
        return Page(said["Records"], last=self._iterator is None)

    def move(self, shard: Shard) -> None:
        """Go on from there: somebody else was faster, or what was read last was not taken in."""
        self.shard, self._iterator = shard, None

    def _read(self) -> Any:  # noqa: ANN401
        self._iterator = self._iterator or self._find()
        try:
            return self.aws.ask(self.aws.streams.get_records, ShardIterator=self._iterator, Limit=_MOST)
        except CloudError as error:
            if error.code != _EXPIRED:
                raise
        self._iterator = None  # the next read finds another one
        return {"Records": [], "NextShardIterator": ""}

    def _find(self) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self.shard.sequence is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": str(self.shard.sequence)}
        elif self.shard.age > HORIZON:  # of what is trimmed DynamoDB says nothing to who begins with what is left
            raise Trimmed(f"{self.shard.id} was not begun within a day")
        return self.aws.ask(self.aws.streams.get_shard_iterator, StreamArn=self.stream, ShardId=self.shard.id, **where)[
            "ShardIterator"
        ]

    def _keep_pace(self) -> None:
        rest = self._ready_at - self.pace.clock()
        if rest > 0:
            self.pace.sleep(rest)
        self._ready_at = self.pace.clock() + self.pace.interval


def fetch_stream_shards(aws: Aws, stream: str, pace: Pace = Pace()) -> list[Shard]:
    """Return all shards of a stream that DynamoDB still has.

    Raises:
        Trimmed: the stream is gone.
        CloudError: AWS refused.
    """
    found: list[Shard] = []
    start: dict[str, Any] = {}
    while True:
        try:
            said = aws.ask(aws.streams.describe_stream, StreamArn=stream, **start)["StreamDescription"]
        except CloudError as error:
            if error.code not in _TRIMMED:
                raise
            raise Trimmed(stream) from error
        found += [Shard(each["ShardId"], each.get("ParentShardId")) for each in said["Shards"]]
        if "LastEvaluatedShardId" not in said:
            return found
        start = {"ExclusiveStartShardId": said["LastEvaluatedShardId"]}
        pace.sleep(pace.listing)
