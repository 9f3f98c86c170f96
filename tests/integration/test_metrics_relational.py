"""Metrics of tables of this database: what is counted on which day, and that it follows the table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.errors import SettingsError
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import Mapping, read_mappings
from pgproof.metrics.mappings.relational import fetch_counted, refresh_all, refresh_due
from pgproof.pg.database import connect
from tests.metrics import fetch_daily, install, write_mapping

USERS = """
postgres = "users"
time = "created_at"

[metric.users]
"""
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A database with metrics and a table of users: id, created_at, country, likes."""
    with connect(database) as connection:
        install(connection)
        connection.execute("CREATE DOMAIN moment AS timestamptz")
        connection.execute("CREATE TABLE users (id int, created_at moment, country text, likes int)")
        yield connection


def map_users(root: Path, text: str = USERS) -> list[Mapping]:
    write_mapping(root, "users", text)
    return read_mappings(root / "metrics")


def add(connection: Connection, *rows: tuple[Any, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO users VALUES (%s, %s, %s, %s)", rows)


def test_rows_are_counted_by_day_and_the_metrics_follow_the_table(connection: Connection, tmp_path: Path):
    mappings = map_users(tmp_path)
    add(connection, (1, "2026-01-01 10:00Z", "ca", 1), (2, "2026-01-01 23:59:59.999999Z", "ca", 1))
    add(connection, (3, "2026-01-02 00:00Z", "ca", 1), (4, None, "ca", 1), (5, "infinity", "ca", 1))
    adopt(connection, mappings)
    assert fetch_daily(connection) == {("users", "2026-01-01", "{}"): 2, ("users", "2026-01-02", "{}"): 1}

    connection.execute("DELETE FROM users WHERE id = 3")
    connection.execute("UPDATE users SET created_at = '2025-12-31 10:00Z' WHERE id = 1")
    refresh_all(connection, mappings)

    assert fetch_daily(connection) == {("users", "2025-12-31", "{}"): 1, ("users", "2026-01-01", "{}"): 1}


def test_measures_dimensions_and_a_condition(connection: Connection, tmp_path: Path):
    said = 'postgres = "public.users"\ntime = "created_at"\nwhere = "country LIKE \'%a\' OR country IS NULL"\n'
    said += '[metric.likes]\nmeasure = "sum"\nof = "likes"\nby = ["country"]\n'
    said += '[metric.likers]\nmeasure = "distinct"\nof = "likes"\n'
    add(connection, (1, "2026-01-01", "ca", 5), (2, "2026-01-01", "ca", 5), (3, "2026-01-01", None, 7))
    add(connection, (4, "2026-01-01", "uk", 9), (5, "2026-01-01", "ca", None))
    add(connection, (6, "2026-01-02", "ca", None))
    adopt(connection, map_users(tmp_path, said))

    assert fetch_daily(connection) == {
        ("likes", "2026-01-01", '{"country": "ca"}'): 10,
        ("likes", "2026-01-01", '{"country": null}'): 7,
        ("likers", "2026-01-01", "{}"): 2,
    }


@pytest.mark.parametrize(
    ("kind", "zones", "day"),
    [
        ("timestamptz", 'zone = "America/Toronto"', "2026-01-02"),
        ("timestamptz", 'days = "America/Toronto"', "2026-01-01"),
        ("timestamp", "", "2026-01-02"),
        ("timestamp", 'days = "America/Toronto"', "2026-01-01"),
        ("timestamp", 'zone = "America/Toronto"\ndays = "America/Toronto"', "2026-01-02"),
        ("date", 'days = "America/Toronto"', "2026-01-02"),
    ],
)
def test_the_day_is_that_of_the_zones_in_the_file_whatever_the_session_has(
    connection: Connection, tmp_path: Path, kind: str, zones: str, day: str
):
    connection.execute("SET timezone = 'Asia/Tokyo'")
    connection.execute("DROP TABLE users")
    connection.execute(f"CREATE TABLE users AS SELECT '2026-01-02 01:00Z'::{kind} AS created_at".encode())
    adopt(connection, map_users(tmp_path, f'postgres = "users"\ntime = "created_at"\n{zones}\n[metric.users]\n'))

    assert fetch_daily(connection) == {("users", day, "{}"): 1}


def test_names_are_names_whatever_is_in_them(connection: Connection, tmp_path: Path):
    name = """we"ird'; DROP SCHEMA pgproof_metrics CASCADE; {} %s --"""
    connection.execute("CREATE SCHEMA other")
    literal = psycopg.sql.Identifier(name)
    query = psycopg.sql.SQL("CREATE TABLE other.{0} AS SELECT now() AS {0}").format(literal)
    connection.execute(query)
    said = f"postgres = '''other.{name}'''\ntime = '''{name}'''\n[metric.users]\nmeasure = 'distinct'\n"
    adopt(connection, map_users(tmp_path, said + f"of = '''{name}'''\nby = ['''{name}''']\n"))

    assert list(fetch_daily(connection).values()) == [1]


def test_what_was_counted_within_a_minute_is_not_counted_again(connection: Connection, tmp_path: Path):
    mappings = map_users(tmp_path)
    adopt(connection, mappings)
    add(connection, (1, "2026-01-01", "ca", 1))

    refresh_due(connection, mappings)
    assert fetch_daily(connection) == {}

    connection.execute("UPDATE pgproof_metrics.metric SET refreshed_at = refreshed_at - interval '61 s'")
    refresh_due(connection, mappings)
    assert fetch_daily(connection) == {("users", "2026-01-01", "{}"): 1}


def test_what_somebody_else_counts_is_left_to_them(connection: Connection, database: str, tmp_path: Path):
    mappings = map_users(tmp_path)
    adopt(connection, mappings)
    connection.execute("UPDATE pgproof_metrics.metric SET refreshed_at = NULL")
    add(connection, (1, "2026-01-01", "ca", 1))
    connection.execute("SET lock_timeout = '20s'")  # reached only if it waits
    with connect(database) as other, other.transaction():
        refresh_due(other, mappings)
        refresh_due(connection, mappings)

        assert fetch_daily(connection) == {}
    assert fetch_daily(connection) == {("users", "2026-01-01", "{}"): 1}


def test_a_metric_that_the_database_knows_otherwise_is_left_alone(connection: Connection, tmp_path: Path):
    adopt(connection, map_users(tmp_path))
    add(connection, (1, "2026-01-01", "ca", 1))

    refresh_all(connection, map_users(tmp_path, USERS + 'by = ["country"]\n'))

    assert fetch_daily(connection) == {}


def test_days_that_have_not_changed_are_not_written(connection: Connection, tmp_path: Path):
    mappings = map_users(tmp_path)
    add(connection, (1, "2026-01-01", "ca", 1), (2, "2026-01-02", "ca", 1))
    adopt(connection, mappings)
    was = versions(connection)
    add(connection, (3, "2026-01-02", "ca", 1))

    refresh_all(connection, mappings)

    now = versions(connection)
    assert (was[0] == now[0], was[1] == now[1]) == (True, False)


def versions(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT xmin::text FROM pgproof_metrics.daily ORDER BY day")]


def test_metrics_of_a_mapping_that_is_gone_are_gone_and_those_of_others_stay(connection: Connection, tmp_path: Path):
    add(connection, (1, "2026-01-01", "ca", 1))
    adopt(connection, map_users(tmp_path, USERS + "[metric.people]\n"))
    assert len(fetch_daily(connection)) == 2

    adopt(connection, map_users(tmp_path))

    assert fetch_daily(connection) == {("users", "2026-01-01", "{}"): 1}


def test_what_is_counted_from_scratch_is_what_is_there(connection: Connection, tmp_path: Path):
    mappings = map_users(tmp_path, USERS + '[metric.lands]\nmeasure = "distinct"\nof = "country"\nby = ["likes"]\n')
    add(connection, (1, "2026-01-01", "ca", 1), (2, "2026-01-02", "uk", 2))
    adopt(connection, mappings)

    there = connection.execute("SELECT metric, day, dimensions, value, items FROM pgproof_metrics.daily").fetchall()
    assert sorted(map(str, fetch_counted(connection, mappings))) == sorted(map(str, there))
    assert len(there) == 4


@pytest.mark.parametrize(
    ("said", "line", "what"),
    [
        ('postgres = "nobody"\ntime = "created_at"\n[metric.users]\n', 2, "nobody has no created_at"),
        ('postgres = "users"\ntime = "at"\n[metric.users]\n', 2, "users has no at"),
        ('postgres = "users"\ntime = "likes"\n[metric.users]\n', 2, "likes is no time, it is integer"),
        (USERS + 'measure = "sum"\nof = "lieks"\n', 5, 'refuses to count users: column "lieks" does not exist'),
        (USERS + 'measure = "sum"\nof = "country"\n', 5, "refuses to count users: invalid input syntax"),
    ],
)
def test_what_cannot_be_counted_is_said_at_its_line_and_nothing_has_changed(
    connection: Connection, tmp_path: Path, said: str, line: int, what: str
):
    add(connection, (1, "2026-01-01", "ca", 1))
    adopt(connection, map_users(tmp_path))

    with pytest.raises(SettingsError, match=what) as caught:
        adopt(connection, map_users(tmp_path, said))

    assert caught.value.at
    assert caught.value.at.line == line
    assert fetch_daily(connection) == {("users", "2026-01-01", "{}"): 1}
