"""Both adapters with a cache: when it is asked, when it is not, and that a process sees its own writes."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof import (
    AsyncDatabase,
    Database,
    NotOneRow,
    QueryError,
    QueryFailed,
    ServerUnavailable,
    SqlFileError,
)
from pgproof.cache import Cache
from pgproof.queries import read_queries
from pgproof.queries.steps import Spawn
from tests.adapters import Waited, put
from tests.caches import begin, watch_tables
from tests.clock import Clock

# A process relies on what it knows for an hour, unless it has written itself.
FILES = {
    "ids": "-- returns: many\n-- cache: ttl=1h mode=bounded lag=1h\nSELECT id FROM note ORDER BY id",
    "strict": "-- returns: many\n-- cache: ttl=1h\nSELECT id FROM note ORDER BY id",
    "count": "-- returns: value\n-- cache: ttl=60s mode=bounded stale=1h lag=0s reads=note\n"
    "SELECT ask() FROM (SELECT pg_advisory_xact_lock_shared(7)) AS waited",
    "add": "-- returns: affected\nINSERT INTO note (id) VALUES (%(id)s)",
    "add_two": "-- returns: one\nINSERT INTO note (id) VALUES (%(id)s), (%(id)s + 1) RETURNING id",
    "doom": "-- returns: affected\nINSERT INTO fatal VALUES (1)",
    "called": "-- returns: value\n-- cache: bumps=note\nSELECT write_note(%(id)s)",
}
SCHEMA = """
CREATE TABLE note (id int UNIQUE CHECK (id < 100));
CREATE TABLE fatal (id int);
CREATE SEQUENCE asked;
CREATE FUNCTION ask() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('asked') $$;
CREATE FUNCTION write_note(int) RETURNS int LANGUAGE sql AS 'INSERT INTO note VALUES ($1) RETURNING id';
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER die AFTER INSERT ON fatal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION die();
"""

Connection = psycopg.Connection[Any]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(clock=clock, wall_clock=clock)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "queries", FILES)


@pytest.fixture
def elsewhere(database: str) -> Iterator[Connection]:
    """A connection of somebody else's to the same database."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
        watch_tables(connection, ["note"])
        yield connection


@pytest.fixture(params=["threads", "asyncio"])
def open_db(request: pytest.FixtureRequest, elsewhere: Connection, folder: Path) -> Iterator[Callable[..., Any]]:
    """Open an adapter of either kind, closed at the end."""
    assert elsewhere
    opened: list[Any] = []
    with asyncio.Runner() as runner:

        def open_db(url: Any, queries: Path = folder, **options: Any) -> Any:
            made = Database if request.param == "threads" else Waited
            last = () if request.param == "threads" else (runner,)
            opened.append(made(url, queries, *last, **options))
            return opened[-1]

        yield open_db
        for db in opened:
            db.close()


@pytest.fixture
def db(open_db: Callable[..., Any], database: str, cache: Cache) -> Any:
    return open_db(database, cache=cache)


def ids(db: Any, name: str = "ids") -> list[int]:
    return [row["id"] for row in db.run(name)]


def counted(cache: Cache, name: str = "ids") -> dict[str, int]:
    return {event: many for (query, event), many in cache.counters.events.items() if query == name}


def add_and_lose_the_connection(db: Any) -> None:
    with db.transaction():
        db.run("add", id=2)
        db.run("doom")


# When it is asked


def test_a_query_with_a_line_is_answered_by_the_cache(db: Any, cache: Cache):
    assert [ids(db), ids(db), db.json("ids"), db.json("ids")] == [[], [], "[]", "[]"]
    assert counted(cache) == {"miss": 2, "kept": 2, "hit": 2}


def test_a_query_without_a_line_is_not(db: Any, cache: Cache):
    db.run("add", id=1)

    assert set(counted(cache, "add")) <= {"bump"}


def test_fresh_asks_the_database_whatever_was_kept(db: Any, cache: Cache, elsewhere: Connection):
    assert ids(db) == []
    elsewhere.execute("INSERT INTO note VALUES (1)")

    assert [ids(db), ids(db.fresh()), ids(db)] == [[], [1], []]
    assert db.fresh().json("ids") == '[{"id":1}]'
    assert counted(cache) == {"miss": 1, "kept": 1, "hit": 2, "fresh": 2}


def test_a_fresh_write_is_seen_too(db: Any):
    assert ids(db) == []
    db.fresh().run("add", id=1)

    assert ids(db) == [1]


