"""Every call is answered as an application's would be, alone in its database, and nothing of it is left."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from pgproof.contracts.answer import Answer, Call, Refusal
from pgproof.contracts.session import Session
from pgproof.errors import ParameterMismatch, QueryError, ServerUnavailable
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Query

SCHEMA = """
CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY, name text UNIQUE NOT NULL);
CREATE TABLE posts (
    id serial PRIMARY KEY, author bigint NOT NULL,
    CONSTRAINT posts_author FOREIGN KEY (author) REFERENCES people DEFERRABLE INITIALLY DEFERRED
);
CREATE SEQUENCE uncalled;
CREATE SEQUENCE cached CACHE 20;
CREATE SEQUENCE "Odd one" INCREMENT -5 MINVALUE -1000;
INSERT INTO people (name) VALUES ('andrew'), ('lore');
INSERT INTO posts (author) VALUES (100);
SELECT nextval('cached'), nextval('"Odd one"');
"""
SEQUENCES = ("people_id_seq", "posts_id_seq", "uncalled", "cached", "Odd one")
GOOD = Call(b"SELECT name FROM people ORDER BY id")
INSERT = Call(b"INSERT INTO people (name) VALUES ('new') RETURNING id")


@pytest.fixture(scope="module")
def seeded(server: str) -> Iterator[str]:
    """Conninfo of one database for all tests: that nothing is left in it is what they are about."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    conninfo = make_conninfo(server, dbname=name)
    with closing(connect(conninfo)) as connection:
        connection.execute(SCHEMA)
    yield conninfo
    drop(server, name)


@pytest.fixture
def session(seeded: str) -> Iterator[Session]:
    with closing(connect(seeded)) as connection:
        yield Session(connection)


def value(answer: Answer) -> str:
    """Return the one value that was answered."""
    assert answer.refusal is None
    ((only,),) = answer.rows
    assert only is not None
    return only.decode()


def values(session: Session, *statements: str) -> list[str]:
    return [value(each) for each in session.ask([Call(each.encode()) for each in statements])]


def refusal(answer: Answer) -> Refusal:
    assert answer.refusal
    assert answer == Answer(refusal=answer.refusal)
    return answer.refusal


def query(text: str) -> Query:
    return Query("people.find", Path("queries/people/find.sql"), f"-- returns: many\n\n{text}", "many")


# Nothing is left


def contents(seeded: str) -> list[Any]:
    """All that a call could leave behind, as another session sees it."""
    with closing(connect(seeded)) as other:
        tables = [other.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in ("people", "posts")]  # noqa: S608
        places = [other.execute(f'SELECT last_value, is_called FROM "{each}"').fetchone() for each in SEQUENCES]  # noqa: S608
        named = other.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
        return [tables, places, named.fetchall()]


WRITES = (
    "INSERT INTO people (name) VALUES ('new') RETURNING id",
    "INSERT INTO posts (author) VALUES (101) RETURNING id",
    "SELECT nextval('uncalled')",
    "SELECT nextval('cached')",
    "SELECT nextval('\"Odd one\"')",
    "SELECT setval('uncalled', 500)",
    "WITH gone AS (DELETE FROM posts RETURNING id) SELECT count(*) FROM gone",
    "UPDATE people SET name = 'other' WHERE name = 'lore' RETURNING name",
)


def test_what_is_written_is_answered_and_gone(session, seeded):
    before = contents(seeded)

    assert values(session, *WRITES) == ["102", "2", "1", "21", "-6", "500", "1", "other"]
    assert contents(seeded) == before


def test_the_same_calls_have_the_same_answers_in_any_order_and_session(session, seeded):
    once = values(session, *WRITES)

    assert values(session, *reversed(WRITES)) == once[::-1]
    with closing(connect(seeded)) as connection:
        Session(connection)
        assert values(Session(connection), *WRITES) == once


def test_ddl_is_gone_too(session, seeded):
    before = contents(seeded)
    ddl = (
        "CREATE TABLE new (a serial)",
        "DROP TABLE posts",
        "ALTER SEQUENCE uncalled RESTART 7",
        "TRUNCATE people CASCADE",
    )

    answers = session.ask([Call(each.encode()) for each in ddl])

    assert [each.refusal for each in answers] == [None] * len(ddl)
    assert contents(seeded) == before


def test_a_call_does_not_know_what_another_has_drawn(session):
    drawn, asked, last = session.ask(
        [Call(b"SELECT nextval('cached')"), Call(b"SELECT currval('cached')"), Call(b"SELECT lastval()")]
    )

    assert value(drawn) == "21"
    assert [refusal(each).sqlstate for each in (asked, last)] == ["55000", "55000"]


