"""A connection in, a digest of every value of every table out; two of them in, what is not as it was out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.contracts.planning.copies import fetch_schema
from pgproof.gate.rows.loading import pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from psycopg import Connection

    from pgproof.contracts.planning.copies import Table

What: TypeAlias = Literal["table gone", "column gone", "rows gone", "values changed"]

# A collation that takes two texts for one would hash them alike.
_VALUE = 'hashtextextended({column}::text COLLATE "C", 0)'
_KEYS = """
SELECT indrelid, attname::text FROM pg_index INNER JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
WHERE indisprimary ORDER BY indrelid, attnum
"""


@dataclass(frozen=True)
class TableDigest:
    """The rows of a table.

    Attributes:
        columns: their names, in order; what the server computes itself is none of them.
        key: those of the primary key; empty where there is none.
        rows: of each row a hash of each of its values; None for NULL.
    """

    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: tuple[tuple[int | None, ...], ...]

    def select(self, columns: Iterable[str]) -> list[tuple[int | None, ...]]:
        """Return these columns of each row, in this order."""
        places = [self.columns.index(each) for each in columns]
        return [tuple(row[place] for place in places) for row in self.rows]


Digests: TypeAlias = "Mapping[str, TableDigest]"
"""By `schema.table`."""


@dataclass(frozen=True)
class Loss:
    """What is not there any more, or not as it was.

    Attributes:
        column: None where whole rows are meant.
        rows: how many; of a column that is gone those that had a value there.
    """

    table: str
    column: str | None
    rows: int
    what: What


def fetch_digests(connection: Connection[Any]) -> dict[str, TableDigest]:
    """Return a hash of each value of all tables but the ledger's: for some ten thousand rows, not for millions."""
    with connection.cursor(row_factory=tuple_row) as cursor, connection.transaction(force_rollback=True):
        pin(cursor)
        keys = cursor.execute(_KEYS).fetchall()
        digests: dict[str, TableDigest] = {}
        for table in fetch_schema(cursor).tables.values():
            columns = tuple(table.columns.values())
            key = tuple(name for oid, name in keys if oid == table.oid and name in columns)
            rows = tuple(cursor.execute(_select(table, columns)).fetchall())
            digests[".".join(table.name)] = TableDigest(columns, key, rows)
    return digests


def diff_digests(before: Digests, after: Digests) -> list[Loss]:
    """Return what of the rows before is gone or has changed; rows, columns and tables that are new are no loss.

    A row is known by its primary key; without one, or where that is gone, rows are compared as a whole.
    """
    losses: list[Loss] = []
    for name, old in sorted(before.items()):
        if name in after:
            losses += _diff_table(name, old, after[name])
        elif old.rows:
            losses.append(Loss(name, None, len(old.rows), "table gone"))
    return losses


def _select(table: Table, columns: Iterable[str]) -> sql.Composed:
    values = [sql.SQL(_VALUE).format(column=sql.Identifier(each)) for each in columns]
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(values), table.source)


def _diff_table(name: str, old: TableDigest, new: TableDigest) -> list[Loss]:
    common = [each for each in old.columns if each in new.columns]
    gone = [each for each in old.columns if each not in new.columns]
    held = [(column, sum(value is not None for (value,) in old.select([column]))) for column in gone]
    losses = [Loss(name, column, rows, "column gone") for column, rows in held if rows]
    keyed = old.key and set(old.key) <= set(common)
    diff: Callable[[str, TableDigest, TableDigest, list[str]], list[Loss]] = _diff_by_key if keyed else _diff_as_whole
    return losses + diff(name, old, new, common)


def _diff_by_key(name: str, old: TableDigest, new: TableDigest, common: list[str]) -> list[Loss]:
    rest = [each for each in common if each not in old.key]
    there = dict(zip(new.select(old.key), new.select(rest), strict=True))
    changed: Counter[str] = Counter()
    gone = 0
    for key, values in zip(old.select(old.key), old.select(rest), strict=True):
        found = there.get(key)
        gone += found is None
        changed.update(each for each, was, is_ in zip(rest, values, found or values, strict=True) if was != is_)
    losses = [Loss(name, None, gone, "rows gone")] if gone else []
    return losses + [Loss(name, each, changed[each], "values changed") for each in rest if changed[each]]


def _diff_as_whole(name: str, old: TableDigest, new: TableDigest, common: list[str]) -> list[Loss]:
    """Count what is missing; which column it is can be told where that column alone has lost values."""
    missing = (Counter(old.select(common)) - Counter(new.select(common))).total()
    gone = min(missing, max(0, len(old.rows) - len(new.rows)))
    losses = [Loss(name, None, gone, "rows gone")] if gone else []
    if missing == gone:
        return losses
    counts = [(each, (_values(old, each) - _values(new, each)).total()) for each in common]
    changed = [Loss(name, each, rows, "values changed") for each, rows in counts if rows > gone]
    return losses + (changed or [Loss(name, None, missing - gone, "values changed")])


def _values(digest: TableDigest, column: str) -> Counter[int | None]:
    return Counter(map(itemgetter(0), digest.select([column])))