def test_inside_a_transaction_it_is_neither_read_nor_filled(db: Any, cache: Cache):
    assert ids(db) == []
    before = counted(cache)
    with db.transaction():
        db.run("add", id=1)
        assert [ids(db), ids(db.fresh()), ids(db, "strict")] == [[1], [1], [1]]
        with db.transaction():
            assert ids(db) == [1]
        assert counted(cache) == before
        raise psycopg.Rollback

    assert [ids(db), ids(db, "strict")] == [[], []]


def test_in_a_transaction_of_somebody_elses_it_is_neither_read_nor_filled(
    database: str, elsewhere: Connection, cache: Cache, folder: Path
):
    assert elsewhere
    with psycopg.connect(database, autocommit=True) as connection:
        db = Database(connection, folder, cache=cache)
        assert ids(db) == []
        before = counted(cache)
        with connection.transaction(force_rollback=True):
            db.add(id=1)
            assert [ids(db), ids(db.fresh())] == [[1], [1]]
            assert counted(cache) == before
        assert ids(db) == []


def test_a_thread_beside_a_transaction_is_answered_by_the_cache(
    database: str, elsewhere: Connection, folder: Path, cache: Cache
):
    assert elsewhere
    answers: list[Any] = []
    with Database(database, folder, cache=cache) as db:
        ids(db)
        with db.transaction():
            db.add(id=1)
            thread = threading.Thread(target=lambda: answers.append(ids(db)))
            thread.start()
            thread.join()
        assert (answers, counted(cache)["hit"], ids(db)) == ([[]], 1, [1])


@pytest.mark.asyncio
async def test_a_task_beside_a_transaction_is_answered_by_the_cache(
    database: str, elsewhere: Connection, folder: Path, cache: Cache
):
    assert elsewhere
    begun, over = asyncio.Event(), asyncio.Event()

    async def write(db: AsyncDatabase) -> None:
        async with db.transaction():
            await db.add(id=1)
            begun.set()
            await over.wait()

    async with AsyncDatabase(database, folder, cache=cache) as db:
        await db.ids()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write(db))
            await begun.wait()
            assert (await db.ids(), counted(cache)["hit"]) == ([], 1)
            over.set()
        assert await db.ids() == [{"id": 1}]


# Own writes


@pytest.mark.parametrize("name", ["ids", "strict"])
def test_a_process_sees_its_own_write_at_once(db: Any, name: str):
    for number in range(3):
        assert [ids(db, name), ids(db, name)] == [list(range(number))] * 2
        db.run("add", id=number)


def test_a_strict_answer_knows_of_a_write_by_anybody(db: Any, elsewhere: Connection):
    assert ids(db, "strict") == []
    elsewhere.execute("INSERT INTO note VALUES (1)")

    assert [ids(db, "strict"), ids(db, "strict")] == [[1], [1]]


def test_a_process_sees_what_its_function_wrote(db: Any):
    assert ids(db) == []
    db.run("called", id=1)

    assert ids(db) == [1]


@pytest.mark.parametrize("name", ["ids", "strict"])
def test_a_process_sees_what_it_has_committed(db: Any, name: str):
    assert ids(db, name) == []
    with db.transaction():
        db.run("add", id=1)
        with db.transaction():
            db.run("add", id=2)
        with db.transaction():
            db.run("add", id=3)
            raise psycopg.Rollback

    assert ids(db, name) == [1, 2]


def test_a_write_that_failed_is_no_news_but_may_have_been_done(db: Any, elsewhere: Connection):
    assert ids(db) == []
    with pytest.raises(NotOneRow):
        db.run("add_two", id=1)
    assert ids(db) == [1, 2]

    elsewhere.execute("DELETE FROM note")
    assert ids(db) == [1, 2]
    with pytest.raises(QueryFailed):
        db.run("add", id=100)
    assert ids(db) == []


def test_a_commit_that_failed_is_no_news_but_may_have_been_done(db: Any, elsewhere: Connection):
    assert ids(db) == []
    elsewhere.execute("INSERT INTO note VALUES (1)")
    assert ids(db) == []
    with pytest.raises(ServerUnavailable):
        add_and_lose_the_connection(db)

    assert ids(db) == [1]


def test_what_was_written_in_somebody_elses_transaction_is_seen_after_it(
    database: str, elsewhere: Connection, folder: Path, cache: Cache
):
    assert elsewhere
    with psycopg.connect(database, autocommit=True) as connection:
        db = Database(connection, folder, cache=cache)
        assert ids(db) == []
        with connection.transaction():
            db.add(id=1)

        assert ids(db) == [1]


