"""A step of a deploy and a connection in, its statements run on it as the runner would run them out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier

from pgproof.errors import MigrationFailed
from pgproof.migrations.message import BACK_TO_LOGIN, RESET, Refused, failure
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from pgproof.gate.measuring.deploy import Step
    from pgproof.sqltext import Statement

_PAUSE = 0.1  # seconds before another attempt; the runner's own is longer and grows


def limit(connection: Connection[Any], how: Literal["SET", "SET LOCAL"], step: Step) -> None:
    """Set what the runner sets, but no limit on time: on another machine a statement would meet it, or not."""
    limits = SQL("{0} lock_timeout = {1}; {0} statement_timeout = 0")
    connection.execute(limits.format(SQL(how), step.lock_timeout))


def send(connection: Connection[Any], step: Step, statement: Statement) -> float:
    """Run a statement; return the seconds that it took.

    Raises:
        MigrationFailed: the server refuses it.
    """
    began = time.perf_counter()
    try:
        connection.execute(statement.text.encode())
    except psycopg.Error as error:
        if connection.closed:
            raise
        at = int(error.diag.statement_position or 0)
        line = statement.line + statement.text.count("\n", 0, at - 1) if at else None
        raise failure(step.migration, error, statement, line) from error
    return time.perf_counter() - began


def run_transaction(connection: Connection[Any], step: Step, each: Callable[[Statement], object]) -> None:
    """Run a script as one transaction, by calling `each` for its statements.

    Raises:
        MigrationFailed: the server refuses it, and nothing of it is left.
    """
    try:
        with connection.transaction():
            limit(connection, "SET LOCAL", step)
            for statement in parse(step.migration.text):
                each(statement)
            connection.execute(BACK_TO_LOGIN)
    except psycopg.Error as error:  # a deferred constraint
        if connection.closed:
            raise
        raise failure(step.migration, error) from error
    connection.execute(RESET)


def run_alone(connection: Connection[Any], step: Step, each: Callable[[Statement], object]) -> None:
    """Run the one statement of a script without a transaction, by calling `each` for it.

    Raises:
        MigrationFailed: the server refuses it.
    """
    limit(connection, "SET", step)
    try:
        for statement in parse(step.migration.text):
            with _no_half_index(connection, statement):
                each(statement)
    finally:
        if not connection.closed:
            connection.execute(RESET)


@contextmanager
def _no_half_index(connection: Connection[Any], statement: Statement) -> Iterator[None]:
    """Take away what a refused CREATE INDEX CONCURRENTLY leaves, as the runner does."""
    try:
        yield
    except MigrationFailed:
        if statement.kind == "IndexStmt":
            names = filter(None, (statement.tree["relation"].get("schemaname"), statement.tree["idxname"]))
            connection.execute(SQL("DROP INDEX IF EXISTS {}").format(Identifier(*names)))
        raise


def run_python(connection: Connection[Any], step: Step, record: str) -> None:
    """Run a Python migration as one transaction that ends with `record`.

    Raises:
        MigrationFailed: the server refuses it, or a step of it raises.
    """
    from pgproof.migrations import python

    try:
        python.run(connection, step.migration, "apply", record, lock_timeout=step.lock_timeout, statement_timeout="0")
    except Refused as refused:
        raise failure(step.migration, refused.error) from refused.error


def met_lock(refused: MigrationFailed) -> bool:
    """Whether somebody else was in the way."""
    return isinstance(refused.__cause__, errors.LockNotAvailable | errors.DeadlockDetected)


def retrying(attempts: int, attempt: Callable[[], None]) -> None:
    """Make an attempt again while it meets a lock or a deadlock, as the runner does.

    Raises:
        MigrationFailed: it is refused for another reason, or each time.
    """
    for count in range(attempts):
        try:
            attempt()
        except MigrationFailed as refused:
            if not met_lock(refused) or count == attempts - 1:
                raise
            time.sleep(_PAUSE)
        else:
            return
