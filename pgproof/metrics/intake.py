"""Records in, the mirror brought up to them out; what cannot be kept is set aside with its reason, and never lost."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.metrics.item import Malformed
from pgproof.metrics.mirror import merge
from pgproof.metrics.record import Change, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Mapping as Map

    from psycopg import Connection

    from pgproof.metrics.source import Source

_SET_ASIDE = """
INSERT INTO pgproof_metrics.dead_letter (source, epoch, record, hash, reason) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


def take_in(
    connection: Connection[Any],
    source: Source,
    records: Iterable[Map[str, Any]],
    read: Callable[[Map[str, Any]], Change],
) -> int:
    """Bring the mirror up to records, in the caller's transaction; return how many of them were news.

    Args:
        connection: in a transaction.
        source: their table.
        records: of a stream, a scan or an export.
        read: what makes a change of one, or raises Malformed.
    """
    changes = []
    for record in records:
        try:
            changes.append(read(record))
        except Malformed as error:
            _set_aside(connection, source, record, str(error))
    return _merge(connection, source, changes)


def _merge(connection: Connection[Any], source: Source, changes: Sequence[Change]) -> int:
    """Merge all of them; where Postgres refuses, halve them until the one is found that it does not take."""
    try:
        with connection.transaction():
            return merge(connection, source, changes)
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
        if len(changes) == 1:
            _set_aside(connection, source, changes[0].record or {}, str(error).partition("\n")[0])
            return 0
    half = len(changes) // 2
    return _merge(connection, source, changes[:half]) + _merge(connection, source, changes[half:])


def _set_aside(connection: Connection[Any], source: Source, record: Map[str, Any], reason: str) -> None:
    text = to_json(record)
    values = [source.id, source.epoch, text, sha256(text.encode()).digest(), reason.replace("\0", "\\0")]
    connection.execute(_SET_ASIDE, values)
