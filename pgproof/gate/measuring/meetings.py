"""What clients and a migration met of each other, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.errors import Location


IDLE = 0.15
"""Seconds that a forgotten session keeps what it has read: a queue is seen behind it, and no time is lost."""


@dataclass(frozen=True)
class Held:
    """A lock that was seen, from when to when; seconds since the first migration began."""

    relation: str
    mode: str
    began: float
    until: float


@dataclass(frozen=True)
class Wait:
    """A client that waited.

    Attributes:
        client: what it ran: `activities.home[andrew]`.
        at: the statement that it waited for.
    """

    client: str
    relation: str
    mode: str
    began: float
    until: float
    at: Location | None


@dataclass(frozen=True)
class Ran:
    """When a statement ran."""

    at: Location
    text: str
    began: float
    until: float


@dataclass(frozen=True)
class Traffic:
    """What clients met while the migrations ran.

    Attributes:
        longest: the longest call of each query, in seconds; by its name.
        calls: how many were made meanwhile.
        usual: the longest call before the migrations began.
    """

    ran: tuple[Ran, ...] = ()
    held: tuple[Held, ...] = ()
    waits: tuple[Wait, ...] = ()
    longest: Mapping[str, float] = field(default_factory=dict)
    calls: int = 0
    usual: float = 0.0
