"""The shards of a stream as the database knows them: how far each was read, and which may be read next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from pgproof.metrics.mirror.source import EpochOver

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import Connection

    from pgproof.metrics.mirror.source import Source

_FETCH = """
SELECT id, parent, sequence, read_to, closed, since, now() - since AS age FROM pgproof_metrics.shard
WHERE source = %s ORDER BY id
"""
_ADD = """
INSERT INTO pgproof_metrics.shard (source, id, parent, since)
SELECT %s, %s, %s, coalesce(%s, now()) ON CONFLICT DO NOTHING
"""
_LISTED_AT = "SELECT max(listed_at) FROM pgproof_metrics.shard WHERE source = %s"
# Now and then will do, and whoever is at a shard is not waited for: any one of them says when all were listed.
_NOTE_LISTING = """
UPDATE pgproof_metrics.shard SET listed_at = now()
WHERE source = %(source)s AND id IN (
    SELECT id FROM pgproof_metrics.shard
    WHERE source = %(source)s AND listed_at < now() - interval '5 minutes' FOR UPDATE SKIP LOCKED
)
"""
_PRUNE = """
DELETE FROM pgproof_metrics.shard AS old
WHERE source = %s AND closed AND id <> ALL(%s)
    AND EXISTS (SELECT FROM pgproof_metrics.shard AS child WHERE child.source = old.source AND child.parent = old.id)
"""
_HOLD = """
SELECT id, parent, sequence, read_to, closed, since, now() - since AS age FROM pgproof_metrics.shard
WHERE source = %s AND id = %s FOR UPDATE
"""
_ADVANCE = """
UPDATE pgproof_metrics.shard SET sequence = coalesce(%s, sequence), read_to = coalesce(%s, read_to), closed = %s
WHERE source = %s AND id = %s
"""
_FORGET = "DELETE FROM pgproof_metrics.shard WHERE source = %s"
_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(%s, %s))"
_LEAVE_ALL = "SELECT pg_advisory_unlock_all()"
_LEAVE = "SELECT pg_advisory_unlock(hashtextextended(%s, %s))"


@dataclass(frozen=True)
class Shard:
    """A shard, and how far it was read.

    Attributes:
        parent: the shard that it goes on from; what that says of an item is older.
        sequence: of the last record that was applied; None: nothing was, so it is read from its first record.
        read_to: about when that record was written.
        closed: it was read to its end.
        since: when it was not there yet, or all that was in it came from elsewhere; None: before it is known.
        age: how long ago that was.
    """

    id: str
    parent: str | None
    sequence: int | None = None
    read_to: datetime | None = None
    closed: bool = False
    since: datetime | None = None
    age: timedelta = timedelta()


def fetch_shards(connection: Connection[Any], source: Source) -> list[Shard]:
    """Return the shards that are known."""
    with connection.cursor(row_factory=class_row(Shard)) as cursor:
        return [_whole(each) for each in cursor.execute(_FETCH, [source.id])]


def add_shards(connection: Connection[Any], source: Source, shards: Iterable[Shard]) -> None:
    """Make shards known, in the caller's transaction; what is known of one already stays."""
    row = connection.execute(_LISTED_AT, [source.id]).fetchone()
    since = row[0] if row else None  # where there were others, those that are new came after they were listed
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [(source.id, each.id, each.parent, each.since or since) for each in shards])
    connection.execute(_NOTE_LISTING, {"source": source.id})


def replace_shards(connection: Connection[Any], source: Source, shards: Iterable[Shard]) -> None:
    """Begin anew: each of these shards is read from the first record that is left in it."""
    connection.execute(_FORGET, [source.id])
    add_shards(connection, source, shards)


def prune_shards(connection: Connection[Any], source: Source, there: Iterable[str]) -> int:
    """Forget shards that were read to their end and that DynamoDB has forgotten; return how many.

    One whose child is not known stays: by it the child will be seen to have followed what was read.
    """
    return connection.execute(_PRUNE, [source.id, list(there)]).rowcount


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


def leave_all(connection: Connection[Any]) -> None:
    """Let others read all shards that this session reads; one that is only closed holds them for a moment longer."""
    connection.execute(_LEAVE_ALL)


def _whole(shard: Shard) -> Shard:
    """A numeric arrives as a Decimal, and a sequence number is an int."""
    return shard if shard.sequence is None else replace(shard, sequence=int(shard.sequence))
