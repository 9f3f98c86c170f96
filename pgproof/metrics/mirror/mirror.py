"""Changes in, the mirror of a DynamoDB table brought up to them out; metrics follow by the database's own trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from pgproof.metrics.mirror.record import Change
    from pgproof.metrics.mirror.source import Source

_KEY = 32  # bytes of an item's key

# The one guard: a row is only ever replaced by a newer one. A scan's rows have sequence 0 in an epoch of their own, so
# they replace what is from before it, and anything of the stream replaces them.
#
# A column arrives as one text of lines, '' for NULL. Of the ways to bring a thousand rows that is the quickest, and for
# one row a table to copy to would cost more than all the rest.
_MERGE = r"""
INSERT INTO pgproof_metrics.item AS kept (source, epoch, key, sequence, deleted, expired, image, facts, problem)
SELECT %s, %s, decode(key, 'hex'), sequence::numeric, deleted::boolean, expired::boolean, image::jsonb, facts::jsonb,
    problem
FROM unnest(
    string_to_array(%s, E'\n'), string_to_array(%s, E'\n'), string_to_array(%s, E'\n'), string_to_array(%s, E'\n'),
    string_to_array(%s, E'\n', ''), string_to_array(%s, E'\n', ''), string_to_array(%s, E'\n', '')
) AS new (key, sequence, deleted, expired, image, facts, problem)
ON CONFLICT (source, key) DO UPDATE
SET epoch = excluded.epoch, sequence = excluded.sequence, deleted = excluded.deleted, expired = excluded.expired,
    image = excluded.image, facts = excluded.facts, problem = excluded.problem, changed_at = excluded.changed_at
WHERE (excluded.epoch, excluded.sequence) > (kept.epoch, kept.sequence)
"""

# In steps, for the trigger holds in memory what it counts; in the order of keys, as they are merged, so that of two
# writers neither has what the other waits for.
_STEP = 10_000
_UNSEEN = """
SELECT key FROM pgproof_metrics.item
WHERE source = %s AND epoch < %s AND NOT deleted AND key > %s
ORDER BY key LIMIT %s FOR NO KEY UPDATE
"""

# Below what a scan reads: an item that could not be kept, and was set aside, is one that nobody saw until it is mended.
_SWEEP = """
UPDATE pgproof_metrics.item
SET epoch = %s, sequence = -1, deleted = true, expired = false, image = NULL, facts = NULL, problem = NULL,
    changed_at = now()
WHERE source = %s AND key = ANY(%s)
"""

# DynamoDB keeps a record for a day, and Lambda repeats none that is older: after two nothing late can come.
_PRUNE = "DELETE FROM pgproof_metrics.item WHERE source = %s AND gone_at < now() - interval '2 days'"


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
    rows = [newest[key] for key in sorted(newest)]  # of two writers neither has what the other waits for
    return connection.execute(_MERGE, [source.id, source.epoch, *_columns(rows)]).rowcount


def sweep(connection: Connection[Any], source: Source) -> int:
    """Have all items be gone that nobody has seen in this epoch; return how many."""
    swept, last = 0, b""
    while keys := [row[0] for row in connection.execute(_UNSEEN, [source.id, source.epoch, last, _STEP])]:
        swept += connection.execute(_SWEEP, [source.epoch, source.id, keys]).rowcount
        last = keys[-1]
    return swept


def prune(connection: Connection[Any], source: Source) -> int:
    """Forget items that are gone for so long that nothing late can come of them; return how many."""
    return connection.execute(_PRUNE, [source.id]).rowcount


def _columns(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return a text for each column, with a line for each change: JSON has no line ends, and a problem needs none."""
    return (
        b"".join([each.key for each in changes]).hex("\n", _KEY),
        "\n".join([str(each.sequence) for each in changes]),
        "\n".join(["t" if each.deleted else "f" for each in changes]),
        "\n".join(["t" if each.expired else "f" for each in changes]),
        "\n".join([each.image or "" for each in changes]),
        "\n".join([each.facts.by_mapping or "" for each in changes]),
        "\n".join([" ".join((each.facts.problem or "").split()) for each in changes]),
    )
