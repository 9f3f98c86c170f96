"""Many callers at once: one of them asks the database, and what it asks never crowds everybody else out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from pgproof import QueryFailed, ServerUnavailable
from pgproof.cache import Cache, Limits
from pgproof.cache.backends.momento import Momento
from pgproof.queries.steps import Fetch, Join, Pause, Select
from pgproof.testing import MomentoServer
from tests.adapters import put
from tests.caches import begin, watch_tables
from tests.crowds import CountedTasks, CountedThreads, Crowd
from tests.faults import MODES, Clock, Faulty

MANY = 1000
READ = "SELECT pg_advisory_xact_lock_shared(7), %(key)s::int AS key, (SELECT count(*) FROM note) AS notes"
FILES = {
    "strict": f"-- returns: many\n-- cache: ttl=60s mode=strict\n{READ}",
    "bounded": f"-- returns: many\n-- cache: ttl=60s mode=bounded\n{READ}",
    "add": "-- returns: affected\nINSERT INTO note VALUES (1)",
}
ANSWER = [{"pg_advisory_xact_lock_shared": "", "key": 1, "notes": 0}]


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection, which holds up all queries as long as it has the lock."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id int)")
        watch_tables(connection, ["note"])
        yield connection


@pytest.fixture
def folder(tmp_path: Path, elsewhere: psycopg.Connection[Any]) -> Path:
    assert elsewhere
    return put(tmp_path / "queries", FILES)


@pytest.fixture
def backend() -> Faulty:
    """A backend for all processes; a clock that stands still keeps bounded calls in one moment."""
    return Faulty(Clock())


@pytest.fixture
def crowd(elsewhere: psycopg.Connection[Any]) -> Crowd:
    return Crowd(elsewhere)


@pytest.fixture
def open_threads(database: str, folder: Path, crowd: Crowd) -> Iterator[Callable[..., CountedThreads]]:
    made = []

    def open_threads(cache: Cache, **options: Any) -> CountedThreads:
        made.append(db := CountedThreads(database, folder, cache=cache, **options))
        db.crowd = crowd
        return db

    yield open_threads
    for db in made:
        db.close()


@pytest_asyncio.fixture
async def open_tasks(database: str, folder: Path, crowd: Crowd) -> AsyncIterator[Callable[..., CountedTasks]]:
    made = []

    def open_tasks(cache: Cache, **options: Any) -> CountedTasks:
        made.append(db := CountedTasks(database, folder, cache=cache, **options))
        db.crowd = crowd
        return db

    yield open_tasks
    for db in made:
        await db.close()


CONDITIONS: dict[str, Callable[[Faulty], None]] = {"up": Faulty.heal, "down": Faulty.fail}


@MODES
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.asyncio
async def test_a_thousand_tasks_that_miss_one_key_make_one_query(open_tasks, crowd, backend, mode, condition):
    CONDITIONS[condition](backend)
    db = open_tasks(Cache(backend, clock=backend.clock))
    with crowd.hold():
        tasks = [asyncio.create_task(db.run(mode, key=1)) for _ in range(MANY)]
        await asyncio.to_thread(crowd.wait_in_database, 1)
        await asyncio.to_thread(crowd.wait_for_joined, MANY - 1)

    assert await asyncio.gather(*tasks) == [ANSWER] * MANY
    assert crowd.steps["fetch"] == 1


@MODES
@pytest.mark.parametrize("condition", CONDITIONS)
def test_two_hundred_threads_that_miss_one_key_make_one_query(open_threads, crowd, backend, mode, condition):
    CONDITIONS[condition](backend)
    db = open_threads(Cache(backend, clock=backend.clock))
    with ThreadPoolExecutor(200) as threads:
        with crowd.hold():
            calls = [threads.submit(db.run, mode, key=1) for _ in range(200)]
            crowd.wait_in_database(1)
            crowd.wait_for_joined(199)

        assert [call.result() for call in calls] == [ANSWER] * 200
    assert crowd.steps["fetch"] == 1


@MODES
@pytest.mark.parametrize("fault", [None, "UNAVAILABLE"])
@pytest.mark.asyncio
async def test_a_thousand_tasks_make_one_query_also_with_momentos_own_client(open_tasks, crowd, mode, fault):
    with MomentoServer(caches=["cruddur"]) as server:
        for rpc in ("Get", "Set", "SetIfNotExists") if fault else ():
            server.fail(rpc, fault, times=None)
        backend = Momento("cruddur", credentials=server.credentials, configuration=server.configuration)
        db = open_tasks(Cache(backend, clock=Clock()))
        with crowd.hold():
            tasks = [asyncio.create_task(db.run(mode, key=1)) for _ in range(MANY)]
            await asyncio.to_thread(crowd.wait_in_database, 1)
            await asyncio.to_thread(crowd.wait_for_joined, MANY - 1)

        assert await asyncio.gather(*tasks) == [ANSWER] * MANY
        assert crowd.steps["fetch"] == 1
        await db.close()


@MODES
@pytest.mark.asyncio
async def test_the_first_use_of_a_query_is_looked_into_once(open_tasks, crowd, backend, mode):
    db = open_tasks(Cache(backend, clock=backend.clock), max_size=1)
    await asyncio.gather(*(db.run(mode, key=1) for _ in range(200)))
    first = crowd.steps["select"]
    other = open_tasks(Cache(Faulty(Clock()), clock=backend.clock))
    crowd.steps.clear()
    await other.run(mode, key=1)

    assert first == crowd.steps["select"]


def test_what_keys_begin_with_is_looked_up_once(open_threads, backend):
    cache = Cache(backend, clock=backend.clock)
    db = open_threads(cache)
    both = [begin(db, cache, "strict", key=1) for _ in range(2)]
    for each in both:
        while not isinstance(each.next, Join) and "search_path" not in getattr(each.next, "sql", ""):
            each.step()

    assert [type(each.next) for each in both] == [Select, Join]
    assert [each.finish() for each in both] == [ANSWER] * 2


@MODES
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.asyncio
async def test_never_more_queries_are_in_the_database_than_may_fill_the_cache(
    open_tasks, crowd, backend, mode, condition
):
    CONDITIONS[condition](backend)
    db = open_tasks(Cache(backend, clock=backend.clock, limits=Limits(max_fills=3)), max_size=10)
    await db.add()
    with crowd.hold():
        tasks = [asyncio.create_task(db.run(mode, key=key)) for key in range(30)]
        await asyncio.to_thread(crowd.wait_in_line, 27)
        await asyncio.to_thread(crowd.wait_in_database, 3)
        assert (crowd.steps["fetch"], crowd.waiting) == (3, 3)
    answers = await asyncio.gather(*tasks)

    assert [rows[0]["key"] for rows in answers] == list(range(30))
    assert crowd.steps["fetch"] == 30


@pytest.mark.asyncio
async def test_others_use_the_pool_while_the_cache_is_filled(open_tasks, crowd, backend):
    db = open_tasks(Cache(backend, limits=Limits(max_fills=3)), max_size=4)
    await db.add()
    with crowd.hold():
        tasks = [asyncio.create_task(db.run("strict", key=key)) for key in range(30)]
        await asyncio.to_thread(crowd.wait_in_database, 3)
        assert await db.add() == 1
    await asyncio.gather(*tasks)


@pytest.mark.asyncio
async def test_who_waits_too_long_for_a_place_gets_an_error_for_people(open_tasks, crowd, backend):
    db = open_tasks(Cache(backend, limits=Limits(max_fills=1, patience=0.1)))
    with crowd.hold():
        first = asyncio.create_task(db.run("strict", key=1))
        await asyncio.to_thread(crowd.wait_in_database, 1)
        with pytest.raises(ServerUnavailable, match=r"no place was free for 0\.1 s"):
            await db.run("strict", key=2)

    assert await first == ANSWER
    assert (await db.run("strict", key=2))[0]["key"] == 2


@MODES
@pytest.mark.asyncio
async def test_a_leader_that_is_cancelled_costs_the_others_one_query_more(open_tasks, crowd, backend, mode):
    db = open_tasks(Cache(backend, clock=backend.clock))
    with crowd.hold():
        leader = asyncio.create_task(db.run(mode, key=1))
        await asyncio.to_thread(crowd.wait_in_database, 1)
        tasks = [asyncio.create_task(db.run(mode, key=1)) for _ in range(100)]
        await asyncio.to_thread(crowd.wait_for_joined, 100)
        leader.cancel()
        await asyncio.to_thread(crowd.wait_for_joined, 99)

    assert await asyncio.gather(*tasks) == [ANSWER] * 100
    assert leader.cancelled()
    assert crowd.steps["fetch"] == 2


@MODES
@pytest.mark.asyncio
async def test_a_leader_that_fails_fails_for_all_and_the_next_call_works(open_tasks, crowd, backend, elsewhere, mode):
    db = open_tasks(Cache(backend, clock=backend.clock))
    with crowd.hold():
        tasks = [asyncio.create_task(db.run(mode, key=1)) for _ in range(100)]
        await asyncio.to_thread(crowd.wait_in_database, 1)
        await asyncio.to_thread(crowd.wait_for_joined, 99)
        elsewhere.execute("SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(each) for each in errors} == {QueryFailed}
    assert {each.sqlstate for each in errors if isinstance(each, QueryFailed)} == {"57014"}
    assert crowd.steps["fetch"] == 1
    assert await db.run(mode, key=1) == ANSWER


@MODES
def test_another_process_waits_for_what_is_being_fetched_and_takes_it(open_threads, crowd, backend, mode):
    caches = [Cache(backend, clock=backend.clock) for _ in range(3)]
    first, *others = [begin(open_threads(cache), cache, mode, key=1) for cache in caches]
    first.until(Fetch)
    for each in others:
        each.until(Pause)
    first.finish()

    assert [each.finish() for each in others] == [ANSWER] * 2
    assert crowd.steps["fetch"] == 1
    assert [cache.counters.events.get((mode, "waited"), 0) for cache in caches] == [0, 1, 1]


@MODES
def test_a_process_that_dies_over_a_fetch_holds_the_others_up_for_a_moment_only(open_threads, backend, crowd, mode):
    caches = [Cache(backend, clock=backend.clock) for _ in range(2)]
    dead, other = [begin(open_threads(cache), cache, mode, key=1) for cache in caches]
    dead.until(Fetch)
    dead.kill()

    assert other.finish() == ANSWER
    assert crowd.steps["pause"] <= 4


@pytest.mark.asyncio
async def test_a_call_that_was_made_before_a_transaction_and_awaited_in_it_is_the_transactions(open_tasks, backend):
    cache = Cache(backend)
    db = open_tasks(cache)
    read = db.run("strict", key=1)
    async with db.transaction():
        await db.add()
        assert (await read)[0]["notes"] == 1
        raise psycopg.Rollback

    assert cache.counters.events.get(("strict", "kept"), 0) == 0
    assert await db.run("strict", key=1) == ANSWER