def test_a_setting_does_not_outlive_its_call(session):
    timezone = "SELECT current_setting('TimeZone')"
    statements = ("SET TimeZone = 'Asia/Tokyo'", "SELECT set_config('TimeZone', 'Asia/Tokyo', false)", timezone)

    *_, answer = session.ask([Call(each.encode()) for each in statements])

    assert value(answer) == "UTC"


def test_a_role_that_cannot_put_sequences_back_is_told_so_at_once(seeded):
    with closing(connect(seeded)) as connection:
        connection.execute("BEGIN; CREATE ROLE reader; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader")
        connection.execute("SET LOCAL ROLE reader")
        with pytest.raises(InsufficientPrivilege):
            Session(connection)


def test_sequences_that_others_use_are_left_alone(database):
    with closing(connect(database)) as connection:
        connection.execute("CREATE SEQUENCE theirs")
        session = Session(connection, alone=False)

        assert values(session, "SELECT nextval('theirs')", "SELECT nextval('theirs')") == ["1", "2"]


def test_in_an_open_transaction_a_call_is_a_savepoint(session, seeded):
    before = contents(seeded)

    with session.connection.transaction(force_rollback=True) as opened:
        opened.connection.execute(
            "INSERT INTO people OVERRIDING SYSTEM VALUE VALUES (7, 'mine'); ALTER TABLE posts RENAME TO texts"
        )
        first, parse, deferred, *inserted = session.ask([INSERT, PARSE, DEFERRED, *[INSERT] * 60])
        seen = values(session, "SELECT count(*) FROM people, texts")
        assert opened.connection.execute("SELECT count(*) FROM people").fetchone() == (3,)

    assert {value(each) for each in (first, *inserted)} == {"102"}
    assert [refusal(each).sqlstate for each in (parse, deferred)] == ["42601", "42P01"]
    assert seen == ["3"]
    assert contents(seeded) == before


def test_a_database_without_sequences_needs_none(database):
    with closing(connect(database)) as connection:
        assert values(Session(connection), "SELECT 1") == ["1"]


# What is refused

PARSE = Call(b"SELEC 1")
RUN_TIME = Call(b"SELECT 1 / (id - 100) FROM people")
UNIQUE = Call(b"INSERT INTO people (name) VALUES ('andrew')")
DEFERRED = Call(b"INSERT INTO posts (author) VALUES (4711) RETURNING id")
SEVERAL = Call(b"SELECT 1; SELECT 2")
OUTSIDE = Call(b"VACUUM")
REFUSED = [
    (PARSE, "42601"),
    (RUN_TIME, "22012"),
    (UNIQUE, "23505"),
    (DEFERRED, "23503"),
    (SEVERAL, "42601"),
    (OUTSIDE, "25001"),
]


def test_a_refused_call_does_not_disturb_its_neighbours(session):
    calls = [each for call, _ in REFUSED for each in (INSERT, call, GOOD)]

    answers = session.ask(calls)

    assert [value(each) for each in answers[::3]] == ["102"] * len(REFUSED)
    assert [refusal(each).sqlstate for each in answers[1::3]] == [sqlstate for _, sqlstate in REFUSED]
    assert [each.rows for each in answers[2::3]] == [((b"andrew",), (b"lore",))] * len(REFUSED)
    assert session.ask([GOOD])[0].affected == 2


def test_a_violated_constraint_is_told_by_name(session):
    unique, deferred = (refusal(each) for each in session.ask([UNIQUE, DEFERRED]))

    assert (unique.constraint, unique.detail) == ("people_name_key", "Key (name)=(andrew) already exists.")
    assert (deferred.constraint, deferred.position) == ("posts_author", None)
    assert deferred.message == 'insert or update on table "posts" violates foreign key constraint "posts_author"'


def test_a_refusal_points_into_its_own_command(session):
    wrong = session.call(query("SELECT 1,\n  nothing FROM people"), {})
    (answer,) = session.ask([wrong])

    position = refusal(answer).position
    assert position == str(wrong.sql.index(b"nothing") + 1)
    assert query("SELECT 1,\n  nothing FROM people").command.locate(position).line == 4


@pytest.mark.parametrize(
    ("before", "sqlstate"),
    [(["SELECT 1", "SELEC 1"], "42601"), (["SELECT 1 / 0"], "22012"), (["CREATE TABLE people (a int)"], "42P07")],
)
def test_what_is_refused_before_a_call_is_its_answer(session, before, sqlstate):
    answers = session.ask([GOOD, PARSE], before=before)

    assert [(refusal(each).sqlstate, refusal(each).position) for each in answers] == [(sqlstate, None)] * 2
    assert session.ask([GOOD])[0].affected == 2


