"""A change in, what is not as it was after the way there and back out: schema, rows, the release before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.contracts.session import Session
from pgproof.errors import MigrationFailed
from pgproof.figures import many
from pgproof.gate.back import kinds
from pgproof.gate.back.blame import Blame
from pgproof.gate.back.route import find_unready, place_of, read_route
from pgproof.gate.back.trip import travel
from pgproof.gate.back.verdict import judge_odd_row, judge_one_way, judge_refusal, judge_trip, judge_written
from pgproof.gate.back.written import find_written
from pgproof.gate.mentions import read_words
from pgproof.gate.proof import Outcome
from pgproof.gate.release.promises import find_broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.back.route import Route
    from pgproof.gate.back.trip import Trip
    from pgproof.gate.finding import Finding
    from pgproof.gate.release.promises import Broken
    from pgproof.gate.trial import Trial

KINDS = kinds.KINDS

_MISSING = "23"  # the class of SQLSTATEs of constraints: there is nothing to refer to


def prove(trial: Trial) -> Outcome:
    """Go there and back with odd rows in every table, with what head writes, and with the seeds alone."""
    change = trial.change
    if reason := find_unready(change):
        return Outcome(not_applicable=reason)
    one_way, route = tuple(judge_one_way(change)), read_route(change)
    if not route.legs:
        return Outcome(one_way, not_applicable="the newest migration is irreversible")
    try:
        source, trip, refused = _travel(trial, route)
    except MigrationFailed as error:
        return Outcome(one_way, not_applicable=f"they do not run on base's seeds: {error.what.splitlines()[0]}")
    odd = [judge_odd_row(change, refused)] if refused else []
    findings = [*one_way, *odd, *_judge(trial, Blame(trial.databases, source, route), trip)]
    return Outcome(tuple(findings), _note(route, is_odd=not refused))


def _travel(trial: Trial, route: Route) -> tuple[str, Trip, MigrationFailed | None]:
    """Make the trip with odd rows, or without where a migration is refused because of one: return that, too."""
    try:
        return trial.edged, trial.trip, None
    except MigrationFailed as error:
        refused = error
    seeded = trial.databases.built(trial.change.base, seeded=True)
    return seeded, travel(trial.databases, seeded, route), refused


def _judge(trial: Trial, blame: Blame, trip: Trip) -> Iterator[Finding]:
    change, databases, seeded = trial.change, trial.databases, trial.databases.built(trial.change.base, seeded=True)
    if trip.refused:
        yield judge_refusal(change, trip.refused, "the way back is refused")
        if blame.source == seeded:
            return
        blame = Blame(databases, seeded, blame.route)  # an odd row may be in its way: then there is more to be seen
        trip = travel(databases, seeded, blame.route)
        if trip.refused:
            return
    yield from judge_trip(change, blame, trip)
    lost, refused = find_written(databases, blame.source, blame.route, trip, change.head.subjects)
    yield from judge_written(blame, lost)
    if refused:
        yield judge_refusal(change, refused, "after head's contracts have written, the way back is refused")
    if blame.route.is_whole:
        yield from _judge_release(trial, blame.route, trip)


def _judge_release(trial: Trial, route: Route, trip: Trip) -> Iterator[Finding]:
    """Tell which of base's contracts no longer hold, and did before; not those that only miss what is lost."""
    broken = [each for each in _hold(trial, route) if not _misses(each, trip.emptied)]
    known = {each.query.name for each in _hold(trial)} if broken else set()
    for each in (each for each in broken if each.query.name not in known):
        what = f"after the way back, {each.query.name} of the release before is broken: {each.said[0]}"
        details = (trial.change.base.show(each.query.path), *each.said[1:])
        yield kinds.BASE_BROKEN.find(place_of(route.legs[-1]), what, details=details)


def _misses(broken: Broken, emptied: set[str]) -> bool:
    """Whether it follows from what is told already: the query finds no rows, or no values, where they are gone."""
    follows = broken.how == "rows" or broken.sqlstate.startswith(_MISSING)
    return follows and bool(emptied & read_words(broken.query.text))


def _hold(trial: Trial, route: Route | None = None) -> list[Broken]:
    """Hold base's contracts on its seeds, the only rows that they know; with a route, after the way there and back."""
    databases, base = trial.databases, trial.change.base
    if not base.subjects:
        return []
    with databases.clone(databases.built(base, seeded=True)) as name:
        if route:
            with databases.connect_runner(name) as runner:
                route.go_there(runner)
                route.come_back(runner)
        with databases.connect(name) as connection:
            return find_broken(Session(connection, role=databases.role), base.subjects)


def _note(route: Route, *, is_odd: bool) -> str:
    rows = "odd rows in every table" if is_odd else "the seeds' rows alone"
    return f"{many(len(route.legs), 'migration')} there, back and there again, with {rows}"
