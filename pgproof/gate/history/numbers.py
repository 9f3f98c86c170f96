"""New migrations in, which of them have a number that is taken or comes too early out, and which numbers are free."""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.history import kinds
from pgproof.gate.history.moves import move
from pgproof.migrations.files import list_migrations
from pgproof.migrations.head import NAME as HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pgproof.gate.change import Change, Side
    from pgproof.gate.finding import Finding
    from pgproof.migrations import Migration

_NUMBER = re.compile(r"\d+(?:[._]\d+)*")


def judge_numbers(change: Change, new: Iterable[Migration]) -> Iterator[Finding]:
    """Find new migrations that are not after all others, in base and on the main branch as it is now."""
    theirs = find_theirs(change)
    known = {each.id: each.sha256 for each in (change.tip.folder.migrations if change.tip else ())}
    ours = [each for each in new if each.number and known.get(each.id) != each.sha256]
    standing = [(change.base, each) for each in change.base.folder.migrations]
    standing += [(change.tip, each) for each in theirs if change.tip]
    found = [
        found
        for index, each in enumerate(ours)
        if (found := _judge(each, standing, [(change.head, other) for other in ours[:index]]))
    ]
    late = list(dropwhile(lambda each: each.path not in {finding.at.path for finding in found}, ours))
    instead = _renumber(change, late, [each for _, each in standing])
    return (each.kind.find(each.at, each.what, instead=instead) for each in found)


def find_theirs(change: Change) -> list[Migration]:
    """Return the migrations that the main branch has got since, without what is the very same in head."""
    if change.tip is None:
        return []
    known = {each.id: each.sha256 for each in list_migrations(change.head.settings.migrations)}
    base = change.base.folder.positions
    return [each for each in change.tip.folder.migrations if each.id not in base and known.get(each.id) != each.sha256]


def _judge(
    migration: Migration, standing: Sequence[tuple[Side, Migration]], before: Sequence[tuple[Side, Migration]]
) -> Finding | None:
    at = Location(migration.path)
    for side, each in (*standing, *before):
        if each.number == migration.number:
            return kinds.NUMBER_TAKEN.find(at, f"{side.show(each.path)} has the number of {migration.path.name}")
    later = [(side, each) for side, each in standing if each.number > migration.number]
    if later:
        side, newest = max(later, key=lambda pair: pair[1].number)
        return kinds.OVERTAKEN.find(at, f"{migration.path.name} comes before {side.show(newest.path)}")
    return None


def _renumber(change: Change, late: Sequence[Migration], others: Sequence[Migration]) -> str:
    """Return commands that put migrations after all others, in the order that they have."""
    lines, id = [], ""
    for number, each in enumerate(late, start=1 + max((each.number for each in others), default=(0,))[0]):
        digits = len(re.split(r"\D", each.id)[0])
        id = f"{number:0{digits}}{_NUMBER.sub('', each.id, count=1)}"
        lines += move(change.head, each, id)
    head = change.head.show(change.head.settings.migrations / HEAD)
    return "\n".join([*lines, f"echo {id} > {head}", "# and what `-- depends:` says of them"])
