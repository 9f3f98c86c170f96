"""What several calls have in common is prepared once; no answer is another one for it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from pgproof.contracts.answer import Answer, Call
from pgproof.contracts.session import Session
from pgproof.pg.database import connect

HOW = b"SELECT count(*) FROM pg_prepared_statements WHERE statement = current_query() AND $1 > 0"
INT, TEXT, JSONB = 23, 25, 3802


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with closing(connect(database)) as connection:
        yield Session(connection)


def count_prepared(session: Session) -> int:
    (count,) = session.connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() or (0,)
    return int(count)


def calls(sql: bytes, *values: bytes, oid: int = INT) -> list[Call]:
    return [Call(sql, (each,), (oid,), (0,)) for each in values]


def rows(answers: list[Answer]) -> list[tuple[bytes | None, ...]]:
    return [row for each in answers for row in each.rows]


def test_what_is_asked_twice_is_prepared_and_what_is_asked_once_is_not(session):
    assert rows(session.ask(calls(HOW, b"1", b"2"))) == [(b"1",), (b"1",)]
    assert rows(session.ask(calls(HOW, b"1"))) == [(b"0",)]


def test_nothing_stays_prepared(session):
    session.ask(calls(HOW, b"1", b"2"))

    assert count_prepared(session) == 0


@pytest.mark.parametrize("before", [(), ("SELECT 1",)], ids=["in_a_transaction", "after_a_statement"])
def test_nothing_is_prepared_ahead_of_what_a_call_s_transaction_has_done(session, before):
    if not before:
        session.connection.execute("BEGIN")

    assert rows(session.ask(calls(HOW, b"1", b"2"), before=before)) == [(b"0",), (b"0",)]


def test_one_text_with_values_of_several_types_is_several_commands(session):
    sql = b"SELECT pg_typeof(coalesce($1, NULL))"

    answers = session.ask([*calls(sql, b"1", b"2"), *calls(sql, b"1", b"2", oid=TEXT), *calls(sql, b"1", oid=JSONB)])

    assert rows(answers) == [(b"integer",), (b"integer",), (b"text",), (b"text",), (b"jsonb",)]


def test_what_cannot_be_prepared_is_refused_as_if_asked_alone(session):
    wrong = calls(b"SELECT nothing_like_it, $1", b"1", b"2")
    (alone,) = session.ask(wrong[:1])

    assert session.ask([*calls(HOW, b"1", b"2"), *wrong])[2:] == [alone, alone]
    assert alone.refusal
    assert (alone.refusal.sqlstate, alone.refusal.position) == ("42703", "8")
    assert count_prepared(session) == 0
