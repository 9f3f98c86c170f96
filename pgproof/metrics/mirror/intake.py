"""Records in, the mirror brought up to them out; what cannot be kept is set aside with its reason, and never lost."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.metrics.mirror.item import Malformed
from pgproof.metrics.mirror.mirror import merge
from pgproof.metrics.mirror.record import Change, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Mapping as Map

    from psycopg import Connection

    from pgproof.metrics.mirror.source import Source

_SET_ASIDE = """
INSERT INTO pgproof_metrics.dead_letter (source, epoch, record, hash, reason) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (source, hash) DO UPDATE SET epoch = excluded.epoch, reason = excluded.reason
WHERE dead_letter.epoch < excluded.epoch
"""
REFUSED = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex)
"""What Postgres says of a change that it does not take, however often it is asked."""

_LONGEST = 1000  # characters of a reason


def take_in(
    connection: Connection[Any],
    source: Source,
    records: Iterable[Map[str, Any]],
    read: Callable[[Map[str, Any]], Change],
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Bring the mirror up to records, in the caller's transaction; return how many of them were news.

    Args:
        connection: in a transaction.
        source: their table.
        records: of a stream, a scan or an export.
        read: what makes a change of one, or raises Malformed.
        tell: is told the reason for each that is set aside.
    """

    def set_aside(record: Map[str, Any], reason: str) -> None:
        _set_aside(connection, source, record, reason)
        tell(reason)

    changes = []
    for record in records:
        try:
            changes.append(read(record))
        except Malformed as error:
            set_aside(record, str(error))
    return _merge(connection, source, changes, set_aside)


def _merge(
    connection: Connection[Any],
    source: Source,
    changes: Sequence[Change],
    set_aside: Callable[[Map[str, Any], str], None],
) -> int:
    """Merge all of them; where Postgres refuses, halve them until the one is found that it does not take."""
    try:
        with connection.transaction():
            return merge(connection, source, changes)
    except REFUSED as error:
        if len(changes) == 1:
            set_aside(changes[0].record or {}, str(error).partition("\n")[0])
            return 0
    half = len(changes) // 2
    return sum(_merge(connection, source, each, set_aside) for each in (changes[:half], changes[half:]))


def _set_aside(connection: Connection[Any], source: Source, record: Map[str, Any], reason: str) -> None:
    text = to_json(record)
    values = [source.id, source.epoch, text, sha256(text.encode()).digest(), plain(reason)]
    connection.execute(_SET_ASIDE, values)


def plain(reason: str) -> str:
    """Return a reason as Postgres takes text: it may quote what it is about."""
    return reason.replace("\0", "\\0").encode(errors="backslashreplace").decode()[:_LONGEST]
