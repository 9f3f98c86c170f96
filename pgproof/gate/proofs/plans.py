"""Plans before and after in, those that got worse out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.contracts.planning.analysis import ensure_analysed
from pgproof.contracts.session import Session
from pgproof.errors import Location, MigrationFailed
from pgproof.gate.finding import Kind
from pgproof.gate.plans.planning import plan
from pgproof.gate.plans.stored import fetch_stored
from pgproof.gate.plans.worse import Limits, find_cause, find_worse
from pgproof.gate.proof import Outcome

if TYPE_CHECKING:
    from pgproof.gate.finding import Finding
    from pgproof.gate.plans.planning import Planned
    from pgproof.gate.plans.stored import Stored
    from pgproof.gate.plans.worse import Worse
    from pgproof.gate.trial import Trial

PLAN_WORSE = Kind(
    id="PG501",
    name="plan-worse",
    severity="error",
    what="a query of the running release looks at many times the blocks that it looked at before",
    happens="Who asks it waits longer from the migration on, and the server has that much less time for others.",
    instead="keep what its plan had, or give it another index by CREATE INDEX CONCURRENTLY in a migration before",
)
NEW_SEQ_SCAN = Kind(
    id="PG502",
    name="new-seq-scan",
    severity="error",
    what="a query of the running release reads a large table row by row, where an index found its rows before",
    happens="Each call reads the whole table from the migration on: in production seconds where it was milliseconds.",
    instead="keep the index until no release asks this query; or make the one that takes its place, CONCURRENTLY, in a "
    "migration before, and drop the old one after it, in `-- phase: post`",
)
KINDS = (PLAN_WORSE, NEW_SEQ_SCAN)
_LARGE = 10  # a table is large from this part of `rows` on
_SHOWN = 5  # cases that are named


def prove(trial: Trial) -> Outcome:
    """Hold the plans of base's contracts on its large database beside those after the change."""
    if trial.change.is_empty:
        return Outcome(not_applicable="nothing of the schema changes")
    if not trial.change.base.subjects:
        return Outcome(not_applicable="base has no contracts")
    try:
        after = trial.rehearsal.database
    except MigrationFailed:
        return Outcome(not_applicable="on many rows a migration is refused, which the proof before tells")
    with trial.databases.clone(trial.large) as before:
        planned, stored = _plan(trial, before, after)
    limits = Limits(max(1, trial.options.rows // _LARGE), trial.options.worse)
    found = find_worse(planned.pairs, *stored, limits)
    return Outcome(tuple(_find(trial, each, *stored) for each in found), _note(trial, planned))


def _plan(trial: Trial, before: str, after: str) -> tuple[Planned, tuple[Stored, Stored]]:
    databases, change = trial.databases, trial.change
    with databases.connect(before) as old, databases.connect(after) as new:
        for connection in (old, new):
            ensure_analysed(connection)
        stored = fetch_stored(old), fetch_stored(new)
        sessions = Session(old, role=databases.role), Session(new, role=databases.role)
        is_no_worse = stored[1].is_no_worse(stored[0])
        return plan(*sessions, change.base.subjects, change.head.subjects, is_no_worse=is_no_worse), stored


def _find(trial: Trial, worse: Worse, before: Stored, after: Stored) -> Finding:
    cause = find_cause(worse, before, trial.rehearsal.statements)
    used = [before.indexes[each] for each in worse.lost if each in before.indexes]
    gone = [f"gone: {each.definition}" for each in used if not after.has(each)]
    kind = NEW_SEQ_SCAN if worse.scanned else PLAN_WORSE
    details = (f"case {worse.pair.case}:", *worse.tree, *gone)
    return kind.find(cause.at if cause else _locate(trial, worse.query), _tell(worse), details=details)


def _tell(worse: Worse) -> str:
    """Say what the query does now; blocks only where they are more, for few rows can be read row by row with less."""
    tables = ", ".join(f"{each.name} ({each.rows} rows)" for each in worse.scanned)
    cases = f"cases: {', '.join(worse.cases[:_SHOWN])}{', …' * (len(worse.cases) > _SHOWN)}"
    before, after = worse.pair.before.buffers, worse.pair.after.buffers
    figures = f"{before} blocks before, {after} now; " if after > before else ""
    if worse.pair.cancelled:
        figures = "not done after many times what it took before; "
    return f"{worse.query} {f'reads all of {tables}' if tables else 'looks at more blocks'} ({figures}{cases})"


def _locate(trial: Trial, name: str) -> Location:
    """Return where the query is in the working tree, or where it was."""
    head = trial.change.head
    if name in head.queries:
        return head.queries[name].command.at
    base = trial.change.base
    return Location(head.settings.root / base.queries[name].path.relative_to(base.settings.root))


def _note(trial: Trial, planned: Planned) -> str:
    names = {each.query for each in planned.pairs}
    run = sum(each.before.root.loops is not None for each in planned.pairs)
    known = {each.query.name for each in trial.change.base.subjects}
    new = [each.query.name for each in trial.change.head.subjects if each.query.name not in known]
    parts = [f"{len(names)} queries, {len(planned.pairs)} cases planned, {run} run"]
    if new:
        parts.append(f"new, so with nothing to compare: {', '.join(new)}")
    if planned.unjudged:
        parts.append(f"not judged: {', '.join(f'{name} ({why})' for name, why in planned.unjudged.items())}")
    return "; ".join(parts)
