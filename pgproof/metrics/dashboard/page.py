"""A dashboard in, a whole HTML page out: no script, no request to anywhere, for a phone in the dark as for a desk."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from pgproof.markup import element, join
from pgproof.metrics.dashboard.caveats import tell_freshness, warn
from pgproof.metrics.dashboard.figures import change, number
from pgproof.metrics.dashboard.plot import draw_days, draw_total, is_cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from pgproof.markup import Markup
    from pgproof.metrics.dashboard.dashboard import Dashboard, Day, Group, Series

_HERE = Path(__file__).parent
_LONG = 11  # characters of a number that is not set large
_MEASURES = {"count": "Counted", "sum": "Sum of", "distinct": "Distinct"}


def to_html(dashboard: Dashboard, title: str) -> str:
    """Return the page; of the same dashboard always the same."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    # The page's policy lets in this one style, by its digest, and nothing else.
    digest = b64encode(sha256(style.encode()).digest()).decode()
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        digest=digest,
        style=style,
        title=join(title),
        head=join(*_head(dashboard, title)),
        body=join(*_body(dashboard)),
    )


def _head(dashboard: Dashboard, title: str) -> Iterator[Markup]:
    yield element("h1", title)
    yield element("p", f"As of {dashboard.now:%Y-%m-%d %H:%M} UTC.")
    for line in tell_freshness(dashboard):
        yield element("p", line)


def _body(dashboard: Dashboard) -> Iterator[Markup]:
    if warnings := list(warn(dashboard)):
        yield element("ul", *(element("li", *_with_code(each)) for each in warnings), class_="warnings")
    if not dashboard.series:
        yield element("p", "There is no metric yet.", class_="empty")
        return
    tiles = (_tile(each, nth) for nth, each in enumerate(dashboard.series))
    yield element("ul", *tiles, class_="tiles", aria_label="In total")
    yield element("p", "Today is not over: its bars have a dashed edge.", class_="legend")
    for nth, each in enumerate(dashboard.series):
        yield _section(each, nth)


def _tile(series: Series, nth: int) -> Markup:
    total = number(series.total)
    grew = change(series.week, series.week_before)
    chip = element("span", f"{grew} in 7 days", class_=f"chip {_look(grew)}") if grew else None
    value = element("strong", total, class_="long" if len(total) > _LONG else None)
    return element("li", element("a", element("span", _name(series)), value, chip, href=f"#metric-{nth}"))


def _section(series: Series, nth: int) -> Markup:
    return element(
        "section",
        element("h2", _name(series)),
        element("p", _describe(series)),
        element("div", *_plots(series, nth), class_="plots"),
        _groups(series) if series.groups else None,
        _numbers(series),
        class_="metric",
        id=f"metric-{nth}",
    )


def _plots(series: Series, nth: int) -> Iterator[Markup]:
    if any(each.value is not None for each in series.days):
        yield element("figure", element("h3", "per day"), draw_days(series, f"days-{nth}"))
    if series.total is not None:
        cut = element("span", " on a scale that does not begin at zero", class_="cut") if is_cut(series) else None
        yield element("figure", element("h3", "in total", cut), draw_total(series, f"total-{nth}"))


def _describe(series: Series) -> str:
    """Return what is counted, and how the last week went."""
    what = " ".join(filter(None, (_MEASURES.get(series.measure, series.measure), series.of)))
    week = f" {number(series.week)} in the 7 days before today, {number(series.week_before)} in the 7 before them."
    return f"{what} by the day, in {series.zone}.{'' if series.week is None else week}"


def _groups(series: Series) -> Markup:
    most = max((abs(each.value) for each in series.groups), default=series.groups[0].value)
    heads = (*(element("th", each, scope="col") for each in series.by), _head_of("in total"), element("th", "share"))
    rows = (element("tr", *_group_cells(each, series), _share(each.value, most)) for each in series.groups)
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
    title = element("h3", f"by {', '.join(series.by)}")
    return element("div", title, element("div", table, class_="scroll", tabindex="0"), class_="groups")


def _group_cells(group: Group, series: Series) -> Iterator[Markup]:
    """Yield what a group is known by, kept from turning round what is beside it, and its value."""
    if not group.by:
        yield element("th", f"{group.groups:,} others", scope="row", colspan=len(series.by), class_="none")
    for name in series.by if group.by else ():
        said = group.by.get(name)
        yield element("th", element("bdi", said), scope="row") if said else element("th", "none", class_="none")
    yield element("td", number(group.value), class_="number")


def _share(value: Decimal, most: Decimal) -> Markup:
    width = 100 * max(float(value), 0.0) / float(most) if most else 0.0
    track = element("rect", width="100%", height=12, rx=3, class_="track")
    bar = element("rect", width=f"{width:.1f}%", height=12, rx=3, class_="bar")
    return element("td", element("svg", track, bar, aria_hidden="true"), class_="share")


def _numbers(series: Series) -> Markup:
    heads = (element("th", "day", scope="col"), _head_of("per day"), _head_of("in total"))
    rows = element("tbody", *(_row(each) for each in reversed(series.days)))
    table = element("table", element("thead", element("tr", *heads)), rows)
    return element("details", element("summary", "The numbers"), element("div", table, class_="scroll", tabindex="0"))


def _row(day: Day) -> Markup:
    values = (element("td", number(each), class_="number") for each in (day.value, day.running))
    return element("tr", element("th", f"{day.day}{'' if day.over else ', not over'}", scope="row"), *values)


def _head_of(text: str) -> Markup:
    return element("th", text, scope="col", class_="number")


def _with_code(text: str) -> Iterator[str]:
    """Yield the pieces of a sentence; what stands between two backticks is code."""
    for place, piece in enumerate(text.split("`")):
        yield element("code", piece) if place % 2 else piece


def _name(series: Series) -> str:
    return series.name.replace("_", " ")


def _look(grew: str) -> str:
    return {"+": "up", "-": "down"}.get(grew[0], "same")
