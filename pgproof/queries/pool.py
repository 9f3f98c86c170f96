"""A URL in, connections of a pool lent out: each alive when it is given, none kept whose server has taken another part.

psycopg_pool says why it could not connect to its log alone, and tries again ever more seldom while its clients wait.
So a connection of ours never fails to be made: one that could not be opened comes out of the pool at once, closed, with
the reason, and the next call makes the pool try anew.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection, pq
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout

from pgproof.errors import PgproofError, QueryError, ServerUnavailable
from pgproof.pg.conninfo import read_conninfo
from pgproof.pg.database import CONNECT_TIMEOUT, explain_refusal
from pgproof.pg.loss import is_last
from pgproof.queries.refusal import READ_ONLY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Self

# A host that vanished without a word is given up after a minute; the kernel's own answer would take hours.
_WATCHFUL = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}

# Whatever zone server, role or PGTZ say: JSON has the times as the session shows them.
_IN_UTC = "SET TIME ZONE 'UTC'"

_DRAIN_EVERY = 10  # seconds; a database that stays read-only shall not cost all connections with every write

# Where the server finds that a prepared statement would give other types than before a migration. Its SQLSTATE, 0A000,
# says that of many things, and its words are in the server's language.
_CHANGED_UNDER_US = "RevalidateCachedQuery"


@dataclass(frozen=True)
class Terms:
    """What a pool is to be: of which database, how large, and how patient its clients are."""

    url: str | Callable[[], str] = field(repr=False)
    min_size: int
    max_size: int
    timeout: float

    @property
    def options(self) -> dict[str, Any]:
        """As psycopg_pool takes them."""
        known = {"conninfo": self._complete(self.url)} if isinstance(self.url, str) else {}
        return known | {
            "kwargs": {"autocommit": True} | ({} if known else {"ask": self._ask}),
            "min_size": self.min_size,
            "max_size": self.max_size,
            "open": False,
        }

    def _ask(self) -> str:
        """Ask where to connect now."""
        return self._complete(self.url if isinstance(self.url, str) else self.url())

    def _complete(self, url: str) -> str:
        patience = max(1, min(CONNECT_TIMEOUT, int(self.timeout / 2)))  # so that the reason comes before the time is up
        return make_conninfo("", **_WATCHFUL | {"connect_timeout": str(patience)} | read_conninfo(url))


class _Failure(NamedTuple):
    error: Exception
    when: float

    def explain(self) -> ServerUnavailable:
        """Return it for whom gets no connection: from the server, or from who was asked where the server is."""
        if isinstance(self.error, psycopg.Error):
            return explain_refusal(self.error)
        if isinstance(self.error, PgproofError):
            return ServerUnavailable(self.error.what, at=self.error.at, hint=self.error.hint)
        what = f"the function that is to say where the database is raised {type(self.error).__name__}"
        return ServerUnavailable(what, hint="its own words are the cause of this error")  # they may hold a password


class PoolConnection(Connection[Any]):
    """A connection for threads, or a stand-in for one that could not be made, with the reason."""

    failure: _Failure | None = None

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:  # noqa: ANN401
        """Connect, or give the stand-in; option `ask` says where to."""
        ask: Callable[[], str] | None = options.pop("ask", None)
        try:
            connection = super().connect(ask() if ask else conninfo, **options)
            connection.execute(_IN_UTC)
        except Exception as error:  # noqa: BLE001 - it is raised where the connection is wanted
            return _stand_in(cls, error)
        return connection


class AsyncPoolConnection(AsyncConnection[Any]):
    """See `PoolConnection`."""

    failure: _Failure | None = None

    @classmethod
    async def connect(cls, conninfo: str = "", **options: Any) -> Self:  # noqa: ANN401
        """See `PoolConnection.connect`; who is asked may take a while, in which the loop goes on."""
        ask: Callable[[], str] | None = options.pop("ask", None)
        try:
            connection = await super().connect(await asyncio.to_thread(ask) if ask else conninfo, **options)
            await connection.execute(_IN_UTC)
        except Exception as error:  # noqa: BLE001 - it is raised where the connection is wanted
            return _stand_in(cls, error)
        return connection


P = TypeVar("P", bound=PoolConnection | AsyncPoolConnection)


class Pool:
    """Connections for threads."""

    def __init__(self, terms: Terms, kind: type[PoolConnection] = PoolConnection) -> None:
        self._terms = terms
        self._pool = ConnectionPool(connection_class=kind, **terms.options)
        self._suspicion = _Suspicion()

    @contextmanager
    def lend(self) -> Iterator[Connection[Any]]:
        """Lend a connection.

        Raises:
            ServerUnavailable: the server does not let us in, or no connection was free in time.
            QueryError: the pool is closed.
        """
        connection = self._take()
        try:
            yield connection
        except Exception as error:
            if self._suspicion.falls_on_all(connection, error):
                self._pool.drain()
            raise
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        """Close all connections, those that are lent as soon as they come back."""
        self._pool.close()

    def _take(self) -> PoolConnection:
        wait = _Wait(self._terms)
        with wait.told():
            if self._pool.closed:
                self._pool.open()
            while True:
                connection = self._pool.getconn(wait.left)
                if _is_alive(connection):
                    return connection
                self._pool.putconn(connection)
                wait.check(connection.failure)


class AsyncPool:
    """Connections for the tasks of an event loop."""

    def __init__(self, terms: Terms, kind: type[AsyncPoolConnection] = AsyncPoolConnection) -> None:
        self._terms = terms
        self._pool = AsyncConnectionPool(connection_class=kind, **terms.options)
        self._suspicion = _Suspicion()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[AsyncConnection[Any]]:
        """See `Pool.lend`."""
        connection = await self._take()
        try:
            yield connection
        except Exception as error:
            if self._suspicion.falls_on_all(connection, error):
                await self._pool.drain()
            raise
        finally:
            await self._pool.putconn(connection)

    async def close(self) -> None:
        """See `Pool.close`."""
        await self._pool.close()

    async def _take(self) -> AsyncPoolConnection:
        wait = _Wait(self._terms)
        with wait.told():
            if self._pool.closed:
                await self._pool.open()
            while True:
                connection = await self._pool.getconn(wait.left)
                if _is_alive(connection):
                    return connection
                await self._pool.putconn(connection)
                wait.check(connection.failure)


class _Wait:
    """One client's wait for a connection."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._began = monotonic()

    @property
    def left(self) -> float:
        return self._began + self._terms.timeout - monotonic()

    def check(self, failure: _Failure | None) -> None:
        """End the wait if connecting failed since it began; what failed before may be over."""
        if failure and failure.when >= self._began:
            raise failure.explain() from failure.error

    @contextmanager
    def told(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise ServerUnavailable(
                f"no connection was free for {self._terms.timeout:g} s, and the pool may have {self._terms.max_size}",
                hint="end transactions sooner, or make it larger: Database(url, max_size=…), within the server's "
                "max_connections",
            ) from error
        except PoolClosed as error:
            raise QueryError("the database was closed by db.close()", hint="make a new Database") from error


class _Suspicion:
    """That the server behind connections is not any more what it was."""

    def __init__(self) -> None:
        self._rests_until = 0.0

    def falls_on_all(self, connection: psycopg.BaseConnection[Any], error: Exception) -> bool:
        """Close a connection that is of no use after this error; True if the others may be none either."""
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if not isinstance(cause, psycopg.Error):
            return False
        changed = cause.sqlstate == READ_ONLY or cause.diag.source_function == _CHANGED_UNDER_US
        if changed or is_last(cause):
            connection.pgconn.finish()
        if not changed or monotonic() < self._rests_until:
            return False
        self._rests_until = monotonic() + _DRAIN_EVERY
        return True


def _is_alive(connection: psycopg.BaseConnection[Any]) -> bool:
    """Read, without waiting, what the server sent to an idle connection: first its farewell, then that it hung up."""
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == pq.ConnStatus.OK


def _stand_in(kind: type[P], error: Exception) -> P:
    """Make a connection that is closed already, and says why."""
    pgconn = pq.PGconn.connect_start(b"host=/")  # a folder without a server: nothing is sent anywhere
    pgconn.finish()
    connection = kind(pgconn)
    connection.failure = _Failure(error, monotonic())
    return connection
