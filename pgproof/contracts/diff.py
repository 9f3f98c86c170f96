"""Two outcomes of a case in, their difference as lines out: which row, which column, expected and actual.

A cell stays the JSON text that it is in a golden, so that nothing is lost that two outcomes may differ in. Each line
begins with `~` for what is different, `-` for what is missing, `+` for what is new, or `…` for what is left out.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from difflib import SequenceMatcher
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

from pgproof.contracts.display import escape, shorten, shorten_pair
from pgproof.contracts.golden import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.contracts.golden import Outcome, Shape

Row: TypeAlias = "tuple[str, ...]"
Entry: TypeAlias = "list[str]"
"""What there is to say of one row."""

_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*+"|[\[\]{},]|[^"\[\]{},]+|"')
_CELLS = 4  # of one row that are shown
_LONG = 100  # characters of a whole row
_WHOLE = Column("row", "text", "unknown")  # of rows that do not have the cells that they should have
_PLAIN = re.compile(r'"[\w.:+-]+"', re.ASCII)


def diff_outcomes(
    shape_before: Shape, shape_after: Shape, before: Outcome, after: Outcome, *, limit: int = 10
) -> list[str]:
    """Return how two outcomes differ, of at most `limit` rows; empty where they do not.

    Of rows only the columns that both shapes have are compared, by their names; what became of the others is for
    `diff_shapes` to say. Where one of the two shapes promises no order, there is none.
    """
    if isinstance(before, str) or isinstance(after, str):
        return [] if before == after else [f"~ expected {_describe(before)}, actual {_describe(after)}"]
    columns, old, new = _align(shape_before, shape_after, before, after)
    ordered = shape_before.ordered and shape_after.ordered
    if not ordered:
        old, new = sorted(old), sorted(new)
    if old == new:
        return []
    key = find_key(columns, old, new)
    labels = _labels(columns)
    entries = list(_by_key(key, labels, old, new, ordered=ordered) if key else _by_place(labels, old, new))
    lines = [line for entry in entries[:limit] for line in entry]
    if len(old) != len(new):
        lines.insert(0, f"~ expected {_describe(before)}, actual {_describe(after)}")
    return [*lines, f"… and {len(entries) - limit} more"] if len(entries) > limit else lines


def split_cells(row: str) -> list[str]:
    """Return the cells of a row of a golden, each as it stands there; joined by `, ` they are the row again."""
    cells, depth, start = [], 0, 1
    for token in _TOKEN.finditer(row):
        word = token[0]
        if word in "[{":
            depth += 1
        elif word in "]}":
            depth -= 1
        if (word == "," and depth == 1) or (word == "]" and depth == 0):
            cells.append(row[start : token.start()])
            start = token.end() + 1
    return [] if cells == [""] else cells


def find_key(columns: Sequence[Column], old: Sequence[Row], new: Sequence[Row]) -> tuple[int, ...]:
    """Return the columns by which a row is known in both outcomes: one, or two; none where its place has to do.

    Of several, those that are keys by their name or type come first, then those that most rows are found again by,
    then the leftmost. A column that finds no row again is a key only if it looks like one.
    """
    alone = min(len(old), len(new)) == 0
    for size in (1, 2):
        found: list[tuple[int, int, tuple[int, ...]]] = []
        for places in combinations(range(len(columns)), size):
            strength = sum(_strength(columns[place]) for place in places)
            shared = _count_shared(places, old, new)
            if shared is not None and (shared or strength or alone):
                often = shared * 2 >= min(len(old), len(new))
                found.append((strength if often else 0, shared, places))
        if found:
            return max(found, key=lambda each: each[:2])[2]
    return ()


def _strength(column: Column) -> int:
    name = column.name.lower()
    return 2 if name in ("uuid", "id") else int(column.type == "uuid" or name.endswith(("_id", "_uuid")))


def _count_shared(places: Sequence[int], old: Sequence[Row], new: Sequence[Row]) -> int | None:
    """Return how many keys both have; None where these cells do not tell the rows of one of them apart."""
    keys = [{_pick(row, places) for row in rows} for rows in (old, new)]
    if [len(each) for each in keys] != [len(old), len(new)] or any("null" in key for key in keys[0] | keys[1]):
        return None
    return len(keys[0] & keys[1])


def _pick(row: Sequence[str], places: Sequence[int]) -> Row:
    return tuple(row[place] for place in places)


def _align(
    shape_before: Shape, shape_after: Shape, before: Sequence[str], after: Sequence[str]
) -> tuple[list[Column], list[Row], list[Row]]:
    """Return the columns that both have, and the cells of these; the n-th of a name is the n-th there as well."""
    numbers, new_numbers = _numbered(shape_before.columns), _numbered(shape_after.columns)
    both = [each for each in numbers if each in new_numbers]
    old, new = [split_cells(row) for row in before], [split_cells(row) for row in after]
    if {len(numbers)} < {len(numbers), *map(len, old)} or {len(new_numbers)} < {len(new_numbers), *map(len, new)}:
        return [_WHOLE], [(row,) for row in before], [(row,) for row in after]
    columns = [shape_after.columns[new_numbers[each]] for each in both]
    old_places, new_places = [numbers[each] for each in both], [new_numbers[each] for each in both]
    return columns, [_pick(row, old_places) for row in old], [_pick(row, new_places) for row in new]


def _numbered(columns: Sequence[Column]) -> dict[tuple[str, int], int]:
    names = [each.name for each in columns]
    return {(name, names[:place].count(name)): place for place, name in enumerate(names)}


def _labels(columns: Sequence[Column]) -> list[str]:
    again = Counter(each.name for each in columns)
    return [
        escape(each.name) if again[each.name] == 1 else f"{escape(each.name)} (column {place})"
        for place, each in enumerate(columns, start=1)
    ]


def _by_key(
    key: Sequence[int], labels: Sequence[str], old: Sequence[Row], new: Sequence[Row], *, ordered: bool
) -> Iterator[Entry]:
    before = {_pick(row, key): row for row in old}
    after = {_pick(row, key): row for row in new}
    for each, row in before.items():
        name = _name(key, labels, row)
        if each not in after:
            yield [f"- row {name} is missing: {_show(row)}"]
        elif after[each] != row:
            yield _changed(name, labels, row, after[each])
    for each, row in after.items():
        if each not in before:
            yield [f"+ row {_name(key, labels, row)} is new: {_show(row)}"]
    if ordered:
        yield from _moved(key, labels, before, after)


def _moved(key: Sequence[int], labels: Sequence[str], before: dict[Row, Row], after: dict[Row, Row]) -> Iterator[Entry]:
    """Yield the rows that stand before or behind others than they did: as few as explain it."""
    was, now = ({each: place for place, each in enumerate(rows, start=1)} for rows in (before, after))
    both = [each for each in before if each in after]
    stayed = _longest_rise([now[each] for each in both])
    for each in both:
        if now[each] not in stayed:
            name = _name(key, labels, before[each])
            yield [f"~ the order changed: row {name} was {_ordinal(was[each])}, is {_ordinal(now[each])}"]


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Return as many of the numbers as rise from each to the next."""
    ends: list[int] = []  # the smallest end of a rise, by its length
    previous: dict[int, int | None] = {}
    for number in numbers:
        length = bisect_left(ends, number)
        previous[number] = ends[length - 1] if length else None
        ends[length : length + 1] = [number]
    rise, last = set[int](), ends[-1] if ends else None
    while last is not None:
        rise.add(last)
        last = previous[last]
    return rise


