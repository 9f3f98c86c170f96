"""Commits, reads and their times in, the reads that break their promise out. Pure.

A cell is a row that each write counts up and leaves its mark in, so an answer says which commits it knows of.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import Literal, NamedTuple

Mode = Literal["strict", "bounded"]
SAME = 1e-6  # seconds that are no difference


class Content(NamedTuple):
    """What an answer says of a cell: how many commits wrote to it, and the mark of the last one."""

    value: int
    mark: int


EMPTY = Content(0, 0)


@dataclass
class Write:
    """What a commit did to one cell.

    Attributes:
        process: who wrote; nobody of ours if it is empty.
        called: nobody can have read it before.
        committed: it is known to be in the database from then on.
        returned: its own process relies on it from then on.
        told: the store of tokens knows of it from then on.
    """

    cell: str
    content: Content
    process: str
    called: float
    committed: float = inf
    returned: float = inf
    told: float = inf


@dataclass
class Read:
    """An answer, by cell; a cell without a row is not in it.

    Attributes:
        cells: those that it asks for.
    """

    mode: Mode
    process: str
    cells: Sequence[str]
    began: float
    ended: float = inf
    answer: Mapping[str, Content] = field(default_factory=dict)
    label: str = ""

    def content(self, cell: str) -> Content:
        return self.answer.get(cell, EMPTY)


@dataclass(frozen=True)
class Promise:
    """How old a bounded answer may be: `lag` seconds after the store was told, `worst` if nobody tells it."""

    lag: float
    worst: float

    def due(self, write: Write, read: Read, seen: float) -> float:
        """Return from when on a read has to know of a write; `seen` is when it was in the database for certain."""
        if read.mode == "strict":
            return seen
        told = min(write.told + self.lag, write.committed + self.worst) + SAME
        return min(told, write.returned) if read.process == write.process else told


class Fault(NamedTuple):
    """A read that breaks its promise, and how."""

    read: Read
    why: str

    def __str__(self) -> str:
        read = self.read
        says = ", ".join(f"{cell}: {read.content(cell).value}" for cell in read.cells)
        return f"{read.label} ({read.mode}, {read.began:.3f} to {read.ended:.3f}) says {says}: {self.why}"


def judge(writes: Sequence[Write], reads: Sequence[Read], promise: Promise) -> list[Fault]:
    """Return the reads that break the promise; those without an end are not looked at."""
    ended = [read for read in reads if read.ended < inf]
    commits = _Commits(writes, ended)
    return [Fault(read, why) for read in ended for why in list(commits.faults(read, promise))[:1]]


class _Commits:
    """All commits, each cell's in their order."""

    def __init__(self, writes: Sequence[Write], reads: Sequence[Read]) -> None:
        self._by_cell: dict[str, list[Write]] = defaultdict(list)
        for write in sorted(writes, key=lambda write: write.content.value):
            self._by_cell[write.cell].append(write)
        self._by_mark: dict[int, list[Write]] = defaultdict(list)
        for write in writes:
            self._by_mark[write.content.mark].append(write)
        for cell, each in self._by_cell.items():
            assert [write.content.value for write in each] == list(range(1, len(each) + 1)), f"{cell} has lost a commit"
        self._seen = {cell: self._find_seen(cell, reads) for cell in self._by_cell}

    def faults(self, read: Read, promise: Promise) -> Iterator[str]:
        """Say what is wrong with a read: all of it."""
        made_up = [cell for cell in read.cells if not self._is_true(cell, read)]
        if made_up:
            yield f"{made_up[0]} never was so, or not yet"
            return
        for cell in read.cells:
            yield from self._stale(cell, read, promise)
            yield from self._torn(cell, read)
        since = max(self._since(cell, read.content(cell).value) for cell in read.cells)
        until = min(self._until(cell, read.content(cell).value) for cell in read.cells)
        if since >= until:
            yield "at no moment was all of it so"

    def _stale(self, cell: str, read: Read, promise: Promise) -> Iterator[str]:
        seen = self._seen.get(cell, [])
        for write, since in list(zip(self._by_cell[cell], seen, strict=True))[read.content(cell).value :]:
            due = promise.due(write, read, since)
            if due <= read.began:
                by = f"by {write.process}" if write.process else "past the application"
                yield (
                    f"{cell} was {write.content.value} ({by}) at {write.committed:.3f}, "
                    f"which had to be seen from {due:.3f} on"
                )
                return

    def _torn(self, cell: str, read: Read) -> Iterator[str]:
        for other in self._by_mark[read.content(cell).mark]:
            if other.cell in read.cells and read.content(other.cell).value < other.content.value:
                yield f"it has half of what was committed with {cell}"

    def _is_true(self, cell: str, read: Read) -> bool:
        content, commits = read.content(cell), self._by_cell[cell]
        if content == EMPTY:
            return True
        known = 0 < content.value <= len(commits) and commits[content.value - 1].content == content
        return known and self._since(cell, content.value) <= read.ended

    def _since(self, cell: str, value: int) -> float:
        return self._by_cell[cell][value - 1].called if value else -inf

    def _until(self, cell: str, value: int) -> float:
        seen = self._seen.get(cell, [])
        return seen[value] if value < len(seen) else inf

    def _find_seen(self, cell: str, reads: Sequence[Read]) -> list[float]:
        """Return since when each commit is known to be in the database: also because somebody has read it."""
        seen = [write.committed for write in self._by_cell[cell]]
        for read in reads:
            value = read.content(cell).value
            if cell in read.cells and 0 < value <= len(seen):
                seen[value - 1] = min(seen[value - 1], read.ended)
        for later, earlier in pairwise(range(len(seen) - 1, -1, -1)):
            seen[earlier] = min(seen[earlier], seen[later])
        return seen
