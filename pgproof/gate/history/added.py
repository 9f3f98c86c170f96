"""New and reworded files in, what would keep them from being run as they are meant out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.history import kinds
from pgproof.migrations import rules
from pgproof.migrations.head import NAME, read_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.errors import Problem
    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.migrations import Migration


def judge_texts(change: Change) -> Iterator[Finding]:
    """Find what the runner refuses in texts that are new or reworded, and new ones without a way back."""
    positions = change.head.folder.positions
    for each in (*change.new, *_find_reworded(change), *change.repeated):
        problems = rules.check(each, positions)
        missing = _find_missing(each, problems)
        yield from (refuse(problem) for problem in problems if problem not in missing)
        for problem in missing:
            what = f"{each.id} has no rollback, and does not say why"
            yield kinds.NO_WAY_BACK.find(problem.at, what, instead=problem.hint)


def refuse(problem: Problem) -> Finding:
    """Return a finding that says what a reader or the runner has against a file."""
    return kinds.UNREADABLE.find(problem.at, problem.what, instead=problem.hint)


def judge_phases(change: Change) -> Iterator[Finding]:
    """Find migrations that ought to run before the new code, and do not."""
    for each in change.post:
        if each.header.phase == "pre":
            what = f"{each.id} comes after {change.post[0].id}, which waits for the new code"
            yield kinds.PRE_AFTER_POST.find(Location(each.path, each.header.line_of("phase")), what)


def judge_head_file(change: Change) -> Iterator[Finding]:
    """Find a file HEAD that does not name the newest; a project that has none needs one with its next migration."""
    folder, migrations = change.head.settings.migrations, change.head.folder.migrations
    said, before = read_head(folder), read_head(change.base.settings.migrations)
    if not migrations or said == migrations[-1].id or (said is None and before is None and not change.new):
        return
    path, newest = change.head.show(folder / NAME), migrations[-1].id
    what = (
        f"there is no {path}" if said is None else f"{path} says {said.partition(chr(10))[0]!r}, the newest is {newest}"
    )
    at = Location(folder / NAME, None if said is None else 1)
    yield kinds.STALE_HEAD.find(at, what, instead=f"echo {newest} > {path}")


def _find_reworded(change: Change) -> list[Migration]:
    """Return applied migrations of other bytes: what their header says now is what a new database obeys."""
    before = {each.id: each.sha256 for each in change.base.folder.migrations}
    return [each for each in change.head.folder.migrations if before.get(each.id, each.sha256) != each.sha256]


def _find_missing(migration: Migration, problems: list[Problem]) -> list[Problem]:
    """Return what is to be said of a rollback that is not there, where the migration can be read at all."""
    if migration.rollback or (migration.language == "python" and problems):
        return []
    try:
        return rules.check_rollback(migration)
    except UnicodeDecodeError:
        return []
