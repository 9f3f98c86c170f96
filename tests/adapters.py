"""Query files, and an asynchronous adapter that can be asked as the other one is."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pgproof import AsyncDatabase


def put(folder: Path, files: dict[str, str]) -> Path:
    """Write queries by name; return their folder."""
    for name, text in files.items():
        path = folder / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


class Waited:
    """An `AsyncDatabase` that waits for each of its answers, so that one test holds both adapters to one promise."""

    def __init__(self, url: str, queries: Path, runner: asyncio.Runner, **options: Any) -> None:
        self._db: Any = AsyncDatabase(url, queries, **options)
        self._run = runner.run

    def __getattr__(self, name: str) -> Any:
        return lambda *names, **given: self._run(getattr(self._db, name)(*names, **given))

    def fresh(self) -> "Waited":
        fresh = Waited.__new__(Waited)
        fresh._db, fresh._run = self._db.fresh(), self._run  # noqa: SLF001
        return fresh

    def transaction(self) -> AbstractContextManager[None]:
        return self._waited("transaction")

    def connection(self) -> AbstractContextManager[Any]:
        return self._waited("connection")

    @contextmanager
    def _waited(self, name: str) -> Iterator[Any]:
        manager, value = self._run(self._enter(name))
        try:
            yield value
        except BaseException as error:
            if not self._run(_leave(manager, error)):
                raise
        else:
            self._run(_leave(manager, None))

    async def _enter(self, name: str) -> tuple[AbstractAsyncContextManager[Any], Any]:
        manager = getattr(self._db, name)()
        return manager, await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[Any], error: BaseException | None) -> bool | None:
    return await manager.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
