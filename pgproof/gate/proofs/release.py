"""Base's contracts in, which of them the change breaks out; and head's own, on each step of the rolling deploy.

The steps: base's code on base's schema, which is now; base's code on `pre`; head's code on `pre`; head's code on head.
And head's code on base's schema, for the deploy that goes in the wrong order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgproof.errors import Location, MigrationError, MigrationFailed, SeedError, SqlFileError
from pgproof.figures import many
from pgproof.gate.proof import Outcome
from pgproof.gate.release import kinds
from pgproof.gate.release.prepared import find_stale
from pgproof.gate.release.promises import Broken, find_broken
from pgproof.gate.release.running import observe
from pgproof.gate.release.stages import after, head_on_pre, on_pre
from pgproof.gate.release.verdicts import Verdict, Verdicts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pgproof.contracts.session import Session
    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.gate.release.inserts import Omission
    from pgproof.gate.release.running import Running
    from pgproof.gate.trial import Trial

KINDS = kinds.KINDS

# What a new row does to keys depends on the rows that are there, and head's cases mean head's seeds.
_OF_ROWS = ("23503", "23505", "23P01")
_OF_AN_OMISSION = ("23502", "23514")
_OF_NAMES = ("42703", "42P01")


def prove(trial: Trial) -> Outcome:
    """Prove that the release that runs now survives, and that the new one can take its place."""
    change = trial.change
    if not len(change.base.queries) and not len(change.head.queries):
        return Outcome(not_applicable="there are no queries")
    with observe(trial) as running:
        verdicts = Verdicts(change, running, trial.databases.role)
        try:
            base = [] if change.is_empty else list(_prove_base(trial, verdicts))
            told = {each.query for each in base} - change.breaks.keys()
            head = [each for each in _prove_head(trial, verdicts) if not _is_known(change, told, each.query)]
        except MigrationFailed as error:
            return Outcome((_stop(error, change),), note="not asked further: the deploy itself is refused")
        findings = [*_excuse(change, base), *(each.finding for each in head)]
        return Outcome(tuple(_advise_once(findings)), note=_note(trial, running))


def _prove_base(trial: Trial, verdicts: Verdicts) -> Iterator[Verdict]:
    """Hold the running release on `pre`: asked anew, by what its INSERTs name, and in sessions that stayed open."""
    running = verdicts.running
    with on_pre(trial) as session:
        broken, omissions = running.find_broken(session), running.find_omissions(session)
    broken, omissions = _tell_once(broken, omissions)
    yield from map(verdicts.of_base, broken)
    yield from map(verdicts.of_omission, omissions)
    yield from map(verdicts.of_base, find_stale(trial, running.subjects))


def _tell_once(broken: list[Broken], omissions: list[Omission]) -> tuple[list[Broken], list[Omission]]:
    """Leave out refusals that an omission tells better, and omissions of what cannot even be asked."""
    unknown = {each.query.name for each in broken if each.sqlstate in _OF_NAMES}
    left = [each for each in omissions if each.query not in unknown]
    told = {each.query for each in left}
    return [each for each in broken if each.query.name not in told or each.sqlstate not in _OF_AN_OMISSION], left


def _prove_head(trial: Trial, verdicts: Verdicts) -> Iterator[Verdict]:
    """Hold the new release on head, on `pre` where that is something else, and on base's schema."""
    last = _ask_after(trial)
    yield from (verdicts.of_head(each, kinds.HEAD_AFTER_POST) for each in last or ())
    known = {each.query.name for each in last or ()}  # what never holds is told once
    if trial.change.post and last is not None:
        try:
            early = _ask_on_pre(trial)
        except (SeedError, SqlFileError) as error:
            yield Verdict("", _refuse_seed(error, trial.change))
        else:
            yield from (verdicts.of_head(each, kinds.HEAD_ON_PRE) for each in early if each.query.name not in known)
    if not trial.change.is_empty:
        early = _ask_on_base(verdicts.running.session, trial.change)
        yield from (verdicts.of_order(each) for each in early if each.query.name not in known)


