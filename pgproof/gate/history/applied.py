"""Base's migrations and head's files in, what has become of those that are applied out."""

from __future__ import annotations

from difflib import unified_diff
from itertools import zip_longest
from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.history import kinds
from pgproof.gate.history.moves import move

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.migrations import Migration
    from pgproof.migrations.files import Script

_SHOWN = 20  # lines of a difference


def find_renamed(change: Change, listed: Sequence[Migration]) -> dict[str, Migration]:
    """Return the files that say what a migration of base said that is gone, by the id that it had."""
    there, known = {each.id for each in listed}, change.base.folder.positions
    gone = [each for each in change.base.folder.migrations if each.id not in there]
    added = {each.meaning: each for each in listed if each.id not in known} if gone else {}
    return {each.id: added[each.meaning] for each in gone if each.meaning in added}


def judge_applied(change: Change, listed: Sequence[Migration], renamed: Mapping[str, Migration]) -> Iterator[Finding]:
    """Find which of base's migrations are no longer what they were."""
    there = {each.id: each for each in listed}
    for before in change.base.folder.migrations:
        if now := there.get(before.id):
            yield from _judge_text(change, before, now)
            yield from _judge_rollback(change, before, now)
        elif now := renamed.get(before.id):
            what = f"{before.path.name} is called {now.path.name} now"
            instead = "\n".join(move(change.head, now, before.id))
            yield kinds.RENAMED.find(Location(now.path), what, instead=instead)
        else:
            what = f"{before.path.name} is gone, and applied at {change.base.name}"
            yield kinds.REMOVED.find(Location(change.here(before.path)), what, instead=_bring_back(change, before))


def _judge_text(change: Change, before: Migration, now: Migration) -> Iterator[Finding]:
    if now.sha256 == before.sha256:
        return
    at = Location(now.path, _first_difference(before, now))
    if now.meaning == before.meaning:
        yield kinds.REWORDED.find(at, f"{now.path.name} means what it meant, in other words")
    else:
        what = f"{now.path.name} is applied at {change.base.name}, and says something else now"
        yield kinds.EDITED.find(at, what, instead=_bring_back(change, before), details=_difference(before, now))


def _judge_rollback(change: Change, before: Migration, now: Migration) -> Iterator[Finding]:
    then, name = before.rollback, f"the rollback of {now.id}"
    if now.rollback is None:
        if then and now.meaning == before.meaning and not now.header.irreversible:
            what = f"{name} was removed"
            yield kinds.NO_WAY_BACK.find(Location(now.path), what, instead=_bring_back(change, then))
    elif then is None:
        yield kinds.ROLLBACK_EDITED.find(Location(now.rollback.path), f"{name} is new")
    elif now.rollback.sha256 != then.sha256:
        at = Location(now.rollback.path, _first_difference(then, now.rollback))
        if now.rollback.meaning == then.meaning:
            yield kinds.REWORDED.find(at, f"{name} means what it meant, in other words")
        else:
            details = _difference(then, now.rollback)
            yield kinds.ROLLBACK_EDITED.find(at, f"{name} says something else now", details=details)


def _show(change: Change, script: Script) -> str:
    return change.head.show(change.here(script.path))


def _bring_back(change: Change, script: Script) -> str:
    return f"git checkout {change.base.commit[:7]} -- {_show(change, script)}"


def _lines(script: Script) -> list[str]:
    return script.raw.decode(errors="replace").splitlines()


def _first_difference(before: Script, now: Script) -> int:
    """Return the first line of `now` that is another, or its last where only something was cut off."""
    lines = _lines(now)
    pairs = enumerate(zip_longest(_lines(before), lines), start=1)
    found = next((number for number, (old, new) in pairs if old != new), 1)
    return max(1, min(found, len(lines)))


def _difference(before: Script, now: Script) -> tuple[str, ...]:
    lines = [
        each for each in unified_diff(_lines(before), _lines(now), n=1, lineterm="") if each[:3] not in {"---", "+++"}
    ]
    more = len(lines) - _SHOWN
    return (*lines[:_SHOWN], *([f"... and {more} lines more"] if more > 0 else []))
