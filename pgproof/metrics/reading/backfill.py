"""A feed in, its whole table in the mirror out, and its stream from before that began: what was read, in numbers."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import CloudError
from pgproof.metrics.mirror.source import EpochOver, Source, fetch_source
from pgproof.metrics.reading.importing import Import
from pgproof.metrics.reading.scan import SEGMENTS, Scan
from pgproof.metrics.streams.follow import Follower
from pgproof.metrics.streams.stream import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.reading.export import Export
    from pgproof.metrics.streams.sync import Progress


@dataclass(frozen=True)
class Reading:
    """What a whole reading gave.

    Attributes:
        items: how many were read, by those too that it went on from.
        swept: how many of before are gone.
        records: how many of the stream were applied after it.
        exported_to: the moment of the export that was read.
        live: its stream is followed from here on; else an increment has to come first, from `exported_to` on.
    """

    table: str
    items: int
    swept: int
    records: int
    seconds: float
    exported_to: str | None
    live: bool


def backfill(
    feed: Feed,
    *,
    segments: int = SEGMENTS,
    again: bool = False,
    notify: Callable[[int], None] = lambda _: None,
    pace: Pace = Pace(),  # noqa: B008 - it is frozen
) -> Reading:
    """Read a table by scan, or go on where that was interrupted; then its stream.

    Args:
        feed: of the table.
        segments: parts that are read at the same time.
        again: begin anew even so.
        notify: is told how many items were read; from several threads.
        pace: how often the stream is read.

    Raises:
        CloudError: AWS refused; or somebody else reads it, or has begun to meanwhile.
    """
    source = fetch(feed)
    if source.phase == "scanning" and source.exported_to and not again:
        what = f"DynamoDB's table {source.name} is being read from an export, up to {source.exported_to:%FT%TZ}"
        raise CloudError(what, hint="`inv metrics.import-export` goes on with that; --again scans the table instead")
    scan = Scan(feed, notify)
    return _finish(feed, pace, scan, lambda: scan.run(source, segments=segments, again=again))


def import_export(
    feed: Feed,
    export: Export,
    *,
    again: bool = False,
    notify: Callable[[int], None] = lambda _: None,
    pace: Pace = Pace(),  # noqa: B008 - it is frozen
) -> Reading:
    """Read an export of a table, or go on where that was interrupted; then its stream, if it reaches as far.

    Args:
        feed: of the table.
        export: of that table.
        again: begin anew even so.
        notify: is told how many items were read; from several threads.
        pace: how often the stream is read.

    Raises:
        CloudError: the export cannot be read, or is not the one that comes next; AWS refused; or somebody else reads
            the table, or has begun to meanwhile.
    """
    source = fetch(feed)
    if source.phase == "scanning" and not export.since and source.exported_to != export.until and not again:
        how, goes_on = ("from another export", "import of that one") if source.exported_to else ("by scan", "backfill")
        what = f"DynamoDB's table {source.name} is being read {how}"
        raise CloudError(what, hint=f"go on with the {goes_on}, or begin anew with this export: --again")
    importing = Import(feed, export, notify)
    return _finish(feed, pace, importing, lambda: importing.run(source, again=again))


def fetch(feed: Feed) -> Source:
    """Return what is known of the table."""
    with closing(feed.connect()) as connection:
        return fetch_source(connection, feed.table.name)


def _finish(feed: Feed, pace: Pace, reading: Scan | Import, read: Callable[[], Source]) -> Reading:
    began_at = time.monotonic()
    try:
        source = read()
    except EpochOver as error:
        what = (
            f"DynamoDB's table {feed.table.name}: somebody began to read it anew meanwhile, or changed metrics/*.toml"
        )
        raise CloudError(what, hint="look at that, and give this again: nothing is lost") from error
    records = _replay(feed, pace) if source.phase == "live" else 0
    return Reading(
        table=source.name,
        items=reading.items,
        swept=reading.swept,
        records=records,
        seconds=round(time.monotonic() - began_at, 1),
        exported_to=f"{source.exported_to:%FT%TZ}" if source.exported_to else None,
        live=source.phase == "live",
    )


def _replay(feed: Feed, pace: Pace) -> int:
    """Read the stream; return how many records it had."""
    records: list[int] = []

    def count(progress: Progress) -> None:
        records.append(progress.records)

    with closing(Follower(feed, notify=count, pace=pace)) as follower:
        follower.catch_up()
    return sum(records)
