"""A text by a later clock: what of it reads the clock, and that nothing else is touched."""

from typing import Literal

import pytest

from pgproof.contracts.variations.clock import functions, shift
from pgproof.contracts.variations.clockwork import Definition, put_forward
from pgproof.sqltext import parse


@pytest.mark.parametrize(
    ("reading", "later"),
    [
        ("now()", 'pg_temp."now"()'),
        ("NOW ( )", 'pg_temp."now" ( )'),
        ('"now"()', 'pg_temp."now"()'),
        ("pg_catalog.now()", 'pg_temp."now"()'),
        ('pg_catalog . "now"()', 'pg_temp."now"()'),
        ("now(/* now() */)", 'pg_temp."now"(/* now() */)'),
        ("transaction_timestamp()", 'pg_temp."transaction_timestamp"()'),
        ("statement_timestamp()", 'pg_temp."statement_timestamp"()'),
        ("clock_timestamp()", 'pg_temp."clock_timestamp"()'),
        ("CURRENT_DATE", 'pg_temp."current_date"()'),
        ("current_time", 'pg_temp."current_time"()'),
        ("CURRENT_TIMESTAMP", 'pg_temp."current_timestamp"()'),
        ("current_timestamp (3)", 'pg_temp."current_timestamp"()::timestamptz(3)'),
        ("LOCALTIME", 'pg_temp."localtime"()'),
        ("localtimestamp(0)", 'pg_temp."localtimestamp"()::timestamp(0)'),
        ("age(at)", 'pg_temp."age"(at)'),
        ("'now'::timestamptz", "'2053-08-16 07:13:17'::timestamptz"),
        ("date 'today'", "date '2053-08-16 07:13:17'"),
        ("CAST(' Tomorrow ' AS timestamp)", "CAST('2053-08-16 07:13:17' AS timestamp)"),
    ],
)
def test_each_reading_of_the_clock_is_found_wherever_it_stands(reading, later):
    text = "WITH w AS (SELECT {0} AS c) SELECT 'Zoë', at FROM w, t WHERE at > {0} ORDER BY {0}"

    assert shift(text.format(reading)) == text.format(later)
    assert parse(shift(text.format(reading)))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'now()', $$ CURRENT_DATE $$ -- now()",
        "SELECT /* now() */ 1",
        'SELECT "now", now, t.current_date FROM t AS t',
        "SELECT other.now(), now(1), age(a, b)",
        "SELECT 'today', 'now'::text",
        "SELECT interval '1 day', timestamptz '2026-01-01', date 'epoch'",
        "SELECT current_user, current_schema",
        "SELECT now( is no SQL",
        "SELECT pg_catalog./* why? */now()",  # reads it, and is left alone rather than broken
    ],
)
def test_what_reads_no_clock_is_left_as_it_is(text):
    assert shift(text) == text


def test_a_text_is_given_the_functions_that_it_calls_and_no_others():
    (now,) = functions(shift("SELECT now()"))
    ages = functions(shift("SELECT age(at) FROM t"))

    assert 'pg_temp."now"() RETURNS timestamptz' in now
    assert [each.split("(")[1].split(")")[0] for each in ages] == ["timestamp", "timestamptz"]
    assert functions("SELECT 1") == ()


def define(kind: Literal["view", "default"], relation: str, text: str) -> Definition:
    return Definition(kind, relation, text, shift(text))


FRESH = define("view", "fresh", "CREATE OR REPLACE VIEW fresh AS SELECT * FROM posts WHERE at > now()")
FEED = define("view", "feed", "CREATE OR REPLACE VIEW feed AS SELECT * FROM fresh")
DAY = define("default", "posts", "ALTER TABLE posts ALTER COLUMN day SET DEFAULT CURRENT_DATE")
WORD = define("default", "posts", "ALTER TABLE posts ALTER COLUMN word SET DEFAULT ''")


@pytest.mark.parametrize(
    ("sql", "replaced"),
    [
        ("SELECT * FROM posts", []),
        ("SELECT * FROM Fresh", [FRESH.later]),
        ("SELECT * FROM feed", [FRESH.later]),
        ("INSERT INTO posts DEFAULT VALUES", [DAY.later]),
        ("INSERT INTO feed (word) VALUES ('')", [FRESH.later, DAY.later]),
        ("UPDATE posts SET day = DEFAULT", [DAY.later]),
        ("UPDATE posts SET word = ''", []),
    ],
)
def test_views_and_defaults_that_a_query_can_reach_go_by_the_later_clock_too(sql, replaced):
    later, before = put_forward([FRESH, FEED, DAY, WORD], sql)

    assert later == sql
    assert [each for each in before if not each.startswith("CREATE FUNCTION")] == replaced


def test_what_a_view_calls_is_made_before_the_view():
    _, (first, second) = put_forward([FRESH], "SELECT * FROM fresh")

    assert first.startswith('CREATE FUNCTION pg_temp."now"()')
    assert second == FRESH.later
