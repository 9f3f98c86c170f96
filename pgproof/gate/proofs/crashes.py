"""New migrations in, those that a killed run leaves where the next one does not come to the same end out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from pgproof.errors import MigrationError, MigrationFailed
from pgproof.figures import many
from pgproof.gate.back.route import find_unready, read_route
from pgproof.gate.finding import Kind
from pgproof.gate.killing.points import list_points
from pgproof.gate.killing.run import run_killed
from pgproof.gate.proof import Outcome
from pgproof.gate.state import State, fetch_state
from pgproof.migrations import migrate
from pgproof.pg.catalog import diff

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pgproof.gate.finding import Finding
    from pgproof.gate.killing.points import Point
    from pgproof.gate.rows.digest import Loss
    from pgproof.gate.trial import Trial

NOT_RESUMABLE = Kind(
    "PG701",
    "not-resumable",
    "error",
    "a run that was killed there is not finished by the next one",
    "A deploy that dies in its midst (the pod is evicted, the connection is cut) leaves the database in a state that "
    "`inv db.migrate` does not bring to its end, or to another end: somebody has to repair it by hand.",
    "Keep what a migration does inside its transaction; what outlives a rollback (sequences, other databases, files) "
    "has no place in it. Without a transaction, write a statement that gives the same when it runs again.",
)
KINDS = (NOT_RESUMABLE,)

# As a killed run leaves them: no rollback puts a sequence back, and which number a new row has is of no account.
_MOVE_SEQUENCES = """
SELECT nextval(c.oid::regclass) FROM pg_class AS c WHERE relkind = 'S' AND EXISTS (
    SELECT FROM pg_depend
    WHERE (classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i') AND refobjsubid > 0)
        OR (classid = 'pg_attrdef'::regclass AND refobjid = c.oid AND refclassid = 'pg_class'::regclass)
)
"""

_Column = tuple[str, str | None]


@dataclass(frozen=True)
class End:
    """What a run that nobody disturbs comes to.

    Attributes:
        source: the database that it begins with.
        volatile: columns that differ from one such run to the next, and tables whose rows do.
    """

    source: str
    state: State
    volatile: frozenset[_Column]


def prove(trial: Trial) -> Outcome:
    """Kill the new migrations at each point, run them again, and compare."""
    if reason := find_unready(trial.change):
        return Outcome(not_applicable=reason)
    try:
        end = _find_end(trial)
    except MigrationFailed as error:
        return Outcome(not_applicable=f"they do not run on base's seeds: {error.what.splitlines()[0]}")
    points = list_points(trial.change.new, thorough=trial.options.thorough)
    tried = [(point, _try(trial, end, point)) for point in points]
    findings = [each for _, found in tried for each in found or ()]
    killed = [point for point, found in tried if found is not None]
    return Outcome(tuple(findings), _note(killed, points, end))


def _find_end(trial: Trial) -> End:
    """Run them twice; the odd rows are left out where they make a migration fail, which is the way back's to tell."""
    try:
        source, state = trial.edged, _go_there(trial)
    except MigrationFailed:
        source = trial.databases.built(trial.change.base, seeded=True)
        state = _run_through(trial, source)
    again = _run_through(trial, source, moved=True)
    return End(source, state, frozenset(_columns([*state.lost(again), *again.lost(state)])))


def _go_there(trial: Trial) -> State:
    """Return what they come to with the odd rows: the way back has gone there, unless it began behind one of them."""
    route = read_route(trial.change)
    return trial.trip.there if route.legs and route.is_whole else _run_through(trial, trial.edged)


def _run_through(trial: Trial, source: str, *, moved: bool = False) -> State:
    head = trial.change.head
    with trial.databases.clone(source) as name, trial.databases.connect_runner(name) as connection:
        if moved:
            with suppress(psycopg.Error):  # one that is at its end
                connection.execute(_MOVE_SEQUENCES)
        migrate(connection, head.folder, head.settings, sweeps=False)
        return fetch_state(connection)


def _try(trial: Trial, end: End, point: Point) -> list[Finding] | None:
    """Return what the run after a killed one comes to, or None where it could not be killed there."""
    head = trial.change.head
    with trial.databases.clone(end.source) as name:
        if not run_killed(trial.databases, name, head.folder, head.settings, point):
            return None
        with trial.databases.connect_runner(name) as connection:
            try:
                migrate(connection, head.folder, head.settings, sweeps=False)
            except MigrationError as error:
                what = f"killed {point}, the next run fails: {error.what.splitlines()[0]}"
                return [NOT_RESUMABLE.find(point.at, what, details=tuple(str(error).splitlines()))]
            return list(_compare(end, fetch_state(connection), point))


def _compare(end: End, state: State, point: Point) -> Iterator[Finding]:
    if differences := diff(end.state.catalog, state.catalog):
        what = f"killed {point} and run again, the schema is another one"
        yield NOT_RESUMABLE.find(point.at, what, details=tuple(map(str, differences)))
    columns = set(_columns([*end.state.lost(state), *state.lost(end.state)]))
    if others := sorted(_name(each) for each in columns if not _is_volatile(each, end.volatile)):
        what = f"killed {point} and run again, the rows are others: {', '.join(others)}"
        yield NOT_RESUMABLE.find(point.at, what)


def _columns(losses: Collection[Loss]) -> Iterator[_Column]:
    yield from ((each.table, each.column) for each in losses)


def _is_volatile(column: _Column, volatile: Collection[_Column]) -> bool:
    return column in volatile or (column[0], None) in volatile


def _name(column: _Column) -> str:
    return ".".join(filter(None, column))


def _note(killed: Collection[Point], points: Collection[Point], end: End) -> str:
    parts = [f"killed at {many(len(killed), 'point')} and run again"]
    parts += [f"not to be had {point}" for point in points if point not in killed]
    if end.volatile:
        names = ", ".join(sorted(map(_name, end.volatile)))
        parts.append(f"another value in each run, so not compared: {names}")
    return "; ".join(parts)
