"""Two processes that race in, with our cache between them, with dogpile.cache or with cashews.

Peers are used as their documentation says: a function that asks the database is decorated, and who writes invalidates
after the commit, by key (dogpile.cache) or by tag (cashews). Their two processes share one store, as with Redis.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
from cache_races import READ, WRITE, World

from pgproof import Database
from pgproof.cache import Cache, Limits, Memory
from pgproof.cache.backends.momento import Momento
from pgproof.cache.outbox import Outbox
from pgproof.cache.watching import watch
from pgproof.queries.steps import drive
from pgproof.testing import MomentoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from pgproof.cache.backends.backend import Backend

_LAG = 1.0  # seconds, as it is where a query does not say otherwise


class _Hooked(Database):
    """Does what is to happen within a fill."""

    world: World

    def _fetch(self, call: Any) -> Any:  # noqa: ANN401
        result = super()._fetch(call)
        self.world.asked()
        return result


class _Ours:
    """pgproof, with the clock of the test."""

    def __init__(
        self, world: World, folder: Path, mode: str, backend: Callable[[], Backend], evict: Callable[[], None]
    ) -> None:
        self.world = world
        self._now = 1_000_000.0
        self._mode = mode
        self.forget = evict
        caches = [Cache(backend(), clock=lambda: self._now, limits=Limits(budget=30)) for _ in range(2)]
        self.reader, self.writer = (_Hooked(world.url, folder, cache=each) for each in caches)
        self.reader.world = self.writer.world = world
        self._cache = caches[0]

    def read(self) -> int:
        return int(self.reader.run(f"tally.{self._mode}"))

    def write(self, *, committing: Callable[[], object] = lambda: None) -> None:
        with self.writer.transaction():
            self.writer.run("tally.add")
            committing()

    def old_snapshot(self, within: Callable[[], object]) -> None:
        with self.reader.transaction(), self.reader.connection() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute(READ)
            within()
            self.read()

    def rolled_back(self) -> None:
        with suppress(psycopg.Rollback), self.reader.transaction():
            self.reader.run("tally.add")
            self.read()
            raise psycopg.Rollback

    def wait(self) -> None:
        if self._mode == "bounded":
            if self._cache.backend.holds_tokens:
                drive(Outbox(self._cache.backend).deliver(), self.reader._perform)  # noqa: SLF001
            self._now += _LAG * 1.001

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


class _Peer:
    """What peers have in common: functions of the application, with connections of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._mine = psycopg.connect(world.url, autocommit=True)
        self._other = psycopg.connect(world.url, autocommit=True)

    def load(self) -> int:
        """Be the function that is decorated."""
        [(number,)] = self._mine.execute(READ)
        self.world.asked()
        return int(number)

    def read(self) -> int:
        raise NotImplementedError

    def invalidate(self) -> None:
        raise NotImplementedError

    def write(self, *, committing: Callable[[], object] = lambda: None) -> None:
        with self._other.transaction():
            self._other.execute(WRITE)
            committing()
        self.invalidate()

    def old_snapshot(self, within: Callable[[], object]) -> None:
        with self._mine.transaction():
            self._mine.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._mine.execute(READ)
            within()
            self.read()

    def rolled_back(self) -> None:
        with suppress(psycopg.Rollback), self._mine.transaction():
            self._mine.execute(WRITE)
            self.read()
            raise psycopg.Rollback

    def forget(self) -> None:
        """Keep nothing beside the results."""

    def wait(self) -> None:
        """Promise nothing but the ttl."""

    def close(self) -> None:
        self._mine.close()
        self._other.close()


