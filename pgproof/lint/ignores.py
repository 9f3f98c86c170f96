"""A text and the hits in it in, the hits that nobody has answered out: `-- pgproof: ignore <rule>: why`.

The line stands at the statement that it is about: above it, in it, or behind its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.lint.finding import Hit
from pgproof.lint.rule import Context, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_IGNORE = re.compile(r"--\s*pgproof:\s*ignore\b\s*(?P<rule>[\w-]*)\s*:?\s*(?P<why>.*)", re.IGNORECASE)


@dataclass(frozen=True)
class _Ignore:
    rule: str
    why: str
    line: int
    statement: int


def drop_ignored(context: Context, hits: Sequence[Hit], known: Collection[str]) -> Iterator[Hit]:
    """Yield what is left of the hits, and each ignore that answers none; `known` are the rules that can be ignored."""
    ends = [each.line + each.text.count("\n") for each in context.statements]
    ignores = list(_read(context, ends))
    for hit in hits:
        if not any(each.why and _answers(each, hit, ends) for each in ignores):
            yield hit
    for each in ignores:
        if what := _fault(each, hits, ends, known):
            yield Hit(BAD_IGNORE.id, each.line, 1, what, BAD_IGNORE.instead)


def _read(context: Context, ends: list[int]) -> Iterator[_Ignore]:
    line = 1
    for piece in context.pieces:
        if piece.kind == "comment" and (found := _IGNORE.match(piece.text)):
            yield _Ignore(found["rule"], found["why"].strip(), line, _statement(line, ends))
        line += piece.text.count("\n")


def _statement(line: int, ends: list[int]) -> int:
    """Return the number of the statement that a line belongs to: the first that does not end before it."""
    return sum(end < line for end in ends)


def _answers(ignore: _Ignore, hit: Hit, ends: list[int]) -> bool:
    return ignore.rule == hit.rule and ignore.statement == _statement(hit.line or 1, ends)


def _fault(ignore: _Ignore, hits: Sequence[Hit], ends: list[int], known: Collection[str]) -> str:
    if ignore.rule not in known:
        return f"there is no rule {ignore.rule!r} to ignore"
    if not ignore.why:
        return f"nobody says why {ignore.rule} is ignored"
    if not any(_answers(ignore, hit, ends) for hit in hits):
        return f"the statement has nothing for which to ignore {ignore.rule}"
    return ""


BAD_IGNORE = Rule(
    id="bad-ignore",
    what="an ignore without a reason, of no rule, or of nothing",
    why="The next reader learns nothing from it, or believes that something is wrong which no longer is.",
    instead="write `-- pgproof: ignore <rule>: why` at the statement, or delete the line",
    good=(
        "-- returns: affected\n\n-- pgproof: ignore without-where: the table holds one row\n"
        "UPDATE counters SET visits = visits + 1\n"
    ),
    bad="-- returns: many\n\n-- pgproof: ignore select-star: there is none\nSELECT 1 AS one\n",
    on="all",
)
