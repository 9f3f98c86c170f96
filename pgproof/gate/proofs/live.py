"""A rehearsal and traffic in, what hurts a live server out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import Error
from psycopg.errors import NotNullViolation

from pgproof.errors import Location, MigrationFailed
from pgproof.figures import duration, lock_mode, many, size
from pgproof.gate.instead.suggesting import suggest
from pgproof.gate.measuring.estimate import estimate
from pgproof.gate.measuring.hazards import Sizes, find_hazards
from pgproof.gate.measuring.kinds import KINDS, NOT_REHEARSED, REFUSED_BY_ROWS
from pgproof.gate.measuring.meetings import IDLE
from pgproof.gate.measuring.traffic import Traffic, drive
from pgproof.gate.proof import Live, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.errors import Diagnostic

    from pgproof.gate.finding import Finding
    from pgproof.gate.measuring.hazards import Hazard
    from pgproof.gate.measuring.measured import Measured, Rehearsal
    from pgproof.gate.trial import Trial

__all__ = ["KINDS", "prove"]

_COLUMN = """
SELECT true FROM information_schema.columns WHERE table_schema = %s AND table_name = %s AND column_name = %s
"""


def prove(trial: Trial) -> Outcome:
    """Rehearse the migrations alone and among clients, and judge what was measured alone."""
    if trial.change.is_empty:
        return Outcome(not_applicable="no new migrations")
    try:
        rehearsal = trial.rehearsal
    except MigrationFailed as refused:
        if _is_for_the_schema(refused):
            return Outcome(not_applicable="a migration is refused, which another proof tells")
        return Outcome((_tell_refusal(trial, refused),), "refused on many rows")
    with trial.databases.clone(trial.large) as name:
        traffic = drive(trial.databases, name, trial.change)
    sizes = Sizes(rehearsal.rows, trial.options.rows, trial.options.production, rehearsal.roots)
    hazards = list(find_hazards(rehearsal.statements, sizes))
    findings = tuple(_tell(each, traffic, sizes) for each in hazards)
    seconds = {str(each.at): value for each in rehearsal.statements if (value := estimate(each, sizes)) is not None}
    return Outcome(findings, _note(trial, rehearsal, traffic), evidence=Live(rehearsal, traffic, seconds))


def _note(trial: Trial, rehearsal: Rehearsal, traffic: Traffic) -> str:
    number, most = len(rehearsal.statements), max(rehearsal.rows.values(), default=0)
    longest = max(traffic.longest.values(), default=0.0)
    waited = (
        f", longest of {traffic.calls} calls {duration(longest)} beside a session idle for {duration(IDLE)}"
        if traffic.calls
        else ""
    )
    small = "".join(f"; {table} has fewer: {why}" for table, why in trial.small.items())
    return f"{many(number, 'statement')}, tables of up to {most:,} rows{waited}{small}"


def _tell(hazard: Hazard, traffic: Traffic, sizes: Sizes) -> Finding:
    statement = hazard.statement
    details = (*_tell_measured(hazard, sizes), *_tell_waits(statement, traffic))
    return hazard.kind.find(statement.at, hazard.what, instead=_suggest(hazard), details=details)


def _suggest(hazard: Hazard) -> str:
    statement = hazard.statement
    return "" if statement.kind == "python" else suggest(hazard.kind.id, statement.text, statement.migration)


def _tell_measured(hazard: Hazard, sizes: Sizes) -> Iterator[str]:
    statement = hazard.statement
    for lock in statement.locks:
        if lock.relation in hazard.relations and lock.blocks:
            held = duration(lock.until - lock.taken)
            yield f"held {held}: {lock_mode(lock.mode)} on {lock.relation}, for which {lock.blocks} wait"
    yield f"took {duration(statement.took)}, WAL {size(statement.wal)}{_tell_files(statement)}"
    for done, rows in (("read", statement.scanned), ("wrote", statement.written)):
        yield from (f"{done} {number:,} rows of {table}" for table, number in rows.items())
    yield from (f"the server says: {said}" for said in statement.said)
    if (seconds := estimate(statement, sizes)) is not None:
        yield f"in production about {duration(seconds)}: an estimate, by the number of rows"


def _tell_files(statement: Measured) -> str:
    return f", temporary files {size(statement.temporary)}" if statement.temporary else ""


def _tell_waits(statement: Measured, traffic: Traffic) -> Iterator[str]:
    waits = [each for each in traffic.waits if each.at == statement.at]
    if waits:
        longest = max(waits, key=lambda each: each.until - each.began)
        yield f"{longest.client} waited {duration(longest.until - longest.began)} for it"


def _is_for_the_schema(refused: MigrationFailed) -> bool:
    """Whether it would be refused on any rows: a name that is not there, a type that does not fit."""
    return isinstance(refused.__cause__, Error) and (refused.__cause__.sqlstate or "").startswith("42")


def _tell_refusal(trial: Trial, refused: MigrationFailed) -> Finding:
    at = refused.at or Location(trial.change.head.settings.migrations)
    error = refused.__cause__
    if isinstance(error, NotNullViolation) and not _has_column(trial, error.diag):
        what = f"{error.diag.schema_name}.{error.diag.table_name} may have no row for this"
        return REFUSED_BY_ROWS.find(at, what, details=tuple(refused.what.splitlines()))
    return NOT_REHEARSED.find(at, "the server refuses it on generated rows", details=tuple(refused.what.splitlines()))


def _has_column(trial: Trial, said: Diagnostic) -> bool:
    """Whether base has the column: one that is new has a value in no row."""
    with trial.databases.connect(trial.large) as connection:
        names = [said.schema_name, said.table_name, said.column_name]
        return connection.execute(_COLUMN, names).fetchone() is not None
