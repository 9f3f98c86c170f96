"""A DynamoDB table in, all its items in the mirror out: positions first, then items, then what nobody saw is gone.

The stream is read from where it was before the scan began, so nothing that is written meanwhile is missed. Each page is
kept with the place where the next one begins: a scan that was killed goes on there.
"""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pgproof.errors import CloudError
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.mirror import sweep
from pgproof.metrics.mirror.record import read_item, to_json
from pgproof.metrics.mirror.source import READING, Source, begin_epoch, claim, end_scan, hold
from pgproof.metrics.reading.segment import Segment, Tally, fetch_segments, keep_place, read_together, replace_segments
from pgproof.metrics.streams.shard import replace_shards
from pgproof.metrics.streams.stream import fetch_stream_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from psycopg import Connection

    from pgproof.metrics.aws import Aws
    from pgproof.metrics.feed import Feed

Item = dict[str, Any]
"""Attribute -> typed value, as boto3 has it."""

SEGMENTS = 4
"""Parts of a table that are read at the same time."""


@dataclass
class Scan:
    """Reads a whole table.

    Attributes:
        notify: is told, after each page, how many items were read since the beginning; from several threads.
        items: that number.
        swept: how many items of before nobody saw.
    """

    feed: Feed
    notify: Callable[[int], None] = lambda _: None
    items: int = field(default=0, init=False)
    swept: int = field(default=0, init=False)

    def run(self, source: Source, *, segments: int = SEGMENTS, again: bool = False) -> Source:
        """Read the table, or go on where that was interrupted; return the source, which is live.

        Args:
            source: as it is now.
            segments: of a new reading; an interrupted one keeps its own.
            again: begin anew even so.

        Raises:
            EpochOver: somebody else has begun another epoch meanwhile.
            CloudError: AWS refused; or somebody else reads the whole table; or it took longer than its stream lasts.
        """
        stream = self.feed.table.need_stream()
        with closing(self.feed.connect()) as connection, claim(connection, source):
            if again or not _may_go_on(source, stream):
                source = self._begin(connection, source, stream, segments)
            parts = fetch_segments(connection, source)
            tally = Tally(sum(each.items for each in parts), self.notify)
            read_together(parts, partial(self._read, source, len(parts), tally), at_once=len(parts))
            self.items = tally.items
            return self._end(connection, source)

    def _begin(self, connection: Connection[Any], source: Source, stream: str, segments: int) -> Source:
        shards = fetch_stream_shards(self.feed.aws, stream)
        with connection.transaction():
            source = begin_epoch(connection, source, stream)
            replace_segments(connection, source, [None] * segments)
            replace_shards(connection, source, shards)
        return source

    def _read(self, source: Source, total: int, tally: Tally, segment: Segment, stop: Event) -> None:
        """Read a segment to its end."""
        read = partial(read_item, keys=self.feed.table.keys, mappings=self.feed.mappings)
        feed = replace(self.feed, aws=_until(stop, self.feed.aws))
        with closing(feed.connect()) as connection:
            for items, last in fetch_pages(feed, segment.number, total, _from_json(segment.start_key)):
                _need_stream_since(source)
                with connection.transaction():
                    hold(connection, source)
                    take_in(connection, source, items, read)
                    place = to_json(last) if last else None
                    keep_place(connection, source, segment.number, start_key=place, items=len(items), done=not last)
                tally.add(len(items))
                if stop.is_set():
                    return

    def _end(self, connection: Connection[Any], source: Source) -> Source:
        """Sweep, and go live: two transactions, for whoever waits for our rows holds the source that we change."""
        _need_stream_since(source)
        with connection.transaction():
            hold(connection, source)
            self.swept = sweep(connection, source)
        with connection.transaction():
            return end_scan(connection, source)


def fetch_pages(feed: Feed, number: int, total: int, after: Item | None = None) -> Iterator[tuple[list[Item], Item]]:
    """Yield the pages of one segment of so many: items, and the key of the last one; none is that of the last page.

    Reads are consistent, for twice the price: where a stream was turned on a moment ago, no record of it would mend an
    item that is given as it was before.
    """
    part: Any = {"TableName": feed.table.name, "Segment": number, "TotalSegments": total, "ConsistentRead": True}
    while True:
        start: Any = {"ExclusiveStartKey": after} if after else {}
        page = feed.aws.ask(feed.aws.tables.scan, **part, **start)
        after = page.get("LastEvaluatedKey", {})
        yield page["Items"], after
        if not after:
            return


class _Stopped(Exception):
    """Another segment failed, or somebody pressed Ctrl-C; nobody looks at this one."""


def _until(stop: Event, aws: Aws) -> Aws:
    """Return AWS as it is asked until an event: whoever waits to ask again then gives up."""

    def notify(said: str) -> None:
        if stop.is_set():
            raise _Stopped
        aws.notify(said)

    return replace(aws, notify=notify)


def _may_go_on(source: Source, stream: str) -> bool:
    """Whether a scan was interrupted whose positions in the stream are still there."""
    scans = source.phase == "scanning" and source.exported_to is None
    return scans and source.stream == stream and _is_fresh(source)


def _need_stream_since(source: Source) -> None:
    """Give up what the stream can no longer bring up to date.

    Raises:
        CloudError: the stream's records of when the scan began are about to go.
    """
    if not _is_fresh(source):
        what = f"reading DynamoDB's table {source.name} takes longer than a day, and its stream lasts no longer"
        raise CloudError(what, hint="more --segments are faster; the largest tables go by `inv metrics.import-export`")


def _is_fresh(source: Source) -> bool:
    return source.scan_began_at is not None and datetime.now(UTC) - source.scan_began_at < READING


def _from_json(key: str | None) -> Item | None:
    """Return a key as boto3 takes it: binary as bytes."""
    if key is None:
        return None
    return {name: {"B": b64decode(value["B"])} if "B" in value else value for name, value in json.loads(key).items()}
