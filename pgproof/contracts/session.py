"""A connection to a seeded database in, what the server answers to queries out: as text, and with nothing left behind.

Each call is a transaction of its own that is rolled back, after its deferred constraints were checked as COMMIT would.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from psycopg import sql
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from pgproof.contracts.answer import Call
from pgproof.contracts.pipeline import BEGIN, SAVEPOINT, exchange, forget, pipelined, prepare
from pgproof.pg.footprint import fetch_sequences
from pgproof.queries.refusal import ERRORS, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from pgproof.contracts.answer import Answer
    from pgproof.queries import Query

# What decides how values are written, and plans; and no call waits for a disk, because nothing is to last.
_PINNED = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET lc_numeric = 'C'; SET lc_time = 'C'; SET xmlbinary = 'base64';
SET xmloption = 'content'; SET quote_all_identifiers = off; SET client_encoding = 'UTF8'; SET jit = off;
SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off
"""
_SET_BACK = "SELECT count(setval(oid, last, called)) FROM"
_AT_ONCE = 50  # calls in one message: libpq holds their answers in memory


class Session:
    """A connection in autocommit, on which queries are asked."""

    def __init__(self, connection: Connection[Any], *, alone: bool = True, role: str = "") -> None:
        """Pin the connection's settings.

        Args:
            connection: to a clone, or to a database that others use.
            alone: nobody else uses the database, so its sequences may be put back after each call.
            role: as which queries are asked, where it is not the connection's own.
        """
        connection.execute(_PINNED)
        self.connection = connection
        self._become = [sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)).as_bytes()] if role else []
        self._restart = _prepare_restart(connection) if alone else ""

    def call(self, query: Query, params: Mapping[str, object]) -> Call:
        """Make the call of a query.

        Raises:
            ParameterMismatch, SqlFileError: as the adapter raises them.
        """
        command, values = query.command, query.command.bind(params)
        transformer = Transformer(self.connection)
        try:
            dumped = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        except ERRORS as error:
            raise explain(error, self.connection, command, values) from error
        return Call(command.sql.encode(), dumped, transformer.types or (), transformer.formats or ())

    def ask(self, calls: Iterable[Call], *, before: Sequence[str] = ()) -> list[Answer]:
        """Return the answer to each call; `before` are statements that each one's transaction begins with.

        A call whose `before` is refused has that refusal for an answer. While a transaction is open on the connection,
        each call is a savepoint of it instead; it must not have dropped sequences, which could not be put back.

        Raises:
            ServerUnavailable: the connection is lost, or was before.
            QueryError: a call is a COPY to or from us; the connection is closed.
        """
        wait, waiting = self.connection.wait, list(calls)
        is_open = self.connection.pgconn.transaction_status == TransactionStatus.INTRANS
        first = [SAVEPOINT if is_open else BEGIN, *self._become, *map(str.encode, before)]
        answers: list[Answer] = []
        with pipelined(self.connection) as pgconn:
            # A plan that was made before what a transaction begins with may be none for what comes after it.
            prepared = {} if before or is_open else wait(prepare(pgconn, waiting))
            for start in range(0, len(waiting), _AT_ONCE):
                batch = waiting[start : start + _AT_ONCE]
                answers += wait(exchange(pgconn, batch, first, self._restart, prepared))
            if prepared:
                wait(forget(pgconn, prepared.values()))
        return answers

    @contextmanager
    def undone(self) -> Iterator[Connection[Any]]:
        """Give the connection for a transaction of which nothing stays, for what a call alone cannot tell."""
        try:
            with self.connection.transaction(force_rollback=True):
                for each in self._become:
                    self.connection.execute(each)
                yield self.connection
        finally:
            if self._restart and not self.connection.closed:
                self.connection.execute(f"EXECUTE {self._restart}".encode())
                self.connection.execute("DISCARD SEQUENCES")


def _prepare_restart(connection: Connection[Any]) -> str:
    """Prepare what puts sequences where they stand now; return its name, or nothing where there is none.

    No rollback does that, and a row's number may be part of an answer.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        standing = sorted((each.oid, each.last_value, each.is_called) for each in fetch_sequences(cursor))
        rows = ", ".join(
            f"({oid}::oid, {last}::bigint, {called})" for oid, last, called in standing if last is not None
        )
        if not rows:
            return ""
        name = f"restart_{uuid4().hex}"
        cursor.execute(f"PREPARE {name} AS {_SET_BACK} (VALUES {rows}) AS s (oid, last, called)".encode())
        cursor.execute(f"EXECUTE {name}".encode())  # a role that may not is told so now
    return name
