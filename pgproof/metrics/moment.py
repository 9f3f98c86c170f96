"""A typed value in, the day that it falls on out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from fractions import Fraction
from math import floor
from typing import Literal

from pgproof.metrics.item import Malformed, to_number

Unit = Literal["s", "ms"]
_PER_SECOND = {"s": 1, "ms": 1000}


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
        return self._moment(value).astimezone(self.days).date()

    def _moment(self, value: dict[str, object]) -> datetime:
        ((kind, content),) = value.items()
        try:
            if kind == "N":
                return datetime.fromtimestamp(floor(Fraction(to_number(str(content))) / _PER_SECOND[self.unit]), UTC)
            if kind == "S":
                return self._read(str(content))
        except (ValueError, OverflowError, OSError) as error:
            raise Malformed(f"{str(content)[:40]!r} is not a time") from error
        raise Malformed(f"a time is text or a number, not {kind}")

    def _read(self, text: str) -> datetime:
        if not text.startswith(self.prefix):
            raise Malformed(f"{text[:40]!r} does not begin with {self.prefix!r}")
        moment = datetime.fromisoformat(text.removeprefix(self.prefix))
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
