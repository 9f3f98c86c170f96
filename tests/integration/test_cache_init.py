"""The migration that has the cache told of writes: what is in it, what it does, and that it can be undone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.cache.versions import fetch_versions
from pgproof.cache.watching import SCHEMA, uninstall
from pgproof.contracts.caching.lookup import look_up
from pgproof.contracts.caching.unwatched import Unwatched, fetch_unwatched
from pgproof.contracts.session import Session
from pgproof.errors import PgproofError
from pgproof.migrations import read_folder, rules
from pgproof.migrations.new import write_new
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.sweep import fetch_findings
from pgproof.queries import read_queries
from tests.adapters import put
from tests.project import Project

ROOT = Path(__file__).parents[2]
TABLES = """
CREATE TABLE note (id int PRIMARY KEY, body text);
CREATE TABLE word (id int PRIMARY KEY);
CREATE TABLE "Odd one" (id int PRIMARY KEY);
CREATE TABLE event (at date) PARTITION BY RANGE (at);
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE SCHEMA app;
CREATE TABLE app.setting (key text PRIMARY KEY);
"""
BACK = 'DROP TABLE note, word, "Odd one", event; DROP SCHEMA app CASCADE;\n'
VIEW = "CREATE OR REPLACE VIEW noted AS SELECT id FROM note;\n"


@pytest.fixture
def project(project: Project) -> Project:
    project.add("0001_tables", TABLES, BACK)
    project.put("repeatable/noted.sql", VIEW)
    project.put("repeatable/noted.rollback.sql", "DROP VIEW noted;\n")
    project.migrate()
    return project


def look(project: Project, **texts: str) -> Unwatched:
    """Look for what is missing for cached queries."""
    head = "-- returns: many\n-- cache: ttl=60s\n"
    folder = put(project.settings.root / "queries", {name: head + text for name, text in texts.items()})
    return fetch_unwatched(Session(project.connection), list(read_queries(folder)))


def init(project: Project, **texts: str) -> Path:
    """Write the migration for cached queries."""
    forward, *_ = write_new(project.settings.migrations, *look(project, **texts).draft())
    return forward


def version(project: Project, name: str = "public.note") -> str:
    return look_up(project.connection, fetch_versions([name]))[name]


# What is missing


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT id FROM note", ["public.note"]),
        ("SELECT id FROM noted", ["public.note"]),
        ("SELECT at FROM event", ["public.event", "public.event_2026"]),
        ("SELECT at FROM event_2026", ["public.event", "public.event_2026"]),
        ('SELECT key FROM app.setting, "Odd one"', ["app.setting", "public.Odd one"]),
        ("WITH word AS (SELECT 1) SELECT 1 FROM word", []),
    ],
)
def test_what_cached_queries_read_is_found_through_views_and_partitions(project: Project, text: str, tables: list[str]):
    assert look(project, asked=text).tables == tuple(tables)


def test_what_only_the_line_says_is_watched_too(project: Project):
    put(project.settings.root / "queries", {"a": "-- returns: many\n-- cache: ttl=1s reads=word\nSELECT id FROM note"})

    found = fetch_unwatched(Session(project.connection), list(read_queries(project.settings.root / "queries")))

    assert found.tables == ("public.note", "public.word")


def test_a_query_that_is_not_cached_needs_no_trigger(project: Project):
    queries = {
        "words": "-- returns: many\nSELECT id FROM word",
        "delete": "-- returns: affected\n-- cache: bumps=word\nDELETE FROM word",
    }
    put(project.settings.root / "queries", queries)

    assert look(project, notes="SELECT id FROM note").tables == ("public.note",)


def test_without_a_cached_query_there_is_nothing_to_write(project: Project):
    folder = put(project.settings.root / "queries", {"words": "-- returns: many\nSELECT id FROM word"})

    with pytest.raises(PgproofError, match="no query is cached"):
        fetch_unwatched(Session(project.connection), list(read_queries(folder)))


def test_a_query_that_the_server_refuses_is_told_with_its_line(project: Project):
    with pytest.raises(PgproofError, match=r"bad\.sql:2: the server does not say what it reads: .*gone"):
        look(project, bad="SELECT id FROM gone")


# What it writes


def test_the_migration_is_one_that_the_runner_takes_and_nothing_is_missing_after_it(project: Project):
    path = init(project, notes='SELECT n.id FROM noted AS n, "Odd one", event')

    assert path.name == "0002_watch_writes_for_the_cache.sql"
    folder = read_folder(project.settings.migrations)
    assert [problem for each in folder.migrations for problem in rules.check(each, folder.positions)] == []
    assert project.migrate().failures == ()
    assert look(project).is_empty


def test_a_table_that_is_read_later_is_added_alone(project: Project):
    init(project, notes="SELECT id FROM note")
    project.migrate()

    path = init(project, words="SELECT id FROM word")
    project.migrate()

    assert path.name == "0003_watch_word_for_the_cache.sql"
    assert "note" not in path.read_text(encoding="utf-8").partition("INSERT")[2].replace("note_write", "")
    before = version(project, "public.word")
    project.connection.execute("INSERT INTO word VALUES (1)")
    assert version(project, "public.word") != before


def test_the_way_back_of_each_gives_back_the_schema_before_it(project: Project):
    schemas = [fetch_catalog(project.connection)]
    for texts in ({"notes": "SELECT id FROM note"}, {"words": 'SELECT 1 FROM word, "Odd one"'}):
        init(project, **texts)
        project.migrate()
        schemas.append(fetch_catalog(project.connection))

    for schema in reversed(schemas[:-1]):
        project.roll_back(steps=1)
        assert fetch_catalog(project.connection) == schema


def test_a_database_without_a_ledger_takes_it_as_well(project: Project, server: str):
    text = init(project, notes="SELECT id FROM note").read_bytes()
    ensure_created(server, "without_ledger")
    try:
        with connect(server, dbname="without_ledger") as connection:
            connection.execute(TABLES.encode() + text)
            connection.execute("INSERT INTO note VALUES (1)")
            assert connection.execute("SELECT name FROM pgproof_cache.writes").fetchall() == [("public.note",)]
    finally:
        drop(server, "without_ledger")


# What it does


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO note VALUES (1)",
        "UPDATE note SET body = 'b'",
        "DELETE FROM note",
        "TRUNCATE note",
        "MERGE INTO note USING word ON note.id = word.id WHEN MATCHED THEN DELETE",
        "SET session_replication_role = replica; INSERT INTO note VALUES (2)",
    ],
)
def test_whoever_writes_changes_the_version(project: Project, write: str):
    init(project, notes="SELECT id FROM note")
    project.migrate()
    before = version(project)

    project.session().execute(write.encode())

    assert version(project) != before


def test_a_role_that_may_only_write_to_the_table_is_told_of_too(project: Project):
    init(project, notes="SELECT id FROM note")
    project.migrate()
    before = version(project)

    with project.session() as writer:
        writer.execute("CREATE ROLE cache_writer; GRANT INSERT ON note TO cache_writer; SET ROLE cache_writer")
        writer.execute("INSERT INTO note VALUES (1)")
        writer.execute("RESET ROLE; DROP OWNED BY cache_writer; DROP ROLE cache_writer")

    assert version(project) != before


def migrate_on(project: Project) -> None:
    project.add("0003_rule", "CREATE RULE quiet AS ON INSERT TO word DO INSTEAD NOTHING;", "DROP RULE quiet ON word;")
    project.migrate()


def test_a_migration_its_way_back_and_another_view_change_every_version(project: Project):
    init(project, notes="SELECT id FROM noted")
    project.migrate()
    versions = [version(project)]

    project.put("repeatable/noted.sql", VIEW.replace("SELECT id", "SELECT 1 AS id"))
    project.migrate()
    versions.append(version(project))
    migrate_on(project)
    versions.append(version(project))
    project.roll_back(steps=1)
    versions.append(version(project))

    assert len(set(versions)) == len(versions)


def test_a_migration_changes_versions_in_its_own_transaction(project: Project):
    init(project, notes="SELECT id FROM note")
    project.migrate()
    project.connection.execute("SELECT pgproof_cache.compact()")

    migrate_on(project)

    together = "SELECT w.xmin = y.xmin FROM pgproof_cache.writes AS w, _yoyo_migration AS y WHERE migration_id ~ '0003'"
    assert True in project.rows(together)


def test_two_writers_of_one_table_do_not_wait_for_each_other(project: Project):
    init(project, notes="SELECT id FROM note")
    project.migrate()

    with project.session(autocommit=False) as first, project.session() as second:
        first.execute("INSERT INTO note VALUES (1)")
        second.execute("SET lock_timeout = '5s'; INSERT INTO note VALUES (2)")
        first.rollback()


def test_nothing_of_it_hurts_later(project: Project):
    init(project, notes="SELECT id FROM note")
    project.migrate()

    assert [each for each in fetch_findings(project.connection) if "pgproof_cache" in each.object] == []


def test_what_replicates_all_tables_does_not_stop_the_cache(project: Project):
    """PostgreSQL refuses to delete rows of a table that is published and has no key."""
    init(project, notes="SELECT id FROM note")
    project.migrate()

    project.connection.execute("CREATE PUBLICATION everything FOR ALL TABLES; INSERT INTO note VALUES (1)")
    before = version(project)
    project.connection.execute("SELECT pgproof_cache.compact()")

    assert version(project) == before


# Cruddur


@pytest.fixture
def cruddur(database: str) -> Iterator[psycopg.Connection[Any]]:
    folder = read_folder(ROOT / "migrations")
    with connect(database) as connection:
        for each in (*folder.migrations, *folder.repeatables):
            connection.execute(each.text.encode())
        yield connection


def test_cruddur_watches_all_that_its_cached_queries_read(cruddur: psycopg.Connection[Any]):
    assert fetch_unwatched(Session(cruddur), list(read_queries(ROOT / "queries"))).is_empty


def test_the_schema_that_cruddur_has_is_the_one_of_now(cruddur: psycopg.Connection[Any]):
    before = fetch_catalog(cruddur, schemas=["pgproof_cache"])

    cruddur.execute(uninstall().encode() + SCHEMA.read_bytes())

    assert fetch_catalog(cruddur, schemas=["pgproof_cache"]) == before
