"""A table's stream in, the mirror brought up to it out: shard by shard, parents before children, page by page.

A page, its metrics and how far the shard was read are one transaction. Who is killed, or finds that somebody else was
faster, has done nothing by halves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.item import Malformed
from pgproof.metrics.mirror.record import moment_of, read_record, sequence_of
from pgproof.metrics.mirror.source import Source, hold
from pgproof.metrics.streams.shard import (
    Shard,
    add_shards,
    advance,
    fetch_shards,
    hold_shard,
    leave,
    prune_shards,
    try_take,
)
from pgproof.metrics.streams.stream import Pace, Page, Reader, Trimmed, fetch_stream_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from psycopg import Connection

    from pgproof.metrics.feed import Feed

PATIENCE = 5
"""Empty pages, one after the other, after which a shard is taken for read. DynamoDB gives some in the midst of one, and
nothing in its answers tells these from the end."""


@dataclass(frozen=True)
class Progress:
    """What one page gave.

    Attributes:
        records: how many there were.
        news: how many of them changed the mirror.
        read_to: about when the last record was written, where there is one.
    """

    shard: str
    records: int
    news: int
    read_to: datetime | None


@dataclass
class Sync:
    """Brings the mirror up to a stream, on one connection."""

    feed: Feed
    connection: Connection[Any]
    source: Source
    pace: Pace = field(default_factory=Pace)
    notify: Callable[[Progress], None] = lambda _: None
    _readers: dict[str, Reader] = field(default_factory=dict)

    def catch_up(self) -> None:
        """Read until nothing more comes.

        Raises:
            Trimmed: records are gone that were not read.
            EpochOver: somebody has begun another epoch.
        """
        self.list_shards()
        while waiting := [each for each in self.readable() if each.empty < PATIENCE]:
            for reader in waiting:
                self.step(reader)

    def read_once(self) -> int:
        """Read a page of each shard that may be read; return how many records came.

        Raises:
            Trimmed: records are gone that were not read.
            EpochOver: somebody has begun another epoch.
        """
        return sum(self.step(reader) for reader in self.readable())

    def is_over(self) -> bool:
        """Whether all shards are read to their end: a stream has another one, unless it was turned off."""
        return all(each.closed for each in fetch_shards(self.connection, self.source))

    def list_shards(self) -> None:
        """Learn of new shards, and forget old ones.

        Raises:
            Trimmed: a shard is gone before it was read to its end, or came and went unseen.
            EpochOver: somebody has begun another epoch.
        """
        with self.connection.transaction():  # first: another reader may learn of more meanwhile
            hold(self.connection, self.source)
            known = fetch_shards(self.connection, self.source)
        there = fetch_stream_shards(self.feed.aws, self.source.stream or "", self.pace)
        ids, seen = {each.id for each in there}, {each.id for each in known}
        if lost := [each.id for each in known if not each.closed and each.id not in ids]:
            raise Trimmed(f"{', '.join(lost)} went before it was read to its end")
        new = [each for each in there if each.id not in seen]
        if known and (orphans := [each.id for each in new if each.parent and each.parent not in ids | seen]):
            raise Trimmed(f"what {', '.join(orphans)} goes on from came and went")
        with self.connection.transaction():
            hold(self.connection, self.source)
            add_shards(self.connection, self.source, new)
            prune_shards(self.connection, self.source, ids)

    def readable(self) -> list[Reader]:
        """Return readers of the shards that may be read: open, their parents read, and nobody else at it."""
        shards = fetch_shards(self.connection, self.source)
        unread = {each.id for each in shards if not each.closed}
        ready = [each for each in shards if not each.closed and each.parent not in unread]
        for gone in self._readers.keys() - {each.id for each in ready}:
            del self._readers[gone]
            leave(self.connection, self.source, gone)
        return list(self._take(ready))

    def step(self, reader: Reader) -> int:
        """Read a page of a shard and take it in; return how many records it had."""
        page = reader.read()
        if not page.records and not page.last:
            self.notify(Progress(reader.shard.id, 0, 0, None))
            return 0
        try:
            reached, news = self._take_in(reader.shard, page)
        except BaseException:
            reader.move(reader.shard)  # else the next page would be taken for the one that follows
            raise
        if news is None:
            reader.move(reached)
            return 0
        reader.shard = reached
        self.notify(Progress(reached.id, len(page.records), news, reached.read_to if page.records else None))
        if page.last:
            self.list_shards()
        return len(page.records)

    def _take(self, ready: Sequence[Shard]) -> Iterator[Reader]:
        for shard in ready:
            if shard.id not in self._readers:
                if not try_take(self.connection, self.source, shard.id):
                    continue
                self._readers[shard.id] = Reader(self.feed.aws, self.source.stream or "", shard, self.pace)
            reader = self._readers[shard.id]
            if reader.shard.sequence is None is shard.sequence:
                reader.shard = shard  # it has grown older
            yield reader

    def _take_in(self, shard: Shard, page: Page) -> tuple[Shard, int | None]:
        """Return how far the shard is read now, and how many records were news; None: somebody else was faster."""
        read = partial(read_record, keys=self.feed.table.keys, mappings=self.feed.mappings)
        with self.connection.transaction():
            hold(self.connection, self.source)
            held = hold_shard(self.connection, self.source, shard.id)
            if (held.sequence, held.closed) != (shard.sequence, shard.closed):
                return held, None
            news = take_in(self.connection, self.source, page.records, read)
            reached = replace(held, **_reached(page), closed=page.last)
            advance(self.connection, self.source, reached)
        return reached, news


def _reached(page: Page) -> dict[str, Any]:
    sequences = [sequence for each in page.records if (sequence := _sequence(each))]
    moments = [moment for each in page.records if (moment := moment_of(each))]
    return {name: max(found) for name, found in (("sequence", sequences), ("read_to", moments)) if found}


def _sequence(record: dict[str, Any]) -> int:
    """Return where a record is; 0 for one that does not say: it is set aside, and nothing waits for it."""
    try:
        return int(sequence_of(record))
    except Malformed:
        return 0
