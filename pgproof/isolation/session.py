"""A clone's libpq connection in, psycopg connections for one test out: whatever a test does to one, the next is new.

They share one session of the server with whoever made it, which stays open when they are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from psycopg import AsyncConnection, Connection, pq
from psycopg.rows import TupleRow

from pgproof.errors import PgproofError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

INSTEAD = 'mark the test @pytest.mark.pgproof(isolation="clone")'
"""What to do about a test that cannot live in a transaction."""


class Session(Connection[TupleRow]):
    """The fixture `connection` of a test that has the whole clone."""

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self._autocommit = True
        self.prepare_threshold = None  # two connections on one session would use the same names


class AsyncSession(AsyncConnection[TupleRow]):
    """The fixture `async_connection` of a test that has the whole clone."""

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self._autocommit = True
        self.prepare_threshold = None


class SessionInTransaction(Session):
    """The fixture `connection` of a test that lives in a transaction: `transaction()` nests, the rest would end it."""

    def commit(self) -> NoReturn:
        """Refuse: the transaction is the test's."""
        _refuse("connection.commit()")

    def rollback(self) -> NoReturn:
        """Refuse: the transaction is the test's."""
        _refuse("connection.rollback()")

    def __enter__(self) -> NoReturn:
        _refuse("leaving `with connection:`")


class AsyncSessionInTransaction(AsyncSession):
    """The fixture `async_connection` of a test that lives in a transaction."""

    async def commit(self) -> NoReturn:
        """Refuse: the transaction is the test's."""
        _refuse("async_connection.commit()")

    async def rollback(self) -> NoReturn:
        """Refuse: the transaction is the test's."""
        _refuse("async_connection.rollback()")

    async def __aenter__(self) -> NoReturn:
        _refuse("leaving `async with async_connection:`")


def retire(connection: Connection[TupleRow] | AsyncConnection[TupleRow]) -> None:
    """Close it without closing the session, for who kept it beyond the end of the test."""
    connection.pgconn = _closed()


def _closed() -> PGconn:
    pgconn = pq.PGconn.connect_start(b"host=/")  # a folder without a server: nothing is sent anywhere
    pgconn.finish()
    return pgconn


def _refuse(what: str) -> NoReturn:
    raise PgproofError(f"{what} would end the transaction that this test lives in", hint=INSTEAD)
