"""What each process counts comes to the database: seldom, beside the requests, and never in their way."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof import AsyncDatabase, Database
from pgproof.cache import Cache
from pgproof.queries.steps import Spawn
from tests.adapters import put
from tests.caches import Run, begin, watch_tables
from tests.clock import Clock

FILES = {"notes/all": "-- returns: many\n-- cache: ttl=60s mode=strict\nSELECT id FROM note ORDER BY id"}
MISSED = {"notes.all": {"miss": 1, "kept": 1}}


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id int)")
        watch_tables(connection, ["note"])
        yield connection


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    return put(tmp_path / "queries", FILES)


def reported(elsewhere: psycopg.Connection[Any]) -> list[dict[str, dict[str, int]]]:
    rows = elsewhere.execute("SELECT report->'events' FROM pgproof_cache.processes ORDER BY reported_at").fetchall()
    return [events for (events,) in rows]


def test_a_process_reports_every_ten_seconds_without_a_request_that_waits(
    database: str, elsewhere: psycopg.Connection[Any], queries: Path, clock: Clock
):
    cache = Cache(clock=clock)
    with Database(database, queries, cache=cache) as db:
        db.notes.all()
        clock.now = 9.9
        assert begin(db, cache, "notes.all").finish() == []
        assert reported(elsewhere) == []
        clock.now = 10
        call = begin(db, cache, "notes.all").until(Spawn)
        [aside] = [call.next]
        assert isinstance(aside, Spawn)

        assert call.finish() == []
        db._aside.shutdown()  # noqa: SLF001  (it ends what nobody waits for)

    assert reported(elsewhere) == [{"notes.all": {"miss": 1, "kept": 1, "hit": 2}}]


def test_a_process_reports_once_when_it_closes_its_database(
    database: str, elsewhere: psycopg.Connection[Any], queries: Path
):
    with Database(database, queries, cache=Cache()) as db:
        db.notes.all()

    async def ask() -> None:
        async with AsyncDatabase(database, queries, cache=Cache()) as db:
            await db.notes.all()

    asyncio.run(ask())

    assert reported(elsewhere) == [MISSED, MISSED]


def test_who_has_counted_nothing_reports_nothing_and_opens_no_connection(queries: Path):
    with Database("host=/nowhere", queries, cache=Cache()):
        pass


def test_a_report_that_is_refused_is_nobodys_error_and_rests_for_five_minutes(
    database: str, elsewhere: psycopg.Connection[Any], queries: Path, clock: Clock
):
    cache = Cache(clock=clock)
    elsewhere.execute("ALTER FUNCTION pgproof_cache.report RENAME TO away")
    with Database(database, queries, cache=cache) as db:
        db.notes.all()
    elsewhere.execute("ALTER FUNCTION pgproof_cache.away RENAME TO report")

    with Database(database, queries) as db:
        for moment in (299, 300):
            clock.now = moment
            Run(db, cache.end()).finish()
            assert (moment, len(reported(elsewhere))) == (moment, int(moment == 300))


def test_a_connection_that_was_given_is_left_to_who_gave_it(
    database: str, elsewhere: psycopg.Connection[Any], queries: Path, clock: Clock
):
    with psycopg.connect(database, autocommit=True) as given, Database(given, queries, cache=Cache(clock=clock)) as db:
        for moment in (0, 20):
            clock.now = moment
            db.notes.all()

    assert reported(elsewhere) == []


def test_a_report_adds_up_what_was_written_and_needs_no_right_of_its_own(
    database: str, elsewhere: psycopg.Connection[Any], queries: Path
):
    elsewhere.execute("DROP ROLE IF EXISTS reporter; CREATE ROLE reporter; GRANT SELECT ON note TO reporter")
    elsewhere.execute("INSERT INTO note VALUES (1)")
    with Database(make_conninfo(database, options="-c role=reporter"), queries, cache=Cache()) as db:
        assert db.notes.all() == [{"id": 1}]

    assert reported(elsewhere) == [MISSED]
    assert elsewhere.execute("SELECT count(*) FROM pgproof_cache.writes").fetchone() == (0,)
    elsewhere.execute("DROP OWNED BY reporter; DROP ROLE reporter")
