"""Changes in, the mirror of a DynamoDB table brought up to them out; metrics follow by the database's own trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from pgproof.metrics.record import Change
    from pgproof.metrics.source import Source

_INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS pgproof_incoming (
    key bytea, sequence numeric(40, 0), deleted boolean, expired boolean, image jsonb, facts jsonb, problem text
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY pg_temp.pgproof_incoming FROM STDIN"

# The one guard: a row is only ever replaced by a newer one. A scan's rows have sequence 0 in an epoch of their own, so
# they replace what is from before it, and anything of the stream replaces them.
_MERGE = """
INSERT INTO pgproof_metrics.item AS kept (source, epoch, key, sequence, deleted, expired, image, facts, problem)
SELECT %s, %s, key, sequence, deleted, expired, image, facts, problem FROM pg_temp.pgproof_incoming ORDER BY key
ON CONFLICT (source, key) DO UPDATE
SET epoch = excluded.epoch, sequence = excluded.sequence, deleted = excluded.deleted, expired = excluded.expired,
    image = excluded.image, facts = excluded.facts, problem = excluded.problem, changed_at = excluded.changed_at
WHERE (excluded.epoch, excluded.sequence) > (kept.epoch, kept.sequence)
"""
_CLEAR = "TRUNCATE pg_temp.pgproof_incoming"

_SWEEP = """
UPDATE pgproof_metrics.item
SET epoch = %(epoch)s, sequence = 0, deleted = true, expired = false, image = NULL, facts = NULL, problem = NULL,
    changed_at = now()
WHERE source = %(source)s AND epoch < %(epoch)s AND NOT deleted
"""

# DynamoDB keeps a record for a day, and Lambda repeats none that is older: after two nothing late can come.
_PRUNE = """
DELETE FROM pgproof_metrics.item
WHERE source = %s AND deleted AND facts IS NULL AND changed_at < now() - interval '2 days'
"""


def merge(connection: Connection[Any], source: Source, changes: Iterable[Change]) -> int:
    """Bring the mirror up to changes, in the caller's transaction; return how many of them were news.

    Any order will do, and any number of times.

    Raises:
        psycopg.DataError: one of them cannot be kept; none of them is.
    """
    newest: dict[bytes, Change] = {}
    for change in changes:
        if newest.setdefault(change.key, change).sequence < change.sequence:
            newest[change.key] = change
    if not newest:
        return 0
    connection.execute(_INCOMING)
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.write("".join(map(_row, newest.values())).encode())
        done = cursor.execute(_MERGE, [source.id, source.epoch]).rowcount
        cursor.execute(_CLEAR)
    return done


def sweep(connection: Connection[Any], source: Source) -> int:
    """Have all items be gone that nobody has seen in this epoch; return how many."""
    return connection.execute(_SWEEP, {"source": source.id, "epoch": source.epoch}).rowcount


def prune(connection: Connection[Any], source: Source) -> int:
    """Forget items that are gone for so long that nothing late can come of them; return how many."""
    return connection.execute(_PRUNE, [source.id]).rowcount


def _row(change: Change) -> str:
    facts = change.facts
    fields = (change.image, facts.by_mapping, facts.problem)
    texts = "\t".join("\\N" if each is None else _escape(each) for each in fields)
    flags = f"{'t' if change.deleted else 'f'}\t{'t' if change.expired else 'f'}"
    return f"\\\\x{change.key.hex()}\t{change.sequence}\t{flags}\t{texts}\n"


def _escape(text: str) -> str:
    """Escape for COPY: JSON has no tabs and no line ends of its own, a problem may."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
