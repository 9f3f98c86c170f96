"""A URL or a connection in, what an application asks with out, for threads and for asyncio."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from psycopg import AsyncConnection, AsyncRawCursor, Connection, RawCursor

from pgproof.queries.adapter import Adapter
from pgproof.queries.result import Result, Unadapted
from pgproof.queries.steps import Do, Fetch, Join, Pause, Select, Send, Spawn, drive, drive_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from typing import Self

    from psycopg.pq.abc import PGresult

    from pgproof.queries.call import Call
    from pgproof.queries.pool import AsyncPool, Pool, Terms
    from pgproof.queries.steps import Step, Steps


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
        try:
            with self.connection() as connection, self._hold(connection) as between, connection.transaction(), between:
                yield
        finally:
            if steps := self._ended():
                drive(steps, self._perform)

    def connection(self) -> AbstractContextManager[Connection[Any]]:
        """Lend a connection for what is no query, such as COPY; in a transaction it is the transaction's."""
        return nullcontext(in_hand) if (in_hand := self._in_hand) else self._pool.lend()

    def close(self) -> None:
        """Close the pool; a connection that was given stays open."""
        if "_aside" in vars(self):
            self._aside.shutdown()
        if self._cache:
            drive(self._cache.end(), self._perform)
        if not self._given:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_pool(self, terms: Terms) -> Pool:
        from pgproof.queries.pool import Pool

        return Pool(terms)

    @cached_property
    def _aside(self) -> ThreadPoolExecutor:
        """Threads for what nobody waits for."""
        return ThreadPoolExecutor(2, "pgproof cache")

    def _run_call(self, call: Call, steps: Callable[[Call], Steps[Any]] | None) -> Any:  # noqa: ANN401
        return drive(steps(call), self._perform) if steps and self._is_between(call) else self._send(call)

    def _perform(self, step: Step) -> Any:  # noqa: ANN401, PLR0911
        match step:
            case Do(backend, method, arguments):
                return getattr(backend, method)(*arguments)
            case Select(text, values):
                return self._select(text, values)
            case Send(call):
                return self._send(call)
            case Fetch(call):
                return self._fetch(call)
            case Join(future, timeout):
                return future.result(timeout)
            case Pause(seconds):
                return time.sleep(seconds)
            case Spawn(steps):
                return self._aside.submit(drive, steps, self._perform)

    def _send(self, call: Call) -> Any:  # noqa: ANN401
        with self._ask(call) as cursor:
            return call.give(cursor.fetchall() if call.fetches(cursor) else cursor.rowcount)

    def _fetch(self, call: Call) -> Result:
        with self._ask(call) as cursor:
            call.fetches(cursor)
            return Result.of(cast("PGresult", cursor.pgresult))

    @contextmanager
    def _ask(self, call: Call) -> Iterator[RawCursor[Any]]:
        with (
            self.connection() as connection,
            call.explained(connection),
            RawCursor(connection, row_factory=call.row_factory) as cursor,
        ):
            with self._scope(connection):
                cursor.execute(call.command.sql, call.values)
            yield cursor

    def _select(self, text: str, values: Sequence[object]) -> list[Any]:
        with self.connection() as connection, RawCursor(connection) as cursor:
            cursor.execute(text, values)
            return Result.of(cast("PGresult", cursor.pgresult)).load(Unadapted(connection))


class AsyncDatabase(Adapter[AsyncConnection[Any]]):
    """Named queries, called by tasks of asyncio: `await db.activities.home(…)`, `async with db.transaction():`."""

    _pool: AsyncPool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """See `Database.transaction`."""
        try:
            async with self.connection() as connection:
                with self._hold(connection) as between:
                    async with connection.transaction():
                        with between:
                            yield
        finally:
            if steps := self._ended():
                await drive_async(steps, self._perform)

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """See `Database.connection`."""
        return nullcontext(in_hand) if (in_hand := self._in_hand) else self._pool.lend()

    async def close(self) -> None:
        """See `Database.close`."""
        if "_aside" in vars(self):
            await asyncio.gather(*self._aside, return_exceptions=True)
        if self._cache:
            await drive_async(self._cache.end(), self._perform)
        if not self._given:
            await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _make_pool(self, terms: Terms) -> AsyncPool:
        from pgproof.queries.pool import AsyncPool

        return AsyncPool(terms)

    @cached_property
    def _aside(self) -> set[asyncio.Task[Any]]:
        """Tasks that nobody waits for; one that nobody holds could vanish."""
        return set()

    async def _run_call(self, call: Call, steps: Callable[[Call], Steps[Any]] | None) -> Any:  # noqa: ANN401
        if steps and self._is_between(call):  # asked when it is awaited, which may be elsewhere than where it was made
            return await drive_async(steps(call), self._perform)
        return await self._send(call)

    async def _perform(self, step: Step) -> Any:  # noqa: ANN401, PLR0911
        match step:
            case Do(backend, method, arguments):
                return await getattr(backend, f"a{method}")(*arguments)
            case Select(text, values):
                return await self._select(text, values)
            case Send(call):
                return await self._send(call)
            case Fetch(call):
                return await self._fetch(call)
            case Join(future, timeout):
                return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), timeout)
            case Pause(seconds):
                return await asyncio.sleep(seconds)
            case Spawn(steps):
                task = asyncio.create_task(drive_async(steps, self._perform))
                self._aside.add(task)
                task.add_done_callback(self._aside.discard)
                return task

    async def _send(self, call: Call) -> Any:  # noqa: ANN401
        async with self._ask(call) as cursor:
            return call.give(await cursor.fetchall() if call.fetches(cursor) else cursor.rowcount)

    async def _fetch(self, call: Call) -> Result:
        async with self._ask(call) as cursor:
            call.fetches(cursor)
            return Result.of(cast("PGresult", cursor.pgresult))

    @asynccontextmanager
    async def _ask(self, call: Call) -> AsyncIterator[AsyncRawCursor[Any]]:
        async with self.connection() as connection:
            with call.explained(connection):
                async with AsyncRawCursor(connection, row_factory=call.row_factory) as cursor:
                    async with self._scope(connection):
                        await cursor.execute(call.command.sql, call.values)
                    yield cursor

    async def _select(self, text: str, values: Sequence[object]) -> list[Any]:
        async with self.connection() as connection, AsyncRawCursor(connection) as cursor:
            await cursor.execute(text, values)
            return Result.of(cast("PGresult", cursor.pgresult)).load(Unadapted(connection))
