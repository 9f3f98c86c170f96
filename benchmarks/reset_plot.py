"""Lines of sizes and times in, a picture out: both axes logarithmic, readable on a light and on a dark page."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Neither dark nor light: the page's own colour shines through, and all of these stand out from white and from black.
_INK = "#7d8590"
_COLOURS = ("#2f81f7", "#db6d28", "#2da44e", "#bf8700", "#a371f7", "#e5534b", "#1b9aaa", "#d63384", _INK)
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "pgproof", "font.family": "sans-serif", "axes.edgecolor": _INK}


@dataclass(frozen=True)
class Line:
    """One tool: pairs of how many migrations and how many seconds; ours stands out."""

    name: str
    points: Sequence[tuple[int, float]]
    ours: bool


def draw(path: Path, title: str, lines: Sequence[Line]) -> None:
    """Write an SVG, the same one for the same numbers; the legend is in the order in which the lines end."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.subplots()
        coloured = zip(lines, cycle(_COLOURS), strict=False)
        for line, colour in sorted(coloured, key=lambda each: -each[0].points[-1][1]):
            sizes, seconds = zip(*line.points, strict=True)
            look = {"linewidth": 2.6} if line.ours else {"linewidth": 1.3, "linestyle": "--"}
            axes.plot(sizes, seconds, marker="o", markersize=4, color=colour, label=line.name, **look)
        axes.set(xscale="log", yscale="log")
        axes.set_title(title, color=_INK, loc="left", fontsize=11)
        axes.set_xlabel("migrations", color=_INK)
        axes.set_xticks(sorted({size for line in lines for size, _ in line.points}))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _say(seconds)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.tick_params(which="both", colors=_INK)
        axes.grid(visible=True, which="major", color=_INK, alpha=0.25)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, labelcolor="linecolor")
        figure.savefig(path, transparent=True, metadata={"Date": None, "Title": title})


def _say(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
