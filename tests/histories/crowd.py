"""Processes with threads that read and write for as long as one wants in, all that they read and wrote out."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from math import inf
from pathlib import Path
from random import Random
from threading import Event
from typing import NamedTuple

from pgproof import Database
from pgproof.cache import Backend, Cache
from pgproof.cache.outbox import Outbox
from pgproof.queries.steps import drive
from tests.histories.cells import TABLES, Cells, cells_of, contents
from tests.histories.history import Content, Mode, Read, Write

_LOG = """
CREATE TABLE log (cell text, value int, mark int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO log VALUES (TG_ARGV[0] || NEW.id, NEW.value, NEW.mark); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON left_cell FOR EACH ROW EXECUTE FUNCTION note('left');
CREATE TRIGGER note AFTER INSERT OR UPDATE ON right_cell FOR EACH ROW EXECUTE FUNCTION note('right');
"""
_PROCESSES, _THREADS = 3, 2
_WRITES = 0.2  # of all calls
_MODES: tuple[Mode, ...] = ("strict", "bounded")


class _Call(NamedTuple):
    process: str
    called: float
    returned: float
    certain: float


class Crowd:
    """Threads of several processes, on cells and a store that they share.

    Attributes:
        reads: by all of them.
        writes_too: whether they write; else whoever is killed was the last one to.
    """

    def __init__(self, cells: Cells, backend: Backend) -> None:
        self.reads: list[Read] = []
        self.writes_too = True
        self._cells = cells
        self._backend = backend
        self._marks = count(1)
        self._calls: dict[int, _Call] = {}
        self._work: list[Future[None]] = []
        self._rounds: list[tuple[float, float]] = []
        with cells.lend() as connection:
            connection.execute(_LOG)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have all of them read and write meanwhile; what one of them raises is raised."""
        stop = Event()
        with ExitStack() as stack, ThreadPoolExecutor(_PROCESSES * _THREADS) as threads:
            for process in range(_PROCESSES):
                db = stack.enter_context(Database(self._cells.conninfo, self._cells.folder, cache=Cache(self._backend)))
                self._work += [
                    threads.submit(self._read_and_write, db, f"process {process}", Random(10 * process + thread), stop)  # noqa: S311
                    for thread in range(_THREADS)
                ]
            try:
                yield
            finally:
                stop.set()
                for each in self._work:
                    each.result()

    def kill_a_writer(self) -> float:
        """Have a process write, and kill it between its commit and telling the store of it; return when it has."""
        mark, called = next(self._marks), time.monotonic()
        victim = subprocess.Popen(
            [sys.executable, "-m", "tests.histories.victim", str(self._cells.folder), "both", "1", str(mark)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "VICTIMS_URL": self._cells.conninfo},
            stdout=subprocess.PIPE,
        )
        assert victim.stdout
        with victim.stdout:
            assert victim.stdout.readline() == b"committed\n"
            committed = time.monotonic()
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        self._calls[mark] = _Call("victim", called, inf, committed)
        return committed

    def deliver(self) -> None:
        """Have the outbox deliver all that is due."""
        began = time.monotonic()
        done = drive(Outbox(self._backend).deliver(), self._cells.db._perform)  # noqa: SLF001
        if not done.due:
            self._rounds.append((began, time.monotonic()))

    def await_read(self, mode: Mode, since: float) -> None:
        """Deliver until a read has come to its end that began later than that."""
        while not any(read.mode == mode and read.began > since for read in self.reads[-_PROCESSES * _THREADS :]):
            for each in self._work:
                if each.done():
                    each.result()
            self.deliver()

    def writes(self) -> list[Write]:
        """Return every commit."""
        with self._cells.lend() as connection:
            rows = connection.execute("SELECT cell, value, mark FROM log").fetchall()
        return [self._write(cell, Content(value, mark)) for cell, value, mark in rows]

    def _write(self, cell: str, content: Content) -> Write:
        call = self._calls[content.mark]
        told = min((ended for began, ended in self._rounds if began >= call.certain), default=inf)
        return Write(cell, content, call.process, call.called, call.certain, call.returned, told)

    def _read_and_write(self, db: Database, process: str, random: Random, stop: Event) -> None:
        while not stop.is_set():
            table = random.choice(("both", *TABLES))
            if self.writes_too and random.random() < _WRITES:
                mark, called = next(self._marks), time.monotonic()
                db.run(f"write.{table}", id=1, mark=mark)
                self._calls[mark] = _Call(process, called, time.monotonic(), time.monotonic())
            else:
                read = Read(random.choice(_MODES), process, cells_of(table, 1), time.monotonic(), label=process)
                read.answer = contents(db.run(f"{read.mode}.{table}", id=1))
                read.ended = time.monotonic()
                self.reads.append(read)
