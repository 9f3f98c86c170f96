"""A URL or a connection in, what an application asks with out, for threads and for asyncio."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, AsyncRawCursor, Connection, RawCursor

from pgproof.queries.adapter import Adapter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from typing import Self

    from pgproof.queries.call import Call
    from pgproof.queries.pool import AsyncPool, Pool, Terms


class Database(Adapter[Connection[Any]]):
    """Named queries, called by threads: `db.activities.home(…)`, `with db.transaction():`."""

    _pool: Pool

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that happens inside, or nothing of it; inside another one it is a savepoint.

        Raises:
            QueryFailed: the server refused to commit, as it does when a deferred constraint is violated.
            ServerUnavailable: the connection is lost, or none is to be had.
        """
        with self.connection() as connection, self._hold(connection) as between, connection.transaction(), between:
            yield

    def connection(self) -> AbstractContextManager[Connection[Any]]:
        """Lend a connection for what is no query, such as COPY; in a transaction it is the transaction's."""
        return nullcontext(in_hand) if (in_hand := self._in_hand) else self._pool.lend()

    def close(self) -> None:
        """Close the pool; a connection that was given stays open."""
        if not self._given:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_pool(self, terms: Terms) -> Pool:
        from pgproof.queries.pool import Pool

        return Pool(terms)

    def _ask(self, call: Call) -> Any:  # noqa: ANN401
        with (
            self.connection() as connection,
            call.explained(connection),
            RawCursor(connection, row_factory=call.row_factory) as cursor,
        ):
            with self._scope(connection):
                cursor.execute(call.command.sql, call.values)
            return call.give(cursor.fetchall() if call.fetches(cursor) else cursor.rowcount)


class AsyncDatabase(Adapter[AsyncConnection[Any]]):
    """Named queries, called by tasks of asyncio: `await db.activities.home(…)`, `async with db.transaction():`."""

    _pool: AsyncPool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """See `Database.transaction`."""
        async with self.connection() as connection:
            with self._hold(connection) as between:
                async with connection.transaction():
                    with between:
                        yield

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """See `Database.connection`."""
        return nullcontext(in_hand) if (in_hand := self._in_hand) else self._pool.lend()

    async def close(self) -> None:
        """See `Database.close`."""
        if not self._given:
            await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _make_pool(self, terms: Terms) -> AsyncPool:
        from pgproof.queries.pool import AsyncPool

        return AsyncPool(terms)

    async def _ask(self, call: Call) -> Any:  # noqa: ANN401
        async with self.connection() as connection:
            with call.explained(connection):
                async with AsyncRawCursor(connection, row_factory=call.row_factory) as cursor:
                    async with self._scope(connection):
                        await cursor.execute(call.command.sql, call.values)
                    return call.give(await cursor.fetchall() if call.fetches(cursor) else cursor.rowcount)
