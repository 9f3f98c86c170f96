"""A database in, how each DynamoDB table fares on its way to it out; AWS is not asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row, tuple_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection

    from pgproof.metrics.mappings.mapping import Mapping as MappingFile

_EXAMPLES = 5

_SOURCES = """
SELECT id, keys, name AS table, phase, epoch, stream, scan_began_at, scan_ended_at, exported_to
FROM pgproof_metrics.source ORDER BY name
"""
_SEGMENTS = """
SELECT count(*) AS segments, count(*) FILTER (WHERE done) AS segments_done, coalesce(sum(items), 0)::bigint AS scanned
FROM pgproof_metrics.segment WHERE source = %s
"""
_ITEMS = """
SELECT count(*) FILTER (WHERE NOT deleted) AS items, count(*) FILTER (WHERE deleted) AS tombstones,
    count(problem) AS problems
FROM pgproof_metrics.item WHERE source = %s
"""
_PROBLEMS = """
SELECT encode(key, 'hex'), image, problem FROM pgproof_metrics.item
WHERE source = %s AND problem IS NOT NULL ORDER BY changed_at DESC, key LIMIT %s
"""
_LETTERS = "SELECT count(*) FROM pgproof_metrics.dead_letter WHERE source = %s"
_REASONS = """
SELECT id, arrived_at, reason FROM pgproof_metrics.dead_letter WHERE source = %s ORDER BY id DESC LIMIT %s
"""
# Who reads a shard holds an advisory lock on it (`shard.try_take`); a Lambda function holds none.
_SHARDS = """
SELECT id, parent, sequence::text, read_to, closed, extract(epoch FROM now() - read_to)::float8 AS ago, (
    SELECT min(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND d.datname = current_database()
        AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(shard.id, shard.source)
) AS reader
FROM pgproof_metrics.shard WHERE source = %s ORDER BY id
"""


@dataclass(frozen=True)
class ShardStatus:
    """One shard of the stream.

    Attributes:
        sequence: of the last record that was applied; None: nothing was yet.
        read_to: about when that record was written.
        closed: it was read to its end.
        ago: seconds since read_to. A table that nobody writes to has a long time ago as well.
        reader: the server process of whoever reads it now, by `metrics.sync`.
    """

    id: str
    parent: str | None
    sequence: str | None
    read_to: datetime | None
    closed: bool
    ago: float | None
    reader: int | None


@dataclass(frozen=True)
class Example:
    """An item that a mapping should count and could not.

    Attributes:
        item: its key; where that is not known, the hash of it.
    """

    item: Mapping[str, Any]
    problem: str


@dataclass(frozen=True)
class Letter:
    """A record that could not be kept, set aside."""

    id: int
    arrived_at: datetime
    reason: str


@dataclass(frozen=True)
class Status:
    """How a DynamoDB table fares.

    Attributes:
        phase: new, scanning or live.
        segments: parts in which it is, or was, read as a whole.
        scanned: items that were read so.
        tombstones: items that are gone, and kept so that nothing late brings them back.
        problems: items that a mapping should count and could not.
        letters: records that could not be kept at all.
        newest: some of these.
    """

    table: str
    phase: str = "new"
    epoch: int = 0
    stream: str | None = None
    scan_began_at: datetime | None = None
    scan_ended_at: datetime | None = None
    exported_to: datetime | None = None
    segments: int = 0
    segments_done: int = 0
    scanned: int = 0
    items: int = 0
    tombstones: int = 0
    problems: int = 0
    examples: Sequence[Example] = ()
    letters: int = 0
    newest: Sequence[Letter] = ()
    shards: Sequence[ShardStatus] = ()

    @property
    def last(self) -> ShardStatus | None:
        """The shard with the newest record that was read."""
        return min((each for each in self.shards if each.read_to), key=lambda each: each.ago or 0.0, default=None)


def fetch_statuses(connection: Connection[Any], mappings: Iterable[MappingFile]) -> list[Status]:
    """Return how each table fares that the database or a mapping knows, in the order of names."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sources = cursor.execute(_SOURCES).fetchall()
        found = {each["table"]: _status(connection, each.pop("id"), each.pop("keys"), each) for each in sources}
    names = sorted({*found, *(each.table for each in mappings if each.store == "dynamodb")})
    return [found.get(name) or Status(name) for name in names]


def _status(connection: Connection[Any], id: int, keys: Sequence[str] | None, source: dict[str, Any]) -> Status:
    with connection.cursor(row_factory=dict_row) as cursor:
        counts = [cursor.execute(query, [id]).fetchone() or {} for query in (_SEGMENTS, _ITEMS)]
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_PROBLEMS, [id, _EXAMPLES]).fetchall()
        (letters,) = cursor.execute(_LETTERS, [id]).fetchone() or (0,)
    with connection.cursor(row_factory=class_row(Letter)) as cursor:
        newest = cursor.execute(_REASONS, [id, _EXAMPLES]).fetchall()
    with connection.cursor(row_factory=class_row(ShardStatus)) as cursor:
        shards = cursor.execute(_SHARDS, [id]).fetchall()
    examples = [_example(key, image, problem, keys or ()) for key, image, problem in rows]
    parts = {"examples": examples, "letters": letters, "newest": newest, "shards": shards}
    return Status(**source, **counts[0], **counts[1], **parts)


def _example(key: str, image: dict[str, Any], problem: str, names: Sequence[str]) -> Example:
    said = {name: next(iter(image[name].values())) for name in names if name in image}
    return Example(said or {"sha256 of its key": key}, problem)
