"""Contracts in, clients that ask them again and again out: who called what, from when to when."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier

from pgproof.contracts.asking import make_call
from pgproof.contracts.finding import Finding
from pgproof.contracts.impact.writes import read_writes
from pgproof.contracts.session import Session
from pgproof.errors import PgproofError
from pgproof.sqltext import ParseError, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from psycopg import Connection

    from pgproof.contracts.answer import Call
    from pgproof.contracts.subjects import Subject

_FIRST_ROUND = 0.4  # seconds: to know what is usual, and which calls are quick
_QUICK = 0.05  # seconds: one that takes longer anyway would hide a wait, and hold us up in the end
_PATIENCE = 60_000  # milliseconds that a call waits for a migration before it gives up, and the client goes on
_PAUSE = 0.002  # seconds between two calls, so that two cores are left to the server


@dataclass(frozen=True)
class Made:
    """A call that was made; times are `time.perf_counter`'s."""

    query: str
    case: str
    began: float
    ended: float

    @property
    def took(self) -> float:
        """Seconds."""
        return self.ended - self.began


@dataclass
class Client:
    """Asks its subjects in a loop, each call rolled back, until `stop`.

    Attributes:
        pid: of its server process.
        usual: calls of the first round, before anything is migrated.
        made: calls since.
        asking: what it asks at this moment, as `activities.home[andrew]`.
    """

    connect: Callable[[], Connection[Any]]
    subjects: Sequence[Subject]
    role: str
    pid: int = 0
    usual: list[Made] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    asking: str = ""

    def __post_init__(self) -> None:
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="pgproof-client", daemon=True)

    def start(self) -> None:
        """Begin the first round."""
        self._thread.start()

    def await_ready(self) -> None:
        """Wait until the first round is over, or the client is."""
        self._ready.wait()

    def stop(self) -> None:
        """Let it finish its call and leave."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        try:
            with self.connect() as connection:
                self.pid = connection.info.backend_pid
                session = Session(connection, alone=False, role=self.role)
                calls = self._try_out(session)
                self._ready.set()
                while calls and not self._stop.is_set():
                    self._round(session, calls)
        except (psycopg.Error, PgproofError):
            return  # what a query meets is the proof `release`'s to tell; here it is one client less
        finally:
            self._ready.set()

    def _try_out(self, session: Session) -> list[tuple[Subject, str, Call]]:
        """Ask each call once, as far as there is time; return those that are quick."""
        session.connection.execute(f"SET statement_timeout = {_QUICK * 1000:.0f}".encode())
        quick, end = [], time.perf_counter() + _FIRST_ROUND
        for subject, case, call in _make_calls(session, self.subjects):
            if time.perf_counter() > end or self._stop.is_set():
                break
            self._ask(session, subject, case, call, self.usual)
            if self.usual[-1].took < _QUICK:
                quick.append((subject, case, call))
            else:
                self.usual.pop()
        session.connection.execute(f"SET statement_timeout = {_PATIENCE}".encode())
        return quick

    def _round(self, session: Session, calls: Iterable[tuple[Subject, str, Call]]) -> None:
        for subject, case, call in calls:
            self._ask(session, subject, case, call, self.made)
            if self._stop.wait(_PAUSE):
                return

    def _ask(self, session: Session, subject: Subject, case: str, call: Call, made: list[Made]) -> None:
        self.asking = f"{subject.query.name}[{case}]"
        began = time.perf_counter()
        session.ask([call])
        made.append(Made(subject.query.name, case, began, time.perf_counter()))


def sit_down(connection: Connection[Any], subjects: Sequence[Subject], role: str) -> None:
    """Lock what the subjects read and stay in the transaction: a report that somebody has left open.

    To explain a query takes the locks that running it does, and no time.
    """
    calls = _make_calls(Session(connection, alone=False), subjects)
    connection.execute("BEGIN")
    if role:
        connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role)))
    for call in {subject.query.name: call for subject, _, call in reversed(calls)}.values():
        connection.execute("SAVEPOINT reading")
        connection.pgconn.exec_params(b"EXPLAIN " + call.sql, call.values, call.oids, call.formats)
        if connection.info.transaction_status == TransactionStatus.INERROR:
            connection.execute("ROLLBACK TO reading")


def split(subjects: Iterable[Subject]) -> tuple[list[Subject], list[Subject]]:
    """Return the subjects that read only, and those that write."""
    reading: list[Subject] = []
    writing: list[Subject] = []
    for each in subjects:
        (writing if _writes(each) else reading).append(each)
    return reading, writing


def _writes(subject: Subject) -> bool:
    try:
        return any(read_writes(statement) for statement in parse(subject.query.command.sql))
    except ParseError:
        return True


def _make_calls(session: Session, subjects: Iterable[Subject]) -> list[tuple[Subject, str, Call]]:
    """Return all calls, the first of each subject first: there may not be time for all."""
    rounds = zip_longest(*([(each, case) for case in each.contract.cases] for each in subjects))
    cases = [each for turn in rounds for each in turn if each]
    calls = [(subject, case.name, make_call(session, subject, case)) for subject, case in cases]
    return [(subject, case, call) for subject, case, call in calls if not isinstance(call, Finding)]
