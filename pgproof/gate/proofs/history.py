"""Base's and head's folders in, what of an applied migration has changed out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pgproof.errors import SqlFileError
from pgproof.gate.history import kinds
from pgproof.gate.history.added import judge_head_file, judge_phases, judge_texts, refuse
from pgproof.gate.history.applied import find_renamed, judge_applied
from pgproof.gate.history.numbers import judge_numbers
from pgproof.gate.history.repeatables import judge_repeatables
from pgproof.gate.proof import Outcome
from pgproof.migrations.files import list_migrations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.gate.trial import Trial
    from pgproof.migrations import Migration

KINDS = kinds.KINDS


def prove(trial: Trial) -> Outcome:
    """Prove that what was applied is as it was, and that what is new can be run after it; the server is not asked."""
    change = trial.change
    listed, applied = list_migrations(change.head.settings.migrations), change.base.folder.migrations
    if not listed and not applied:
        return Outcome(not_applicable="there are no migrations")
    renamed = find_renamed(change, listed)
    known = {*change.base.folder.positions, *(each.id for each in renamed.values())}
    new = [each for each in listed if each.id not in known]
    findings = [*judge_applied(change, listed, renamed), *judge_numbers(change, new), *_judge_content(change, listed)]
    return Outcome(tuple(findings), note=f"{len(applied)} applied, {len(new)} new")


def _judge_content(change: Change, listed: Sequence[Migration]) -> list[Finding]:
    """Judge what can be judged only where the names can be read; that two have one number is said already."""
    times = Counter(each.number for each in listed)
    doubled = {each.path for each in listed if each.number and times[each.number] > 1}
    try:
        _ = change.head.folder
    except SqlFileError as error:
        return [refuse(each) for each in error.problems if each.at.path not in doubled]
    found = [*judge_texts(change), *judge_head_file(change)]
    if any(each.kind is kinds.UNREADABLE for each in found):
        return found
    return [*found, *judge_phases(change), *judge_repeatables(change)]
