"""A change in, the scripts that its deploy runs out, in their order and as the runner would run them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.gate.change import Change
    from pgproof.migrations.files import Migration

Phase = Literal["pre", "post", "repeatable"]
_UNITS = {"us": 0.001, "": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Step:
    """One script of a deploy.

    Attributes:
        lock_timeout: as its header has it, else the settings.
        is_new: the change adds it, or it says something else now; an old repeatable runs again, as it always does.
    """

    migration: Migration
    phase: Phase
    lock_timeout: str
    is_new: bool = True

    @property
    def milliseconds(self) -> int:
        """Its lock_timeout as a number; 0 is none."""
        number, unit = re.findall(r"(\d+)\s*(\w*)", self.lock_timeout)[0]
        return round(int(number) * _UNITS[unit])


def order(change: Change) -> list[Step]:
    """Return what a deploy runs: `pre`, all repeatables, `post`, all repeatables again."""
    repeatables = change.head.folder.repeatables
    first = repeatables if change.pre else change.repeated
    again = repeatables if change.post else ()
    return [
        *_steps(change, change.pre, "pre", change.new),
        *_steps(change, first, "repeatable", change.repeated),
        *_steps(change, change.post, "post", change.new),
        *_steps(change, again, "repeatable", ()),
    ]


def _steps(change: Change, scripts: Iterable[Migration], phase: Phase, new: Iterable[Migration]) -> list[Step]:
    usual, ids = change.head.settings.lock_timeout, {each.id for each in new}
    return [Step(each, phase, each.header.get("lock_timeout", usual), each.id in ids) for each in scripts]
