"""Every table gets a few odd rows: those that a migration and its way back are likely to lose."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pgproof.gate.rows.digest import fetch_digests
from pgproof.gate.rows.edges import add_edges
from pgproof.gate.rows.fill import fill
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect, drop, ensure_created

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine"');
CREATE TABLE users (
    id serial PRIMARY KEY, email text NOT NULL UNIQUE CHECK (email ~ '^[^@\\s]+@[^@\\s]+$'), bio text,
    nick varchar(20) NOT NULL, status text NOT NULL CHECK (status IN ('new', 'done'))
);
CREATE TABLE things (
    id uuid PRIMARY KEY, user_id int REFERENCES users, parent_id uuid REFERENCES things, feels mood NOT NULL,
    yes boolean NOT NULL, whole int, price numeric(6, 2), free numeric, ratio double precision, born date,
    seen timestamptz, bytes bytea, doc jsonb, plain json, numbers int[], texts text[], span int4range,
    positive int CHECK (positive > 0), position int NOT NULL UNIQUE
);
CREATE TABLE posts (id serial PRIMARY KEY, user_id int REFERENCES users, feels mood NOT NULL);
CREATE TABLE nothing ();
CREATE TABLE guarded (id int PRIMARY KEY, words text NOT NULL);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF new.words = '' THEN RAISE 'words, please'; END IF; RETURN new; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
INSERT INTO users (email, bio, nick, status) VALUES ('ada@example.com', 'Hi', 'ada', 'new');
INSERT INTO posts (user_id, feels) VALUES (1, 'ok');
"""

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to a database with hardly a row in it."""
    with connect(database) as connection:
        connection.execute(SCHEMA)
        yield connection


@pytest.fixture(scope="module")
def edged(server: str) -> Iterator[Connection]:
    """A connection to the same with odd rows, for all tests that only look."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(server, dbname=name) as connection:
        connection.execute(SCHEMA)
        add_edges(connection)
        yield connection
    drop(server, name)


def values(connection: Connection, column: str, table: str) -> set[str | None]:
    query = f"SELECT DISTINCT ({column})::text FROM {table}"  # noqa: S608 - names of this file's
    found = connection.execute(query.encode()).fetchall()
    return {each for (each,) in found}


def test_the_odd_rows_are_counted(connection: Connection):
    added = add_edges(connection)
    rows = {name: len(digest.rows) for name, digest in fetch_digests(connection).items()}

    seeded = ("public.users", "public.posts")
    assert added == {name: rows[name] - (name in seeded) for name in rows if name != "public.nothing"}
    assert all(5 < each < 120 for each in added.values())


def test_the_same_database_gets_the_same_odd_rows(connection: Connection):
    with connection.transaction(force_rollback=True):
        add_edges(connection)
        first = {name: sorted(map(repr, each.rows)) for name, each in fetch_digests(connection).items()}
    add_edges(connection)

    assert first == {name: sorted(map(repr, each.rows)) for name, each in fetch_digests(connection).items()}


def test_texts_are_null_empty_long_mixed_and_foreign(edged: Connection):
    texts = values(edged, "bio", "users")

    assert {None, "", " ", "MiXed Case", "שלום مرحبا", "👩‍👩‍👧 🏳️‍🌈", "007", "two\nlines\tand a tab"} <= texts
    assert """it's "quoted" \\ %s {x}""" in texts
    assert any(each and each.endswith("\u0301") for each in texts)
    assert "x" * 20 in values(edged, "nick", "users")
    assert None not in values(edged, "nick", "users")


def test_where_a_check_wants_a_form_what_is_near_an_ordinary_value_is_odd_enough(edged: Connection):
    emails = values(edged, "email", "users")

    assert any(each and "@EXAMPLE.COM" in each for each in emails)
    assert any(each and "@Example.Com" in each for each in emails)
    assert values(edged, "status", "users") == {"new", "done"}


def test_every_label_is_used_and_every_reference_left_out_once_although_no_seed_does(edged: Connection):
    assert values(edged, "feels", "posts") == {"sad", "ok", """it's "fine\""""}
    assert values(edged, "user_id IS NULL", "posts") == {"true", "false"}


@pytest.mark.parametrize(
    ("column", "odd"),
    [
        ("feels", {"sad", "ok", """it's "fine\""""}),
        ("yes", {"true", "false"}),
        ("user_id IS NULL", {"true", "false"}),
        ("parent_id IS NULL", {"true", "false"}),
        ("whole", {None, "0", "-1", "2147483647", "-2147483648"}),
        ("price", {None, "9999.99", "-9999.99", "1.10", "NaN", "0.01"}),
        ("free", {None, "1.10", "1.1000", "12345678901234567890.123456789", "NaN", "Infinity"}),
        ("ratio", {None, "-0", "NaN", "Infinity", "-Infinity", "1.7976931348623157e+308"}),
        ("born", {None, "infinity", "-infinity", "0044-03-15 BC", "2024-02-29"}),
        ("extract(microseconds FROM seen)", {None, "59999999", "1"}),
        ("bytes", {None, "\\x", "\\x00ff27"}),
        ("doc", {None, "{}", "null", "[]", '{"a": [null], "b": 2}'}),
        ("plain", {'{"b": 1.10, "a": [null], "b": 2}', ' {"a" :1 } '}),
        ("numbers", {None, "{}", "{NULL}", "{{1,2},{NULL,4}}", "[0:1]={1,2}"}),
        ("texts", {None, "{}", '{"",NULL,"NULL"," a,b ","\\"{}"}'}),
        ("span", {None, "empty", "(,)"}),
    ],
)
def test_a_type_has_its_odd_values(edged: Connection, column: str, odd: set[str | None]):
    assert odd - values(edged, column, "things") == set()


def test_what_constraints_and_triggers_refuse_is_left_out(edged: Connection):
    assert values(edged, "positive > 0", "things") == {None, "true"}
    assert "" not in values(edged, "words", "guarded")
    assert " " in values(edged, "words", "guarded")


def test_numbers_that_an_application_counts_in_can_be_counted_on(edged: Connection):
    with edged.transaction(force_rollback=True):
        edged.execute("INSERT INTO users (email, nick, status) VALUES ('b@example.com', 'b', 'new')")

    assert int(max(filter(None, values(edged, "position", "things")), key=int)) < 2**30


def test_a_row_has_one_odd_value_and_is_ordinary_otherwise(edged: Connection):
    assert values(edged, "status || ' ' || nick", "users WHERE bio = 'MiXed Case'") <= {"new ada", "done ada"}


def test_the_schema_stays_as_it_is(connection: Connection):
    before = fetch_catalog(connection)
    add_edges(connection)

    assert fetch_catalog(connection) == before


def test_a_table_with_odd_rows_can_be_filled(connection: Connection):
    add_edges(connection)

    assert fill(connection, 500) == {"public.nothing": "it has no column that an INSERT may name"}