# What is not done


def test_one_cache_for_two_databases_is_refused(db: Any, open_db: Callable[..., Any], database: str, cache: Cache):
    assert db
    with pytest.raises(QueryError, match="a cache is for one database"):
        open_db(database, cache=cache)


def test_a_query_cannot_be_called_fresh(tmp_path: Path):
    with pytest.raises(SqlFileError, match=r"`db\.fresh` is the adapter's own"):
        read_queries(put(tmp_path, {"fresh/one": "-- returns: one\nSELECT 1"}))


@pytest.mark.parametrize("text", ["-- cache: ttl=soon\nSELECT 1 AS a", "-- cache: bumps=\nSELECT 1 AS a"])
def test_a_line_that_cannot_be_read_is_an_error_of_its_file_before_anything_is_run(
    open_db: Callable[..., Any], database: str, cache: Cache, tmp_path: Path, text: str
):
    db = open_db(database, put(tmp_path / "bad", {"bad": f"-- returns: many\n{text}"}), cache=cache)
    for ask in (db, db.fresh()):
        with pytest.raises(SqlFileError, match=r"bad\.sql:2: "):
            ask.run("bad")
    with db.transaction(), pytest.raises(SqlFileError, match=r"bad\.sql:2: "):
        db.run("bad")


def test_without_a_cache_nobody_looks_at_the_lines(open_db: Callable[..., Any], database: str, tmp_path: Path):
    db = open_db(database, put(tmp_path / "bad", {"bad": "-- returns: value\n-- cache: nonsense\nSELECT 1"}))

    assert [db.run("bad"), db.fresh().run("bad")] == [1, 1]


# Old answers while new ones are fetched


def test_an_old_answer_is_given_while_a_new_one_is_fetched(open_db: Callable[..., Any], database: str, clock: Clock):
    caches = [Cache(clock=clock, wall_clock=clock)]
    db = open_db(database, cache=caches[0])
    assert [db.run("count"), db.run("count")] == [1, 1]
    clock.now += 61

    assert db.run("count") == 1
    db.close()
    assert counted(caches[0], "count") == {"miss": 2, "kept": 2, "hit": 1, "stale": 1}


def test_closing_waits_for_what_is_being_fetched(
    database: str, elsewhere: Connection, folder: Path, cache: Cache, clock: Clock
):
    db = Database(database, folder, cache=cache)
    assert db.count() == 1
    clock.now += 61
    elsewhere.execute("SELECT pg_advisory_lock(7)")
    assert db.count() == 1
    while not elsewhere.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
        pass
    closing = threading.Thread(target=db.close)
    closing.start()
    elsewhere.execute("SELECT pg_advisory_unlock(7)")
    closing.join()

    assert counted(cache, "count")["kept"] == 2


def test_several_who_are_given_an_old_answer_have_one_new_one_fetched(
    database: str, elsewhere: Connection, folder: Path, cache: Cache, clock: Clock
):
    with Database(database, folder, cache=cache) as db:
        assert db.count() == 1
        clock.now += 61
        one, other = begin(db, cache, "count").until(Spawn), begin(db, cache, "count").until(Spawn)
        assert one.finish() == 1
        while counted(cache, "count")["kept"] < 2:
            pass
        assert (other.finish(), db.count()) == (1, 2)

    assert elsewhere.execute("SELECT last_value FROM asked").fetchone() == (2,)


@pytest.mark.asyncio
async def test_tasks_are_given_the_old_answer_and_then_the_new_one(
    database: str, elsewhere: Connection, folder: Path, cache: Cache, clock: Clock
):
    async with AsyncDatabase(database, folder, cache=cache) as db:
        await db.count()
        clock.now += 61
        assert set(await asyncio.gather(*(db.count() for _ in range(5)))) <= {1, 2}
    async with AsyncDatabase(database, folder, cache=Cache(cache.backend, clock=clock, wall_clock=clock)) as db:
        assert await db.count() == 2

    assert elsewhere.execute("SELECT last_value FROM asked").fetchone() == (2,)


def test_an_old_answer_is_never_given_after_a_write(db: Any, clock: Clock, elsewhere: Connection):
    assert db.run("count") == 1
    clock.now += 61
    elsewhere.execute("INSERT INTO note VALUES (1)")

    assert db.run("count") == 2
