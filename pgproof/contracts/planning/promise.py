"""A query's `-- plan:` line in, what it promises of its plans out: `-- plan: index_for=activities buffers=40`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import Location, Problem, SqlFileError
from pgproof.sqltext import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pgproof.queries import Query
    from pgproof.sqltext import Directive

_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_TABLE = r"[^\s,.=]+(\.[^\s,.=]+)?"
_TABLES = re.compile(rf"{_TABLE}(,{_TABLE})*")
_WORDS = {"index_for": _TABLES, "buffers": _NUMBER, "rows": _NUMBER}
_SAID = {_TABLES: "tables, with commas and no spaces between them", _NUMBER: "a whole number from 1 to 9999999"}
_HINT = "write `-- plan: index_for=table,other_table buffers=40`, or one of the two; `rows=100000` may be added"


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
    said = [each for each in read_header(query.text) if each.name.lower() == "plan"]
    if not said:
        return None
    problems = list(_problems(query.path, said))
    if problems:
        raise SqlFileError(problems)
    words = dict(_split(said[0]))
    tables = words["index_for"].split(",") if "index_for" in words else []
    at = Location(query.path, said[0].line)
    return Promise(tuple(tables), _number(words, "buffers"), _number(words, "rows"), at)


def _number(words: Mapping[str, str], word: str) -> int | None:
    return int(words[word]) if word in words else None


def _split(said: Directive) -> list[tuple[str, str]]:
    return [(word, value) for word, _, value in (each.partition("=") for each in said.value.split())]


def _problems(path: Path, said: list[Directive]) -> Iterator[Problem]:
    at = Location(path, said[0].line)
    if said[0].name != "plan":
        yield Problem(at, f"`{said[0].name}:` is no word of ours", "write `plan:` in small letters")
    words = _split(said[0])
    for number, (word, value) in enumerate(words):
        if word not in _WORDS:
            yield Problem(at, f"`plan:` does not know {word!r}", _HINT)
        elif not _WORDS[word].fullmatch(value):
            yield Problem(at, f"{word}={value} is not {_SAID[_WORDS[word]]}")
        elif word in dict(words[:number]):
            yield Problem(at, f"{word} is written twice", "once is enough")
    if not {"index_for", "buffers"} & {word for word, _ in words}:
        yield Problem(at, "`plan:` promises nothing", _HINT)
    for each in said[1:]:
        yield Problem(Location(path, each.line), "`plan:` is written twice", "one line holds all of it")