def test_what_is_said_before_a_call_counts_for_each_and_for_nothing_else(session):
    before = ["SET LOCAL enable_seqscan = off", "INSERT INTO people (name) VALUES ('before')", "DROP TABLE posts"]
    asked = (
        "SELECT current_setting('enable_seqscan')",
        "SELECT count(*) FROM people",
        "SELECT to_regclass('posts') IS NULL",
    )
    calls = [Call(each.encode()) for each in asked]

    assert [value(each) for each in session.ask(calls, before=before)] == ["off", "3", "t"]
    assert values(session, *asked) == ["on", "2", "f"]


def test_a_deferred_constraint_that_is_kept_by_the_end_of_a_call_is_kept(session):
    (answer,) = session.ask(
        [
            Call(
                b"WITH a AS (INSERT INTO people OVERRIDING SYSTEM VALUE VALUES (7, 'seven')) "
                b"INSERT INTO posts (author) VALUES (7) RETURNING author"
            )
        ]
    )

    assert value(answer) == "7"


def test_the_server_s_own_limit_is_a_refusal_like_another(session):
    slow, fast = session.ask([Call(b"SELECT pg_sleep(600)"), GOOD], before=["SET LOCAL statement_timeout = 50"])

    assert refusal(slow).sqlstate == "57014"
    assert fast.affected == 2


# Many and large


def test_more_calls_than_go_out_at_once_are_answered_in_their_order(session):
    calls = [session.call(query("SELECT %(number)s::int"), {"number": number}) for number in range(123)]

    assert [value(each) for each in session.ask(calls)] == [str(number) for number in range(123)]
    assert session.ask([]) == []


def test_neither_side_waits_for_the_other_to_read(session):
    """Questions and answers that are larger than all that lies between us and the server."""
    size = 1_000_000
    echo = query("SELECT %(text)s::text")
    calls = [session.call(echo, {"text": f"{number:03}" + "x" * size}) for number in range(40)]

    answers = session.ask(calls)

    assert [each.rows[0][0][:3] for each in answers] == [f"{number:03}".encode() for number in range(40)]
    assert {len(each.rows[0][0]) for each in answers} == {size + 3}


# What a call can be


@pytest.mark.parametrize(
    ("statement", "names", "rows", "affected"),
    [
        ("SELECT pg_sleep(0)", ("pg_sleep",), ((b"",),), 1),
        ("SELECT 1 AS a, NULL AS a, 'ä' AS \"ö\"", ("a", "a", "ö"), ((b"1", None, "ä".encode()),), 1),
        ("SELECT FROM people", (), ((), ()), 2),
        ("SELECT 1 WHERE false", ("?column?",), (), 0),
        ("VALUES (1), (2)", ("column1",), ((b"1",), (b"2",)), 2),
        ("UPDATE people SET name = name", (), (), 2),
        ("DELETE FROM posts RETURNING author", ("author",), ((b"100",),), 1),
        ("SET TimeZone = 'Asia/Tokyo'", (), (), 0),
        ("SHOW TimeZone", ("TimeZone",), ((b"UTC",),), 0),
        ("LISTEN news", (), (), 0),
        ("NOTIFY news", (), (), 0),
        ("DO $$ BEGIN RAISE NOTICE 'a'; RAISE WARNING 'b'; END $$", (), (), 0),
        ("SET CONSTRAINTS ALL DEFERRED", (), (), 0),
        ("LOCK TABLE people", (), (), 0),
        ("CREATE TEMP TABLE mine AS SELECT 1", (), (), 1),
    ],
)
def test_every_kind_of_statement_is_answered(session, statement, names, rows, affected):
    answer, after = session.ask([Call(statement.encode()), GOOD])

    assert answer.refusal is None
    assert (answer.names, answer.rows, answer.affected) == (names, rows, affected)
    assert after.affected == 2


# What comes after a COPY FROM STDIN is no data to it: the server may end the session before we have heard of the COPY.
@pytest.mark.parametrize("copy", ["COPY people TO STDOUT", "COPY people (name) FROM STDIN"])
def test_a_copy_is_refused_and_does_not_hang(session, copy):
    with pytest.raises((QueryError, ServerUnavailable)):
        session.ask([GOOD, Call(copy.encode()), GOOD])

    assert session.connection.closed
    with pytest.raises(ServerUnavailable):
        session.ask([GOOD])


