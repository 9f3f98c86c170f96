"""A trip in, what of it is not as it should be out, as findings that point at what to change."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import psycopg

from pgproof.errors import Location, SqlFileError
from pgproof.figures import many
from pgproof.gate.back import kinds
from pgproof.gate.back.route import place_of
from pgproof.gate.back.trip import find_standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pgproof.gate.back.blame import Blame
    from pgproof.gate.back.route import Refusal
    from pgproof.gate.back.trip import Trip
    from pgproof.gate.back.written import Gone
    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding, Kind
    from pgproof.gate.rows.digest import Loss
    from pgproof.pg.catalog import Difference

_SHOWN = 3


def judge_one_way(change: Change) -> Iterator[Finding]:
    """Tell of migrations that say they are irreversible."""
    for each in change.new:
        if why := each.header.irreversible:
            at = Location(each.path, each.header.line_of("irreversible"))
            yield kinds.IRREVERSIBLE.find(at, f"{each.id} has no way back: {why}")


def judge_odd_row(change: Change, error: Refusal) -> Finding:
    """Tell of an odd row that a migration is refused for: where it breaks a new rule, that is what the rule is for."""
    is_rule = isinstance(error.__cause__, psycopg.errors.IntegrityError)
    return _find(
        kinds.NEW_RULE if is_rule else kinds.ODD_ROW, change, error, "a row that the schema allows makes it fail"
    )


def judge_refusal(change: Change, error: Refusal, what: str) -> Finding:
    """Tell that there is no way back, or not after this."""
    return _find(kinds.REFUSED, change, error, what)


def judge_trip(change: Change, blame: Blame, trip: Trip) -> Iterator[Finding]:
    """Tell what a trip without writes has not brought back."""
    standing = set(find_standing(blame.databases, blame.source, blame.route)) if trip.left else set()
    left = [each for each in trip.left if each.kind != "added" or each.key not in standing]
    yield from _judge_left(blame, left) if left else _judge_order(blame, trip)
    yield from (_judge_loss(blame, trip, each) for each in trip.losses)
    if left:
        return  # what it comes to when it is applied again follows from that
    if trip.refused_again:
        yield judge_refusal(change, trip.refused_again, "after the way back it cannot be applied again")
    elif trip.other_again:
        what = f"applied again after the way back, it gives another schema: {_some(trip.other_again)}"
        yield kinds.LEAVES.find(place_of(blame.route.legs[-1]), what, details=_tell(trip.other_again))


def judge_written(blame: Blame, lost: Iterable[Gone]) -> Iterator[Finding]:
    """Tell what of head's writes is lost."""
    for each in lost:
        deed = "lost" if each.is_lost else "changed"
        what = f"{deed} on the way back: {_count(each.rows, each.column)} of {each.place} that head wrote"
        yield kinds.LOSES_DATA.find(blame.find_back(_words(each.table, each.column)), what)


def _judge_left(blame: Blame, left: Sequence[Difference]) -> Iterator[Finding]:
    """Tell of each migration what its own way back leaves."""
    legs = blame.route.legs
    blamed = [(_find_leaver(blame, each), each) for each in left]
    for number, several in groupby(sorted(blamed, key=lambda each: each[0]), lambda each: each[0]):
        found = [each for _, each in several]
        what = f"{legs[number].id} and back gives another schema: {_some(found)}"
        yield kinds.LEAVES.find(place_of(legs[number]), what, details=_tell(found))


def _judge_order(blame: Blame, trip: Trip) -> Iterator[Finding]:
    for each in trip.moved:
        table = each.key.removesuffix(": order").removeprefix("table ")
        what = f"the columns of {table} stand in another order after the way back"
        details = (f"before: {each.before}", f"after: {each.after}")
        yield kinds.COLUMN_MOVED.find(place_of(blame.route.legs[-1]), what, details=details)


def _judge_loss(blame: Blame, trip: Trip, loss: Loss) -> Finding:
    """What was dropped, also if it is there anew, was dropped by intent; what lives on was to be kept."""
    words, count = _words(loss.table, loss.column), _count(loss.rows, loss.column)
    place = ".".join(filter(None, (loss.table, loss.column)))
    if trip.has_dropped(loss):
        what = f"lost on the way there and back: {count} of {place} from before"
        return kinds.LOSES_DATA.find(blame.find_there(words), what)
    leg = blame.find_leg(lambda other: any((it.table, it.column) == (loss.table, loss.column) for it in other.losses))
    deed = "changed" if loss.what == "values changed" else "lost"
    what = f"{deed} on the way there and back: {count} of {place} from before"
    return kinds.ROWS_LOST.find(blame.find_there(words, leg), what)


def _find_leaver(blame: Blame, left: Difference) -> int:
    leg = blame.find_leg(lambda trip: any(each.key == left.key for each in trip.left))
    return blame.route.legs.index(leg)


def _find(kind: Kind, change: Change, error: Refusal, what: str) -> Finding:
    problem = error.problems[0] if isinstance(error, SqlFileError) else error
    first, *others = problem.what.splitlines()
    at = problem.at or place_of(change.new[-1])
    details = tuple(each.strip() for each in others)
    return kind.find(Location(change.here(at.path), at.line), f"{what}: {first}", details=details)


def _some(differences: Sequence[Difference]) -> str:
    """Name the first differences."""
    shown = ", ".join(f"{each.kind} {each.key}" for each in differences[:_SHOWN])
    return f"{shown} and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else shown


def _tell(differences: Sequence[Difference]) -> tuple[str, ...]:
    return tuple(map(str, differences))


def _count(number: int, column: str | None) -> str:
    return many(number, "value" if column else "row")


def _words(table: str, column: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (table.rpartition(".")[2], column)))
