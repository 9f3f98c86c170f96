"""Two answers to one call in, how the result varies out. Pure; what its case masks does not count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

from pgproof.contracts.outcome import make_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.contracts.answer import Answer
    from pgproof.contracts.cases import Case
    from pgproof.contracts.golden import Outcome, Shape

_LONGEST, _BEFORE = 100, 25  # characters of a row that are shown, and those of them that both answers have


@dataclass(frozen=True)
class Variation:
    """How a result varies.

    Attributes:
        kind: the order of the same rows, values in as many rows, the number of rows, or what comes instead of rows.
        what: the second answer as seen from the first: `its rows in another order`.
        columns: where only values differ: in which columns.
        detail: one row, or what comes instead of rows, as the first and as the second answer have it.
    """

    kind: Literal["order", "values", "number", "answer"]
    what: str
    detail: tuple[str, str]
    columns: tuple[str, ...] = ()


def find_variation(case: Case, shape: Shape, first: Answer, second: Answer) -> Variation | None:
    """Return what differs between two answers; None where a golden would have the same for both."""
    if first == second:
        return None
    old, new = make_outcome(case, first, shape), make_outcome(case, second, shape)
    if old == new:
        return None
    if isinstance(old, str) or isinstance(new, str):
        return Variation("answer", "something else", (_say(old), _say(new)))
    if len(old) != len(new):
        return Variation("number", f"{_say(new)} instead of {len(old)}", _first_other(old, new))
    if sorted(old) == sorted(new):
        return Variation("order", "its rows in another order", _first_other(old, new))
    columns = _columns(case, shape, first, second)
    return Variation("values", f"other values of {', '.join(columns)}", _first_other(old, new), columns)


def _columns(case: Case, shape: Shape, first: Answer, second: Answer) -> tuple[str, ...]:
    """Return the columns that differ, each looked at by itself; all, where only what stands in one row does."""
    gather = list if shape.ordered else Counter
    shown = [(place, name) for place, name in enumerate(first.names) if name not in case.masks]
    differing = [
        name
        for place, name in shown
        if gather(row[place] for row in first.rows) != gather(row[place] for row in second.rows)
    ]
    return tuple(dict.fromkeys(differing or [name for _, name in shown]))


def _first_other(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """Return the first rows that differ, or the first that only one answer has."""
    pairs = zip_longest(old, new, fillvalue="nothing")
    before, after = next((before, after) for before, after in pairs if before != after)
    differ = next((place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    return _shorten(before, differ), _shorten(after, differ)


def _shorten(row: str, differ: int) -> str:
    """Cut a row down to a stretch that begins shortly before its difference."""
    start = max(differ - _BEFORE, 0) if len(row) > _LONGEST else 0
    return f"{'…' * (start > 0)}{row[start : start + _LONGEST]}{'…' * (len(row) > start + _LONGEST)}"


def _say(outcome: Outcome) -> str:
    if isinstance(outcome, str):
        return outcome
    return "1 row" if len(outcome) == 1 else f"{len(outcome)} rows"
