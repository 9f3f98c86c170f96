"""A database, a route and head's contracts in, what they have written and the way back loses out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.gate.back.writing import find_writers, is_written, write_for_good
from pgproof.gate.rows.digest import diff_digests, fetch_digests

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pgproof.contracts.subjects import Subject
    from pgproof.gate.back.route import Refusal, Route
    from pgproof.gate.back.trip import Trip
    from pgproof.gate.databases import Databases
    from pgproof.gate.rows.digest import Digests, TableDigest


@dataclass(frozen=True)
class Gone:
    """So many rows of a table, or values of its column, that are lost, or else changed."""

    table: str
    column: str | None
    rows: int
    is_lost: bool

    @property
    def place(self) -> str:
        """The column, or the table."""
        return ".".join(filter(None, (self.table, self.column)))


def find_written(
    databases: Databases, source: str, route: Route, trip: Trip, subjects: Sequence[Subject]
) -> tuple[list[Gone], Refusal | None]:
    """Go there, have head's contracts write, and come back; return what they wrote and lost, or what refused.

    Args:
        databases: the server.
        source: where the trip began, too.
        route: the same.
        trip: without writes: what it loses is not told again.
        subjects: head's contracts.
    """
    writers = find_writers(subjects)
    if not writers:
        return [], None
    with databases.clone(source) as name, databases.connect_runner(name) as connection:
        route.set_out(connection)
        route.go_there(connection)
        found = fetch_digests(connection)
        with databases.connect(name) as application:
            write_for_good(application, writers, databases.role)
        there = fetch_digests(connection)
        if refused := route.come_back(connection):
            return [], refused
        after = fetch_digests(connection)
    new = there.keys() - trip.before.digests.keys()
    return [
        *_find_dropped(found, there, after, new),
        *(
            each
            for table in sorted(there.keys() - new)
            for each in _find_new(table, writers, trip, found, there, after)
        ),
        *_find_other(trip, there, after),
    ], None


def _find_dropped(found: Digests, there: Digests, after: Digests, new: Collection[str]) -> Iterator[Gone]:
    """Yield the rows of tables that came with the change and are gone with it; one that is renamed is not gone."""
    back = [digest for table, digest in after.items() if table not in there]
    for table in sorted(new):
        rows = len(there[table].rows) - len(found[table].rows)
        if table not in after and rows > 0 and not any(_holds_rows(each, there[table]) for each in back):
            yield Gone(table, None, rows, is_lost=True)


def _find_new(
    table: str, writers: Sequence[Subject], trip: Trip, found: Digests, there: Digests, after: Digests
) -> Iterator[Gone]:
    """Yield the values of columns that came with the change and are gone with it, where a query gives them by name.

    What only a default has filled in says nothing that would be missed; what the way back copies is not gone.
    """
    known = {*trip.before.digests[table].columns, *(after[table].columns if table in after else ())}
    for column in there[table].columns:
        if column not in known and is_written(writers, table.rpartition(".")[2], column):
            written = _values(there[table], column) - _values(found[table], column)
            if written and not _holds_values(after.get(table), there[table], written):
                yield Gone(table, column, written.total(), is_lost=True)


def _find_other(trip: Trip, there: Digests, after: Digests) -> Iterator[Gone]:
    """Yield what is in tables and columns that stay, and was not lost without anybody's writing."""
    known = {(each.table, each.column) for each in trip.there.lost(trip.after)}
    for each in diff_digests(there, after):
        if each.what in ("rows gone", "values changed") and (each.table, each.column) not in known:
            yield Gone(each.table, each.column, each.rows, is_lost=each.what == "rows gone")


def _holds_rows(after: TableDigest, there: TableDigest) -> bool:
    common = [each for each in there.columns if each in after.columns]
    return bool(common) and not Counter(there.select(common)) - Counter(after.select(common))


def _holds_values(after: TableDigest | None, there: TableDigest, written: Counter[int]) -> bool:
    """Whether the values are in another column now: one that is back, or that the way back has written to."""
    columns = after.columns if after else ()
    now = {column: _values(after, column) for column in columns} if after else {}
    touched = [each for each in columns if each not in there.columns or now[each] != _values(there, each)]
    return any(not written - now[each] for each in touched)


def _values(digest: TableDigest, column: str) -> Counter[int]:
    return Counter(value for (value,) in digest.select([column]) if value is not None)
