"""A migration's leading comment in, its directives as values out, with every line that yoyo would misread."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pgproof.errors import Location, Problem
from pgproof.settings import DURATION
from pgproof.sqltext import DIRECTIVE, Directive, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Phase = Literal["pre", "post"]
DIRECTIVES = {
    "transactional": ("true|false", "true or false"),
    "depends": (r"\S+( \S+)*", "names of migrations, with one space between"),
    "phase": ("pre|post", "pre or post"),
    "breaks": (r"[^\s,]+(, *[^\s,]+)* because .*\S", "names of queries: activities.home, users.profile because why"),
    "irreversible": (r".*\S", "the reason, in words"),
    "lock_timeout": (DURATION, "a duration such as 500ms or 5s"),
    "statement_timeout": (DURATION, "a duration such as 500ms or 5s"),
}


@dataclass(frozen=True)
class Header:
    """What a migration says about itself; a directive that is not there has its default."""

    directives: Mapping[str, Directive] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Header:
        """Read the directives of a text; what is wrong with them is for `find_problems` to say."""
        return cls({each.name: each for each in read_header(text) if each.name in DIRECTIVES})

    @property
    def transactional(self) -> bool:
        """False for a statement that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY."""
        return self.get("transactional", "true").strip() == "true"

    @property
    def depends(self) -> list[str]:
        """Ids of the migrations it needs."""
        return self.get("depends", "").split()

    @property
    def phase(self) -> Phase:
        """`pre` runs before the new code is out, `post` after."""
        return "post" if self.get("phase", "") == "post" else "pre"

    @property
    def breaks(self) -> dict[str, str]:
        """The queries whose contract in the release before it breaks on purpose, and why."""
        names, _, why = self.get("breaks", "").partition(" because ")
        return {name.strip(): why for name in names.split(",") if name.strip()}

    @property
    def irreversible(self) -> str:
        """Why there is no way back; empty where there is one."""
        return self.get("irreversible", "")

    def get(self, name: str, default: str) -> str:
        """Return the value of a directive."""
        return self.directives[name].value if name in self.directives else default

    def line_of(self, name: str) -> int:
        """Line of a directive, from 1; 1 where it is not written."""
        return self.directives[name].line if name in self.directives else 1


def find_problems(path: Path, text: str) -> Iterator[Problem]:
    """Name each line that says something to a person but not to yoyo, or what nobody understands."""
    seen: set[str] = set()
    header = read_header(text)
    for each in header:
        if each.name in seen:
            yield Problem(Location(path, each.line), f"{each.name} is written twice", "once is enough")
        if each.name.lower() in DIRECTIVES:  # any other word before a colon is a comment
            seen.add(each.name)
            yield from _check(path, each)
    yield from _misplaced(path, text, {each.line for each in header})


def _check(path: Path, directive: Directive) -> Iterator[Problem]:
    pattern, allowed = DIRECTIVES[directive.name.lower()]
    at = Location(path, directive.line)
    if directive.name not in DIRECTIVES:
        yield Problem(at, f"yoyo takes `{directive.name}:` for a comment", "write it in small letters")
    elif not re.fullmatch(pattern, directive.value):
        value = directive.value.replace(" ", "·")
        yield Problem(at, f"{directive.name}: {value!r} is not valid", f"allowed: {allowed}")


def _misplaced(path: Path, text: str, header_lines: set[int]) -> Iterator[Problem]:
    """Find directives below the header: after a statement or a block comment yoyo does not see them."""
    for number, line in enumerate(text.split("\n"), start=1):
        match = DIRECTIVE.match(line)
        if match and number not in header_lines and match["name"].lower() in DIRECTIVES:
            yield Problem(
                Location(path, number),
                f"`{match['name']}:` stands after the header, where yoyo does not see it",
                "move it to the leading comment lines of the file",
            )
