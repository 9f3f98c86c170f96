"""The shards of a stream as the database knows them: how far each was read, and which may be read next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from pgproof.metrics.source import EpochOver

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import Connection

    from pgproof.metrics.source import Source

_FETCH = "SELECT id, parent, sequence, read_to, closed FROM pgproof_metrics.shard WHERE source = %s ORDER BY id"
_ADD = "INSERT INTO pgproof_metrics.shard (source, id, parent) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_HOLD = (
    "SELECT id, parent, sequence, read_to, closed FROM pgproof_metrics.shard WHERE source = %s AND id = %s FOR UPDATE"
)
_ADVANCE = """
UPDATE pgproof_metrics.shard SET sequence = coalesce(%s, sequence), read_to = coalesce(%s, read_to), closed = %s
WHERE source = %s AND id = %s
"""
_FORGET = "DELETE FROM pgproof_metrics.shard WHERE source = %s"
_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(%s, %s))"
_LEAVE = "SELECT pg_advisory_unlock(hashtextextended(%s, %s))"


@dataclass(frozen=True)
class Shard:
    """A shard, and how far it was read.

    Attributes:
        parent: the shard that it goes on from; what that says of an item is older.
        sequence: of the last record that was applied; None: nothing was, so it is read from its first record.
        read_to: about when that record was written.
        closed: it was read to its end.
    """

    id: str
    parent: str | None
    sequence: int | None = None
    read_to: datetime | None = None
    closed: bool = False


def fetch_shards(connection: Connection[Any], source: Source) -> list[Shard]:
    """Return the shards that are known."""
    with connection.cursor(row_factory=class_row(Shard)) as cursor:
        return [_whole(each) for each in cursor.execute(_FETCH, [source.id])]


def add_shards(connection: Connection[Any], source: Source, shards: Iterable[Shard]) -> None:
    """Make shards known; what is known of one already stays."""
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [(source.id, each.id, each.parent) for each in shards])


def replace_shards(connection: Connection[Any], source: Source, shards: Iterable[Shard]) -> None:
    """Begin anew: each of these shards is read from the first record that is left in it."""
    connection.execute(_FORGET, [source.id])
    add_shards(connection, source, shards)


def hold_shard(connection: Connection[Any], source: Source, id: str) -> Shard:
    """Keep others from moving on in a shard until the transaction ends.

    Raises:
        EpochOver: it was forgotten, in a new epoch.
    """
    with connection.cursor(row_factory=class_row(Shard)) as cursor:
        found = cursor.execute(_HOLD, [source.id, id]).fetchone()
    if found is None:
        raise EpochOver(source.name)
    return _whole(found)


def advance(connection: Connection[Any], source: Source, shard: Shard) -> None:
    """Write down how far a shard was read, in the caller's transaction."""
    connection.execute(_ADVANCE, [shard.sequence, shard.read_to, shard.closed, source.id, shard.id])


def try_take(connection: Connection[Any], source: Source, id: str) -> bool:
    """Be the one who reads a shard, until `leave` or the end of the session; not what safety rests on."""
    row = connection.execute(_TAKE, [id, source.id]).fetchone()
    return bool(row and row[0])


def leave(connection: Connection[Any], source: Source, id: str) -> None:
    """Let others read a shard."""
    connection.execute(_LEAVE, [id, source.id])


def _whole(shard: Shard) -> Shard:
    """A numeric arrives as a Decimal, and a sequence number is an int."""
    return (
        shard
        if shard.sequence is None
        else Shard(shard.id, shard.parent, int(shard.sequence), shard.read_to, shard.closed)
    )
