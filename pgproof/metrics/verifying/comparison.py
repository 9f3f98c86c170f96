"""A DynamoDB table in, the items by which its mirror differs from it out, in both directions.

Each item of the table becomes a key and 64 bits of a digest in a temporary table, and Postgres compares: the table is
read once, and neither side is held in memory. What was written meanwhile differs then, too; so each key is looked at
again, on both sides, after the stream was read on. What differs is only what stays so while nobody writes to it.
"""

from __future__ import annotations

import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import islice
from json import loads
from threading import Lock
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.metrics.mirror.item import Malformed, key_of, normalize, to_text
from pgproof.metrics.reading.scan import SEGMENTS, fetch_pages
from pgproof.metrics.reading.segment import Segment, read_together
from pgproof.metrics.verifying.difference import Difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from threading import Event

    from psycopg import Connection

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mirror.item import Image
    from pgproof.metrics.mirror.source import Source
    from pgproof.metrics.reading.scan import Item

_BITS = 8  # bytes of a digest
_MOST = 10_000  # keys that are looked at again; those that nobody wrote to since we began are the first of them
_BATCH = 100  # keys that DynamoDB takes at once
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before another look: somebody else may be the one who reads the stream."""

_MAKE = """
CREATE TEMP TABLE pgproof_there (key bytea NOT NULL, digest bytea NOT NULL, item text NOT NULL)
"""
_COPY = "COPY pg_temp.pgproof_there FROM STDIN"
_DROP = "DROP TABLE IF EXISTS pg_temp.pgproof_there"
_COUNT = "SELECT count(*) FROM pgproof_metrics.item WHERE source = %s AND NOT deleted"
_FIND = """
SELECT coalesce(there.key, kept.key), there.item, count(*) OVER ()
FROM (SELECT DISTINCT key, digest, item FROM pg_temp.pgproof_there) AS there
FULL JOIN (
    SELECT key, changed_at, substr(sha256(key || convert_to(coalesce(image::text, ''), 'UTF8')), 1, 8) AS digest
    FROM pgproof_metrics.item WHERE source = %s AND NOT deleted
) AS kept ON kept.key = there.key
WHERE there.digest IS DISTINCT FROM kept.digest
ORDER BY kept.changed_at NULLS FIRST, 1 LIMIT %s
"""
_LOOK = "SELECT key, image FROM pgproof_metrics.item WHERE source = %s AND key = ANY(%s) AND NOT deleted"


@dataclass(frozen=True)
class Comparison:
    """How a table and its mirror compare.

    Attributes:
        items: how many the table has.
        mirrored: how many its mirror has.
        busy: items that were written again and again while we looked, so that nobody can say.
    """

    items: int
    mirrored: int
    differences: list[Difference]
    busy: int


@dataclass(frozen=True)
class Sides:
    """An item at a moment: a digest of it on each side, None where it is not, and the attributes that differ."""

    there: bytes | None
    kept: bytes | None
    attributes: tuple[str, ...]


@dataclass
class Comparer:
    """Compares one table with its mirror.

    Attributes:
        catch_up: reads the stream on.
        sleep: waits before another look.
    """

    feed: Feed
    connection: Connection[Any]
    source: Source
    catch_up: Callable[[], None]
    sleep: Callable[[float], None] = time.sleep
    _items: int = field(default=0, init=False)
    _malformed: list[Difference] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def compare(self, *, segments: int = SEGMENTS) -> Comparison:
        """Compare all of it.

        Raises:
            CloudError: AWS refused.
        """
        self.connection.execute(_DROP)  # left behind where somebody was interrupted
        self.connection.execute(_MAKE)
        parts = [Segment(number, None, 0, done=False) for number in range(segments)]
        read_together(parts, partial(self._read, segments), at_once=segments)
        self.catch_up()
        suspects, unseen = self._find()
        self.connection.execute(_DROP)
        wrong = {key: each for key, named in suspects.items() if (each := self._misfiled(key, named))}
        differing, busy = self._settle({key: named for key, named in suspects.items() if key not in wrong})
        differences = (_difference(suspects[key], each) for key, each in differing.items())
        found = [*self._malformed, *wrong.values(), *differences]
        return Comparison(self._items, self._count(), found, busy + unseen)

    def _read(self, total: int, part: Segment, stop: Event) -> None:
        """Read a segment: keys and digests of its items go to Postgres, which several threads share."""
        for items, _ in fetch_pages(self.feed, part.number, total):
            rows = "".join(filter(None, map(self._row, items)))
            with self._lock, self.connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                self._items += len(items)
                copy.write(rows)
            if stop.is_set():
                return

    def _row(self, item: Item) -> str | None:
        try:
            image = normalize(item)
            key = key_of(self.feed.table.keys, image)
        except Malformed as error:
            self._malformed.append(Difference("missing in the mirror", {"an item": "that is malformed"}, (str(error),)))
            return None
        named = to_text({name: image[name] for name in self.feed.table.keys}).replace("\\", "\\\\")
        return f"\\\\x{key.hex()}\t\\\\x{_digest(key, image).hex()}\t{named}\n"

    def _find(self) -> tuple[dict[bytes, Image], int]:
        """Return keys whose items differ, and how many more there are."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("ANALYZE pg_temp.pgproof_there")
            rows = cursor.execute(_FIND, [self.source.id, _MOST]).fetchall()
        named = {key: loads(item) for key, item, _ in rows if item}
        only_kept = [key for key, _, _ in rows if key not in named]
        for keys in _batches(only_kept):
            kept = self._fetch_kept(keys)
            named |= {key: self._key(image or {}) for key, image in kept.items()}
        return named, max(rows[0][2] - len(rows), 0) if rows else 0

    def _settle(self, keys: Mapping[bytes, Image]) -> tuple[dict[bytes, Sides], int]:
        """Look again until what differs stays the same; return that, and how many did not."""
        before: dict[bytes, Sides] = {}
        now = self._look(keys)
        for pause in _PAUSES:
            if not now:
                break
            self.sleep(pause)
            self.catch_up()
            before, now = now, self._look({key: keys[key] for key in now})
        lasting = {key: sides for key, sides in now.items() if before.get(key) == sides}
        return lasting, len(now) - len(lasting)

    def _look(self, keys: Mapping[bytes, Image]) -> dict[bytes, Sides]:
        """Return those items that differ now, as both sides have them."""
        found = {}
        for batch in _batches(keys):
            there = self._fetch_there([keys[key] for key in batch])
            kept = self._fetch_kept(batch)
            for key in batch:
                sides = _sides(key, there.get(key), kept.get(key))
                if sides.there != sides.kept:
                    found[key] = sides
        return found

    def _fetch_there(self, keys: Iterable[Image]) -> dict[bytes, Image]:
        named = [{name: _for_boto(value) for name, value in key.items()} for key in keys]
        asked: Any = {self.source.name: {"Keys": named, "ConsistentRead": True}}
        items: list[Item] = []
        while asked:
            said = self.feed.aws.ask(self.feed.aws.tables.batch_get_item, RequestItems=asked)
            items += said["Responses"].get(self.source.name, [])
            asked = said["UnprocessedKeys"]
        return {key_of(self.feed.table.keys, image): image for image in _well_formed(items)}

    def _fetch_kept(self, keys: list[bytes]) -> dict[bytes, Image]:
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return dict(cursor.execute(_LOOK, [self.source.id, keys]).fetchall())

    def _count(self) -> int:
        row = self.connection.execute(_COUNT, [self.source.id]).fetchone()
        return row[0] if row else 0

    def _key(self, image: Image) -> Image:
        return {name: image[name] for name in self.feed.table.keys if name in image}

    def _misfiled(self, key: bytes, named: Image) -> Difference | None:
        """Return the difference where the mirror has an item under a key that is not its own."""
        whole = len(named) == len(self.feed.table.keys)
        if whole and key_of(self.feed.table.keys, named) == key:
            return None
        return Difference("under a wrong key", _plain(named) or {"sha256 of its key": key.hex()})


