"""What clients met in, a time line of it out, as SVG: what ran, which locks were held, who waited for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.figures import duration, lock_mode, many, one_line
from pgproof.gate.formats.statements import MODES
from pgproof.markup import element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.measuring.traffic import Traffic, Wait
    from pgproof.markup import Markup

_LEFT, _RIGHT, _TOP = 250, 24, 34
_WIDTH, _ROW, _BAR, _SLIM = 960, 26, 16, 5
_LANES = 40  # of one sort; beyond it the page would be nothing else
_LABEL = 32  # characters before a lane
_STEPS = (1, 2, 5)
_LINES = 10  # of the scale, at most
_AROUND = 7.0  # pixels of a character of the labels


@dataclass(frozen=True)
class Bar:
    """Something that lasted: from, until, what is written on it and what is told of it, and its look."""

    began: float
    until: float
    label: str
    told: str
    look: str


@dataclass(frozen=True)
class Lane:
    """One row of the time line."""

    name: str
    bars: tuple[Bar, ...]


def draw_traffic(traffic: Traffic) -> Markup:
    """Return the time line, with a title and a description for who does not see it."""
    lanes = _lanes(traffic)
    end = max([each.until for lane in lanes for each in lane.bars] + [0.001])
    height = _TOP + _ROW * len(lanes) + 8
    return element(
        "svg",
        element("title", "Locks and waits while the migrations ran", id="time-title"),
        element("desc", _tell(traffic), id="time-desc"),
        *_scale(end, height),
        *(_lane(each, number, end) for number, each in enumerate(lanes)),
        class_="drawing time",
        role="img",
        aria_labelledby="time-title",
        aria_describedby="time-desc",
        viewBox=f"0 0 {_WIDTH} {height}",
        width=_WIDTH,
        height=height,
    )


def _lanes(traffic: Traffic) -> list[Lane]:
    ran = tuple(
        Bar(each.began, each.until, str(number), f"{number}: {each.at} {one_line(each.text)}", "ran")
        for number, each in enumerate(traffic.ran, 1)
    )
    return [Lane("statements", ran), *_held(traffic)[:_LANES], *_waits(traffic)[:_LANES]]


def _held(traffic: Traffic) -> list[Lane]:
    """Return a lane for each relation, those with the strongest locks first."""
    strongest: dict[str, int] = {}
    for each in traffic.held:
        strongest[each.relation] = max(strongest.get(each.relation, 0), _strength(each.mode))
    relations = sorted(strongest, key=lambda name: (-strongest[name], name))
    return [Lane(name, tuple(_locks(traffic, name))) for name in relations]


def _locks(traffic: Traffic, relation: str) -> Iterator[Bar]:
    """Yield the weaker first, so that the stronger are seen."""
    for each in sorted(traffic.held, key=lambda held: (_strength(held.mode), held.began)):
        if each.relation == relation:
            name = lock_mode(each.mode)
            yield Bar(
                each.began, each.until, name, f"{name} on {relation}{_span(each.began, each.until)}", _look(each.mode)
            )


def _waits(traffic: Traffic) -> list[Lane]:
    """Return a lane for each client, who waited first first."""
    clients = dict.fromkeys(each.client for each in sorted(traffic.waits, key=lambda wait: wait.began))
    return [
        Lane(name, tuple(_wait(traffic, each) for each in traffic.waits if each.client == name)) for name in clients
    ]


def _wait(traffic: Traffic, wait: Wait) -> Bar:
    told = f"{wait.client} waits for {wait.relation}{_behind(traffic, wait.at)}{_span(wait.began, wait.until)}"
    return Bar(wait.began, wait.until, f"waits {duration(wait.until - wait.began)}", told, "waits")


def _behind(traffic: Traffic, at: object) -> str:
    """Return which statement somebody waits for, by its number on the time line."""
    numbers = [number for number, each in enumerate(traffic.ran, 1) if at and each.at == at]
    return f" behind {numbers[0]}" if numbers else ""


def _span(began: float, until: float) -> str:
    return f", from {began * 1000:.0f} to {until * 1000:.0f} ms"


def _look(mode: str) -> str:
    if mode == "AccessExclusiveLock":
        return "stops"
    return "slows" if mode in ("ExclusiveLock", "ShareRowExclusiveLock", "ShareLock") else "passes"


def _strength(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else 0


def _x(seconds: float, end: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / end


def _scale(end: float, height: float) -> Iterator[Markup]:
    step = _step(end)
    for number in range(int(end / step) + 1):
        x = _x(number * step, end)
        yield element("path", d=f"M{x:.1f} {_TOP - 8}V{height}", class_="grid")
        yield element("text", f"{number * step * 1000:g} ms", x=x, y=16, text_anchor="middle", class_="scale")


def _step(end: float) -> float:
    """Return a round number of seconds between two lines of the scale."""
    power = 0.0001
    while True:
        for each in _STEPS:
            if end / (each * power) <= _LINES:
                return each * power
        power *= 10


def _lane(lane: Lane, number: int, end: float) -> Markup:
    y = _TOP + _ROW * number
    name = element("text", one_line(lane.name, _LABEL), x=_LEFT - 12, y=y + 16, text_anchor="end")
    return element("g", element("title", lane.name), name, *(_bar(each, y, end) for each in lane.bars), class_="lane")


def _bar(bar: Bar, y: float, end: float) -> Markup:
    x, until = _x(max(0.0, bar.began), end), _x(bar.until, end)
    width = max(3.0, until - x)
    fits = bar.look != "passes" and len(bar.label) * _AROUND + 8 <= width
    label = element("text", bar.label, x=x + 5, y=y + 16, class_="label") if fits else None
    slim = _SLIM if bar.look == "passes" else 0  # told apart by more than its colour
    shape = element("rect", x=x, y=y + 4 + slim, width=width, height=_BAR - 2 * slim, rx=3)
    return element("g", element("title", bar.told), shape, label, class_=f"bar {bar.look}")


def _tell(traffic: Traffic) -> str:
    longest = max((each.until - each.began for each in traffic.waits), default=0)
    waited = (
        f"{many(len(traffic.waits), 'wait')}, the longest {duration(longest)}" if traffic.waits else "nobody waited"
    )
    return f"{many(len(traffic.ran), 'statement')} ran while clients made {many(traffic.calls, 'call')}; {waited}."
