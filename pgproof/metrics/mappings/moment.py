"""A typed value in, the day that it falls on out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from math import floor
from typing import Literal

from pgproof.metrics.mirror.item import Malformed, to_number

Unit = Literal["s", "ms"]
_PER_SECOND = {"s": 1, "ms": 1000}
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Calendar:
    """How a mapping tells the time.

    Attributes:
        zone: of a time that names none.
        days: where midnight is.
        unit: of a time that is a number.
        prefix: what stands before a time, as in `MSG#2026-01-01`.
    """

    zone: tzinfo = UTC
    days: tzinfo = UTC
    unit: Unit = "s"
    prefix: str = ""

    def day(self, value: dict[str, object]) -> date:
        """Return the day of a time: ISO 8601, or seconds or milliseconds since 1970.

        Raises:
            Malformed: it is no time.
        """
        ((kind, content),) = value.items()
        if kind not in ("N", "S"):
            raise Malformed(f"a time is text or a number, not {kind}")
        text = str(content)
        if kind == "S" and not text.startswith(self.prefix):
            raise Malformed(f"{text[:40]!r} does not begin with {self.prefix!r}")
        try:
            return self._day(self._count(text) if kind == "N" else datetime.fromisoformat(text[len(self.prefix) :]))
        except (ValueError, OverflowError, OSError) as error:
            raise Malformed(f"{text[:40]!r} is not a time") from error

    def _count(self, number: str) -> datetime:
        return _BEGINNING + timedelta(seconds=floor(Fraction(to_number(number)) / _PER_SECOND[self.unit]))

    def _day(self, moment: datetime) -> date:
        if moment.tzinfo is None:
            if self.zone is self.days:
                return moment.date()  # as most are: to find out costs more than all the rest
            moment = moment.replace(tzinfo=self.zone)
        return moment.astimezone(self.days).date()
