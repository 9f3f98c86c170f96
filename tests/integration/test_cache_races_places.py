"""Which database answers, and in which session: one that takes another's place, and several beside each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.cache.watching import watch
from tests.races import REST, World, declare, prepare


@contextmanager
def administered(world: World) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the server, but not to the database."""
    with psycopg.connect(make_conninfo(world.url, dbname="postgres"), autocommit=True) as server:
        yield server


def put_in_place(world: World, name: str) -> None:
    """Let a database take the place of ours, as `inv db.reset` does."""
    with administered(world) as server:
        server.execute(f"DROP DATABASE {world.name} WITH (FORCE)".encode())
        server.execute(f"ALTER DATABASE {name} RENAME TO {world.name}".encode())
    world.elsewhere = world.connect()


@contextmanager
def beside(world: World) -> Iterator[str]:
    """Make a database with the same tables, which holds 7."""
    name = f"{world.name}_other"
    url = make_conninfo(world.url, dbname=name)
    world.elsewhere.execute(f"CREATE DATABASE {name}".encode())
    with psycopg.connect(url, autocommit=True) as other:
        prepare(other, 7)
    yield url
    with administered(world) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def catch_up(world: World) -> None:
    """Have everybody know that the database is another one."""
    world.catch_up()
    if world.tells_by_outbox:
        world.wait(REST)


def connect(world: World, setting: str, value: str) -> psycopg.Connection[Any]:
    connection = world.connect()
    connection.execute(f"SET {setting} = {value}".encode())
    return connection


def test_another_database_that_takes_the_place_is_noticed(world: World):
    process = world.process()
    assert (process.ask(), process.ask()) == (0, 0)
    with beside(world):
        put_in_place(world, f"{world.name}_other")
    catch_up(world)
    assert process.ask() == 7
    world.run("UPDATE tally SET n = 8")
    world.catch_up()

    assert process.ask() == 8


def test_what_was_kept_of_a_future_that_a_restore_undid_is_not_found(world: World):
    backup = f"{world.name}_backup"
    with administered(world) as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [world.name])
        server.execute(f"CREATE DATABASE {backup} TEMPLATE {world.name}".encode())
    world.elsewhere = world.connect()
    process = world.process()
    world.run("UPDATE tally SET n = 2")
    assert (process.ask(), process.ask()) == (2, 2)
    put_in_place(world, backup)
    catch_up(world)
    assert process.ask() == 0
    world.run("UPDATE tally SET n = 3")
    world.catch_up()

    assert (process.ask(), world.process().ask()) == (3, 3)


SHARED = pytest.mark.parametrize("world", ["strict-postgres", "strict-momento", "bounded-momento"], indirect=True)


@SHARED
def test_databases_that_share_a_backend_have_nothing_in_common(world: World):
    process = world.process()
    with beside(world) as url:
        other = world.process(url)
        other.db.run("tally.add")
        assert [other.ask(), process.ask(), other.ask(), process.ask()] == [8, 0, 8, 0]
        other.db.close()


@SHARED
def test_copies_of_a_database_have_nothing_in_common_when_they_are_named(world: World):
    first, second = world.process(name="live"), world.process(name="test")
    assert (first.ask(), second.ask(), second.counted("hit")) == (0, 0, 0)


SETTINGS = {
    "TimeZone": ("SELECT to_char(timestamptz '2026-01-01 00:00+00', 'HH24') FROM tally", "'Asia/Tokyo'", "09", "UTC"),
    "search_path": ("SELECT n FROM tally", "away", 5, "public"),
    "role": ("SELECT current_user::text FROM tally", "someone", "someone", "none"),
}


@SHARED
@pytest.mark.parametrize("setting", SETTINGS)
def test_sessions_that_differ_in_what_decides_a_result_have_results_of_their_own(world: World, setting: str):
    text, value, expected, ordinary = SETTINGS[setting]
    world.run("CREATE SCHEMA away; CREATE TABLE away.tally AS SELECT 5 AS n")
    world.run(watch(["away.tally"]))
    world.run("DO $$ BEGIN CREATE ROLE someone; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$")
    world.run("GRANT SELECT ON ALL TABLES IN SCHEMA public, away TO someone; GRANT USAGE ON SCHEMA away TO someone")
    world.declare(declare("shown", text))
    first, second, third = (world.process(connect(world, setting, each)) for each in (ordinary, value, value))
    before = first.ask("shown")

    assert before != expected
    assert [second.ask("shown"), third.ask("shown"), first.ask("shown")] == [expected, expected, before]
    assert third.counted("hit") == 1