def _by_place(labels: Sequence[str], old: Sequence[Row], new: Sequence[Row]) -> Iterator[Entry]:
    """Rows that are the same in both stay in step, however many came or went before them."""
    if Counter(old) == Counter(new):
        yield ["~ only the order changed"]
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new).get_opcodes():
        pairs = min(end - start, new_end - new_start)
        if tag == "replace":
            for number in range(pairs):
                yield _changed(str(start + number + 1), labels, old[start + number], new[new_start + number])
        if tag != "equal":
            gone = range(start + pairs, end)
            yield from ([f"- row {place + 1} is missing: {_show(old[place])}"] for place in gone)
            come = range(new_start + pairs, new_end)
            yield from ([f"+ row {place + 1} is new: {_show(new[place])}"] for place in come)


def _changed(name: str, labels: Sequence[str], old: Row, new: Row) -> Entry:
    pairs = zip(labels, old, new, strict=True)
    cells = [(label, *shorten_pair(one, other)) for label, one, other in pairs if one != other]
    shown = cells[:_CELLS]
    widths = [max(len(cell[place]) for cell in shown) for place in (0, 1)]
    said = [f"{label:{widths[0]}}  expected {one:{widths[1]}}  actual {other}" for label, one, other in shown]
    if len(cells) == 1:
        return [f"~ row {name}: {said[0]}"]
    more = [f"… {len(cells) - _CELLS} more of its columns"] if len(cells) > _CELLS else []
    return [f"~ row {name}:", *(f"~   {line}" for line in said), *more]


def _name(key: Sequence[int], labels: Sequence[str], row: Row) -> str:
    return " ".join(f"{labels[place]}={_bare(row[place])}" for place in key)


def _bare(cell: str) -> str:
    return shorten(cell[1:-1] if _PLAIN.fullmatch(cell) else cell)


def _show(row: Row) -> str:
    return shorten(f"[{', '.join(row)}]", _LONG)


def _describe(outcome: Outcome) -> str:
    if not isinstance(outcome, str):
        return f"{len(outcome) or 'no'} row{'s' * (len(outcome) != 1)}"
    said = json.loads(outcome)
    if "error" in said:
        constraint = f" ({escape(said['constraint'])})" if "constraint" in said else ""
        return f"error {said['error']}{constraint}"
    return f"{said['affected'] or 'no'} row{'s' * (said['affected'] != 1)} affected"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
