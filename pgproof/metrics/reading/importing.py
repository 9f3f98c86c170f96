"""An export of a DynamoDB table in, its items in the mirror out; increments bridge what its stream no longer tells.

A whole export begins an epoch, as a scan does. The stream is read from as far back as it reaches: where that is not to
the moment of the export, an increment from that moment on has to come first. Its items have the microsecond of their
last write for a sequence number. That is less than any of a stream's, which have 21 digits or more: what the stream
said of an item meanwhile, to Lambda perhaps, stays.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from pgproof.errors import CloudError
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.item import Malformed, key_of, normalize
from pgproof.metrics.mirror.mirror import sweep
from pgproof.metrics.mirror.record import Change, read_item
from pgproof.metrics.mirror.source import READING, Source, begin_epoch, claim, end_scan, hold, reach
from pgproof.metrics.reading.scan import SEGMENTS
from pgproof.metrics.reading.segment import Segment, Tally, fetch_segments, keep_place, read_together, replace_segments
from pgproof.metrics.streams.shard import replace_shards
from pgproof.metrics.streams.stream import fetch_stream_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from threading import Event

    from psycopg import Connection

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.reading.export import Export

_PAGE = 1000  # lines of a transaction
_BYTES = 1 << 20


@dataclass
class Import:
    """Reads an export.

    Attributes:
        notify: is told, after each page, how many items were read since the beginning; from several threads.
        items: that number.
        swept: how many items of before are in no export.
    """

    feed: Feed
    export: Export
    notify: Callable[[int], None] = lambda _: None
    items: int = field(default=0, init=False)
    swept: int = field(default=0, init=False)

    def run(self, source: Source, *, again: bool = False) -> Source:
        """Read the export, or go on where that was interrupted; return the source, live if its stream reaches as far.

        Args:
            source: as it is now.
            again: begin anew even so.

        Raises:
            EpochOver: somebody else has begun another epoch meanwhile.
            CloudError: it is of another table, does not go on from where the last one ended, or a file of it is broken.
        """
        stream = self.feed.table.need_stream()
        if not stream.startswith(f"{self.export.table}/"):
            raise CloudError(f"the export is of {self.export.table}, and not of {stream.partition('/stream/')[0]}")
        with closing(self.feed.connect()) as connection, claim(connection, source):
            source = self._begin(connection, source, stream, again=again)
            parts = fetch_segments(connection, source)
            tally = Tally(sum(each.items for each in parts), self.notify)
            read_together(parts, partial(self._read, source, tally), at_once=SEGMENTS)
            self.items = tally.items
            return self._end(connection, source)

    def _begin(self, connection: Connection[Any], source: Source, stream: str, *, again: bool) -> Source:
        files: list[str | None] = [each.name for each in self.export.files]
        parts = fetch_segments(connection, source)
        if self.export.since:
            _need_next(source, stream, self.export.since)
        same = [each.start_key for each in parts] == files
        if same and source.phase == "scanning" and source.stream == stream and not (again and not self.export.since):
            return source
        with connection.transaction():
            if not self.export.since:
                source = begin_epoch(connection, source, stream, exported_to=self.export.until)
            elif any(not each.done for each in parts):
                raise CloudError("the export before this one was not read to its end", hint="import that one first")
            hold(connection, source)
            replace_segments(connection, source, files)
        return source

    def _read(self, source: Source, tally: Tally, segment: Segment, stop: Event) -> None:
        """Read a file to its end."""
        file = self.export.files[segment.number]
        read = partial(read_write if self.export.since else read_whole, self.feed.table.keys, self.feed.mappings)
        keep = partial(keep_place, source=source, number=segment.number, start_key=file.name)
        with closing(self.feed.connect()) as connection, self.export.lines(file) as lines:
            for page in _pages(islice(lines, segment.items, None)):
                with connection.transaction():
                    hold(connection, source)
                    take_in(connection, source, map(_parse, page), read)
                    keep(connection, items=len(page), done=False)
                tally.add(len(page))
                if stop.is_set():
                    return
            with connection.transaction():
                hold(connection, source)
                keep(connection, items=0, done=True)

    def _end(self, connection: Connection[Any], source: Source) -> Source:
        """Go live, if the stream has all that was written since."""
        if self.export.since and source.exported_to and source.exported_to < self.export.until:
            with connection.transaction():
                source = reach(connection, source, self.export.until)
        if source.exported_to is None or source.exported_to < find_horizon(self.feed):
            return source
        shards = fetch_stream_shards(self.feed.aws, source.stream or "")
        shards = [replace(each, since=source.exported_to) for each in shards]
        with connection.transaction():
            hold(connection, source)
            self.swept = sweep(connection, source)
        with connection.transaction():
            source = end_scan(connection, source)
            replace_shards(connection, source, shards)
        return source


def find_horizon(feed: Feed) -> datetime:
    """Return from when on a table's stream has all that was written, for as long as it takes to read it.

    Raises:
        CloudError: AWS refused.
    """
    said = feed.aws.ask(feed.aws.streams.describe_stream, StreamArn=feed.table.need_stream(), Limit=1)
    return max(datetime.now(UTC) - READING, said["StreamDescription"]["CreationRequestDateTime"])


def _need_next(source: Source, stream: str, since: datetime) -> None:
    """Refuse an increment that does not go on from what was imported.

    Raises:
        CloudError: it does not.
    """
    if source.phase != "scanning" or source.exported_to is None:
        what = f"an increment goes on from an export, and DynamoDB's table {source.name} "
        is_live = source.phase == "live"
        hint = "`inv metrics.sync` reads its stream" if is_live else "import an export of the whole table first"
        raise CloudError(f"{what}{'is live' if is_live else 'was not read from one'}", hint=hint)
    if source.stream != stream:
        what = f"DynamoDB's table {source.name} has another stream than when its export was read"
        raise CloudError(what, hint="import an export of the whole table, with --again")
    if since > source.exported_to:
        what = f"what was written between {source.exported_to:%FT%TZ} and {since:%FT%TZ} is missing"
        raise CloudError(what, hint=f"import an incremental export from {source.exported_to:%FT%TZ} on")


def _pages(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield so many lines at a time that they are no burden."""
    page, size = [], 0
    for line in lines:
        page.append(line)
        size += len(line)
        if len(page) == _PAGE or size > _BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def _parse(line: bytes) -> dict[str, Any]:
    """Return a line; where it is no JSON of a map, as something that nobody can read, and that is set aside as such."""
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"line": line.decode(errors="backslashreplace")}


