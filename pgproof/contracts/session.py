"""A connection to a seeded database in, what the server answers to queries out: as text, and with nothing left behind.

Each call is a transaction of its own that is rolled back, after its deferred constraints were checked as COMMIT would.
Many calls go out in one message (libpq's pipeline), because a round trip costs more than most queries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.rows import tuple_row

from pgproof.errors import ServerUnavailable
from pgproof.pg.footprint import fetch_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.pq.abc import Buffer, PGconn, PGresult

    from pgproof.queries import Query

# What decides how values are written, and plans.
_PINNED = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET lc_numeric = 'C'; SET xmlbinary = 'base64';
SET xmloption = 'content'; SET client_encoding = 'UTF8'; SET jit = off; SET max_parallel_workers_per_gather = 0
"""
_AT_ONCE = 50  # calls in one message: libpq holds their answers in memory


@dataclass(frozen=True)
class Call:
    """What is sent for a query: its command, and values as psycopg sends those of an application."""

    sql: bytes
    values: Sequence[Buffer | None] = field(default=(), repr=False)
    oids: Sequence[int] = ()
    formats: Sequence[Any] = ()


@dataclass(frozen=True)
class Refusal:
    """The server's no.

    Attributes:
        sqlstate: its code.
        constraint: which one was violated, if it was one.
        position: in the command, from 1, where the server tells it.
    """

    sqlstate: str
    message: str
    detail: str = ""
    constraint: str = ""
    position: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the server said to a call.

    Attributes:
        names: of the columns.
        oids: their types.
        rows: values in the server's text; None is NULL.
        affected: rows that were written, or returned.
        refusal: set where it said no; the rest is empty then.
    """

    names: tuple[str, ...] = ()
    oids: tuple[int, ...] = ()
    rows: tuple[tuple[bytes | None, ...], ...] = field(default=(), repr=False)
    affected: int = 0
    refusal: Refusal | None = None


class Session:
    """A connection, in autocommit and outside of a transaction, that contracts have for themselves."""

    def __init__(self, connection: Connection[Any]) -> None:
        connection.execute(_PINNED)
        self.connection = connection
        self._restart = _restart(connection)

    def call(self, query: Query, params: Mapping[str, object]) -> Call:
        """Make the call of a query.

        Raises:
            ParameterMismatch, SqlFileError: as the adapter raises them.
        """
        values = query.command.bind(params)
        transformer = Transformer(self.connection)
        dumped = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        return Call(query.command.sql.encode(), dumped, transformer.types or (), transformer.formats or ())

    def ask(self, calls: Iterable[Call], *, before: Sequence[str] = ()) -> list[Answer]:
        """Return the answer to each call; `before` are statements that each one's transaction begins with.

        A call whose `before` is refused has that refusal for an answer.
        """
        pgconn, waiting = self.connection.pgconn, list(calls)
        first = [*map(str.encode, before), *self._restart]
        answers: list[Answer] = []
        pgconn.enter_pipeline_mode()
        try:
            for start in range(0, len(waiting), _AT_ONCE):
                batch = waiting[start : start + _AT_ONCE]
                for call in batch:
                    _send(pgconn, first, call)
                answers += [_receive(pgconn, len(first)) for _ in batch]
        finally:
            pgconn.exit_pipeline_mode()
        return answers


def _restart(connection: Connection[Any]) -> list[bytes]:
    """Return what puts sequences where they stand now: no rollback does, and a row's number may be part of an answer."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        standing = sorted((each.oid, each.last_value, each.is_called) for each in fetch_sequences(cursor))
    calls = ", ".join(f"setval({oid}::regclass, {last}, {called})" for oid, last, called in standing)
    return [f"SELECT {calls}".encode()] if calls else []


def _send(pgconn: PGconn, first: Sequence[bytes], call: Call) -> None:
    """All up to the first sync is one transaction; when something in it is refused, the server skips the rest of it."""
    for statement in (b"BEGIN", *first):
        pgconn.send_query_params(statement, None)
    pgconn.send_query_params(call.sql, call.values, call.oids, call.formats)
    pgconn.send_query_params(b"SET CONSTRAINTS ALL IMMEDIATE", None)
    pgconn.pipeline_sync()
    pgconn.send_query_params(b"ROLLBACK", None)
    pgconn.pipeline_sync()


def _receive(pgconn: PGconn, before: int) -> Answer:
    answer = Answer()
    for number, result in enumerate(_until_sync(pgconn)):
        if result.status == ExecStatus.FATAL_ERROR:
            answer = Answer(refusal=_refusal(result))
        elif number == before + 1 and result.status != ExecStatus.PIPELINE_ABORTED:
            answer = _answer(result)
    for _ in _until_sync(pgconn):  # of the rollback
        pass
    return answer


def _until_sync(pgconn: PGconn) -> Iterator[PGresult]:
    while True:
        result = pgconn.get_result()
        if result is None:  # between one command's results and the next one's, or for ever
            if pgconn.status != ConnStatus.OK:
                raise ServerUnavailable(f"the connection is lost: {pgconn.get_error_message().strip()}")
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return
        yield result


def _answer(result: PGresult) -> Answer:
    columns = range(result.nfields)
    rows = tuple(tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples))
    names = tuple((result.fname(column) or b"").decode() for column in columns)
    return Answer(names, tuple(map(result.ftype, columns)), rows, result.command_tuples or 0)


def _refusal(result: PGresult) -> Refusal:
    def say(code: DiagnosticField) -> str:
        return (result.error_field(code) or b"").decode(errors="replace")

    return Refusal(
        say(DiagnosticField.SQLSTATE),
        say(DiagnosticField.MESSAGE_PRIMARY),
        say(DiagnosticField.MESSAGE_DETAIL),
        say(DiagnosticField.CONSTRAINT_NAME),
        say(DiagnosticField.STATEMENT_POSITION) or None,
    )
