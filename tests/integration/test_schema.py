"""The schema that migrations give: a text that is current, a catalog to find drift with, a scratch place to make it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.errors import MigrationFailed
from pgproof.migrations import Folder, migrate, read_folder, rules
from pgproof.pg.binaries import find_binaries
from pgproof.pg.catalog import Difference, diff, fetch_catalog
from pgproof.pg.database import connect
from pgproof.pg.server import Server, choose_server
from pgproof.schema import built, dump, find_drift, write_dump
from pgproof.settings import Settings

ROOT = Path(__file__).parents[2]

Connection = psycopg.Connection[Any]


@pytest.fixture
def here(settings: Settings, server: str) -> Settings:
    """Settings of this repository, its database on the server under test."""
    return replace(settings, root=ROOT, server="url", url=make_conninfo(server, dbname="cruddur"))


@pytest.fixture
def ours(here: Settings) -> Server:
    return choose_server(here)


@pytest.fixture
def folder() -> Folder:
    return read_folder(ROOT / "migrations")


@pytest.fixture
def pg_dump(server: str, settings: Settings) -> Path:
    with psycopg.connect(server) as connection:
        major = connection.info.server_version // 10_000
    if major != settings.major:
        pytest.skip(f"the server under test is PostgreSQL {major}, schema.sql is what {settings.major} says")
    return find_binaries(settings).program("pg_dump")


@pytest.fixture
def live(database: str, folder: Folder, here: Settings) -> Iterator[Connection]:
    """A database with all migrations applied."""
    with connect(database) as connection:
        migrate(connection, folder, here)
        yield connection


@pytest.fixture
def drift(database: str, folder: Folder, here: Settings, ours: Server) -> Callable[[], list[Difference]]:
    """Give the drift of that database."""
    return lambda: find_drift(database, folder, here, ours)


def databases(server: str) -> list[str]:
    with psycopg.connect(server) as connection:
        return [name for (name,) in connection.execute("SELECT datname FROM pg_database ORDER BY 1")]


# This repository


def test_schema_sql_is_what_the_migrations_give(folder: Folder, here: Settings, ours: Server, pg_dump: Path):
    assert (ROOT / "schema.sql").read_text() == dump(folder, here, ours, pg_dump)


def test_schema_sql_loaded_into_an_empty_database_gives_the_same_catalog(
    database: str, folder: Folder, here: Settings, ours: Server, pg_dump: Path
):
    with connect(database) as connection:
        connection.execute(dump(folder, here, ours, pg_dump).encode())
        loaded = fetch_catalog(connection)

    with built(folder, here, ours) as scratch, connect(scratch) as connection:
        assert diff(fetch_catalog(connection), loaded) == []


@pytest.mark.parametrize("kind", ["migrations", "repeatables"])
def test_no_migration_breaks_a_rule(folder: Folder, kind: str):
    position = {each.id: place for place, each in enumerate(folder.migrations)}

    assert [problem for each in getattr(folder, kind) for problem in rules.check(each, position)] == []


# Drift


@pytest.mark.usefixtures("live")
def test_a_database_that_was_only_migrated_has_no_drift(drift: Callable[[], list[Difference]]):
    assert drift() == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("CREATE TYPE mood AS ENUM ('sad')", ("added", "mood")),
        ("DROP INDEX activities_reply_to_activity_uuid_idx", ("removed", "activities_reply_to_activity_uuid_idx")),
        ("DROP VIEW user_counts", ("removed", "user_counts")),
        ("COMMENT ON TABLE likes IS 'by hand'", ("changed", "likes")),
    ],
)
def test_what_was_done_by_hand_is_drift(
    live: Connection, drift: Callable[[], list[Difference]], statement: str, found: tuple[str, str]
):
    live.execute(statement.encode())

    kind, name = found
    differences = drift()
    assert differences
    assert [each for each in differences if each.kind != kind or name not in each.key] == []


def test_owner_and_order_of_columns_are_no_drift(live: Connection, drift: Callable[[], list[Difference]]):
    live.execute("DROP VIEW user_counts; ALTER TABLE users DROP bio")
    for path in ("0009_add_bio_to_users.sql", "0010_validate_bio_of_users.sql", "repeatable/user_counts.sql"):
        live.execute((ROOT / "migrations" / path).read_bytes())
    live.execute("ALTER TABLE users OWNER TO pg_monitor")

    assert drift() == []


# The scratch place


def test_the_scratch_database_is_there_while_it_is_used_and_then_gone(
    server: str, folder: Folder, here: Settings, ours: Server
):
    before = databases(server)

    with built(folder, here, ours) as scratch:
        assert len(databases(server)) == len(before) + 1
        with psycopg.connect(scratch) as connection:
            assert connection.execute("SELECT to_regclass('user_counts') IS NOT NULL").fetchone() == (True,)

    assert databases(server) == before


def test_migrations_that_fail_leave_no_scratch_database(server: str, here: Settings, ours: Server, tmp_path: Path):
    (tmp_path / "0001_fail.sql").write_text("SELECT 1 / 0;")
    (tmp_path / "0001_fail.rollback.sql").write_text("SELECT 1;")
    before = databases(server)

    with pytest.raises(MigrationFailed), built(read_folder(tmp_path), here, ours):
        pass

    assert databases(server) == before


def test_a_server_that_is_not_ours_gets_no_scratch_database(server: str, folder: Folder, here: Settings):
    production = replace(here, target="prod")
    before = databases(server)

    with built(folder, production, choose_server(production)) as scratch:
        assert databases(server) == before
        with psycopg.connect(scratch) as connection:
            assert connection.execute("SELECT to_regclass('user_counts') IS NOT NULL").fetchone() == (True,)


# The file


def test_the_file_is_written_when_it_is_absent_or_stale_and_else_left_alone(
    here: Settings, ours: Server, pg_dump: Path, tmp_path: Path
):
    (tmp_path / "0001_create_notes.sql").write_text("CREATE TABLE notes (id int PRIMARY KEY, text text DEFAULT 'é');")
    (tmp_path / "0001_create_notes.rollback.sql").write_text("DROP TABLE notes;")
    folder, path = read_folder(tmp_path), tmp_path / "schema.sql"

    assert write_dump(path, folder, here, ours, pg_dump)
    os.utime(path, (0, 0))
    assert not write_dump(path, folder, here, ours, pg_dump)
    assert path.stat().st_mtime == 0
    assert "DEFAULT 'é'" in path.read_text(encoding="utf-8")

    path.write_text("-- edited\n")
    assert write_dump(path, folder, here, ours, pg_dump)
    assert path.read_text(encoding="utf-8") == dump(folder, here, ours, pg_dump)
