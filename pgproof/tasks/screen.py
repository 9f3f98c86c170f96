"""What a task has to say in, text on the terminal out: rich for a person, plain and stable lines for a pipe."""

from __future__ import annotations

import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from pgproof.markup import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress

_EVERY = 10.0  # seconds between two lines of progress in a log

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
    "expired": "yellow",
    "wide open": "bold red",
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

    def progress(self, text: str, done: int, total: int) -> None:
        """Show how far something is, how fast and for how long still; `total` may be about right, or 0 if unknown."""


@dataclass
class Meter:
    """How far something is, in words; its speed is that since it was first asked."""

    clock: Callable[[], float]
    text: str
    done: int
    began_at: float

    def words(self, done: int, total: int) -> str:
        """Return `1,200 of about 5,000, 300 a second, 0:12 left`, as far as it is known."""
        rate = (done - self.done) / max(self.clock() - self.began_at, 0.001)
        of = f" of about {total:,}" if total > done else ""
        left = f", {_duration((total - done) / rate)} left" if of and rate else ""
        return f"{done:,}{of}" + (f", {rate:,.0f} a second{left}" if rate else "")


class PlainScreen:
    """Lines for a pipe, a log or CI: no colour, columns by two spaces, progress now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._meter: Meter | None = None
        self._due_at = 0.0

    def say(self, text: str, word: str = "") -> None:  # noqa: ARG002  (looks are for terminals)
        """Write a line."""
        print(visible(text), flush=True)  # noqa: T201

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows in aligned columns."""
        everything = [list(map(visible, row)) for row in (columns, *rows)]
        widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
        for row in everything:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def busy(self, text: str) -> None:
        """Nobody watches."""

    def progress(self, text: str, done: int, total: int) -> None:
        """Write a line, once in a while: who reads a log later wants to know how it went."""
        now = self._clock()
        if self._meter is None or self._meter.text != text:
            self._meter, self._due_at = Meter(self._clock, text, done, now), now + _EVERY
        if now >= self._due_at:
            self._due_at = now + _EVERY
            self.say(f"{text}: {self._meter.words(done, total)}")


class RichScreen:
    """Colour, tables and, while something takes its time, a spinner for a person."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._bar: Progress | None = None
        self._meter: Meter | None = None
        self._lock = RLock()  # progress is told by several threads

    def say(self, text: str, word: str = "") -> None:
        """Write a line in the look of its word."""
        look = _STYLES.get(word, "")
        self._console.print(visible(text), style=look, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table; a cell that is one of our words has its look."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")  # a name that is cut is no name
        for row in rows:
            table.add_row(*(Text(visible(cell), style=_STYLES.get(cell, "")) for cell in row))
        self._console.print(table)

    def busy(self, text: str) -> None:
        """Turn a spinner beside the text, until `close`."""
        with self._lock:
            self._end_bar()
            self._status.update(text)
            self._status.start()

    def progress(self, text: str, done: int, total: int) -> None:
        """Show a bar, until something else is shown."""
        with self._lock:
            if self._meter is None or self._meter.text != text:
                self._meter = Meter(time.monotonic, text, done, time.monotonic())
            words = f"{text}: {self._meter.words(done, total)}"
            if self._bar is None:
                self._status.stop()
                self._bar = _make_bar(self._console)
                self._bar.add_task(words)
                self._bar.start()
            (row,) = self._bar.task_ids
            self._bar.update(row, description=words, completed=done, total=total if total > done else None)

    def close(self) -> None:
        """Stop what moves and give the cursor back."""
        with self._lock:
            self._end_bar()
            self._status.stop()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = None


def _make_bar(console: Console) -> Progress:
    """Make a bar that is gone when it stops; columns of rich's own are for what one knows the end of."""
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True)


def _duration(seconds: float) -> str:
    """Return 0:07, or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def open_screen(*, ci: bool) -> Iterator[Screen]:
    """Choose by who reads: a person at a terminal, or anything else; CI is no person."""
    if ci or not sys.stdout.isatty():
        yield PlainScreen()
        return
    from rich.console import Console

    with closing(RichScreen(Console())) as screen:
        yield screen