def _is_known(change: Change, told: Collection[str], query: str) -> bool:
    """Whether the same contract was told to be broken as base's: whoever mends it there has mended it here."""
    contents = [
        [each.content for each in side.subjects if each.query.name == query] for side in (change.base, change.head)
    ]
    return query in told and contents[0] == contents[1]


def _ask_after(trial: Trial) -> list[Broken] | None:
    """Return what of head does not hold on head; None where its seeds do not load, which is another proof's to say."""
    try:
        with after(trial) as session:
            return find_broken(session, trial.change.head.subjects)
    except (MigrationError, SeedError, SqlFileError):
        return None


def _ask_on_pre(trial: Trial) -> list[Broken]:
    """Return what of head does not hold before `post`, which may be what promises that a column is never NULL."""
    with head_on_pre(trial) as session:
        return find_broken(session, trial.change.head.subjects, nulls=False)


def _ask_on_base(session: Session, change: Change) -> list[Broken]:
    """Return queries of head that base's schema does not let run; base's rows are others than head's cases mean."""
    refused = [each for each in find_broken(session, change.head.subjects) if each.how == "refused"]
    return [each for each in refused if each.sqlstate not in _OF_ROWS]


def _excuse(change: Change, verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    """Make one note of what breaks on purpose, and find purposes that nothing meets."""
    broken: dict[str, list[Finding]] = {}
    for each in verdicts:
        if each.query in change.breaks:
            broken.setdefault(each.query, []).append(each.finding)
        else:
            yield each.finding
    for name, why in change.breaks.items():
        at = _locate_breaks(change, name)
        if name in broken:
            details = tuple(f"{each.kind.id} {each.kind.name}: {each.what}" for each in broken[name])
            yield kinds.ON_PURPOSE.find(at, f"{name} breaks on purpose: {why}", details=details)
        else:
            yield kinds.IDLE_BREAKS.find(at, f"nothing breaks {name}{_why_idle(change, name)}")


def _advise_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Give text to paste at the first of the findings that it is for: one rename breaks many queries."""
    told: dict[tuple[Location, str], str] = {}
    for each in sorted(findings, key=lambda each: each.order):
        first = told.setdefault((each.at, each.instead), each.what)
        is_long = "\n" in each.instead and first != each.what
        yield replace(each, instead=f"the same as for: {first}") if is_long else each


def _why_idle(change: Change, name: str) -> str:
    return "" if name in change.base.queries else f": {change.base.name} has no such query"


def _locate_breaks(change: Change, name: str) -> Location:
    migration = next(each for each in (*change.repeated, *reversed(change.new)) if name in each.header.breaks)
    return Location(migration.path, migration.header.line_of("breaks"))


def _stop(error: MigrationFailed, change: Change) -> Finding:
    first, *more = error.what.splitlines()
    at = error.at or Location(change.head.settings.migrations)
    return kinds.STUCK.find(at, f"refused after `pre`: {first}", details=tuple(more))


def _refuse_seed(error: SeedError | SqlFileError, change: Change) -> Finding:
    first, *more = error.what.splitlines()
    at = error.at or Location(change.head.settings.seeds)
    what = f"head's seeds do not load before `post`, so what else holds there is not known: {first}"
    return kinds.HEAD_ON_PRE.find(at, what, details=tuple(more))


def _note(trial: Trial, running: Running) -> str:
    change = trial.change
    steps = 1 if change.is_empty else 3 + bool(change.post)
    subjects = change.head.subjects if change.is_empty else running.subjects
    cases = sum(len(each.contract.cases) for each in subjects)
    role = f" as {trial.databases.role}" if trial.databases.role else ""
    parts = [f"{many(len(subjects), 'contract')}, {many(cases, 'case')}, in {many(steps, 'step')}{role}"]
    if bare := len(running.shapes):
        parts.append(f"{many(bare, 'query', 'queries')} of base without a contract: only prepared")
    if running.unsound:
        parts.append(f"left out, as they do not hold on base itself: {', '.join(running.unsound)}")
    return "; ".join(parts)
