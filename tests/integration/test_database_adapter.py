"""The adapter that an application asks by: shapes, errors that lead home, transactions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.errors import (
    NotOneRow,
    ParameterMismatch,
    QueryError,
    QueryFailed,
    ServerUnavailable,
    SqlFileError,
    UnknownQuery,
)
from pgproof.queries import Database, read_queries
from tests.adapters import put

Connection = psycopg.Connection[Any]
Ask = Callable[..., Any]

FILES = {
    "letters/many": "-- returns: many\nSELECT a FROM unnest(%(all)s::text[]) AS a ORDER BY a",
    "letters/one": "-- returns: one\nSELECT a FROM unnest(%(all)s::text[]) AS a",
    "letters/maybe": "-- returns: maybe\nSELECT a FROM unnest(%(all)s::text[]) AS a",
    "letters/value": "-- returns: value\nSELECT a FROM unnest(%(all)s::text[]) AS a",
    "letters/deep/one": "-- returns: value\nSELECT 'deep'",
    "add": "-- returns: affected\nINSERT INTO note (id, text) SELECT id, 'new' FROM unnest(%(ids)s::int[]) AS id",
    "add_one": "-- returns: one\nINSERT INTO note (id) SELECT id FROM unnest(%(ids)s::int[]) AS id RETURNING id",
    "ids": "-- returns: many\nSELECT id FROM note ORDER BY id",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "queries", FILES)
    return tmp_path / "queries"


@pytest.fixture
def connection(server: str) -> Iterator[Connection]:
    """A connection in autocommit, with a table that only it can see."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE note (id int UNIQUE, text text)")
        yield connection


@pytest.fixture
def db(connection: Connection, folder: Path) -> Database:
    return Database(connection, read_queries(folder))


@pytest.fixture
def ask(connection: Connection, folder: Path) -> Ask:
    """Run a text as query `asked`."""

    def ask(text: str, /, **given: Any) -> Any:
        put(folder, {"asked": text})
        return Database(connection, read_queries(folder)).run("asked", **given)

    return ask


def ids(db: Database) -> list[int]:
    return [row["id"] for row in db.ids()]


# What comes back


def test_many_is_a_list_of_rows(db):
    assert db.letters.many(all=["b", "a"]) == [{"a": "a"}, {"a": "b"}]
    assert db.letters.many(all=[]) == []


def test_one_is_a_row(db):
    assert db.letters.one(all=["a"]) == {"a": "a"}


def test_maybe_is_a_row_or_none(db):
    assert db.letters.maybe(all=["a"]) == {"a": "a"}
    assert db.letters.maybe(all=[]) is None


def test_value_is_the_value(db):
    assert db.letters.value(all=["a"]) == "a"
    assert db.letters.value(all=[None]) is None


def test_affected_is_how_many_rows_were_written(db, ask):
    assert db.add(ids=[1, 2, 3]) == 3
    assert db.add(ids=[]) == 0
    assert ask("-- returns: affected\nUPDATE note SET text = 'b' WHERE id > 1 RETURNING id") == 2
    assert ask("-- returns: affected\nNOTIFY nobody") == 0


@pytest.mark.parametrize(
    ("name", "rows"),
    [("letters.one", 0), ("letters.one", 2), ("letters.value", 0), ("letters.value", 2), ("letters.maybe", 2)],
)
def test_another_number_of_rows_than_was_promised_is_an_error(db, folder, name, rows):
    with pytest.raises(NotOneRow) as caught:
        db.run(name, all=["a"] * rows)

    shape = name.removeprefix("letters.")
    assert caught.value.rows == rows
    assert str(caught.value.at) == f"{folder}/letters/{shape}.sql:2"
    assert f"returns {shape}, but the server gave {rows} rows" in str(caught.value)


@dataclass
class Letter:
    a: str


def test_a_row_can_be_a_dataclass(db):
    assert db.letters.many(all=["b", "a"], row=Letter) == [Letter("a"), Letter("b")]
    assert db.letters.one(all=["b"], row=Letter) == Letter("b")
    assert db.letters.maybe(all=[], row=Letter) is None


def test_columns_that_do_not_make_the_row_are_named(ask):
    with pytest.raises(QueryError, match=r"asked\.sql:2: the columns do not make the row: .*'b'"):
        ask("-- returns: many\nSELECT 1 AS b", row=Letter)


def test_a_value_makes_no_row(db):
    with pytest.raises(QueryError, match=r"letters\.value returns value, of which no Letter is made"):
        db.letters.value(all=["a"], row=Letter)


def test_two_columns_of_one_name_are_an_error_not_one_column_less(ask):
    with pytest.raises(QueryError, match=r"asked\.sql:2: two columns are named a\n"):
        ask("-- returns: many\nSELECT 1 AS a, 2 AS b, 3 AS a")