class _Dogpile(_Peer):
    """dogpile.cache: `cache_on_arguments`, and `invalidate` of the key after a commit."""

    def __init__(self, world: World, *, by_region: bool = False) -> None:
        from dogpile.cache import make_region  # type: ignore[import-not-found]

        super().__init__(world)
        self._by_region, store = by_region, dict[str, Any]()
        reader, self._writer = (
            make_region().configure("dogpile.cache.memory", expiration_time=60, arguments={"cache_dict": store})
            for _ in range(2)
        )
        self._read = reader.cache_on_arguments(namespace="tally")(lambda: self.load())  # noqa: PLW0108
        self._written = self._writer.cache_on_arguments(namespace="tally")(lambda: self.load())  # noqa: PLW0108

    def read(self) -> int:
        return int(self._read())

    def invalidate(self) -> None:
        if self._by_region:
            self._writer.invalidate()
        else:
            self._written.invalidate()


class _Cashews(_Peer):
    """cashews: `@cache(tags=…)`, and `delete_tags` after a commit."""

    def __init__(self, world: World) -> None:
        from cashews import Cache as Store  # type: ignore[import-not-found]

        super().__init__(world)
        self._runner = asyncio.Runner()
        self._loop = Thread(target=self._runner.get_loop().run_forever)
        self._loop.start()
        self._cache = Store()
        self._cache.setup("mem://")

        @self._cache(ttl="1m", key="tally", tags=["tally"])  # type: ignore[untyped-decorator]
        async def load() -> int:
            return await asyncio.to_thread(self.load)

        self._load = load

    def read(self) -> int:
        return int(self._run(self._load()))

    def invalidate(self) -> None:
        self._run(self._cache.delete_tags("tally"))

    def forget(self) -> None:
        self._run(self._cache.delete("_tag:tally"))

    def close(self) -> None:
        self._run(self._cache.close())
        self._runner.get_loop().call_soon_threadsafe(self._runner.get_loop().stop)
        self._loop.join()
        self._runner.close()
        super().close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        """Wait for the loop, which has a thread of its own so that others may ask it within a fill."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._runner.get_loop()).result()


def open_sides(url: str, folder: Path, stack: ExitStack) -> dict[str, Callable[[], Any]]:
    """Give those who race, each as what makes two new processes of it."""
    elsewhere = stack.enter_context(psycopg.connect(url, autocommit=True))
    elsewhere.execute("CREATE TABLE tally (n int NOT NULL); INSERT INTO tally VALUES (0)")
    elsewhere.execute(watch(["public.tally"]).encode())
    _write_queries(folder)
    world, server = World(url, elsewhere), stack.enter_context(MomentoServer())
    return {
        "pgproof, strict, Momento": partial(_on_momento, world, folder, "strict", server),
        "pgproof, bounded, Momento": partial(_on_momento, world, folder, "bounded", server),
        "pgproof, strict, memory": partial(_Ours, world, folder, "strict", Memory, _nothing),
        "pgproof, bounded, memory": partial(_Ours, world, folder, "bounded", Memory, _nothing),
        "dogpile.cache, a key": partial(_Dogpile, world),
        "dogpile.cache, region.invalidate()": partial(_Dogpile, world, by_region=True),
        "cashews, a tag": partial(_Cashews, world),
    }


def _on_momento(world: World, folder: Path, mode: str, server: MomentoServer) -> _Ours:
    def backend() -> Momento:
        return Momento("cruddur", credentials=server.credentials, configuration=server.configuration, timeout=5)

    def evict_tokens() -> None:
        for key in server.items("cruddur"):
            if ":token:" in key:
                server.evict("cruddur", key)

    server.evict("cruddur")
    return _Ours(world, folder, mode, backend, evict_tokens)


def _nothing() -> None:
    """Evict nothing, where there is nothing beside the results."""


def _write_queries(folder: Path) -> None:
    (folder / "tally").mkdir()
    for mode in ("strict", "bounded"):
        text = f"-- returns: value\n-- cache: ttl=60s mode={mode}\n{READ}\n"
        (folder / "tally" / f"{mode}.sql").write_text(text)
    (folder / "tally" / "add.sql").write_text(f"-- returns: affected\n{WRITE}\n")
