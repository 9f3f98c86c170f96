"""A DynamoDB table in, all its items in the mirror out: positions first, then items, then what nobody saw is gone.

The stream is read from where it was before the scan began, so nothing that is written meanwhile is missed. Each page is
kept with the place where the next one begins: a scan that was killed goes on there.
"""

from __future__ import annotations

import json
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from pgproof.metrics.intake import take_in
from pgproof.metrics.mirror import sweep
from pgproof.metrics.record import read_item, to_json
from pgproof.metrics.shard import replace_shards
from pgproof.metrics.source import Source, begin_epoch, end_scan, hold
from pgproof.metrics.stream import fetch_stream_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from pgproof.metrics.feed import Feed

Item = dict[str, Any]
"""Attribute -> typed value, as boto3 has it."""

SEGMENTS = 4
"""Parts of a table that are read at the same time."""

_SEGMENTS = "SELECT number, start_key, items, done FROM pgproof_metrics.segment WHERE source = %s ORDER BY number"
_KEEP = """
UPDATE pgproof_metrics.segment SET start_key = %s, items = items + %s, done = %s WHERE source = %s AND number = %s
"""


@dataclass(frozen=True)
class Segment:
    """A part of a table, and how far it was read.

    Attributes:
        start_key: JSON of the key after which the next page begins; None: at the beginning.
        items: how many were read.
    """

    number: int
    start_key: str | None
    items: int
    done: bool


@dataclass(frozen=True)
class Scan:
    """Reads a whole table.

    Attributes:
        notify: is told how many items a page had.
    """

    feed: Feed
    notify: Callable[[int], None] = lambda _: None

    def run(self, source: Source, *, segments: int = SEGMENTS) -> Source:
        """Read the table, or go on where that was interrupted; return the source, which is live.

        Raises:
            EpochOver: somebody else has begun another epoch meanwhile.
            CloudError: AWS refused.
        """
        stream = self.feed.table.need_stream()
        with closing(self.feed.connect()) as connection:
            if source.phase != "scanning" or source.stream != stream:
                source = self._begin(connection, source, stream, segments)
            parts = fetch_segments(connection, source)
            with ThreadPoolExecutor(len(parts)) as pool:
                list(pool.map(partial(self._read, source, len(parts)), parts))
            with connection.transaction():
                hold(connection, source)
                sweep(connection, source)
                return end_scan(connection, source)

    def _begin(self, connection: Connection[Any], source: Source, stream: str, segments: int) -> Source:
        shards = fetch_stream_shards(self.feed.aws, stream)
        with connection.transaction():
            source = begin_epoch(connection, source, stream, segments=segments)
            replace_shards(connection, source, shards)
        return source

    def _read(self, source: Source, total: int, segment: Segment) -> None:
        """Read a segment to its end."""
        if segment.done:
            return
        read = partial(read_item, keys=self.feed.table.keys, mappings=self.feed.mappings)
        with closing(self.feed.connect()) as connection:
            for items, last in fetch_pages(self.feed, segment.number, total, _from_json(segment.start_key)):
                with connection.transaction():
                    hold(connection, source)
                    take_in(connection, source, items, read)
                    place = [to_json(last) if last else None, len(items), not last, source.id, segment.number]
                    connection.execute(_KEEP, place)
                self.notify(len(items))


def fetch_pages(feed: Feed, number: int, total: int, after: Item | None = None) -> Iterator[tuple[list[Item], Item]]:
    """Yield the pages of one segment of so many: items, and the key of the last one; none is that of the last page."""
    while True:
        start: Any = {"ExclusiveStartKey": after} if after else {}
        scan = feed.aws.tables.scan
        page = feed.aws.ask(scan, TableName=feed.table.name, Segment=number, TotalSegments=total, **start)
        after = page.get("LastEvaluatedKey", {})
        yield page["Items"], after
        if not after:
            return


def fetch_segments(connection: Connection[Any], source: Source) -> list[Segment]:
    """Return the parts of a table that is, or was, read."""
    with connection.cursor(row_factory=class_row(Segment)) as cursor:
        return cursor.execute(_SEGMENTS, [source.id]).fetchall()


def _from_json(key: str | None) -> Item | None:
    """Return a key as boto3 takes it: binary as bytes."""
    if key is None:
        return None
    return {name: {"B": b64decode(value["B"])} if "B" in value else value for name, value in json.loads(key).items()}
