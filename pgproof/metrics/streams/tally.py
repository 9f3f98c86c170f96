"""What pages gave in, how far and how fast a table is followed out, in numbers and in words."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.metrics.streams.sync import Progress


@dataclass
class Tally:
    """Counts for one table.

    Attributes:
        records: how many were read.
        news: how many of them changed the mirror.
        read_to: about when the latest of them was written.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    records: int = 0
    news: int = 0
    read_to: datetime | None = None
    _at_work: dict[str, datetime] = field(default_factory=dict)
    _said: tuple[float, int] | None = None

    def count(self, progress: Progress) -> None:
        """Count a page."""
        self.records += progress.records
        self.news += progress.news
        if progress.read_to is None:
            self._at_work.pop(progress.shard, None)  # nothing new was in it
            return
        self._at_work[progress.shard] = progress.read_to
        self.read_to = max(self.read_to or progress.read_to, progress.read_to)

    def lag(self) -> float:
        """Return how many seconds old the last record of the slowest shard is; 0 where none had more."""
        now = self.now()
        return max((max((now - each).total_seconds(), 0.0) for each in [*self._at_work.values()]), default=0.0)

    def words(self) -> str:
        """Return `1,200 records, 300 a second, 4 s behind`; the speed is that since this was last asked."""
        now = self.clock()
        before, records = self._said or (now, self.records)
        self._said = now, self.records
        rate = (self.records - records) / (now - before) if now > before else 0.0
        return f"{self.records:,} records, {rate:,.0f} a second, {self.lag():,.0f} s behind"
