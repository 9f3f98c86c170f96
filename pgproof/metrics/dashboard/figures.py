"""Numbers in, what a person reads out: `1,234`, `1.2k`, `+12 %`, `3 min`, `▁▃█`."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.:-=+*#"
"""The same for a terminal that has no others."""

_DIGITS = 400  # DynamoDB's numbers lie between 1E-130 and 1E+126: no sum of them is rounded
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_THOUSANDS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_HUGE = 10**15
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def add(values: Iterable[Decimal]) -> Decimal:
    """Return an exact sum; Python's own keeps 28 digits."""
    with localcontext(prec=_DIGITS):
        return sum(values, Decimal())


def number(value: Decimal | None) -> str:
    """Return all digits of a number; a dash where nobody knows it."""
    if value is None:
        return "-"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(value: float) -> str:
    """Return a number as an axis has it."""
    size = abs(value)
    if size >= _HUGE:
        return f"{value:.3g}"
    for unit, sign in _THOUSANDS:
        if size >= unit:
            return f"{value / unit:.4g}{sign}"
    return f"{value:.4g}"


def change(now: Decimal | None, before: Decimal | None) -> str:
    """Return by how much something grew; nothing where there was nothing to grow from."""
    if now is None or not before or before < 0:
        return ""
    with localcontext(prec=_DIGITS):
        percent = ((now - before) * 100 / before).quantize(Decimal(1), ROUND_HALF_EVEN)
    return f"{percent:+,} %" if percent else "0 %"


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    for unit, sign in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {sign}"
    return f"{max(seconds, 0):.0f} s"


def day_text(day: date) -> str:
    """Return `5 Jan`, in no locale's words but these."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def sparkline(values: Sequence[Decimal | None], *, bars: str = BARS) -> str:
    """Return a bar a number; the lowest is for zero, or for what is below it, and for nothing else."""
    known = [float(each or 0) for each in values]
    low, high = min([0.0, *known]), max([0.0, *known])
    reach = (high - low) or 1.0
    return "".join(bars[_height((each - low) / reach, len(bars))] for each in known)


def _height(share: float, heights: int) -> int:
    return min(1 + int(share * (heights - 1)), heights - 1) if share > 0 else 0
