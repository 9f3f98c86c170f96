"""A query's `-- plan:` line in, what it promises of its plans out: `-- plan: index_for=activities buffers=40`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import Problem
from pgproof.queries.line import TABLES, Form, Kind, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.errors import Location
    from pgproof.queries import Query

_NUMBER = Kind(re.compile(r"[1-9][0-9]{0,6}"), "a whole number from 1 to 9999999")
_FORM = Form(
    "plan",
    {"index_for": TABLES, "buffers": _NUMBER, "rows": _NUMBER},
    "write `-- plan: index_for=table,other_table buffers=40`, or one of the two; `rows=100000` may be added",
)


@dataclass(frozen=True)
class Promise:
    """What a query promises of the plan of each of its cases.

    Attributes:
        index_for: tables, or what the query calls them, that an index finds the rows of.
        buffers: how many blocks an execution looks at, at most; None promises nothing.
        rows: how many rows the largest table is to have for that; None takes the seeds as they are.
        at: the line that says it.
    """

    index_for: tuple[str, ...]
    buffers: int | None
    rows: int | None
    at: Location


def read_promise(query: Query) -> Promise | None:
    """Read what a query promises of its plans; None where it has no such line.

    Raises:
        SqlFileError: the line cannot be read; all its problems at once.
    """
    line = read_line(query, _FORM, _find_faults)
    if line is None:
        return None
    return Promise(line.tables("index_for") or (), _number(line.words, "buffers"), _number(line.words, "rows"), line.at)


def _number(words: Mapping[str, str], word: str) -> int | None:
    return int(words[word]) if word in words else None


def _find_faults(at: Location, words: Mapping[str, str]) -> Iterator[Problem]:
    if not {"index_for", "buffers"} & words.keys():
        yield Problem(at, "`plan:` promises nothing", _FORM.hint)
