"""Postgres that fails under a cache: the right answer or the error that it would be without, and never an old one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof import Database, QueryFailed, ServerUnavailable
from pgproof.cache import Cache
from pgproof.queries.steps import Fetch, Select
from tests.caches import begin
from tests.faults import MODES, Clock, prepare, refusal_of, same
from tests.integration.test_adapter_pool import own_server  # noqa: F401  (a fixture)

CUT_OFF = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
LOSSES = {
    "the schema is gone": "DROP SCHEMA pgproof_cache CASCADE",
    "the table is gone": "DROP TABLE pgproof_cache.writes CASCADE",
    "the rights are gone": "REVOKE ALL ON SCHEMA pgproof_cache FROM public",
    "rights to a table are gone": "REVOKE ALL ON pgproof_cache.tables FROM public",
}


@pytest.fixture
def application(database: str, elsewhere: psycopg.Connection[Any]) -> Iterator[str]:
    """Conninfo of a role that has no rights but to its tables."""
    role = f"app_{uuid4().hex[:12]}"
    elsewhere.execute(f"CREATE ROLE {role}; GRANT SELECT, INSERT ON note, tag, word TO {role}".encode())
    yield make_conninfo(database, options=f"-c role={role}")
    elsewhere.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.mark.parametrize("loss", LOSSES)
def test_versions_that_cannot_be_read_cost_the_cache_and_not_the_answer(open_db, application, plain, elsewhere, loss):
    clock = Clock()
    cache = Cache(clock=clock)
    db, cold = open_db(application, cache=cache), open_db(application)
    for mode in ("strict", "bounded"):
        assert same(db, plain, mode)
    elsewhere.execute(LOSSES[loss].encode())
    if loss != "the table is gone":  # without it nobody can write
        elsewhere.execute("INSERT INTO note VALUES (1)")
    clock.now += 1.001
    for mode in ("strict", "bounded"):
        assert same(db, plain, mode)
        assert same(cold, plain, mode)
        assert cache.counters.events[mode, "hit"] == 1


@MODES
def test_versions_that_come_late_cost_the_cache_and_not_the_answer(open_db, database, plain, elsewhere, clock, mode):
    db = open_db(make_conninfo(database, options="-c statement_timeout=100"), cache=Cache(clock=clock))
    assert same(db, plain, mode)
    elsewhere.execute("INSERT INTO note VALUES (1)")
    clock.now += 1.001
    with elsewhere.transaction():
        elsewhere.execute("LOCK TABLE pgproof_cache.tables")
        assert same(db, plain, mode)


@MODES
@pytest.mark.parametrize("begins", ["cold", "warm"])
def test_an_answer_that_the_server_refuses_is_refused_as_without_a_cache(
    open_db, database, elsewhere, clock, mode, begins
):
    impatient = make_conninfo(database, options="-c statement_timeout=100")
    db, plain = open_db(impatient, cache=Cache(clock=clock)), open_db(impatient, cache=None)
    if begins == "warm":
        db.run(mode)
    elsewhere.execute("INSERT INTO note VALUES (1)")
    clock.now += 1.001
    with elsewhere.transaction():
        elsewhere.execute("LOCK TABLE note")
        refusals = [refusal_of(each, mode, QueryFailed) for each in (db, plain)]

    assert refusals[0] == refusals[1]
    assert db.run(mode) == plain.run(mode)


@MODES
def test_a_pool_that_is_full_is_told_of_as_without_a_cache(open_db, database, mode):
    db, plain = (open_db(database, cache=cache, max_size=1, timeout=0.1) for cache in (Cache(), None))
    for each in (db, plain):
        each.run(mode)
    with db.connection() as lent, plain.connection():
        lent_is_used = db.run(mode) if mode == "bounded" else None  # its versions are known for a moment
        refusals = [refusal_of(each, "add.note", ServerUnavailable) for each in (db, plain)]
        refusals += [refusal_of(each, "strict", ServerUnavailable) for each in (db, plain)]

    assert lent
    assert lent_is_used == (plain.run(mode) if mode == "bounded" else None)
    assert refusals[0] == refusals[1]
    assert refusals[2] == refusals[3]


@MODES
def test_connections_that_were_lost_cost_no_call(open_db, database, plain, elsewhere, clock, mode):
    db = open_db(database, cache=Cache(clock=clock))
    assert same(db, plain, mode)
    for _ in range(3):
        elsewhere.execute(CUT_OFF)
        elsewhere.execute("INSERT INTO note VALUES (1)")
        clock.now += 1.001
        assert db.run(mode) == plain.run(mode)


@pytest.fixture
def remembering(database: str, folder: Path, clock: Clock) -> Iterator[tuple[Database, Cache]]:
    """A database whose versions all come from Postgres, performed step by step."""
    cache = Cache(clock=clock)
    with Database(database, folder, cache=cache) as db:
        yield db, cache


@MODES
def test_a_connection_that_is_lost_while_versions_are_read_costs_nothing(remembering, plain, elsewhere, clock, mode):
    db, cache = remembering
    assert same(db, plain, mode)
    elsewhere.execute("INSERT INTO note VALUES (1)")
    clock.now += 1.001
    reader = begin(db, cache, mode).until(Select)
    reader.hear(None, psycopg.OperationalError("the connection is lost"))

    assert reader.finish() == plain.run(mode)
    assert same(db, plain, mode)


@MODES
def test_a_connection_that_is_lost_while_the_query_runs_is_told_of_and_nothing_is_kept(
    remembering, plain, elsewhere, clock, mode
):
    db, cache = remembering
    assert same(db, plain, mode)
    elsewhere.execute("INSERT INTO note VALUES (1)")
    clock.now += 1.001
    reader = begin(db, cache, mode).until(Fetch)
    with pytest.raises(ServerUnavailable, match="is lost"):
        reader.hear(None, ServerUnavailable("the connection is lost"))

    assert same(db, plain, mode)


def test_a_server_that_was_restarted_is_asked_again(own_server, open_db):  # noqa: F811  (a fixture)
    conninfo, stop, start = own_server
    with psycopg.connect(conninfo, autocommit=True) as connection:
        prepare(connection)
    db = open_db(conninfo, timeout=30)
    assert db.run("strict")["notes"] == 0
    stop()
    with pytest.raises(ServerUnavailable):
        db.run("strict")
    start()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("INSERT INTO note VALUES (1)")

    assert [db.run("strict")["notes"] for _ in range(2)] == [1, 1]
