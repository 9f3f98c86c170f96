"""A DynamoDB table's name in, how far it was read out: its stream, its epoch, its phase; and the steps between phases.

An epoch is one reading of the whole table, and all that its stream says from then on. A new one begins where the stream
has lost records, or is another one: rows of an older epoch give way to any of a newer.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg.rows import class_row

from pgproof.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg import Connection

Phase = Literal["new", "scanning", "live"]

HORIZON = timedelta(hours=23)
"""How long after it was known that nothing was missed a shard has to be begun: DynamoDB keeps records for a day."""
READING = HORIZON - timedelta(hours=1)
"""How long reading a whole table may take, or how old its export may be: then its stream is read."""

_FETCH = """
SELECT id, name, stream, epoch, phase, mappings, scan_began_at, scan_ended_at, exported_to
FROM pgproof_metrics.source WHERE name = %s
"""
# Only where there is none: each attempt takes a number of the identity's, and a Lambda function makes many.
_ADD = """
INSERT INTO pgproof_metrics.source (name) SELECT %(name)s
WHERE NOT EXISTS (SELECT FROM pgproof_metrics.source WHERE name = %(name)s) ON CONFLICT DO NOTHING
"""
_BEGIN = """
UPDATE pgproof_metrics.source SET epoch = epoch + 1, stream = %s, phase = 'scanning', scan_began_at = now(),
    scan_ended_at = NULL, exported_to = %s
WHERE id = %s AND epoch = %s
"""
_REACH = "UPDATE pgproof_metrics.source SET exported_to = %s WHERE id = %s AND epoch = %s"
_END = "UPDATE pgproof_metrics.source SET phase = 'live', scan_ended_at = now() WHERE id = %s AND epoch = %s"
_CLAIM = "SELECT pg_try_advisory_lock(hashtextextended('pgproof reads all of it', %s))"
_GIVE_BACK = "SELECT pg_advisory_unlock(hashtextextended('pgproof reads all of it', %s))"
_HOLDER = """
SELECT a.application_name, a.pid FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('pgproof reads all of it', %s)
"""


class EpochOver(Exception):
    """Somebody else has begun a new epoch, or changed the mappings: what was read is of no use, and is read again."""


class Taken(CloudError):
    """Somebody else reads the whole table."""


@dataclass(frozen=True)
class Source:
    """A DynamoDB table as the mirror knows it.

    Attributes:
        stream: ARN of the stream that is read; None before the first reading.
        epoch: counted from 1; 0 before the first.
        phase: new; scanning: its items are being read; live: its stream is followed.
        mappings: fingerprint of those that its facts follow from.
        exported_to: up to when exports cover it, where this epoch is read from them.
    """

    id: int
    name: str
    stream: str | None
    epoch: int
    phase: Phase
    mappings: str
    scan_began_at: datetime | None
    scan_ended_at: datetime | None
    exported_to: datetime | None


def fetch_source(connection: Connection[Any], name: str) -> Source:
    """Return what is known of a table; it is made known where it was not."""
    connection.execute(_ADD, {"name": name})
    return _fetch(connection, name, "")


def hold(connection: Connection[Any], source: Source) -> None:
    """Keep a source as it is until the transaction ends.

    Raises:
        EpochOver: it is not as it was.
    """
    held = _fetch(connection, source.name, " FOR SHARE")
    if (held.epoch, held.stream, held.mappings) != (source.epoch, source.stream, source.mappings):
        raise EpochOver(source.name)


@contextmanager
def claim(connection: Connection[Any], source: Source) -> Iterator[None]:
    """Be the one who reads the whole table; not what safety rests on.

    Raises:
        Taken: somebody else does.
    """
    row = connection.execute(_CLAIM, [source.id]).fetchone()
    if not (row and row[0]):
        holder = connection.execute(_HOLDER, [source.id]).fetchone()
        who = f"{holder[0]}, server process {holder[1]}" if holder else "somebody else"
        what = f"DynamoDB's table {source.name} is being read as a whole by {who}"
        raise Taken(what, hint="wait for its end; if it is killed, `inv metrics.backfill` goes on")
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a session that is closed holds it for a moment longer, to those who come next
            connection.execute(_GIVE_BACK, [source.id])


def begin_epoch(
    connection: Connection[Any], source: Source, stream: str, *, exported_to: datetime | None = None
) -> Source:
    """Begin a new epoch, in the caller's transaction: from now on rows of older ones give way.

    Args:
        connection: in a transaction.
        source: as the caller knows it.
        stream: ARN of the one that will be read.
        exported_to: the moment of the export that it is read from, if it is.

    Raises:
        EpochOver: somebody else was faster.
    """
    if not connection.execute(_BEGIN, [stream, exported_to, source.id, source.epoch]).rowcount:
        raise EpochOver(source.name)
    return _fetch(connection, source.name, "")


def reach(connection: Connection[Any], source: Source, exported_to: datetime) -> Source:
    """Write down up to when exports cover the table, in the caller's transaction.

    Raises:
        EpochOver: somebody else has begun another epoch.
    """
    if not connection.execute(_REACH, [exported_to, source.id, source.epoch]).rowcount:
        raise EpochOver(source.name)
    return _fetch(connection, source.name, "")


def end_scan(connection: Connection[Any], source: Source) -> Source:
    """Go live, in the caller's transaction.

    Raises:
        EpochOver: somebody else has begun another epoch.
    """
    if not connection.execute(_END, [source.id, source.epoch]).rowcount:
        raise EpochOver(source.name)
    return _fetch(connection, source.name, "")


def need_live(source: Source) -> None:
    """Refuse a table that was never read.

    Raises:
        CloudError: it was not, or its reading has not come to an end.
    """
    if source.phase != "live":
        what = "was never read" if source.phase == "new" else "is not read to its end"
        raise CloudError(f"DynamoDB's table {source.name} {what}", hint="`inv metrics.backfill` reads it")


def _fetch(connection: Connection[Any], name: str, lock: str) -> Source:
    with connection.cursor(row_factory=class_row(Source)) as cursor:
        found = cursor.execute((_FETCH + lock).encode(), [name]).fetchone()
    if found is None:
        raise EpochOver(name)
    return found
