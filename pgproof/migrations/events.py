"""What happens during a run and what came of it, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pgproof.pg.sweep import SweepFinding

Verb = Literal["applied", "rolled back", "repeated"]


@dataclass(frozen=True)
class Event:
    """Something a person watching a run wants to know.

    Attributes:
        id: the migration or repeatable it is about; empty where it is about none.
        took: seconds, where something was done.
    """

    kind: Verb | Literal["begun", "waiting", "retrying", "notice"]
    id: str = ""
    text: str = ""
    took: float = 0.0


def ignore(_: Event) -> None:
    """Listen to nothing."""


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        changed: ids that were applied, rolled back or repeated, in that order.
        notes: what the sweep of the catalog found that had been there before.
        failures: what it found that this run made, and that should not stay.
    """

    changed: tuple[str, ...] = ()
    notes: tuple[SweepFinding, ...] = ()
    failures: tuple[SweepFinding, ...] = ()
