"""What was set aside in, tried again as if it had just come, and what became of each out; none is ever lost.

A letter goes in the transaction that brings its record to the mirror, or that finds that the mirror knows better.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import class_row

from pgproof.errors import SettingsError
from pgproof.metrics.mirror.intake import REFUSED, plain
from pgproof.metrics.mirror.item import Malformed
from pgproof.metrics.mirror.keys import fetch_keys
from pgproof.metrics.mirror.mirror import merge
from pgproof.metrics.mirror.record import read_item, read_record
from pgproof.metrics.mirror.source import fetch_source, hold
from pgproof.metrics.reading.importing import read_whole, read_write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.mirror.record import Change
    from pgproof.metrics.mirror.source import Source

Fate = Literal["applied", "overtaken", "covered", "kept"]

_IDS = "SELECT id FROM pgproof_metrics.dead_letter ORDER BY id"
_TABLE = """
SELECT s.name FROM pgproof_metrics.dead_letter AS d JOIN pgproof_metrics.source AS s ON s.id = d.source WHERE d.id = %s
"""
# A record can come a day late, and so can what says that the item is gone, which the mirror forgets after two.
_HOLD = """
SELECT id, epoch, record, reason, arrived_at > now() - interval '1 day' AS fresh
FROM pgproof_metrics.dead_letter WHERE id = %s FOR UPDATE
"""
_REMOVE = "DELETE FROM pgproof_metrics.dead_letter WHERE id = %s"
_KEEP = "UPDATE pgproof_metrics.dead_letter SET reason = %s WHERE id = %s"
_IS_KNOWN = "SELECT true FROM pgproof_metrics.item WHERE source = %s AND key = %s"

_OVERTAKEN = "the mirror has a later state of its item"
_COVERED = "the whole table was read since"
_TOO_OLD = "it is too old to tell whether its item is gone: `inv metrics.backfill` reads the whole table"


@dataclass(frozen=True)
class Letter:
    """A record that was set aside.

    Attributes:
        epoch: when it came.
        record: JSON.
        reason: why it was.
        fresh: so new that the mirror remembers all that can be said of its item.
    """

    id: int
    epoch: int
    record: str
    reason: str
    fresh: bool


@dataclass(frozen=True)
class Retried:
    """What became of one.

    Attributes:
        fate: applied; overtaken, or covered: there was nothing in it that the mirror does not know; kept.
        reason: why, where it was not applied.
    """

    id: int
    table: str
    fate: Fate
    reason: str


def retry(connection: Connection[Any], mappings: Sequence[Mapping], ids: Sequence[int] = ()) -> Iterator[Retried]:
    """Try letters again, each in a transaction of its own, and yield what became of them.

    Args:
        connection: in autocommit.
        mappings: all of the project, which the database follows.
        ids: of those that are meant; none: all.

    Raises:
        SettingsError: there is none with such an id.
        EpochOver: a table is begun to be read anew meanwhile.
    """
    there = [row[0] for row in connection.execute(_IDS)]
    if missing := sorted(set(ids) - set(there)):
        raise SettingsError(f"no record is set aside as {', '.join(map(str, missing))}", hint="without --id: all")
    for id in ids or there:
        if found := _retry(connection, mappings, id):
            yield found


def _retry(connection: Connection[Any], mappings: Sequence[Mapping], id: int) -> Retried | None:
    """Try one again; None: somebody else has, meanwhile."""
    row = connection.execute(_TABLE, [id]).fetchone()
    if row is None:
        return None
    source = fetch_source(connection, row[0])
    with connection.transaction():
        hold(connection, source)
        letter = _hold(connection, id)
        if letter is None:
            return None
        fate, reason = _decide(connection, source, letter, mappings)
        if fate == "kept":
            connection.execute(_KEEP, [plain(reason), id])
        else:
            connection.execute(_REMOVE, [id])
    return Retried(id, source.name, fate, reason)


def _hold(connection: Connection[Any], id: int) -> Letter | None:
    with connection.cursor(row_factory=class_row(Letter)) as cursor:
        return cursor.execute(_HOLD, [id]).fetchone()


def _decide(
    connection: Connection[Any], source: Source, letter: Letter, mappings: Sequence[Mapping]
) -> tuple[Fate, str]:
    """Bring a letter to the mirror where it is news, and return what is to become of it, and why."""
    if letter.epoch < source.epoch:
        return ("covered", _COVERED) if source.phase == "live" else ("kept", letter.reason)
    try:
        change = _read(connection, source, letter, mappings)
        if not letter.fresh and not connection.execute(_IS_KNOWN, [source.id, change.key]).fetchone():
            return "kept", _TOO_OLD
        with connection.transaction():
            news = merge(connection, source, [change])
    except Malformed as error:
        return "kept", str(error)
    except REFUSED as error:
        return "kept", str(error).partition("\n")[0]
    return ("applied", "") if news else ("overtaken", _OVERTAKEN)


def _read(connection: Connection[Any], source: Source, letter: Letter, mappings: Sequence[Mapping]) -> Change:
    keys = fetch_keys(connection, source)
    own = [each for each in mappings if each.store == "dynamodb" and each.table == source.name]
    record = json.loads(letter.record)
    if not isinstance(record, dict) or any(isinstance(each, str) for each in record.values()):
        return read_record(record, keys, own)  # an item's attributes are typed; a record has its eventName in plain
    if "Keys" in record and "Metadata" in record:
        return read_write(keys, own, record)
    return read_whole(keys, own, record) if record.keys() == {"Item"} else read_item(record, keys, own)
