"""What happens in a simulation in, what is wrong with it out."""

from collections.abc import Sequence
from math import inf
from typing import Any

from tests.histories.cells import LAG, STALE, TTL, cells_of, contents
from tests.histories.history import Mode, Promise, Read, Write, judge
from tests.histories.runs import Run


class Record:
    """Reads and writes with their times.

    Attributes:
        longest: seconds that a result was on its way to the store or to its caller: by so much it may be older.
        errors: what no caller should have had to see.
    """

    def __init__(self, mode: Mode, *, in_tokens: bool) -> None:
        """Begin; without tokens there is no store that has to be told."""
        self.longest = 0.0
        self.errors: list[str] = []
        self._mode = mode
        self._in_tokens = in_tokens
        self._writes: list[Write] = []
        self._reads: dict[int, Read] = {}

    def begin(self, run: Run) -> None:
        """Note that a read begins, if it is one."""
        begin = run.begin
        if begin.job in ("read", "fresh"):
            mode = self._mode if begin.job == "read" else "strict"
            cells = cells_of(begin.table, begin.id)
            self._reads[begin.who] = Read(mode, run.process.name, cells, run.began, label=str(run))

    def commit(self, rows: Sequence[dict[str, Any]], process: str, now: float) -> None:
        """Note what was committed."""
        told = inf if self._in_tokens else now
        self._writes += [Write(cell, content, process, now, now, told=told) for cell, content in contents(rows).items()]

    def tell(self, table: str, until: float, now: float) -> None:
        """Note that the store knows of what was committed to a table until then."""
        for write in self._writes:
            if write.cell.startswith(table) and write.committed <= until:
                write.told = min(write.told, now)

    def end(self, run: Run, now: float) -> None:
        """Note that a caller has its answer, or its error."""
        if read := self._reads.get(run.begin.who):
            self.longest = max(self.longest, now - run.began)
            if run.error is None:
                read.ended, read.answer = now, contents(run.answer)
        for write in self._writes:
            if write.content.mark == run.begin.who and write.process:
                write.returned = now
                if run.error is None and any(write.cell.startswith(table) for table in run.replaced):
                    write.told = min(write.told, now)

    def judge(self) -> list[str]:
        """Say what is wrong."""
        promise = Promise(lag=LAG, worst=TTL + STALE + self.longest)
        return [*self.errors, *map(str, judge(self._writes, list(self._reads.values()), promise))]
