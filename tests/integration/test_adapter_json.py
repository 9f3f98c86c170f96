"""The adapter's JSON: what an API passes on, written by the server in the shape that each file promises."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof import Database, NotOneRow, ParameterMismatch, QueryError, QueryFailed
from tests.adapters import put

Ask = Callable[..., str]

MANY, ONE, MAYBE, VALUE = (f"-- returns: {shape}\n" for shape in ("many", "one", "maybe", "value"))


@pytest.fixture
def connection(server: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit, with a table that only it can see."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE note (id int UNIQUE, text text)")
        yield connection


@pytest.fixture
def ask(connection: psycopg.Connection[Any], tmp_path: Path) -> Ask:
    """Give the JSON of a text that is run as query `asked`."""

    def ask(text: str, /, **given: Any) -> str:
        folder = put(tmp_path / "queries", {"asked": text})
        answer: str = Database(connection, folder).json("asked", **given)
        return answer

    return ask


def texts_of(connection: psycopg.Connection[Any]) -> list[Any]:
    return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY id")]


# Shapes

LETTERS = "SELECT a, 1 AS b FROM unnest(%(all)s::text[]) AS a"


def test_many_is_an_array(ask):
    assert json.loads(ask(MANY + LETTERS, all=["b", "a"])) == [{"a": "b", "b": 1}, {"a": "a", "b": 1}]


@pytest.mark.parametrize("shape", [ONE, MAYBE])
def test_one_row_is_an_object(ask, shape):
    assert ask(shape + LETTERS, all=["a"]) == '{"a":"a","b":1}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("NULL", "null"),
        ("12345678901234567890.10", "12345678901234567890.10"),
        ("'say \"}\"'", '"say \\"}\\""'),
        ("ARRAY[1, 2]", "[1,2]"),
        ("""'{"a":  {"a": 1}}'::json""", '{"a":  {"a": 1}}'),
        ("'NaN'::float", '"NaN"'),
        ("repeat('9', 5000)::numeric", "9" * 5000),
    ],
)
def test_a_value_is_the_value_alone_as_the_server_wrote_it(ask, value, text):
    assert ask(f'{VALUE}SELECT {value} AS "a ""name"":"') == text


@pytest.mark.parametrize(("shape", "text"), [(MANY, "[]"), (MAYBE, "{}")])
def test_nothing_is_empty_where_the_file_allows_it(ask, shape, text):
    assert ask(f"{shape}SELECT 1 AS a WHERE false") == text


@pytest.mark.parametrize("shape", [ONE, VALUE])
def test_nothing_is_an_error_where_a_row_is_promised_as_in_run(ask, shape):
    with pytest.raises(NotOneRow, match=r"asked\.sql:2: .* but the server gave 0 rows"):
        ask(f"{shape}SELECT 1 AS a WHERE false")


@pytest.mark.parametrize("shape", [ONE, MAYBE, VALUE])
def test_rows_that_were_not_promised_are_an_error(ask, shape):
    with pytest.raises(NotOneRow, match=r"asked\.sql:2: .* but the server gave 2 rows") as caught:
        ask(shape + "VALUES (1), (2)")

    assert caught.value.rows == 2


@pytest.mark.parametrize("shape", [MANY, ONE, MAYBE])
def test_two_columns_of_one_name_are_an_error_as_in_run(ask, shape):
    with pytest.raises(QueryError, match=r"asked\.sql:2: two columns are named a\n"):
        ask(shape + "SELECT 1 AS a, 2 AS b, 3 AS a")


def test_names_within_a_column_are_its_own(ask):
    assert ask(MANY + """SELECT '{"a": 1, "a": 2}'::json AS a""") == '[{"a":{"a": 1, "a": 2}}]'


def test_a_value_of_two_columns_is_an_error(ask):
    with pytest.raises(QueryError, match="a value is one column, and there are 2"):
        ask(VALUE + "SELECT 1 AS a, 2 AS b")


# What it is made of


def test_rows_keep_their_order(ask):
    text = "-- returns: many\nSELECT n FROM generate_series(1, 10000) AS n ORDER BY n %% 100 DESC, n"

    assert [row["n"] for row in json.loads(ask(text))] == sorted(range(1, 10001), key=lambda n: (-(n % 100), n))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 AS a -- that is all",
        "SELECT 1 AS a; -- that is all",
        "SELECT 1 AS a /* that */ -- is all",
        "(SELECT 1 AS a)",
        "SELECT 0 AS a WHERE false UNION ALL SELECT 1 ORDER BY 1",
        "WITH b AS (SELECT 1 AS a) SELECT a FROM b",
        "WITH RECURSIVE b AS (SELECT 1 AS a UNION SELECT a FROM b) SELECT a FROM b",
    ],
)
def test_a_text_may_be_written_in_any_way(ask, text):
    assert ask(MANY + text) == '[{"a":1}]'


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO note VALUES (1, 'new') RETURNING id, text",
        "WITH a AS (SELECT 1 AS id) INSERT INTO note SELECT id, 'new' FROM a RETURNING id, text -- both",
        "WITH a AS (INSERT INTO note VALUES (1, 'new') RETURNING *) SELECT id, text FROM a",
        "WITH a AS (INSERT INTO note VALUES (1, 'new') RETURNING *) (SELECT id, text FROM a LIMIT 1) UNION TABLE a",
        """WITH a(id) AS MATERIALIZED (SELECT 1), b AS (
               INSERT INTO note SELECT id, 'new' FROM a RETURNING *
           )
           -- select
           TABLE b""",
        """WITH insert AS (INSERT INTO note VALUES (1, 'new') RETURNING *), select_1 AS (SELECT ')' AS values)
           SELECT id, text FROM insert, select_1""",
        "WITH a AS (INSERT INTO note VALUES (1, 'new') RETURNING *), \"select\" AS (SELECT 1) SELECT id, text FROM a",
        """WITH RECURSIVE a AS (INSERT INTO note VALUES (1, 'new') RETURNING *),
           t AS (SELECT 1 AS n UNION ALL (SELECT n + 1 FROM t WHERE n < 2)) SEARCH DEPTH FIRST BY n SET o
           SELECT id, text FROM a""",
        """WITH RECURSIVE "a"("id", text) AS (INSERT INTO note VALUES (1, 'new') RETURNING *),
           t AS (SELECT 1 AS n UNION ALL (SELECT n + 1 FROM t WHERE n < 2)) SEARCH DEPTH FIRST BY n SET "o"
           (SELECT id, text FROM a)""",
    ],
)
def test_a_write_returns_json_and_is_done_once(ask, connection, text):
    assert ask(MANY + text) == '[{"id":1,"text":"new"}]'
    assert texts_of(connection) == ["new"]


def test_an_update_and_a_delete_behind_a_write_are_done_too(ask, connection):
    connection.execute("INSERT INTO note VALUES (1, 'old'), (2, 'gone')")
    text = "WITH gone AS (DELETE FROM note WHERE id = 2 RETURNING text) UPDATE note SET text = %(t)s || gone.text"

    assert ask(f"{ONE}{text} FROM gone WHERE note.id = 1 RETURNING note.text", t="not ") == '{"text":"not gone"}'
    assert texts_of(connection) == ["not gone"]


def test_what_returns_affected_gives_no_json(ask, connection):
    with pytest.raises(QueryError, match=r"asked\.sql:2: asked returns affected, of which no JSON is made"):
        ask("-- returns: affected\nINSERT INTO note VALUES (1)")

    assert texts_of(connection) == []


def test_what_is_no_query_to_the_server_gives_none_either(ask):
    with pytest.raises(QueryError, match=r"asked\.sql:2: asked is SHOW, of which no JSON is made"):
        ask(VALUE + "SHOW search_path")


# Errors and what leads home


def test_a_refusal_leads_to_the_line(ask):
    with pytest.raises(QueryFailed, match=r'asked\.sql:4: column "nothing" does not exist \(42703\)'):
        ask(f"-- Why.\n{MANY}SELECT 'ä' AS a,\nnothing")
    with pytest.raises(QueryFailed, match=r'asked\.sql:4: column "nothing" does not exist \(42703\)'):
        ask(f"{MANY}WITH a AS (\nINSERT INTO note VALUES (1) RETURNING id)\nSELECT nothing FROM a")


def test_a_mismatch_is_found_before_the_server_is_asked(ask, connection):
    connection.close()

    with pytest.raises(ParameterMismatch, match="missing parameter all; unknown parameter al"):
        ask(MANY + LETTERS, al=[])


def test_the_server_is_told_name_and_file(ask):
    text = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"

    assert ask(VALUE + text).startswith('"/* asked queries/asked.sql */ WITH ')


def test_times_are_in_utc_on_a_pool_whatever_database_and_environment_say(database, tmp_path, monkeypatch):
    folder = put(tmp_path / "queries", {"now": VALUE + "SELECT '2026-01-01 12:00+02'::timestamptz"})
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")

    with Database(database, folder) as db:
        assert db.json("now") == '"2026-01-01T10:00:00+00:00"'
