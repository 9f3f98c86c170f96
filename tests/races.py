"""Processes of one application that race: a database, a backend, and time that only a test moves."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgproof import Database
from pgproof.cache import Backend, Cache, Limits, Memory
from pgproof.cache.outbox import Outbox
from pgproof.cache.watching import watch
from pgproof.queries.call import call_for_rows
from pgproof.queries.steps import Fetch, Join, drive
from tests.adapters import put
from tests.caches import Run, watch_tables
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgproof.cache.backends.momento import Momento
    from pgproof.cache.backends.postgres import Postgres
    from pgproof.testing import MomentoServer

BACKENDS = ("memory", "postgres", "momento")
MODES = {"strict": "mode=strict", "bounded": "mode=bounded", "prompt": "mode=bounded lag=0s"}
FEW = ("strict-memory", "bounded-postgres", "bounded-momento")  # for races that are the same in all the others
LAG, TTL, LEASE, REST = 1.0, 60.0, 2.0, 10.0
_MORE = 1.001
_PATIENT = 5.0  # seconds that a backend may take on a busy machine; none does


def declare(name: str, text: str, *, returns: str = "value", words: str = "") -> dict[str, str]:
    """Return the files of a query, one for each mode."""
    return {
        f"{name}/{mode}": f"-- returns: {returns}\n-- cache: ttl=60s {said} {words}\n{text}"
        for mode, said in MODES.items()
    }


QUERIES = declare("tally", "SELECT n FROM tally") | {"tally/add": "-- returns: affected\nUPDATE tally SET n = n + 1"}


def prepare(connection: psycopg.Connection[Any], number: int = 0) -> None:
    """Fill an empty database."""
    connection.execute("CREATE TABLE tally (n int NOT NULL)")
    connection.execute("INSERT INTO tally VALUES (%s)", [number])
    watch_tables(connection, ["tally"])


class Racer(Run[Any]):
    """A run that never waits for another one, which in one thread would be for ever."""

    def step(self) -> None:
        assert not (isinstance(self.next, Join) and not self.next.future.done()), "it waits for another run"
        super().step()

    def wait(self) -> Racer:
        """Stop before it waits for another run, or asks the database."""
        while self.next is not None and not isinstance(self.next, Join | Fetch):
            self.step()
        return self


class Process:
    """A process of the application."""

    def __init__(self, db: Database, cache: Cache, mode: str) -> None:
        self.db = db
        self.cache = cache
        self._mode = mode

    def read(self, name: str = "tally") -> Racer:
        """Begin to read; nothing of it is performed yet."""
        return self._begin(f"{name}.{self._mode}")

    def add(self) -> Racer:
        """Begin to write; nothing of it is performed yet."""
        return self._begin("tally.add")

    def ask(self, name: str = "tally") -> Any:
        """Read as the application does."""
        return self.db.run(f"{name}.{self._mode}")

    def _begin(self, name: str) -> Racer:
        return Racer(self.db, self.cache.answer(call_for_rows(self.db.queries[name], None, {})))

    def counted(self, event: str) -> int:
        """Return how often something happened to any query."""
        return sum(many for (_, what), many in self.cache.counters.events.items() if what == event)


class World:
    """A database with one number in a watched table, which each write adds one to.

    Attributes:
        elsewhere: somebody's connection who knows nothing of a cache.
    """

    def __init__(self, url: str, folder: Path, mode: str, kind: str, stack: ExitStack) -> None:
        self.url, self.mode, self.kind = url, mode, kind
        self.name = conninfo_to_dict(url)["dbname"]
        self.folder = put(folder, QUERIES)
        self.clock = Clock()
        self.server = stack.enter_context(_serve()) if kind == "momento" else None
        self._stack = stack
        self.elsewhere = self.connect()
        prepare(self.elsewhere)

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection of somebody else's."""
        return self._stack.enter_context(psycopg.connect(self.url, autocommit=True))

    @property
    def momento(self) -> MomentoServer:
        assert self.server
        return self.server

    @property
    def tells_by_outbox(self) -> bool:
        """Whether a write by somebody else is known of when the outbox has delivered it."""
        return self.mode != "strict" and self.kind == "momento"

    def declare(self, *queries: dict[str, str]) -> None:
        """Add queries for the processes that are started from now on."""
        for each in queries:
            put(self.folder, each)

    def run(self, text: str) -> None:
        """Run statements as somebody else, in one transaction."""
        self.elsewhere.execute(text.encode())

    def set(self, setting: str, value: str) -> None:
        """Have all sessions that are begun from now on begin with a setting."""
        self.run(f"ALTER DATABASE {self.name} SET {setting} = {value}")

    def watch(self, *tables: str) -> None:
        """Watch more tables."""
        self.run(watch(f"public.{table}" for table in tables))

    def process(self, url: str | psycopg.Connection[Any] = "", *, name: str = "", skew: float = 0) -> Process:
        """Start a process, whose wall clock may be wrong by some seconds."""
        cache = Cache(
            self.make_backend(),
            name=name,
            limits=Limits(budget=100),
            clock=self.clock,
            wall_clock=lambda: self.clock() + skew,
        )
        db = self._stack.enter_context(Database(url or self.url, self.folder, cache=cache))
        return Process(db, cache, self.mode)

    def make_backend(self) -> Backend:
        """Make what a process keeps results in: a memory of its own, or its way to what all share."""
        if self.kind == "memory":
            return Memory(clock=self.clock)
        made = self._make_postgres() if self.kind == "postgres" else self._make_momento()
        self._stack.callback(made.close)
        return made

    def _make_postgres(self) -> Postgres:
        from pgproof.cache.backends.postgres import Postgres

        return Postgres(self.url, timeout=_PATIENT)

    def _make_momento(self) -> Momento:
        from pgproof.cache.backends.momento import Momento

        server = self.momento
        return Momento("cruddur", credentials=server.credentials, configuration=server.configuration, timeout=_PATIENT)

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, and a little more, so that all clocks agree."""
        seconds *= _MORE
        self.clock.now += seconds
        if self.server:
            self.server.advance(seconds)
        if self.kind == "postgres":
            self.elsewhere.execute(
                "UPDATE pgproof_cache.entries SET expires_at = expires_at - make_interval(secs => %s)", [seconds]
            )

    def settle(self) -> None:
        """Let as much time pass as an answer may be behind another process's write."""
        if self.mode == "bounded":
            self.wait(LAG)

    def catch_up(self) -> None:
        """Have everybody know of all that was written, by whom ever."""
        if self.tells_by_outbox:
            self.deliver()
        self.settle()

    def outlive(self) -> None:
        """Let as much time pass as any answer is kept."""
        self.wait(TTL)

    def deliver(self) -> None:
        """Let the outbox tell the backend of all writes."""
        process = self.process()
        drive(Outbox(process.cache.backend).deliver(), process.db._perform)  # noqa: SLF001

    def evict(self, what: str = "") -> None:
        """Take from a shared backend all keys that have this in them."""
        if self.kind == "momento":
            for key in self.momento.items("cruddur"):
                if what in str(key):
                    self.momento.evict("cruddur", key)
        elif self.kind == "postgres":
            self.elsewhere.execute(
                "DELETE FROM pgproof_cache.entries WHERE strpos(convert_from(key, 'UTF8'), %s) > 0", [what]
            )

    def find_token(self) -> bytes:
        """Return the token of the table, which Momento has."""
        found = self.momento.items("cruddur").items()
        [token] = [value for key, value in found if key.endswith("token:public.tally")]
        return token

    @contextmanager
    def old_snapshot(self, process: Process) -> Iterator[None]:
        """Begin a transaction of a process that sees nothing of what is committed from now on."""
        with process.db.transaction(), process.db.connection() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT n FROM tally")
            yield

    @property
    def committed(self) -> int:
        """What the table holds now."""
        [(number,)] = self.elsewhere.execute("SELECT n FROM tally")
        assert isinstance(number, int)
        return number


def _serve() -> MomentoServer:
    from pgproof.testing import MomentoServer

    return MomentoServer()
