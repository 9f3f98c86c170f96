"""A text and the hits in it in, the hits that nobody has answered out: `-- pgproof: ignore <rule>: why`.

The line stands at the statement that it is about: above it, in it, or behind its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.lint.finding import Hit
from pgproof.lint.remarks import number_statement, read_remarks
from pgproof.lint.rule import Context, Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pgproof.sqltext import Statement

_IGNORE = re.compile(r"--\s*pgproof:\s*ignore\b\s*(?P<rule>[\w-]*)\s*:?\s*(?P<why>.*)", re.IGNORECASE)


@dataclass(frozen=True)
class _Ignore:
    rule: str
    why: str
    line: int
    statement: int


def drop_ignored(context: Context, hits: Sequence[Hit], known: Collection[str]) -> Iterator[Hit]:
    """Yield what is left of the hits, and each ignore that answers none; `known` are the rules that can be ignored."""
    statements, ignores = context.statements, list(_read(context))
    for hit in hits:
        if not any(each.why and _answers(each, hit, statements) for each in ignores):
            yield hit
    for each in ignores:
        if what := _fault(each, hits, statements, known):
            yield Hit(BAD_IGNORE.id, each.line, 1, what, BAD_IGNORE.instead)


def _read(context: Context) -> Iterator[_Ignore]:
    for each in read_remarks(context.pieces, context.statements):
        if found := _IGNORE.match(each.text):
            yield _Ignore(found["rule"], found["why"].strip(), each.line, each.statement)


def _answers(ignore: _Ignore, hit: Hit, statements: Sequence[Statement]) -> bool:
    return ignore.rule == hit.rule and ignore.statement == number_statement(hit.line or 1, statements)


def _fault(ignore: _Ignore, hits: Sequence[Hit], statements: Sequence[Statement], known: Collection[str]) -> str:
    if ignore.rule not in known:
        return f"there is no rule {ignore.rule!r} to ignore"
    if not ignore.why:
        return f"nobody says why {ignore.rule} is ignored"
    if not any(_answers(ignore, hit, statements) for hit in hits):
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
