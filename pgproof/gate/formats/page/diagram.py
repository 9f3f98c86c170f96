"""Tables in, a diagram of them out, as SVG: added, changed and dropped by colour, sign and word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.figures import many, one_line
from pgproof.gate.formats.page.layout import CHARACTER, HEAD, ROW, place_boxes
from pgproof.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.gate.formats.page.layout import Box
    from pgproof.gate.formats.page.tables import Column, Drawing, Link, State
    from pgproof.markup import Markup

SIGNS: Mapping[State, str] = {"added": "+", "removed": "\N{MINUS SIGN}", "changed": "~", "same": ""}
WORDS: Mapping[State, str] = {"added": "added", "removed": "dropped", "changed": "changed", "same": "as it was"}
_MARGIN = 16


def draw_tables(drawing: Drawing) -> Markup:
    """Return the diagram, with a title and a description for who does not see it."""
    boxes = {each.table.name: each for each in place_boxes(drawing)}
    width = max(each.x + each.width for each in boxes.values()) + _MARGIN + _bulge(drawing)
    height = max(each.y + each.height for each in boxes.values()) + _MARGIN
    return element(
        "svg",
        element("title", "The tables that this change touches", id="tables-title"),
        element("desc", _tell(drawing), id="tables-desc"),
        *(_line(each, boxes) for each in drawing.links),
        *(_box(each) for each in boxes.values()),
        class_="drawing",
        role="img",
        aria_labelledby="tables-title",
        aria_describedby="tables-desc",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
    )


def _tell(drawing: Drawing) -> str:
    """Return the diagram in words."""
    tables = (f"{each.name} {WORDS[each.state]}" for each in drawing.tables)
    return f"{many(len(drawing.tables), 'table')}: {', '.join(tables)}; {many(len(drawing.links), 'foreign key')}."


def _bulge(drawing: Drawing) -> int:
    return 32 if any(each.source == each.target for each in drawing.links) else 0


def _box(box: Box) -> Markup:
    table = box.table
    head = element(
        "text", table.name, x=box.x + 10, y=box.y + 18, class_="name gone" if table.state == "removed" else "name"
    )
    word = element("text", WORDS[table.state], x=box.x + box.width - 10, y=box.y + 18, text_anchor="end", class_="word")
    return element(
        "g",
        element("rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=6, class_="box"),
        element("path", d=f"M{box.x:.1f} {box.y + HEAD - 2:.1f}h{box.width:.1f}", class_="rule"),
        head,
        word,
        *_rows(box),
        class_=f"table {table.state}",
    )


def _rows(box: Box) -> Iterator[Markup]:
    for number, column in enumerate(box.table.columns):
        yield _column(box, column, box.y + HEAD + ROW * number + 14)
    for number, (state, what) in enumerate(box.table.others, len(box.table.columns)):
        y = box.y + HEAD + ROW * number + 14
        yield element("g", _sign(box, state, y), _text(box, 0, y, what, state), class_=state)


def _column(box: Box, column: Column, y: float) -> Markup:
    name, kind, _ = box.widths
    return element(
        "g",
        _sign(box, column.state, y),
        _text(box, 0, y, column.name, column.state),
        _text(box, name + 2, y, one_line(column.type, kind), column.state, "type"),
        _text(box, name + kind + 4, y, " ".join(column.keys), column.state, "key"),
        class_=column.state,
    )


def _sign(box: Box, state: State, y: float) -> Markup | None:
    return element("text", SIGNS[state], x=box.x + 10, y=y, class_="sign") if SIGNS[state] else None


def _text(box: Box, place: int, y: float, text: str, state: State, word: str = "") -> Markup | None:
    """Return text that begins so many characters from the left."""
    look = " ".join(filter(None, (word, "gone" if state == "removed" else "")))
    return element("text", text, x=box.x + 26 + place * CHARACTER, y=y, class_=look or None) if text else None


def _line(link: Link, boxes: Mapping[str, Box]) -> Markup:
    """Return the line from the left side of who refers to the right side of what it refers to, where that is so."""
    source, target = boxes[link.source], boxes[link.target]
    y, end_y = source.row(link.source_column), target.row(link.target_column)
    end_x = target.x + target.width
    if source.x > end_x:
        x, turn = source.x, (source.x - end_x) / 2
        path = f"M{x:.1f} {y:.1f}C{x - turn:.1f} {y:.1f} {end_x + turn:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"
    else:
        x = source.x + source.width
        turn = max(x, end_x) + 36
        path = f"M{x:.1f} {y:.1f}C{turn:.1f} {y:.1f} {turn:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"
    told = element("title", f"{link.name}: {link.source} to {link.target}, {WORDS[link.state]}")
    ends = element("circle", cx=end_x, cy=end_y, r=3.5)
    sign = element(
        "text", SIGNS[link.state], x=(x + end_x) / 2, y=(y + end_y) / 2 - 4, class_="sign", text_anchor="middle"
    )
    return element("g", told, element("path", d=path), join(ends, sign), class_=f"link {link.state}")
