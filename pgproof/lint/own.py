"""A file in, what our own rules have against it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.lint.conditions import NOT_IN_SUBSELECT, WITHOUT_WHERE
from pgproof.lint.files import MIGRATION_FILE, PARSE_ERROR, QUERY_FILE, SEED_FILE
from pgproof.lint.finding import Hit, Verdict
from pgproof.lint.ignores import BAD_IGNORE, drop_ignored
from pgproof.lint.moments import CLOCK_IN_QUERY, NAIVE_TIMESTAMP
from pgproof.lint.parameters import FOREIGN_PARAMETER, UNUSED_PARAMETER
from pgproof.lint.rows import AGGREGATE_WITHOUT_ORDER, LIMIT_WITHOUT_ORDER, SELECT_STAR, VALUE_OF_SEVERAL_COLUMNS
from pgproof.lint.rule import read_context
from pgproof.sqltext import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.lint.finding import Keep
    from pgproof.lint.rule import Context, Rule
    from pgproof.lint.source import Source

RULES: tuple[Rule, ...] = (
    PARSE_ERROR,
    QUERY_FILE,
    MIGRATION_FILE,
    SEED_FILE,
    SELECT_STAR,
    LIMIT_WITHOUT_ORDER,
    AGGREGATE_WITHOUT_ORDER,
    VALUE_OF_SEVERAL_COLUMNS,
    NAIVE_TIMESTAMP,
    CLOCK_IN_QUERY,
    WITHOUT_WHERE,
    NOT_IN_SUBSELECT,
    FOREIGN_PARAMETER,
    UNUSED_PARAMETER,
    BAD_IGNORE,
)
# What a reader refuses cannot be run, whatever a comment says.
_IGNORABLE = {rule.id for rule in RULES if rule.find}


def check(sources: Iterable[Source], keep: Keep) -> None:
    """Judge files by our own rules; what cannot be read at all, its reader tells (`files`)."""
    for source in sources:
        keep(source, _judge(source))


def _judge(source: Source) -> Verdict:
    if not source.is_text:
        return Verdict()
    try:
        context = read_context(source)
    except ParseError:
        return Verdict()
    found = [hit for rule in RULES if rule.holds_for(source.kind) for hit in _hits(rule, context, source.raw)]
    return Verdict(tuple(sorted(drop_ignored(context, found, _IGNORABLE), key=_place)))


def _hits(rule: Rule, context: Context, raw: bytes) -> list[Hit]:
    spots = sorted(set(rule.find(context))) if rule.find else []
    return [Hit(rule.id, *_line_and_column(raw, at), what, rule.instead) for at, what in spots]


def _line_and_column(raw: bytes, at: int) -> tuple[int, int]:
    start = raw.rfind(b"\n", 0, at) + 1
    return raw.count(b"\n", 0, at) + 1, len(raw[start:at].decode(errors="replace")) + 1


def _place(hit: Hit) -> tuple[int, int]:
    return hit.line or 0, hit.column or 0
