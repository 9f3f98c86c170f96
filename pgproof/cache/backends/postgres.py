"""Results kept in a table of Postgres: no service beside it, and empty after a crash of the server.

The table is `pgproof_cache.entries`, which `inv cache.init` makes. Each role finds there what it kept itself.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from itertools import count
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import AsyncRawCursor, RawCursor
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from pgproof.cache.backends.backend import BackendError
from pgproof.cache.backends.clients import by_loop, by_process
from pgproof.errors import PgproofError
from pgproof.pg.conninfo import read_conninfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pgproof.cache.backends.prompt import AsyncPromptConnection, PromptConnection
    from pgproof.queries.pool import AsyncPool, Pool, Terms

_GET = "SELECT value FROM pgproof_cache.entries WHERE role = current_user AND key = $1 AND expires_at > now()"
_KEEP = """
INSERT INTO pgproof_cache.entries AS kept (key, value, expires_at)
SELECT $1, $2, now() + make_interval(secs => $3) {tidy_up}
ON CONFLICT (role, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at {unless}
RETURNING true
"""
_SET = _KEEP.format(tidy_up="", unless="")
_SET_AND_SWEEP = _KEEP.format(tidy_up="FROM pgproof_cache.sweep()", unless="")
_ADD = _KEEP.format(tidy_up="", unless="WHERE kept.expires_at <= now()")
_SWEEP_EVERY = 50  # calls of `set`, from a process's first one on; it takes away twice as many


class Postgres:
    """An unlogged table in the queries' own database, or in another one."""

    name = "postgres"
    holds_tokens = False
    is_shared = True
    largest = 1_000_000

    def __init__(self, url: str | Callable[[], str], *, max_size: int = 4, timeout: float = 0.05) -> None:
        """Read the URL; nothing is connected before the first call.

        Args:
            url: of the database; or what says it anew for each connection, as a `Database` takes it.
            max_size: how many connections a process may have, beside those of its `Database`.
            timeout: seconds that a call takes at most, with its wait for a connection.

        Raises:
            SettingsError: the URL cannot be read.
        """
        self.timeout = timeout
        self._url = _limit(url, timeout)
        self._max_size = max_size
        self._sets = count()
        self._pools = by_process(self._make_pool)
        self._async_pools = by_loop(self._make_async_pool)

    def get(self, key: str) -> bytes | None:
        """See `Backend`."""
        return _first(self._ask(_GET, key.encode()))

    def set(self, key: str, value: bytes, ttl: float) -> None:
        """See `Backend`."""
        self._ask(self._choose_set(), key.encode(), value, ttl)

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """See `Backend`."""
        return bool(self._ask(_ADD, key.encode(), value, ttl))

    def close(self) -> None:
        """See `Backend`."""
        if pool := self._pools.drop():
            pool.close()

    async def aget(self, key: str) -> bytes | None:
        """See `Backend`."""
        return _first(await self._ask_async(_GET, key.encode()))

    async def aset(self, key: str, value: bytes, ttl: float) -> None:
        """See `Backend`."""
        await self._ask_async(self._choose_set(), key.encode(), value, ttl)

    async def aadd(self, key: str, value: bytes, ttl: float) -> bool:
        """See `Backend`."""
        return bool(await self._ask_async(_ADD, key.encode(), value, ttl))

    async def aclose(self) -> None:
        """See `Backend`."""
        if pool := self._async_pools.drop():
            await pool.close()

    def _choose_set(self) -> str:
        return _SET if next(self._sets) % _SWEEP_EVERY else _SET_AND_SWEEP

    def _ask(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        until = monotonic() + self.timeout
        with _told(until), self._lend(until) as connection, RawCursor(connection, row_factory=tuple_row) as cursor:
            return cursor.execute(text, values, prepare=True, binary=True).fetchall()

    async def _ask_async(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        until = monotonic() + self.timeout
        with _told(until):
            async with (
                self._lend_async(until) as connection,
                AsyncRawCursor(connection, row_factory=tuple_row) as cursor,
            ):
                await cursor.execute(text, values, prepare=True, binary=True)
                return await cursor.fetchall()

    @contextmanager
    def _lend(self, until: float) -> Iterator[PromptConnection]:
        with self._pools.own().lend() as lent:
            connection = cast("PromptConnection", lent)
            with connection.prompt(until):
                yield connection

    @asynccontextmanager
    async def _lend_async(self, until: float) -> AsyncIterator[AsyncPromptConnection]:
        async with self._async_pools.own().lend() as lent:
            connection = cast("AsyncPromptConnection", lent)
            with connection.prompt(until):
                yield connection

    def _make_pool(self) -> Pool:
        from pgproof.cache.backends.prompt import PromptConnection
        from pgproof.queries.pool import Pool

        return Pool(self._terms(), PromptConnection)

    def _make_async_pool(self) -> AsyncPool:
        from pgproof.cache.backends.prompt import AsyncPromptConnection
        from pgproof.queries.pool import AsyncPool

        return AsyncPool(self._terms(), AsyncPromptConnection)

    def _terms(self) -> Terms:
        from pgproof.queries.pool import Terms

        return Terms(self._url, min_size=1, max_size=self._max_size, timeout=self.timeout)


def _limit(url: str | Callable[[], str], timeout: float) -> str | Callable[[], str]:
    """Have the server give up by itself, and before we do: then the connection can go on."""
    return _limit_one(url, timeout) if isinstance(url, str) else lambda: _limit_one(url(), timeout)


def _limit_one(url: str, timeout: float) -> str:
    options = f"{read_conninfo(url).get('options', '')} -c statement_timeout={ceil(timeout * 800)}"
    return make_conninfo(url, options=options)


def _first(rows: list[tuple[Any, ...]]) -> bytes | None:
    return rows[0][0] if rows else None


@contextmanager
def _told(until: float) -> Iterator[None]:
    """Let what goes wrong be a backend's error, in which nothing is left of values and addresses."""
    try:
        yield
    except (psycopg.Error, PgproofError) as error:
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        code = getattr(cause, "sqlstate", None) or ""
        raise BackendError(_kind(error, code, until), is_limited=code.startswith("53")) from None


def _kind(error: Exception, code: str, until: float) -> str:
    """Name what happened as Momento does where it can happen there too, else as psycopg does."""
    if monotonic() >= until or code == psycopg.errors.QueryCanceled.sqlstate:
        return "TIMEOUT_ERROR"
    is_gone = isinstance(error, PgproofError | psycopg.InterfaceError) or not code
    return "SERVER_UNAVAILABLE" if is_gone else type(error).__name__
