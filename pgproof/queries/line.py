"""A query and the form of a line in its comment in, that line's words out: `-- plan: index_for=users buffers=40`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import Location, Problem, SqlFileError
from pgproof.sqltext import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pgproof.queries.files import Query
    from pgproof.sqltext import Directive

    Faults = Callable[[Location, Mapping[str, str]], Iterator[Problem]]

_TABLE = r"[^\s,.=]+(\.[^\s,.=]+)?"


@dataclass(frozen=True)
class Kind:
    """What a word may say; `meaning` is that for a person."""

    pattern: re.Pattern[str]
    meaning: str


TABLES = Kind(re.compile(rf"{_TABLE}(,{_TABLE})*"), "tables, with commas and no spaces between them")


@dataclass(frozen=True)
class Form:
    """How a line is written.

    Attributes:
        name: what it begins with: `plan`.
        words: what each of its words may say.
        hint: how to write one, for who did not.
    """

    name: str
    words: Mapping[str, Kind]
    hint: str


@dataclass(frozen=True)
class Line:
    """A line as it stands in a file."""

    words: Mapping[str, str]
    at: Location

    def tables(self, word: str) -> tuple[str, ...] | None:
        """Return the tables that a word names; None where it is not there."""
        return tuple(self.words[word].split(",")) if word in self.words else None


def read_line(query: Query, form: Form, find_faults: Faults) -> Line | None:
    """Return a query's line of a form; None where it has none.

    Args:
        query: in whose comment it is.
        form: how it is written.
        find_faults: says what words that can be read cannot mean together.

    Raises:
        SqlFileError: it cannot be read, or meant; all its problems at once.
    """
    said = [each for each in read_header(query.text) if each.name.lower() == form.name]
    if not said:
        return None
    at, words = Location(query.path, said[0].line), _split(said[0])
    spelling = list(_find_spelling_faults(at, form, words))
    faults = [*_find_line_faults(query, form, said), *(spelling or find_faults(at, dict(words)))]
    if faults:
        raise SqlFileError(sorted(faults, key=lambda each: each.at.line or 0))
    return Line(dict(words), at)


def _split(said: Directive) -> list[tuple[str, str]]:
    return [(word, value) for word, _, value in (each.partition("=") for each in said.value.split())]


def _find_line_faults(query: Query, form: Form, said: list[Directive]) -> Iterator[Problem]:
    if said[0].name != form.name:
        at = Location(query.path, said[0].line)
        yield Problem(at, f"`{said[0].name}:` is no word of ours", f"write `{form.name}:` in small letters")
    for each in said[1:]:
        yield Problem(Location(query.path, each.line), f"`{form.name}:` is written twice", "one line holds all of it")


def _find_spelling_faults(at: Location, form: Form, words: list[tuple[str, str]]) -> Iterator[Problem]:
    for number, (word, value) in enumerate(words):
        if word not in form.words:
            yield Problem(at, f"`{form.name}:` does not know {word!r}", form.hint)
        elif not form.words[word].pattern.fullmatch(value):
            yield Problem(at, f"{word}={value} is not {form.words[word].meaning}")
        elif word in dict(words[:number]):
            yield Problem(at, f"{word} is written twice", "once is enough")
