"""What only the asynchronous adapter promises: tasks that run at the same time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from pgproof import AsyncDatabase, Database, QueryError, QueryFailed
from pgproof.queries.files import RESERVED
from tests.adapters import put

FILES = {
    "notes/add": "-- returns: affected\nINSERT INTO note (id) SELECT id FROM unnest(%(ids)s::int[]) AS id",
    "notes/ids": "-- returns: many\nSELECT id FROM note ORDER BY id",
    "wait": "-- returns: one\nSELECT pg_advisory_xact_lock(%(key)s)",
}

WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

pytestmark = pytest.mark.asyncio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "queries", FILES)


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else's to the same database."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id int UNIQUE)")
        yield connection


@pytest_asyncio.fixture
async def db(database: str, elsewhere: psycopg.Connection[Any], folder: Path) -> AsyncIterator[AsyncDatabase]:
    assert elsewhere
    async with AsyncDatabase(database, folder, max_size=2) as db:
        yield db


def await_waiting(connection: psycopg.Connection[Any]) -> None:
    while not connection.execute(WAITING).fetchall():
        pass


async def ids_of(db: AsyncDatabase) -> list[int]:
    return [row["id"] for row in await db.notes.ids()]


async def roll_back_after(db: AsyncDatabase, *calls: Coroutine[Any, Any, Any]) -> None:
    async with db.transaction():
        await asyncio.gather(*calls)
        raise psycopg.Rollback


async def test_a_query_is_an_attribute_and_its_json_is_text(db):
    assert await db.notes.add(ids=[2, 1]) == 2
    assert await db.notes.ids() == await db.run("notes.ids") == [{"id": 1}, {"id": 2}]
    assert await db.json("notes.ids") == '[{"id":1}, \n {"id":2}]'


async def test_both_adapters_have_the_same_names_and_all_are_reserved(database, folder):
    async with AsyncDatabase(database, folder) as db:
        for each in (db, Database(database, folder)):
            assert {name for name in {*vars(each), *dir(type(each))} if not name.startswith("_")} == RESERVED


async def test_tasks_have_no_part_in_each_others_transactions(db):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def write_and_wait() -> None:
        async with db.transaction():
            await db.notes.add(ids=[1])
            begun.set()
            await go_on.wait()
            raise psycopg.Rollback

    async def write_meanwhile() -> None:
        await begun.wait()
        await db.notes.add(ids=[2])
        go_on.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_and_wait())
        tasks.create_task(write_meanwhile())

    assert await ids_of(db) == [2]


async def test_what_is_asked_at_the_same_time_inside_of_a_transaction_belongs_to_it(db):
    await roll_back_after(db, db.notes.add(ids=[1]), db.notes.add(ids=[2]))
    await db.notes.add(ids=[3])

    assert await ids_of(db) == [3]


async def test_a_task_that_outlives_the_transaction_it_was_begun_in_goes_on_without_it(db):
    over = asyncio.Event()

    async def add_later() -> None:
        await over.wait()
        async with db.transaction():
            await db.notes.add(ids=[2])

    async with db.transaction():
        task = asyncio.create_task(add_later())
        await db.notes.add(ids=[1])
        raise psycopg.Rollback
    over.set()
    await task

    assert await ids_of(db) == [2]


async def test_a_call_that_is_cancelled_costs_nothing_but_itself(db, elsewhere):
    elsewhere.execute("SELECT pg_advisory_lock(1)")
    call = asyncio.create_task(db.wait(key=1))
    await asyncio.to_thread(await_waiting, elsewhere)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert elsewhere.execute(WAITING).fetchall() == []
    await asyncio.gather(*(db.notes.add(ids=[n]) for n in range(5)))
    assert await ids_of(db) == [0, 1, 2, 3, 4]


async def test_a_connection_that_is_given_stays_the_callers(database, elsewhere, folder):
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        async with AsyncDatabase(connection, folder) as db:
            await connection.execute("BEGIN")
            await db.notes.add(ids=[1])
            with pytest.raises(QueryFailed):
                await db.notes.add(ids=[2, 1])
            assert await ids_of(db) == [1]
        await connection.execute("COMMIT")

    assert elsewhere.execute("SELECT id FROM note").fetchall() == [(1,)]


async def test_a_connection_on_which_nobody_would_commit_is_refused(database, folder):
    async with await psycopg.AsyncConnection.connect(database) as connection:
        with pytest.raises(QueryError, match="not in autocommit"):
            AsyncDatabase(connection, folder)
