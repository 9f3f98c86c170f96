"""Statements in, what the server says of each before it runs out: types of parameters, columns. No plan is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from pgproof.contracts.pipeline import flush, pipelined, receive_results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

_AT_ONCE = 200  # statements in one message


@dataclass(frozen=True)
class Description:
    """What a statement takes and gives.

    Attributes:
        params: types of its parameters.
        columns: name, type and type modifier of each.
    """

    params: tuple[int, ...]
    columns: tuple[tuple[str, int, int], ...]


def fetch_descriptions(connection: Connection[Any], statements: Sequence[str]) -> list[Description | psycopg.Error]:
    """Have each statement prepared and described, in as few messages as can be; an error is what the server refused.

    A transaction that is open on the connection goes on, whatever is refused.

    Raises:
        ServerUnavailable: the connection is lost.
    """
    saves = connection.pgconn.transaction_status == TransactionStatus.INTRANS
    described: list[Description | psycopg.Error] = []
    with pipelined(connection) as pgconn:
        for start in range(0, len(statements), _AT_ONCE):
            described += connection.wait(_exchange(pgconn, statements[start : start + _AT_ONCE], saves=saves))
    return described


def _exchange(pgconn: PGconn, statements: Sequence[str], *, saves: bool) -> PQGen[list[Description | psycopg.Error]]:
    for each in statements:
        if saves:
            pgconn.send_query_params(b"SAVEPOINT description", None)
        pgconn.send_prepare(b"", each.encode())
        pgconn.send_describe_prepared(b"")
        pgconn.pipeline_sync()
        if saves:
            pgconn.send_query_params(b"ROLLBACK TO SAVEPOINT description", None)
            pgconn.pipeline_sync()
    yield from flush(pgconn)
    described = []
    for _ in statements:
        *_, prepared, answer = yield from receive_results(pgconn)
        refused = next((each for each in (prepared, answer) if each.status == ExecStatus.FATAL_ERROR), None)
        described.append(psycopg.errors.error_from_result(refused) if refused else _read(answer))
        if saves:
            yield from receive_results(pgconn)
    return described


def _read(answer: PGresult) -> Description:
    params = (answer.param_type(number) for number in range(answer.nparams))
    return Description(tuple(params), tuple(_columns(answer)))


def _columns(answer: PGresult) -> Iterator[tuple[str, int, int]]:
    for number in range(answer.nfields):
        name = (answer.fname(number) or b"").decode(errors="surrogateescape")
        yield name, answer.ftype(number), answer.fmod(number)
