"""A TOML file in, its values with the lines they stand in out; pure but for the reading."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.errors import Location, Problem, SqlFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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

    def at(self, word: str = "") -> Location:
        """Return where a word stands, or the part begins."""
        start = re.compile(rf"\s*(\[+\s*([\w-]+\s*\.\s*)?)?[\"']?{re.escape(word)}\b")
        found = (number for number, line in enumerate(self.text, self.line) if word and start.match(line))
        return Location(self.path, next(found, self.line))


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
