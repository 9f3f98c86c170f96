"""Ways to get a page of rows in, functions that get it once out: through our cache, past it, and through others'."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
from cache_momento import CACHE, configure
from momento import CacheClient
from momento.responses import CacheGet, CacheSet
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pgproof import AsyncDatabase, Database
from pgproof.cache import Cache, Limits, Memory
from pgproof.cache.backends.momento import Momento
from pgproof.cache.versions import _VERSIONS, CATALOG, QUERY
from pgproof.cache.watching import install

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from momento import CredentialProvider

TTL = timedelta(hours=1)
ROWS = 20
_TABLES = """
CREATE TABLE item (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    handle text NOT NULL,
    message text NOT NULL,
    likes int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO item (handle, message)
SELECT 'user' || n % 100, 'a message of the usual length, number ' || n FROM generate_series(1, 20000) AS n;
ANALYZE item;
"""
_PAGE = f"""SELECT uuid, handle, message, likes, created_at FROM item
WHERE id > %(after)s AND %(salt)s::int >= 0 ORDER BY id LIMIT {ROWS}"""  # noqa: S608
_PATIENCE = 30.0  # seconds; a busy machine is no failure
_NAMES = ["public.item", f"{QUERY}page.strict", CATALOG]


def prepare(url: str, folder: Path) -> None:
    """Make the table, and the query once in each mode."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLES)
        connection.execute(install(["public.item"]).encode())
    (folder / "page").mkdir(parents=True)
    for mode in ("strict", "bounded"):
        text = f"-- returns: many\n-- cache: ttl=1h mode={mode}\n{_PAGE}\n"
        (folder / "page" / f"{mode}.sql").write_text(text)


class _Seen(Momento):
    """Remembers what was kept last."""

    value = b""

    def set(self, key: str, value: bytes, ttl: float) -> None:
        super().set(key, value, ttl)
        self.value = value


class Remote:
    """Momento, our cache on it, and what one would do without."""

    def __init__(self, url: str, folder: Path, credentials: CredentialProvider, stack: ExitStack) -> None:
        limits = Limits(budget=_PATIENCE, patience=_PATIENCE)
        backend = _Seen(CACHE, credentials=credentials, configuration=configure(), timeout=_PATIENCE / 10)
        stack.callback(backend.close)
        self._cache = Cache(backend, limits=limits)
        self._db = stack.enter_context(Database(url, folder, cache=self._cache))
        self._pool = stack.enter_context(ConnectionPool(url, min_size=1, kwargs={"autocommit": True}))
        self._momento = stack.enter_context(CacheClient(configure(), credentials, TTL))
        self._salt = count(1)
        for mode in ("strict", "bounded"):
            assert len(self._db.run(f"page.{mode}", after=0, salt=0)) == ROWS
        self.bytes = len(backend.value)
        self._set("same", backend.value)
        stack.callback(self._check)

    def get(self) -> None:
        """Get the same bytes with the SDK."""
        assert isinstance(self._momento.get(CACHE, "same"), CacheGet.Hit)

    def get_and_versions(self) -> None:
        """Ask for the versions, then get the same bytes."""
        with self._pool.connection() as connection, psycopg.RawCursor(connection, row_factory=tuple_row) as cursor:
            assert cursor.execute(_VERSIONS, [_NAMES]).fetchall()
        self.get()

    def query_and_set(self) -> None:
        """Query, and set the rows as JSON."""
        salt = next(self._salt)
        rows = fetch(self._pool, salt)
        self._set(f"page {salt}", json.dumps(rows, default=str).encode())

    def get_query_and_set(self) -> None:
        """Look first, as one does who does not know that it is not there."""
        assert isinstance(self._momento.get(CACHE, "nothing"), CacheGet.Miss)
        self.query_and_set()

    def hit(self, mode: str) -> Callable[[], object]:
        """Return how our cache gives what it has."""
        return lambda: self._db.run(f"page.{mode}", after=0, salt=0)

    def miss(self, mode: str) -> Callable[[], object]:
        """Return how our cache gives what it has not."""

        def ask() -> object:
            return self._db.run(f"page.{mode}", **_parameters(next(self._salt)))

        return ask

    def _check(self) -> None:
        """See that all went as it is called: a time without the work is none."""
        assert not self._cache.counters.failures
        odd = {event for _, event in self._cache.counters.events} - {"hit", "miss", "kept"}
        assert not odd, odd

    def _set(self, key: str, value: bytes) -> None:
        assert isinstance(self._momento.set(CACHE, key, value, TTL), CacheSet.Success)


class Threads:
    """Libraries for threads, in the memory of the process."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self._db = stack.enter_context(Database(url, folder, cache=Cache(Memory())))
        self._pool = stack.enter_context(ConnectionPool(url, min_size=1, kwargs={"autocommit": True}))
        self._dogpile = {name: self._decorate(name) for name in ("memory", "memory_pickle")}
        self._salt = count(1)

    def ours(self, *, again: bool) -> object:
        """Ask through our cache in bounded mode."""
        salt = 0 if again else next(self._salt)
        return self._db.page.bounded(**_parameters(salt))

    def dogpile(self, kind: str, *, again: bool) -> object:
        """Ask through dogpile.cache."""
        return self._dogpile[kind](0 if again else next(self._salt))

    def _decorate(self, kind: str) -> Callable[[int], object]:
        from dogpile.cache import make_region  # type: ignore[import-not-found]

        region = make_region().configure(f"dogpile.cache.{kind}", expiration_time=3600)

        def page(salt: int) -> list[Any]:
            return fetch(self._pool, salt)

        decorated: Callable[[int], object] = region.cache_on_arguments(namespace=kind)(page)
        return decorated


class Tasks:
    """Libraries for asyncio, in the memory of the process."""

    def __init__(self) -> None:
        self._salt = count(1)
        self._stack = AsyncExitStack()

    async def open(self, url: str, folder: Path) -> None:
        """Connect, in the loop that they are used in."""
        from cashews import Cache as Cashews  # type: ignore[import-not-found]

        self._db = await self._stack.enter_async_context(AsyncDatabase(url, folder, cache=Cache(Memory())))
        pool = AsyncConnectionPool(url, min_size=1, kwargs={"autocommit": True}, open=False)
        self._pool = await self._stack.enter_async_context(pool)
        cashews = Cashews()
        cashews.setup("mem://", size=1_000_000)
        self._stack.push_async_callback(cashews.close)
        self._cashews: Callable[..., Awaitable[object]] = cashews(ttl="1h", key="page:{salt}", tags=["item"])(
            self._page
        )

    async def close(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def ours(self, *, again: bool) -> object:
        """Ask through our cache in bounded mode."""
        salt = 0 if again else next(self._salt)
        return await self._db.page.bounded(**_parameters(salt))

    async def cashews(self, *, again: bool) -> object:
        """Ask through cashews."""
        return await self._cashews(salt=0 if again else next(self._salt))

    async def _page(self, salt: int) -> list[Any]:
        async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_PAGE, _parameters(salt))
            rows: list[Any] = await cursor.fetchall()
            return rows


def fetch(pool: ConnectionPool[Any], salt: int) -> list[Any]:
    """Ask the database, as one writes it by hand."""
    with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows: list[Any] = cursor.execute(_PAGE, _parameters(salt)).fetchall()
        return rows


def _parameters(salt: int) -> dict[str, Any]:
    """Return those of a page that nobody has asked for yet, or of the one with salt 0."""
    return {"after": salt % 10000, "salt": salt}
