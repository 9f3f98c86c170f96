"""What copies of a database took on this server in, the way to make the next one out: measured, not believed.

In memory FILE_COPY is twice as fast as WAL_LOG, on a disk it may be the other way round, and PostgreSQL 18's cloning of
files depends on the file system; so each way is tried before the faster one is chosen, by its last copies: a disk is
not as fast every hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

Samples = dict[str, list[float]]
"""By name of a strategy: seconds that its last copies took; `inf` where the server cannot do it."""

_TRIES = 2  # the first copy by any strategy also warms caches
_LAST = 3


@dataclass(frozen=True)
class Strategy:
    """One way of CREATE DATABASE to copy a template.

    Attributes:
        clause: what the statement says besides.
        method: value of `file_copy_method`, where the server has that setting.
        since: the first major version that knows it.
    """

    name: str
    clause: LiteralString
    method: LiteralString
    since: int


STRATEGIES = (
    Strategy("file_copy", "STRATEGY file_copy", "copy", 15),
    Strategy("wal_log", "STRATEGY wal_log", "copy", 15),
    Strategy("file_clone", "STRATEGY file_copy", "clone", 18),
)
_BEFORE_15 = Strategy("default", "", "copy", 0)


def choose_strategy(major: int, samples: Samples) -> Strategy:
    """Return a strategy that was not tried often enough yet, else the fastest."""
    known = [each for each in STRATEGIES if each.since <= major] or [_BEFORE_15]
    for each in known:
        if len(samples.get(each.name, [])) < _TRIES:
            return each
    return min(known, key=lambda each: _middle(samples[each.name]))


def note(samples: Samples, strategy: Strategy, *seconds: float) -> None:
    """Add what copies took, and forget what is too long ago."""
    samples[strategy.name] = [*samples.get(strategy.name, []), *seconds][-_LAST:]


def _middle(seconds: list[float]) -> float:
    """Return the median, the upper one of an even number; the module of that name takes 10 ms to import."""
    return sorted(seconds)[len(seconds) // 2]