def test_a_value_of_two_columns_is_an_error(ask):
    with pytest.raises(QueryError, match="a value is one column, and there are 2"):
        ask("-- returns: value\nSELECT 1 AS a, 2 AS b")


def test_what_gives_no_rows_cannot_return_them(ask):
    with pytest.raises(QueryError, match="it returns many, but the server gave no rows"):
        ask("-- returns: many\nDO $$ BEGIN END $$")


# How it is asked


def test_a_query_is_an_attribute_by_its_name(db):
    assert db.letters.deep.one() == db.run("letters.deep.one") == "deep"


@pytest.mark.parametrize("name", ["leters.one", "letters.on", "letters.deep.on", "ad"])
def test_an_unknown_query_says_which_one_was_meant(db, name):
    with pytest.raises(UnknownQuery, match="did you mean"):
        db.run(name)
    with pytest.raises(UnknownQuery, match="did you mean"):
        eval(f"db.{name}")  # noqa: S307


def test_python_can_look_what_there_is(db):
    assert not hasattr(db, "nothing")
    assert not hasattr(db.letters, "__wrapped__")
    assert {"add", "letters", "run"} <= set(dir(db))
    assert set(dir(db.letters)) == {"deep", "many", "maybe", "one", "value"}
    assert copy(db).letters.deep.one() == copy(db.letters).deep.one() == "deep"


def test_a_parameter_may_have_a_name_of_pythons_methods(ask):
    text = "-- returns: one\nSELECT %(self)s::int AS a, %(name)s::int AS b, %(values)s::int AS c"

    assert ask(text, self=1, name=2, values=3) == {"a": 1, "b": 2, "c": 3}


def test_percent_signs_and_quotes_mean_what_the_file_says(ask):
    text = "-- 100 % of %(it)s\n-- returns: one\nSELECT 5 %% 3 AS m, '50%%' AS t, %(a)s LIKE '%%''b' AS l -- it's %"

    assert ask(text, a="a'b") == {"m": 2, "t": "50%", "l": True}


def test_a_mismatch_is_found_before_the_server_is_asked(db, connection, folder):
    connection.close()

    with pytest.raises(ParameterMismatch, match="missing parameter all; unknown parameter al") as caught:
        db.letters.many(al=[])
    assert str(caught.value.at) == f"{folder}/letters/many.sql:2"


@pytest.mark.parametrize("value", [object(), "a\0b", "\ud800", [1, object()]])
def test_a_value_that_cannot_be_sent_is_named(ask, connection, value):
    with pytest.raises(ParameterMismatch, match=r"asked\.sql:2: parameter b: "):
        ask("-- returns: one\nSELECT %(a)s::text AS a, %(b)s::text AS b", a="a", b=value)

    connection.execute("SELECT 1")


def test_the_server_is_told_name_and_file(ask):
    text = "-- returns: value\nSELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"

    assert ask(text).startswith("/* asked queries/asked.sql */ SELECT query")


def test_a_file_that_cannot_be_run_says_so_when_it_is(ask):
    with pytest.raises(SqlFileError, match=r"asked\.sql:3: "):
        ask("-- returns: many\nSELECT 1\nFORM a")


# What the server says


def test_a_refusal_leads_to_the_line_and_keeps_what_the_server_said(ask, folder):
    with pytest.raises(QueryFailed) as caught:
        ask("-- Why.\n-- returns: many\nSELECT\n    'ä',\n    nothing\nFROM note")

    assert str(caught.value) == f'{folder}/asked.sql:5: column "nothing" does not exist (42703)'
    assert caught.value.sqlstate == "42703"
    assert isinstance(caught.value.__cause__, psycopg.errors.UndefinedColumn)


def test_the_server_s_hint_is_passed_on(ask):
    with pytest.raises(QueryFailed) as caught:
        ask("-- returns: many\nSELECT no_function(%(a)s)", a=1)

    assert caught.value.hint.startswith("No function matches")


def test_the_parameter_that_the_server_cannot_read_is_named(ask):
    with pytest.raises(QueryFailed, match=r'parameter b: invalid input syntax for type uuid: "x" \(22P02\)'):
        ask("-- returns: one\nSELECT %(a)s::int AS a, %(b)s::uuid AS b", a="1", b="x")


def test_a_refusal_says_the_same_once_the_statement_is_prepared(db):
    said = []
    for _ in range(8):  # psycopg prepares at the sixth
        with pytest.raises(QueryFailed) as caught:
            db.letters.many(all="x")
        said.append(str(caught.value))

    assert len(set(said)) == 1


def test_what_cannot_be_read_in_python_leads_home_too(ask):
    with pytest.raises(QueryFailed, match=r"asked\.sql:2: timestamp too large") as caught:
        ask("-- returns: value\nSELECT 'infinity'::timestamptz")

    assert caught.value.sqlstate is None


