"""A large database, base's contracts and a change in, who waited for what while it was migrated out."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from pgproof.errors import Location, MigrationFailed
from pgproof.gate.measuring import running
from pgproof.gate.measuring.clients import Client, sit_down, split
from pgproof.gate.measuring.deploy import order
from pgproof.gate.measuring.fitting import Fitting
from pgproof.gate.measuring.meetings import IDLE, Held, Ran, Traffic, Wait
from pgproof.gate.measuring.sampling import sampling
from pgproof.gate.measuring.watching import Watch
from pgproof.migrations import writer
from pgproof.migrations.ledger import ensure_tables, fetch_ledger
from pgproof.sqltext import hide_passwords

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from psycopg import Connection

    from pgproof.contracts.subjects import Subject
    from pgproof.gate.change import Change
    from pgproof.gate.databases import Databases
    from pgproof.gate.measuring.deploy import Step
    from pgproof.sqltext import Statement

__all__ = ["Held", "Ran", "Traffic", "Wait", "drive"]


def drive(databases: Databases, name: str, change: Change) -> Traffic:
    """Let clients run base's contracts in a loop while the new migrations run.

    Args:
        databases: the server.
        name: of a database with base's schema and many rows; it has head's afterwards.
        change: what is new.

    Raises:
        MigrationFailed: the server refuses a statement, other than for a lock.
    """
    subjects = change.base.subjects
    with (
        databases.connect_runner(name) as connection,
        _clients(databases, name, subjects) as clients,
        _idle(databases, name, subjects),
    ):
        watch = Watch(connection.info.backend_pid, {each.pid: each for each in clients})
        with sampling(lambda: databases.connect(name), watch.look):
            ran = _migrate(databases, connection, change, watch)
        ended = time.perf_counter()
    return _conclude(watch, clients, ran, ended)


@contextmanager
def _clients(databases: Databases, name: str, subjects: Sequence[Subject]) -> Iterator[list[Client]]:
    """Give clients at work: one that reads, one that writes."""
    clients = [Client(lambda: databases.connect(name), each, databases.role) for each in split(subjects) if each]
    try:
        for each in clients:
            each.start()
        for each in clients:
            each.await_ready()
        yield clients
    finally:
        for each in clients:
            each.stop()


@contextmanager
def _idle(databases: Databases, name: str, subjects: Sequence[Subject]) -> Iterator[None]:
    """Have somebody sit in a transaction for a moment, with what the reading contracts read."""
    reading, _ = split(subjects)
    if not reading:
        yield
        return
    leave = threading.Event()
    with databases.connect(name) as connection:
        sit_down(connection, reading, databases.role)

        def sit() -> None:
            leave.wait(IDLE)
            connection.execute("ROLLBACK")

        thread = threading.Thread(target=sit, name="pgproof-idler", daemon=True)
        thread.start()
        try:
            yield
        finally:
            leave.set()
            thread.join()


def _migrate(databases: Databases, connection: Connection[Any], change: Change, watch: Watch) -> list[Ran]:
    ran: list[Ran] = []
    fitting = Fitting(connection, lambda: databases.connect(databases.built(change.head, seeded=False)))
    attempts = change.head.settings.lock_attempts
    with writer.prepared(connection, fetch_ledger(connection).schema or ensure_tables(connection)):
        try:
            for step in order(change):
                fitting.fitted(partial(running.retrying, attempts, partial(_run, connection, step, watch, ran)))
        except MigrationFailed as refused:
            if not running.met_lock(refused):  # clients are in the way in each attempt: that is what was to be seen
                raise
    return ran


def _run(connection: Connection[Any], step: Step, watch: Watch, ran: list[Ran]) -> None:
    before = len(ran)
    try:
        _run_statements(connection, step, watch, ran)
    except MigrationFailed:
        del ran[before:]  # only what came to something is told
        raise


def _run_statements(connection: Connection[Any], step: Step, watch: Watch, ran: list[Ran]) -> None:
    def each(statement: Statement) -> None:
        at, began = Location(step.migration.path, statement.line), watch.now()
        watch.running = at
        running.send(connection, step, statement)
        ran.append(Ran(at, hide_passwords(statement.text), began, watch.now()))

    if step.migration.language == "python":
        at, began = Location(step.migration.path, 1), watch.now()
        watch.running = at
        running.run_python(connection, step, "")
        ran.append(Ran(at, hide_passwords(step.migration.text), began, watch.now()))
    elif step.migration.transactional:
        running.run_transaction(connection, step, each)
    else:
        running.run_alone(connection, step, each)


def _conclude(watch: Watch, clients: Sequence[Client], ran: list[Ran], ended: float) -> Traffic:
    longest: dict[str, float] = defaultdict(float)
    made = [each for client in clients for each in client.made if each.ended > watch.began and each.began < ended]
    for each in made:
        longest[each.query] = max(longest[each.query], each.took)
    usual = max((each.took for client in clients for each in client.usual), default=0.0)
    held, waits = tuple(watch.held), tuple(watch.waits)
    return Traffic(tuple(ran), held, waits, dict(sorted(longest.items())), len(made), usual)