@pytest.mark.parametrize(
    ("given", "type_", "text"),
    [
        ("ä'\"\\", "text", "ä'\"\\"),
        (True, "boolean", "t"),
        (7, "smallint", "7"),
        (70_000, "integer", "70000"),
        (2**40, "bigint", "1099511627776"),
        (2**80, "numeric", "1208925819614629174706176"),
        (1.5, "double precision", "1.5"),
        (float("-inf"), "double precision", "-Infinity"),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), "timestamp with time zone", "2026-03-08 12:00:00+00"),
        (datetime(2026, 3, 8, 12), "timestamp without time zone", "2026-03-08 12:00:00"),  # noqa: DTZ001
        (date(2026, 3, 8), "date", "2026-03-08"),
        (time(12, 0, 0, 5), "time without time zone", "12:00:00.000005"),
        ([1, 2], "smallint[]", "{1,2}"),
        (["a", "b,c"], "text[]", '{a,"b,c"}'),
        ([[1, 2], [3, 4]], "smallint[]", "{{1,2},{3,4}}"),
        ([True], "boolean[]", "{t}"),
        ([2**40, 1], "bigint[]", "{1099511627776,1}"),
    ],
)
def test_a_value_of_toml_reaches_the_server_as_an_application_s_does(session, given, type_, text):
    cast = f"::{type_}" if type_.startswith("text") else ""  # a text is sent as what the query makes of it
    asked = query("SELECT pg_typeof(v), v FROM (SELECT %(v)s AS v) AS s".replace("s AS", f"s{cast} AS"))
    (answer,) = session.ask([session.call(asked, {"v": given})])

    assert answer.refusal is None
    assert answer.rows == ((type_.encode(), text.encode()),)


def test_null_and_an_empty_list_take_the_type_that_the_query_asks_for(session):
    asked = query("SELECT %(a)s::int[]")
    null, empty = session.ask([session.call(asked, {"a": None}), session.call(asked, {"a": []})])

    assert (null.rows, empty.rows) == (((None,),), ((b"{}",),))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "missing parameter a"),
        ({"a": 1, "b": 2}, "unknown parameter b"),
        ({"a": {"b": 1}}, "parameter a: cannot adapt type 'dict'"),
        ({"a": [{"b": 1}]}, "parameter a: cannot adapt type 'dict'"),
        ({"a": "\0"}, "parameter a: PostgreSQL text fields cannot contain NUL"),
        ({"a": [1, "b"]}, "parameter a: cannot dump lists of mixed types"),
    ],
)
def test_a_value_that_cannot_be_sent_is_told_with_its_parameter(session, params, said):
    with pytest.raises(ParameterMismatch) as caught:
        session.call(query("SELECT %(a)s::text"), params)

    assert caught.value.what.startswith(said)
    assert str(caught.value.at) == "queries/people/find.sql:3"
    assert session.ask([GOOD])[0].affected == 2


# What is lost


@pytest.mark.parametrize("calls", [1, 120])
def test_a_session_that_was_ended_says_why(session, seeded, calls):
    with closing(connect(seeded)) as other:
        other.execute("SELECT pg_terminate_backend(%s, 60000)", [session.connection.info.backend_pid])

    with pytest.raises(ServerUnavailable, match="lost: terminating connection due to administrator command"):
        session.ask([GOOD] * calls)

    assert session.connection.closed


def test_a_session_that_is_ended_in_the_midst_is_an_error(session):
    with pytest.raises(ServerUnavailable, match="the connection is lost"):
        session.ask([*[GOOD] * 70, Call(b"SELECT pg_terminate_backend(pg_backend_pid())"), *[GOOD] * 120])

    assert session.connection.closed


def test_a_connection_that_breaks_is_an_error(session):
    with socket.socket(fileno=os.dup(session.connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)

    with pytest.raises(ServerUnavailable, match="the connection is lost"):
        session.ask([GOOD])

    assert session.connection.closed


def test_a_server_that_vanishes_in_the_midst_is_an_error(session):
    """Not even a last word of it comes."""
    notice = Call(b"DO $$ BEGIN RAISE NOTICE 'now'; END $$")
    with socket.socket(fileno=os.dup(session.connection.pgconn.socket)) as line:
        session.connection.add_notice_handler(lambda _: line.shutdown(socket.SHUT_RDWR))
        with pytest.raises(ServerUnavailable, match="the connection is lost"):
            session.ask([*[GOOD] * 120, notice, *[GOOD] * 120])

    assert session.connection.closed
