"""Tables and keys in, where each box stands out: what is referred to on the left, who refers to it on the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pgproof.gate.formats.page.tables import Drawing, Link, Table

CHARACTER = 7.3  # pixels of one in the diagram's font
ROW, HEAD = 20, 28
_MARGIN, _GAP_X, _GAP_Y, _PADDING = 16, 72, 24, 34
_COLUMNS_OF_LONE = 3


@dataclass(frozen=True)
class Box:
    """A table's place; `lines` are the rows below its head, `widths` those of name, type and keys."""

    table: Table
    x: float
    y: float
    width: float
    height: float
    widths: tuple[int, int, int]

    def row(self, column: str) -> float:
        """Return the height at which the row of a column has its middle; the head's where there is no such row."""
        names = [each.name for each in self.table.columns]
        if column not in names:
            return self.y + HEAD / 2
        return self.y + HEAD + ROW * (names.index(column) + 0.5)


def place_boxes(drawing: Drawing) -> list[Box]:
    """Return the box of each table."""
    ranks = _rank(drawing)
    linked = {end for each in drawing.links for end in (each.source, each.target)}
    columns: dict[int, list[Table]] = {}
    for table in sorted((each for each in drawing.tables if each.name in linked), key=lambda each: ranks[each.name]):
        columns.setdefault(ranks[table.name], []).append(table)
    for table in (each for each in drawing.tables if each.name not in linked):
        _place_lone(columns, table)
    return _stack([columns[rank] for rank in sorted(columns)], drawing.links)


def _rank(drawing: Drawing) -> dict[str, int]:
    """Return how many keys lead from a table to one that refers to none; one that closes a circle is left out."""
    targets: dict[str, list[str]] = {each.name: [] for each in drawing.tables}
    for link in drawing.links:
        targets[link.source].append(link.target)
    ranks: dict[str, int] = {}

    def rank(name: str, above: frozenset[str]) -> int:
        if name not in ranks:
            below = [rank(each, above | {name}) + 1 for each in targets[name] if each not in above | {name}]
            ranks[name] = max(below, default=0)
        return ranks[name]

    for each in targets:
        rank(each, frozenset())
    return ranks


def _place_lone(columns: dict[int, list[Table]], table: Table) -> None:
    """Put a table without keys where there is the most room."""
    for rank in range(_COLUMNS_OF_LONE):
        columns.setdefault(rank, [])
    columns[min(columns, key=lambda rank: (sum(map(_height, columns[rank])), rank))].append(table)


def _stack(columns: Sequence[Sequence[Table]], links: Sequence[Link]) -> list[Box]:
    boxes: dict[str, Box] = {}
    x: float = _MARGIN
    for column in filter(None, columns):
        y: float = _MARGIN
        for table in sorted(column, key=lambda each: _pull(each, boxes, links)):
            boxes[table.name] = _box(table, x, y)
            y += boxes[table.name].height + _GAP_Y
        x += max(boxes[each.name].width for each in column) + _GAP_X
    return list(boxes.values())


def _pull(table: Table, boxes: Mapping[str, Box], links: Sequence[Link]) -> float:
    """Return the mean height of what a table refers to, so that the lines are short."""
    heights = [boxes[each.target].y for each in links if each.source == table.name and each.target in boxes]
    return sum(heights) / len(heights) if heights else 0


def _box(table: Table, x: float, y: float) -> Box:
    cells = [(len(each.name), len(each.type), len(" ".join(each.keys))) for each in table.columns]
    name, kind, keys = (max(widths, default=0) for widths in (zip(*cells, strict=True) if cells else [(), (), ()]))
    widths = (name, min(kind, 40), keys)
    longest = max([sum(widths) + 4, len(table.name) + 10, *(len(what) + 2 for _, what in table.others)])
    return Box(table, x, y, longest * CHARACTER + _PADDING, _height(table), widths)


def _height(table: Table) -> float:
    return HEAD + ROW * (len(table.columns) + len(table.others)) + 8
