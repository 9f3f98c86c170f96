"""Numbers day by day in, a drawing of them out, as SVG: bars of the days, a line of the total."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from pgproof.markup import element
from pgproof.metrics.dashboard.figures import day_text, number, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from pgproof.markup import Markup
    from pgproof.metrics.dashboard.dashboard import Day, Series

_WIDTH, _HEIGHT = 380, 190
_TOP, _RIGHT, _BOTTOM = 16, 14, 24
_CHARACTER = 6.4
_STEPS = (1, 2, 2.5, 5, 10)
_LINES = 4  # of the scale, at most
_LABELS = 4  # of days, at most
_DOTS = 40  # points that are seen as such, at most
_CUT = 0.6  # share of the highest total above which all of them lie where the scale does not begin at zero
_LONG = 300  # days, from which on a label says the year instead of the day


@dataclass(frozen=True)
class Frame:
    """Where days and values lie in a drawing.

    Attributes:
        left: where the first day begins.
        slot: the width of a day.
        ticks: values that have a line, the lowest first.
    """

    days: Sequence[Day]
    left: float
    slot: float
    ticks: Sequence[float]

    def x(self, place: int) -> float:
        """Return the middle of a day."""
        return self.left + self.slot * (place + 0.5)

    def y(self, value: float) -> float:
        """Return the height of a value."""
        low, high = self.ticks[0], self.ticks[-1]
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)


def draw_days(series: Series, id: str) -> Markup:
    """Return bars, one a day; that of today, which is not over, looks so."""
    frame = _frame(series.days, [float(each.value or 0) for each in series.days])
    said = f"{series.name} per day"
    return _drawing(frame, id, said, _tell(series), *_bars(frame))


def draw_total(series: Series, id: str) -> Markup:
    """Return a line of the total, up to today; what hardly grew is seen to grow, on a scale that is not from zero."""
    values = [float(each.running or 0) for each in series.days]
    frame = _frame(series.days, values, whole=not is_cut(series))
    line = "L".join(f"{frame.x(place):.1f} {frame.y(value):.1f}" for place, value in enumerate(values))
    base = frame.y(max(frame.ticks[0], 0.0))
    area = f"M{frame.x(0):.1f} {base:.1f}L{line}L{frame.x(len(values) - 1):.1f} {base:.1f}Z"
    told = f"From {number(series.days[0].running)} to {number(series.days[-1].running)}."
    under = None if is_cut(series) else element("path", d=area, class_="area")
    drawn = (under, element("path", d=f"M{line}", class_="line"), *_dots(frame))
    return _drawing(frame, id, f"{series.name} in total", told, *drawn)


def is_cut(series: Series) -> bool:
    """Whether the scale of the total does not begin at zero."""
    values = [float(each.running or 0) for each in series.days]
    return 0 < max(values) * _CUT < min(values) < max(values)


def find_ticks(low: float, high: float, *, whole: bool = True) -> list[float]:
    """Return round values from `low`, or below it, to `high`, or above it.

    Args:
        low: the lowest value.
        high: the highest.
        whole: zero is one of them.
    """
    if whole:
        low, high = min(low, 0.0), max(high, 0.0)
    reach = (high - low) or 1.0
    power = 10.0 ** floor(log10(reach / _LINES))
    step = next(each for each in _STEPS if each * power >= reach / _LINES * 0.999) * power
    step = ceil(step) if reach >= 1 else step  # nothing is counted by halves
    first, last = floor(low / step + 0.001), ceil(high / step - 0.001)
    return [each * step for each in range(first, max(last, first + 1) + 1)]


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """Return what is written at the lines: as short as tells them apart."""
    texts = [short(each) for each in ticks]
    return texts if len({*texts}) == len(texts) else [f"{each:,.0f}" for each in ticks]


def _frame(days: Sequence[Day], values: Sequence[float], *, whole: bool = True) -> Frame:
    ticks = find_ticks(min(values), max(values), whole=whole)
    left = 12 + _CHARACTER * max(map(len, tick_texts(ticks)))
    return Frame(days, left, (_WIDTH - _RIGHT - left) / len(days), ticks)


def _drawing(frame: Frame, id: str, title: str, told: str, *drawn: Markup | None) -> Markup:
    return element(
        "svg",
        element("title", title, id=f"{id}-title"),
        element("desc", told, id=f"{id}-desc"),
        *_scale(frame),
        *_labels(frame),
        *drawn,
        class_="drawing",
        role="img",
        aria_labelledby=f"{id}-title",
        aria_describedby=f"{id}-desc",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
    )


def _tell(series: Series) -> str:
    """Return the bars in words."""
    known = [each for each in series.days if each.value is not None]
    if not known:
        return "Not known."
    most = max(known, key=lambda each: each.value or 0)
    first, last = (day_text(each.day) for each in (known[0], known[-1]))
    return f"{first} to {last}; most on {day_text(most.day)}: {number(most.value)}."


def _scale(frame: Frame) -> Iterator[Markup]:
    for tick, text in zip(frame.ticks, tick_texts(frame.ticks), strict=True):
        y = frame.y(tick)
        look = "base" if not tick else "grid"
        yield element("path", d=f"M{frame.left:.1f} {y:.1f}H{_WIDTH - _RIGHT}", class_=look)
        yield element("text", text, x=frame.left - 6, y=y + 4, text_anchor="end", class_="scale")


def _labels(frame: Frame) -> Iterator[Markup]:
    """Yield the first day and the last, and some between them."""
    last, many = len(frame.days) - 1, min(len(frame.days), _LABELS)
    for nth in range(many):
        place = round(last * nth / max(many - 1, 1))
        day = frame.days[place].day
        text = f"{day_text(day).split()[1]} {day.year}" if len(frame.days) > _LONG else day_text(day)
        at_end = {0: "start", many - 1: "end"} if many > 1 and frame.slot < _CHARACTER * len(text) else {}
        anchor = at_end.get(nth, "middle")
        x = frame.x(place) + {"start": -1, "middle": 0, "end": 1}[anchor] * frame.slot / 2
        yield element("text", text, x=x, y=_HEIGHT - 6.0, text_anchor=anchor, class_="scale")


def _bars(frame: Frame) -> Iterator[Markup]:
    width = min(frame.slot * 0.72, 34.0)
    for place, each in enumerate(frame.days):
        if each.value:
            ends = sorted((frame.y(float(each.value)), frame.y(0)))
            yield element(
                "rect",
                element("title", _said(each, each.value)),
                x=frame.x(place) - width / 2,
                y=ends[0],
                width=width,
                height=max(ends[1] - ends[0], 1.0),
                rx=min(width / 5, 3.0),
                class_="bar" if each.over else "bar today",
            )


def _dots(frame: Frame) -> Iterator[Markup]:
    """Yield the days on the line; of very many only the last is seen."""
    seen = [*enumerate(frame.days)][0 if len(frame.days) <= _DOTS else -1 :]
    for place, each in seen:
        told = element("title", _said(each, each.running))
        y = frame.y(float(each.running or 0))
        yield element("circle", told, cx=frame.x(place), cy=y, r=2.6, class_="dot" if each.over else "dot today")


def _said(day: Day, value: Decimal | None) -> str:
    return f"{day.day}: {number(value)}{'' if day.over else ', not over'}"
