"""What was seen on the way in, its sections of the page out: the schema's difference, and what a live server met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.figures import duration, lock_mode, many
from pgproof.gate.formats.page.diagram import SIGNS, WORDS, draw_tables
from pgproof.gate.formats.page.tables import read_drawing
from pgproof.gate.formats.page.timeline import draw_traffic
from pgproof.gate.formats.statements import make_rows, tabulate
from pgproof.gate.measuring.meetings import IDLE
from pgproof.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgproof.gate.formats.page.tables import State
    from pgproof.gate.formats.statements import Row
    from pgproof.gate.measuring.traffic import Traffic
    from pgproof.gate.proof import Live, SchemaChange
    from pgproof.markup import Markup
    from pgproof.pg.catalog import Difference

_NAMED = 200  # differences in a list, waits in a table
_STATES: tuple[State, ...] = ("added", "changed", "removed")
_NUMBERS = frozenset(("", "held", "WAL", "took", "in production", "from", "for how long"))
_LOOKS = {
    "ran": "runs",
    "stops": "a lock that stops reads and writes",
    "slows": "a lock that stops writes",
    "passes": "a lock that stops neither",
    "waits": "a client waits",
}


def show_schema(change: SchemaChange) -> Markup:
    """Return the section of the schema's difference: tables as a drawing, all else as a list."""
    drawing = read_drawing(change)
    if not drawing.tables and not drawing.rest:
        return element("section", element("h2", "Schema"), element("p", "The schema stays as it is."), id="schema")
    picture = _scroll(draw_tables(drawing)) if drawing.tables else None
    legend = (element("span", f"{SIGNS[state]} {WORDS[state]}", class_=state) for state in _STATES)
    return element(
        "section",
        element("h2", "Schema"),
        picture,
        element("p", *legend, class_="legend") if picture else None,
        _rest(drawing.rest) if drawing.rest else None,
        id="schema",
    )


def _rest(differences: Sequence[Difference]) -> Markup:
    lines = "\n".join(map(str, differences[:_NAMED]))
    more = f"\n… and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    summary = element("summary", f"Beside tables: {many(len(differences), 'difference')}")
    return element("details", summary, element("pre", lines + more, tabindex="0"))


def show_live(live: Live) -> Markup | None:
    """Return the section of what a live server met: the time line, who waited, and each statement."""
    traffic, rows = live.traffic, make_rows(live)
    if not rows and not traffic.ran:
        return None
    return element(
        "section",
        element("h2", "On a live server"),
        *(_traffic(traffic) if traffic.ran else ()),
        element("h3", "Each statement, alone"),
        _statements(rows),
        id="live",
    )


def _statements(rows: Sequence[Row]) -> Markup:
    columns, cells = tabulate(rows)
    names = [join(element("code", each.place), element("br"), element("code", each.text)) for each in rows]
    numbered = enumerate(zip(names, cells, strict=True), 1)
    return _table(["", "statement", *columns], [[str(number), name, *row] for number, (name, row) in numbered])


def _traffic(traffic: Traffic) -> Iterable[Markup]:
    slowest = max(traffic.longest.values(), default=0.0)
    yield element(
        "p",
        f"{many(traffic.calls, 'call')} of the running release's contracts were made meanwhile. The longest took "
        f"{duration(slowest)}; before the migrations began, {duration(traffic.usual)}. For the first {duration(IDLE)} "
        "somebody sat idle in a transaction that had read all that the contracts read.",
    )
    yield _scroll(draw_traffic(traffic))
    yield element(
        "p",
        *(element("span", text, class_=look) for look, text in _LOOKS.items()),
        class_="legend",
    )
    if traffic.waits:
        yield element("h3", "Who waited")
        yield _waits(traffic)


def _waits(traffic: Traffic) -> Markup:
    numbers = {each.at: str(number) for number, each in reversed([*enumerate(traffic.ran, 1)])}
    longest = sorted(traffic.waits, key=lambda each: each.began - each.until)
    return _table(
        ("who", "for", "behind", "from", "for how long"),
        (
            (
                each.client,
                f"{lock_mode(each.mode)} on {each.relation}",
                f"{numbers.get(each.at, '?')}: {each.at}" if each.at else "",
                f"{each.began * 1000:.0f} ms",
                duration(each.until - each.began),
            )
            for each in longest[:_NAMED]
        ),
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    looks = ["number" if each in _NUMBERS else "wide" for each in columns]
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in columns)))
    body = element("tbody", *(element("tr", *map(_cell, row, looks)) for row in rows))
    return _scroll(element("table", head, body))


def _cell(text: str, look: str) -> Markup:
    return element("td", text, class_=look)


def _scroll(wide: Markup) -> Markup:
    """Let what is wider than the screen move by itself; the keyboard reaches it, too."""
    return element("div", wide, class_="scroll", tabindex="0")