def test_values_of_a_row_are_not_in_the_message(db):
    db.add(ids=[1234567])
    with pytest.raises(QueryFailed) as caught:
        db.add(ids=[1234567])

    assert caught.value.sqlstate == "23505"
    assert "1234567" not in str(caught.value)
    assert "1234567" in str(caught.value.__cause__)


def test_a_lost_connection_is_said(server, db, connection):
    with psycopg.connect(server, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])

    for _ in range(2):
        with pytest.raises(ServerUnavailable, match=r"letters/many\.sql:2: the connection is lost"):
            db.letters.many(all=[])
    with pytest.raises(ServerUnavailable, match="the connection is lost"), db.transaction():
        pass


# Transactions


def add_together(db: Database, *batches: list[int]) -> None:
    with db.transaction():
        for batch in batches:
            db.add(ids=batch)


def go_on_after_a_failure(db: Database) -> None:
    with db.transaction():
        with pytest.raises(QueryFailed):
            db.letters.many(all="x")
        db.add(ids=[1])


@pytest.fixture
def seen(database: str) -> Iterator[tuple[Connection, Connection]]:
    """Two connections that see the same table."""
    with ExitStack() as stack:
        one, other = (stack.enter_context(psycopg.connect(database, autocommit=True)) for _ in range(2))
        one.execute("CREATE TABLE note (id int UNIQUE, text text)")
        yield one, other


def test_a_call_is_a_transaction_of_its_own(seen, folder):
    db, elsewhere = (Database(each, read_queries(folder)) for each in seen)

    db.add(ids=[1])
    with pytest.raises(QueryFailed):
        db.add(ids=[2, 1])
    db.add(ids=[3])

    assert ids(elsewhere) == [1, 3]


def test_a_transaction_is_all_or_nothing(seen, folder):
    db, elsewhere = (Database(each, read_queries(folder)) for each in seen)

    with db.transaction():
        db.add(ids=[1])
        db.add(ids=[2])
        assert ids(elsewhere) == []
    with pytest.raises(QueryFailed):
        add_together(db, [3], [1])

    assert ids(elsewhere) == [1, 2]


def test_a_transaction_inside_another_one_is_a_savepoint(db):
    with db.transaction():
        db.add(ids=[1])
        with pytest.raises(QueryFailed):
            add_together(db, [2], [1])
        with db.transaction():
            db.add(ids=[3])

    assert ids(db) == [1, 3]


def test_a_call_that_fails_in_a_transaction_ends_it(db):
    with pytest.raises(QueryFailed, match="current transaction is aborted") as caught:
        go_on_after_a_failure(db)

    assert caught.value.sqlstate == "25P02"
    assert "with db.transaction():" in caught.value.hint
    assert ids(db) == []


def test_in_somebody_elses_transaction_a_call_that_fails_undoes_itself_alone(db, connection):
    connection.execute("BEGIN")
    db.add(ids=[1])
    with pytest.raises(QueryFailed):
        db.add(ids=[2, 1])
    with pytest.raises(QueryFailed):
        add_together(db, [3], [1])
    db.add(ids=[4])
    with pytest.raises(QueryFailed):
        db.add(ids=[5, 4])
    assert ids(db) == [1, 4]

    connection.execute("ROLLBACK")
    assert ids(db) == []


def test_in_somebody_elses_transaction_a_failed_call_ends_the_adapters_own_as_ever(db, connection):
    with connection.transaction(force_rollback=True):
        with pytest.raises(QueryFailed, match="current transaction is aborted"):
            go_on_after_a_failure(db)

        assert ids(db) == []


@pytest.mark.parametrize("inside", [False, True])
def test_rows_that_were_not_promised_are_written_nevertheless(db, connection, inside):
    with ExitStack() as stack:
        if inside:
            stack.enter_context(connection.transaction(force_rollback=True))
        with pytest.raises(NotOneRow):
            db.add_one(ids=[1, 2])

        assert ids(db) == [1, 2]


def test_what_the_server_refuses_to_commit_is_told(db, connection):
    connection.execute("ALTER TABLE note ADD UNIQUE (text) DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(QueryFailed, match="duplicate key") as caught:
        add_together(db, [1], [2])

    assert caught.value.sqlstate == "23505"
    assert ids(db) == []


def test_an_error_of_the_callers_own_passes_through_a_transaction(db, connection):
    with pytest.raises(psycopg.errors.DivisionByZero), db.transaction():
        connection.execute("SELECT 1 / 0")
    with db.transaction():
        db.add(ids=[1])
        raise psycopg.Rollback

    assert ids(db) == []


def test_a_connection_on_which_nobody_would_commit_is_refused(server, folder):
    with (
        psycopg.connect(server) as connection,
        pytest.raises(QueryError, match="not in autocommit"),
    ):
        Database(connection, read_queries(folder))
