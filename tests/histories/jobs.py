"""What a process begins to do in, its steps out: calls through its cache, transactions, writes past all caches."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pgproof import Database
from pgproof.queries.call import Call
from pgproof.queries.steps import Fetch, Select, Send
from tests.histories.cells import Cells, ask, cells_of
from tests.histories.history import Mode
from tests.histories.runs import Act, Process, Protocol, change_steps, say
from tests.histories.script import Begin

Work = Generator[Any, Any, Any]
Rows = list[dict[str, Any]]


class Jobs:
    """The jobs of one simulation.

    Attributes:
        locked: cells that open transactions have written to: who wants to write to them has to wait.
    """

    def __init__(self, cells: Cells, mode: Mode, protocol: Protocol, note: Callable[[Rows, str], None]) -> None:
        """Know where; `note` is told what was committed, and by which process."""
        self.locked: set[str] = set()
        self._cells = cells
        self._mode = mode
        self._protocol = protocol
        self._note = note

    def start(self, begin: Begin, process: Process) -> Work:
        """Return the steps of a job."""
        match begin.job:
            case "read" | "write":
                return process.cache.answer(self._call(begin))
            case "fresh":
                return process.cache.fresh(self._call(begin))
            case "commit" | "roll back":
                return self._transact(begin, process)
            case "psql":
                return self._write_elsewhere(begin)
            case "deliver":
                return self._protocol.deliver(process.backend)
        return _compact()

    def _call(self, begin: Begin) -> Call:
        return self._writing(begin) if begin.job == "write" else self._reading(begin)

    def _reading(self, begin: Begin) -> Call:
        return self._cells.call(f"{self._mode}.{begin.table}", id=begin.id)

    def _writing(self, begin: Begin) -> Call:
        return self._cells.call(f"write.{begin.table}", id=begin.id, mark=begin.who)

    def _transact(self, begin: Begin, process: Process) -> Work:
        """Do as `Database.transaction` does, which announces whatever comes of it, unless it is killed."""
        writing = self._writing(begin)
        try:
            with self._cells.lend() as connection, self._locks() as held:
                yield from self._in_transaction(begin, process, connection, held)
        except GeneratorExit:
            raise
        except BaseException:
            yield from process.cache.announce([writing.query])
            raise
        yield from process.cache.announce([writing.query])

    def _in_transaction(self, begin: Begin, process: Process, connection: Any, held: set[str]) -> Work:
        rows: Rows = []

        def write() -> None:
            connection.execute("BEGIN")
            rows.extend(ask(connection, self._writing(begin)))
            held.update(cells_of(begin.table, begin.id))
            self.locked |= held

        def commit() -> None:
            connection.execute("COMMIT")
            self._note(rows, process.name)

        yield Act("BEGIN, write", write, writes=True)
        if self._protocol.fills_inside:
            reading = process.cache.answer(self._reading(begin))
            yield from _inside(Database(connection, self._cells.db.queries), reading)
        yield Act("COMMIT", commit) if begin.job == "commit" else Act("ROLLBACK", connection.rollback)

    def _write_elsewhere(self, begin: Begin) -> Work:
        with self._cells.lend() as connection:
            yield Act("write", lambda: self._note(ask(connection, self._writing(begin)), ""), writes=True)

    @contextmanager
    def _locks(self) -> Iterator[set[str]]:
        held = set[str]()
        try:
            yield held
        finally:
            self.locked -= held


def _inside(db: Database, work: Work) -> Work:
    """Have what is asked of the database asked within a transaction."""

    def change(step: Any) -> Work:
        asks = isinstance(step, Fetch | Send | Select)
        return (yield Act(say(step), partial(db._perform, step)) if asks else step)  # noqa: SLF001

    return (yield from change_steps(work, change))


def _compact() -> Work:
    yield Select("SELECT pgproof_cache.compact()")