def read_whole(keys: tuple[str, ...], mappings: Sequence[Mapping], line: dict[str, Any]) -> Change:
    """Read a line of a full export.

    Raises:
        Malformed: it is none.
    """
    if "Item" not in line:
        raise Malformed("no Item")
    return read_item(line["Item"], keys, mappings)


def read_write(keys: tuple[str, ...], mappings: Sequence[Mapping], line: dict[str, Any]) -> Change:
    """Read a line of an incremental export: what an item was last, in its time.

    Raises:
        Malformed: it is none.
    """
    try:
        sequence = _microseconds(line["Metadata"])
        if "NewImage" in line:
            return read_item(line["NewImage"], keys, mappings)._replace(sequence=sequence, record=line)
        return Change(key_of(keys, normalize(line["Keys"])), sequence, None, deleted=True, record=line)
    except (KeyError, TypeError) as error:
        raise Malformed(f"no {error}" if isinstance(error, KeyError) else str(error)) from error


def _microseconds(metadata: dict[str, Any]) -> int:
    """Read 1680109764000000, "1680109764000000", or {"N": "1680109764000000"}: AWS' pages and its files differ."""
    said = metadata["WriteTimestampMicros"]
    try:
        return int(said["N"] if isinstance(said, dict) else said)
    except (TypeError, ValueError) as error:
        raise Malformed(f"WriteTimestampMicros {said!r} is no number") from error
