"""A TOML file in, its values with the lines they stand in out; pure but for the reading."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import TYPE_CHECKING, Any

from pgproof.errors import Location, Problem, SqlFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Part:
    """Lines of a file that belong together, and what they say.

    Attributes:
        line: the number of its first line, counted from 1.
        text: its lines.
    """

    path: Path
    line: int
    text: Sequence[str]
    words: Mapping[str, Any]

    def at(self, *words: str) -> Location:
        """Return where a word stands, or one inside another, or the part begins."""
        names = r"\s*\.\s*".join(rf"[\"']?{re.escape(word)}[\"']?" for word in words)
        start = re.compile(rf"\s*\[*\s*([\w-]+\s*\.\s*)*{names}\s*[=.\]]")
        found = (number for number, line in enumerate(self.text, self.line) if any(words) and start.match(line))
        return Location(self.path, next(found, self.line))

    def within(self, *words: str) -> Part:
        """Return the lines of a table, or of a word inside of it: up to the next header."""
        *_, last = words
        places = [self.at(*words), self.at(last)]
        line = next((at.line for at in places if at.line and at.line > self.line), self.line)
        below = self.text[line - self.line :]
        end = next((number for number, each in enumerate(below) if number and each.lstrip().startswith("[")), None)
        return Part(self.path, line, below[:end], reduce(lambda said, word: said[word], words, self.words))


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return a file's text and what it says.

    Raises:
        SqlFileError: it is not UTF-8, or not TOML; with the line.
    """
    content = path.read_bytes()
    try:
        text = content.decode()
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        at = Location(path, content.count(b"\n", 0, error.start) + 1)
        raise SqlFileError([Problem(at, "the file is not UTF-8", "save it as UTF-8")]) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        at = Location(path, int(line[1]) if line else text.count("\n") + 1)
        raise SqlFileError([Problem(at, f"this is not TOML: {error}")]) from error


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint for a word that is not known."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else otherwise
