"""Calls in, the server's answers out, in one message each way: a round trip costs more than most queries."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.waiting import Wait

from pgproof.contracts.answer import Answer, Refusal
from pgproof.errors import QueryError, ServerUnavailable
from pgproof.pg.loss import is_last

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

    from pgproof.contracts.answer import Call

BEGIN, SAVEPOINT = b"BEGIN", b"SAVEPOINT call"
"""What a call begins with: in no transaction, and in one that stays."""

Command = tuple[bytes, tuple[int, ...]]
"""What can be prepared of a call: its text, and the types of its parameters."""

_ENDS = {BEGIN: (b"ROLLBACK",), SAVEPOINT: (b"ROLLBACK TO call", b"RELEASE call")}
_COPIES = (ExecStatus.COPY_OUT, ExecStatus.COPY_IN, ExecStatus.COPY_BOTH)


@contextmanager
def pipelined(connection: Connection[Any]) -> Iterator[PGconn]:
    """Give what messages go through; an error costs the connection, for nobody knows which answers are still to come.

    Raises:
        ServerUnavailable: the connection is lost, or was before.
    """
    if connection.closed:
        raise ServerUnavailable("the connection is closed")
    pgconn = connection.pgconn
    try:
        pgconn.enter_pipeline_mode()
        yield pgconn
        pgconn.exit_pipeline_mode()
    except BaseException as error:
        lost = _why_lost(pgconn) if isinstance(error, psycopg.OperationalError) else ""
        connection.close()
        if lost:
            raise ServerUnavailable(f"the connection is lost: {lost}") from error
        raise


def prepare(pgconn: PGconn, calls: Sequence[Call]) -> PQGen[dict[Command, bytes]]:
    """Prepare what several calls have in common, and return the names: to plan a query takes longer than to run it.

    What the server refuses has no name; the calls themselves will be told why.
    """
    times = Counter(_command(call) for call in calls)
    names = {each: b"asked_%d" % number for number, each in enumerate(times) if times[each] > 1}
    for (sql, oids), name in names.items():
        pgconn.send_prepare(name, sql, oids)
        pgconn.pipeline_sync()
    yield from flush(pgconn)
    prepared = {}
    for command, name in names.items():
        (result,) = yield from receive_results(pgconn)
        if result.status == ExecStatus.COMMAND_OK:
            prepared[command] = name
    return prepared


def forget(pgconn: PGconn, prepared: Collection[bytes]) -> PQGen[None]:
    """Forget what was prepared; what a call has made the server forget itself is no matter."""
    for name in prepared:
        pgconn.send_query_params(b"DEALLOCATE " + name, None)
        pgconn.pipeline_sync()
    yield from flush(pgconn)
    for _ in prepared:
        yield from receive_results(pgconn)


def exchange(
    pgconn: PGconn, calls: Sequence[Call], first: Sequence[bytes], restart: str, prepared: Mapping[Command, bytes]
) -> PQGen[list[Answer]]:
    """Send all calls, then take all answers."""
    for call in calls:
        _send(pgconn, call, first, restart.encode(), prepared.get(_command(call)))
    yield from flush(pgconn)
    answers = []
    for _ in calls:
        answer = yield from _receive(pgconn, len(first))
        answers.append(answer)
    return answers


def _command(call: Call) -> Command:
    return call.sql, tuple(call.oids)


def flush(pgconn: PGconn) -> PQGen[None]:
    """Send all; what comes in meanwhile is taken in: a server whose answers nobody takes stops to listen."""
    while pgconn.flush():
        yield Wait.RW
        pgconn.consume_input()


def _send(pgconn: PGconn, call: Call, first: Sequence[bytes], restart: bytes, prepared: bytes | None) -> None:
    """All up to the first sync is one transaction; when something in it is refused, the server skips the rest of it."""
    for statement in first:
        pgconn.send_query_params(statement, None)
    if prepared:
        pgconn.send_query_prepared(prepared, call.values, call.formats)
    else:
        pgconn.send_query_params(call.sql, call.values, call.oids, call.formats)
    pgconn.send_query_params(b"SET CONSTRAINTS ALL IMMEDIATE", None)
    pgconn.pipeline_sync()
    for statement in _ENDS[first[0]]:
        pgconn.send_query_params(statement, None)
    if restart:
        pgconn.send_query_prepared(restart, None)
        pgconn.send_query_params(b"DISCARD SEQUENCES", None)  # or `currval` would know what this call has drawn
    pgconn.pipeline_sync()


def _receive(pgconn: PGconn, place: int) -> PQGen[Answer]:
    """Take one call's answer; its command is at that place in its transaction."""
    results = yield from receive_results(pgconn)
    rolled_back = yield from receive_results(pgconn)
    for number, result in enumerate((*results, *rolled_back)):
        if result.status == ExecStatus.FATAL_ERROR:
            return Answer(refusal=_refusal(result, is_command=number == place))
    return _answer(results[place])


def receive_results(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Take what comes until the next sync."""
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:  # between one command's results and the next one's, or for ever
            if pgconn.status != ConnStatus.OK:
                raise psycopg.OperationalError
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            _look(result)
            results.append(result)


def _look(result: PGresult) -> None:
    """Refuse what no sync comes after."""
    if result.status in _COPIES:
        raise QueryError("COPY to or from the client is no query", hint="write a SELECT, or an INSERT")
    if result.status == ExecStatus.FATAL_ERROR:
        error = psycopg.errors.error_from_result(result)
        if is_last(error):
            raise ServerUnavailable(f"the connection is lost: {error.diag.message_primary}")


def _why_lost(pgconn: PGconn) -> str:
    """Return the server's last words, which may still wait to be read; or libpq's; nothing if it is not lost."""
    if pgconn.status == ConnStatus.OK:
        return ""
    result = pgconn.get_result()
    said = psycopg.errors.error_from_result(result).diag.message_primary if result else ""
    return said or pgconn.get_error_message().strip()


def _answer(result: PGresult) -> Answer:
    columns = range(result.nfields)
    rows = tuple(tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples))
    names = tuple((result.fname(column) or b"").decode(errors="surrogateescape") for column in columns)
    return Answer(names, tuple(map(result.ftype, columns)), rows, result.command_tuples or 0)


def _refusal(result: PGresult, *, is_command: bool) -> Refusal:
    def say(code: DiagnosticField) -> str:
        return (result.error_field(code) or b"").decode(errors="replace")

    return Refusal(
        say(DiagnosticField.SQLSTATE),
        say(DiagnosticField.MESSAGE_PRIMARY),
        say(DiagnosticField.MESSAGE_DETAIL),
        say(DiagnosticField.CONSTRAINT_NAME),
        (say(DiagnosticField.STATEMENT_POSITION) or None) if is_command else None,
    )
