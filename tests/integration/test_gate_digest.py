"""Two looks at a database tell exactly which of its rows and values are not what they were."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgproof.gate.rows.digest import Loss, diff_digests, fetch_digests
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect

SCHEMA = """
CREATE TABLE users (
    id int PRIMARY KEY, name text, price numeric, seen timestamptz, size int GENERATED ALWAYS AS (id) STORED
);
INSERT INTO users VALUES (1, 'ada', 1.10, '2026-01-01'), (2, NULL, 2, NULL), (3, '', 3, 'infinity');
CREATE TABLE notes (n int, words text);
INSERT INTO notes VALUES (1, 'a'), (1, 'a'), (2, 'b');
CREATE TABLE _yoyo_log (id text PRIMARY KEY);
CREATE SCHEMA pgproof_cache;
CREATE TABLE pgproof_cache.writes (name text);
INSERT INTO pgproof_cache.writes VALUES ('public.users');
CREATE SCHEMA other;
CREATE TABLE other.parts (id int PRIMARY KEY, word text) PARTITION BY RANGE (id);
CREATE TABLE other.parts_1 PARTITION OF other.parts DEFAULT;
INSERT INTO other.parts VALUES (1, 'one');
"""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with rows in it."""
    with connect(database) as connection:
        connection.execute(SCHEMA)
        yield connection


def losses(connection: psycopg.Connection[Any], change: str) -> list[Loss]:
    before = fetch_digests(connection)
    connection.execute(change.encode())
    return diff_digests(before, fetch_digests(connection))


def test_nothing_is_lost_where_nothing_has_changed(connection: psycopg.Connection[Any]):
    catalog = fetch_catalog(connection)

    assert losses(connection, "SELECT 1") == []
    assert fetch_catalog(connection) == catalog
    assert sorted(fetch_digests(connection)) == ["other.parts", "public.notes", "public.users"]


def test_rows_columns_and_tables_that_are_new_are_no_loss(connection: psycopg.Connection[Any]):
    change = """
        INSERT INTO users VALUES (4, 'new'); INSERT INTO notes VALUES (1, 'a'); INSERT INTO _yoyo_log VALUES ('x');
        ALTER TABLE users ADD bio text DEFAULT 'x'; CREATE TABLE more AS SELECT 1 AS n;
    """

    assert losses(connection, change) == []


@pytest.mark.parametrize(
    ("change", "column", "rows"),
    [
        ("UPDATE users SET name = '' WHERE id = 2", "name", 1),
        ("UPDATE users SET name = NULL WHERE id = 3", "name", 1),
        ("UPDATE users SET name = upper(name)", "name", 1),
        ("UPDATE users SET price = trim_scale(price)", "price", 1),
        ("UPDATE users SET seen = seen + interval '1 microsecond' WHERE id = 1", "seen", 1),
        ("UPDATE users AS u SET price = o.price FROM users AS o WHERE o.id = 4 - u.id AND u.id <> 2", "price", 2),
    ],
)
def test_a_changed_value_is_seen(connection: psycopg.Connection[Any], change: str, column: str, rows: int):
    assert losses(connection, change) == [Loss("public.users", column, rows, "values changed")]


def test_rows_that_are_gone_are_counted(connection: psycopg.Connection[Any]):
    assert losses(connection, "DELETE FROM users WHERE id > 1; DELETE FROM other.parts") == [
        Loss("other.parts", None, 1, "rows gone"),
        Loss("public.users", None, 2, "rows gone"),
    ]


def test_a_row_with_another_key_is_another_row(connection: psycopg.Connection[Any]):
    assert losses(connection, "UPDATE users SET id = 9 WHERE id = 1") == [Loss("public.users", None, 1, "rows gone")]


def test_a_column_that_is_gone_had_so_many_values(connection: psycopg.Connection[Any]):
    assert losses(connection, "ALTER TABLE users DROP seen; ALTER TABLE users RENAME name TO called") == [
        Loss("public.users", "name", 2, "column gone"),
        Loss("public.users", "seen", 2, "column gone"),
    ]


def test_a_table_that_is_gone_had_so_many_rows(connection: psycopg.Connection[Any]):
    assert losses(connection, "DROP TABLE notes; DROP TABLE other.parts; CREATE TABLE other.parts (id int)") == [
        Loss("other.parts", "word", 1, "column gone"),
        Loss("other.parts", None, 1, "rows gone"),
        Loss("public.notes", None, 3, "table gone"),
    ]


def test_without_a_key_rows_are_told_apart_by_all_that_they_have(connection: psycopg.Connection[Any]):
    assert losses(connection, "DELETE FROM notes WHERE ctid = (SELECT min(ctid) FROM notes)") == [
        Loss("public.notes", None, 1, "rows gone")
    ]
    assert losses(connection, "UPDATE notes SET words = 'c' WHERE n = 2") == [
        Loss("public.notes", "words", 1, "values changed")
    ]


def test_without_a_key_values_that_have_changed_places_are_seen(connection: psycopg.Connection[Any]):
    assert losses(connection, "UPDATE notes SET n = 3 - n WHERE (n, words) = (2, 'b') OR ctid = '(0,1)'") == [
        Loss("public.notes", None, 2, "values changed")
    ]


def test_where_the_key_is_gone_the_rest_of_a_row_is_compared(connection: psycopg.Connection[Any]):
    assert losses(
        connection, "ALTER TABLE users RENAME id TO number; UPDATE users SET name = 'x' WHERE number = 1"
    ) == [
        Loss("public.users", "id", 3, "column gone"),
        Loss("public.users", "name", 1, "values changed"),
    ]