def _well_formed(items: Iterable[Item]) -> Iterator[Image]:
    for item in items:
        with suppress(Malformed):  # the mirror cannot have it: what is there no more is a difference
            yield normalize(item)


def _sides(key: bytes, there: Image | None, kept: Image | None) -> Sides:
    names = sorted({*(there or {}), *(kept or {})}) if there and kept else []
    differing = tuple(name for name in names if (there or {}).get(name) != (kept or {}).get(name))
    ours, theirs = (None if image is None else _digest(key, image) for image in (kept, there))
    return Sides(theirs, ours, differing)


def _difference(key: Image, sides: Sides) -> Difference:
    if sides.kept is None:
        return Difference("missing in the mirror", _plain(key))
    if sides.there is None:
        return Difference("missing in DynamoDB", _plain(key))
    return Difference("different", _plain(key), sides.attributes)


def _digest(key: bytes, image: Image) -> bytes:
    return sha256(key + to_text(image).encode()).digest()[:_BITS]


def _plain(key: Image) -> dict[str, object]:
    return {name: next(iter(value.values())) for name, value in key.items()}


def _for_boto(value: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a key in normal form as boto3 takes it."""
    ((kind, content),) = value.items()
    if kind == "S0":
        return {"S": b64decode(content).decode()}
    return {kind: b64decode(content) if kind == "B" else content}


def _batches(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    left = iter(keys)
    while batch := list(islice(left, _BATCH)):
        yield batch
