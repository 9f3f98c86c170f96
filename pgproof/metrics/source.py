"""A DynamoDB table's name in, how far it was read out: its stream, its epoch, its phase; and the steps between phases.

An epoch is one reading of the whole table, and all that its stream says from then on. A new one begins where the stream
has lost records, or is another one: rows of an older epoch give way to any of a newer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import class_row

from pgproof.errors import CloudError

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

Phase = Literal["new", "scanning", "live"]

_FETCH = """
SELECT id, name, stream, epoch, phase, mappings, scan_began_at, scan_ended_at, exported_to
FROM pgproof_metrics.source WHERE name = %s
"""
_ADD = "INSERT INTO pgproof_metrics.source (name) VALUES (%s) ON CONFLICT DO NOTHING"
_BEGIN = """
UPDATE pgproof_metrics.source SET epoch = epoch + 1, stream = %s, phase = 'scanning', scan_began_at = now(),
    scan_ended_at = NULL, exported_to = NULL
WHERE id = %s AND epoch = %s
"""
_FORGET_SEGMENTS = "DELETE FROM pgproof_metrics.segment WHERE source = %s"
_ADD_SEGMENTS = "INSERT INTO pgproof_metrics.segment (source, number) SELECT %s, generate_series(0, %s - 1)"
_END = "UPDATE pgproof_metrics.source SET phase = 'live', scan_ended_at = now() WHERE id = %s AND epoch = %s"


class EpochOver(Exception):
    """Somebody else has begun a new epoch, or changed the mappings: what was read is of no use, and is read again."""


@dataclass(frozen=True)
class Source:
    """A DynamoDB table as the mirror knows it.

    Attributes:
        stream: ARN of the stream that is read; None before the first reading.
        epoch: counted from 1; 0 before the first.
        phase: new; scanning: its items are being read; live: its stream is followed.
        mappings: fingerprint of those that its facts follow from.
        exported_to: up to when exports cover it, where it was read from one.
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
    connection.execute(_ADD, [name])
    return _fetch(connection, name, "")


def hold(connection: Connection[Any], source: Source) -> None:
    """Keep a source as it is until the transaction ends.

    Raises:
        EpochOver: it is not as it was.
    """
    held = _fetch(connection, source.name, " FOR SHARE")
    if (held.epoch, held.stream, held.mappings) != (source.epoch, source.stream, source.mappings):
        raise EpochOver(source.name)


def begin_epoch(connection: Connection[Any], source: Source, stream: str, *, segments: int) -> Source:
    """Begin a new epoch, in the caller's transaction: from now on rows of older ones give way.

    Raises:
        EpochOver: somebody else was faster.
    """
    if not connection.execute(_BEGIN, [stream, source.id, source.epoch]).rowcount:
        raise EpochOver(source.name)
    connection.execute(_FORGET_SEGMENTS, [source.id])
    connection.execute(_ADD_SEGMENTS, [source.id, segments])
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
