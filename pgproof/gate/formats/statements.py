"""What was measured in, a row of text for each statement out: for terminal, comment and page alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.figures import duration, lock_mode, one_line, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.gate.measuring.measured import Lock, Measured
    from pgproof.gate.proof import Live

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""The lock modes of a table, from the weakest to the strongest."""

_RELATIONS = 3  # that are named; a table of many indexes locks them all
_WORDS = {"verifying": "verifies every row", "validating": "validates a foreign key", "building": "builds indexes"}
"""What the server says at DEBUG1 by the first word, and ours for it; of a rewrite there are the names."""


@dataclass(frozen=True)
class Row:
    """What a statement did, as text; empty where it did nothing of the kind.

    Attributes:
        place: `migrations/0013_x.sql:4`.
        text: its beginning.
        locks: `ACCESS EXCLUSIVE on public.users`, those that were there before; the strongest first.
        held: the longest of those locks.
        work: `rewrites public.users · scans 200,000 rows`.
        production: how long its work may take there; an estimate.
    """

    place: str
    text: str
    locks: str
    held: str
    work: str
    wal: str
    took: str
    production: str


def make_rows(live: Live) -> list[Row]:
    """Return a row for each statement, in their order."""
    return [_row(each, live.seconds) for each in live.rehearsal.statements]


def tabulate(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Return columns with their names, and the cells of each row; a column in which nothing stands is left out."""
    columns = {
        "locks": [each.locks for each in rows],
        "held": [each.held for each in rows],
        "WAL": [each.wal for each in rows],
        "took": [each.took for each in rows],
        "in production": [each.production for each in rows],
        "does": [each.work for each in rows],
    }
    told = {name: cells for name, cells in columns.items() if any(cells)}
    return list(told), list(map(list, zip(*told.values(), strict=True)))


def _row(measured: Measured, seconds: Mapping[str, float]) -> Row:
    locks = _strongest(measured.locks)
    estimate = seconds.get(str(measured.at))
    return Row(
        place=str(measured.at),
        text=one_line(measured.text),
        locks="; ".join(_name_locks(locks)),
        held=duration(max(each.until - each.taken for each in locks)) if locks else "",
        work=" · ".join(_work(measured)),
        wal=size(measured.wal) if measured.wal else "",
        took=duration(measured.took),
        production="" if estimate is None else f"about {duration(estimate)}",
    )


def _strongest(locks: tuple[Lock, ...]) -> list[Lock]:
    """Return one lock for each relation that others may want: none that any reader takes, no index with its table."""
    by_strength = sorted(locks, key=lambda each: _strength(each.mode))
    strongest = {each.relation: each for each in by_strength if each.was_there and _strength(each.mode)}
    tables = [each for each in strongest.values() if each.kind != "index"] or list(strongest.values())
    return sorted(tables, key=lambda each: (-_strength(each.mode), each.relation))


def _strength(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else 0


def _name_locks(locks: list[Lock]) -> Iterator[str]:
    for mode in dict.fromkeys(each.mode for each in locks):
        yield f"{lock_mode(mode)} on {_name([each.relation for each in locks if each.mode == mode])}"


def _name(relations: list[str]) -> str:
    more = len(relations) - _RELATIONS
    return ", ".join([*relations[:_RELATIONS], *([f"{more} more"] if more > 0 else [])])


def _work(measured: Measured) -> Iterator[str]:
    if measured.rewritten:
        yield f"rewrites {_name(list(measured.rewritten))}"
    said = [each.split()[0] for each in measured.said]
    yield from (ours for word, ours in _WORDS.items() if word in said)
    for verb, rows in (("reads", measured.scanned), ("writes", measured.written)):
        yield from (f"{verb} {number:,} rows of {table}" for table, number in rows.items() if number)
    if measured.temporary:
        yield f"{size(measured.temporary)} of temporary files"
