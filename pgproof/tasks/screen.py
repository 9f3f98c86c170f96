"""What a task has to say in, text on the terminal out: rich for a person, plain and stable lines for a pipe."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

# What a word of ours looks like to a person.
_STYLES = {
    "applied": "green",
    "repeated": "green",
    "rolled back": "yellow",
    "pending": "cyan",
    "interrupted": "yellow",
    "reworded": "yellow",
    "unchecked": "yellow",
    "waiting": "yellow",
    "retrying": "yellow",
    "edited": "bold red",
    "missing": "bold red",
    "out of order": "bold red",
    "notice": "yellow",
    "help": "dim",
    "query": "bold",
    "added": "green",
    "changed": "yellow",
    "gone": "red",
    "held": "green",
    "broken": "bold red",
    "not applicable": "dim",
    "error": "bold red",
    "warning": "yellow",
    "note": "dim",
}


class Screen(Protocol):
    """Where a task writes."""

    def say(self, text: str, word: str = "") -> None:
        """Write a line; `word`, one of ours, decides its look."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows under their columns."""

    def busy(self, text: str) -> None:
        """Show what is being done now, where somebody watches."""


class PlainScreen:
    """Lines for a pipe, a log or CI: no colour, no progress, columns by two spaces."""

    def say(self, text: str, word: str = "") -> None:  # noqa: ARG002  (looks are for terminals)
        """Write a line."""
        print(text, flush=True)  # noqa: T201

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows in aligned columns."""
        everything = [columns, *rows]
        widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
        for row in everything:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def busy(self, text: str) -> None:
        """Nobody watches."""


class RichScreen:
    """Colour, tables and, while something takes its time, a spinner for a person."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")

    def say(self, text: str, word: str = "") -> None:
        """Write a line in the look of its word."""
        look = _STYLES.get(word, "")
        self._console.print(text, style=look, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table; a cell that is one of our words has its look."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")  # a name that is cut is no name
        for row in rows:
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        self._console.print(table)

    def busy(self, text: str) -> None:
        """Turn a spinner beside the text, until `close`."""
        self._status.update(text)
        self._status.start()

    def close(self) -> None:
        """Stop the spinner and give the cursor back."""
        self._status.stop()


@contextmanager
def open_screen(*, ci: bool) -> Iterator[Screen]:
    """Choose by who reads: a person at a terminal, or anything else; CI is no person."""
    if ci or not sys.stdout.isatty():
        yield PlainScreen()
        return
    from rich.console import Console

    with closing(RichScreen(Console())) as screen:
        yield screen
