"""A database of three watched tables, adapters for it with a cache and without, and somebody else's connection."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof import Database
from pgproof.cache import Cache
from tests.adapters import Waited, put
from tests.faults import FILES, Clock, prepare


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection, whose writes nobody tells the cache of."""
    with psycopg.connect(database, autocommit=True) as connection:
        prepare(connection)
        yield connection


@pytest.fixture
def folder(tmp_path: Path, elsewhere: psycopg.Connection[Any]) -> Path:
    assert elsewhere
    return put(tmp_path / "queries", FILES)


@pytest.fixture
def plain(database: str, folder: Path) -> Iterator[Database]:
    """The same without a cache."""
    with Database(database, folder) as plain:
        yield plain


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=[Database, Waited], ids=["threads", "asyncio"])
def open_db(request: pytest.FixtureRequest, folder: Path, runner: asyncio.Runner) -> Iterator[Callable[..., Any]]:
    """Make an adapter with a cache in memory; it is closed after the test."""
    made = []

    def open_db(url: str, **options: Any) -> Any:
        given = {"cache": Cache(), **options, **({} if request.param is Database else {"runner": runner})}
        made.append(db := request.param(url, folder, **given))
        return db

    yield open_db
    for db in made:
        db.close()
