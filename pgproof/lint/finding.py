"""What a tool found in, a `Finding` out: what, where, by which rule, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pgproof.errors import Location

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.lint.source import Source

Tool = Literal["pgproof", "sqlfluff", "squawk"]


@dataclass(frozen=True)
class Hit:
    """A finding before one knows in which of several equal files: what a tool says of a text.

    Attributes:
        line: from 1; None for the file as a whole.
        column: in characters, from 1; None where the tool does not say it.
        fixable: whether `inv lint --fix` may mend it.
    """

    rule: str
    line: int | None
    column: int | None
    what: str
    help: str = ""
    fixable: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing that a rule of a tool has against a file; `at.path` is as seen from the project's root."""

    rule: str
    tool: Tool
    at: Location
    column: int | None
    what: str
    help: str = ""
    fixable: bool = False

    @classmethod
    def of(cls, hit: Hit, tool: Tool, path: Path) -> Finding:
        """Return the finding that a hit is in this file."""
        return cls(hit.rule, tool, Location(path, hit.line), hit.column, hit.what, hit.help, hit.fixable)

    @property
    def place(self) -> str:
        """`path:line:column`, as editors and terminals open it."""
        return f"{self.at}:{self.column}" if self.at.line and self.column else str(self.at)


@dataclass(frozen=True)
class Verdict:
    """All that a tool has to say of one text.

    Attributes:
        unchecked: why the tool could not look at it; that is no fault of the text.
    """

    hits: tuple[Hit, ...] = ()
    unchecked: str = ""


class Keep(Protocol):
    """Takes the verdict on a file as soon as there is one."""

    def __call__(self, source: Source, verdict: Verdict, /) -> None:
        """Take it."""


@dataclass(frozen=True)
class Report:
    """What a run of lint found, and in how many files it looked.

    Attributes:
        unchecked: `path: why` of each file that a tool could not look at.
    """

    findings: tuple[Finding, ...]
    files: int
    unchecked: tuple[str, ...] = ()
