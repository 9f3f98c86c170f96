"""Queries that hypothesis makes up, on tables with NULL wherever it may be: what is said to be proven holds."""
# ruff: noqa: S608 - they are made up of texts

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from pgproof.contracts.answer import Call
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.nullability import fetch_nullability
from pgproof.pg.database import connect, drop, ensure_created

# Two columns of each sort in every table, one of them NOT NULL; joins leave rows without a partner on either side.
SCHEMA = """
CREATE TABLE a (i int NOT NULL, n int, t text NOT NULL, m text);
INSERT INTO a VALUES (1, NULL, 'x', NULL), (2, 1, 'y', 'x'), (3, 9, 'z', 'q');
CREATE TABLE b (i int NOT NULL, n int, t text NOT NULL, m text);
INSERT INTO b VALUES (2, 2, 'y', NULL), (5, NULL, 'x', 'z');
CREATE TABLE c (i int NOT NULL, n int, t text NOT NULL, m text);
CREATE VIEW v AS SELECT count(*) AS i, max(a.n) AS n, coalesce(b.m, a.t) AS t, b.t AS m
FROM a LEFT JOIN b ON a.i = b.i GROUP BY a.t, b.m, b.t;
"""
COLUMNS = (("i", "int"), ("n", "int"), ("t", "text"), ("m", "text"))
LITERALS = {"int": ("1", "NULL::int", "2"), "text": ("'x'", "NULL::text")}
JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


@dataclass(frozen=True)
class Source:
    """What can stand in FROM, with the columns that it gives."""

    text: str
    columns: tuple[tuple[str, str], ...]


@st.composite
def sources(draw: st.DrawFn, depth: int) -> Source:
    """A table, a view, a query in parentheses, or a join."""
    kind = draw(st.sampled_from(("table", "table", "query", "join", "lateral") if depth else ("table",)))
    if kind in ("join", "lateral"):
        left = draw(sources(depth - 1))
        right = draw(sources(depth - 1))
        if kind == "lateral":
            name = f"q{draw(st.uuids()).hex[:8]}"
            inner = draw(queries(depth - 1, left.columns))
            right = Source(f"LATERAL ({inner}) AS {name} (x, y)", ((f"{name}.x", "int"), (f"{name}.y", "text")))
            return Source(
                f"{left.text} {draw(st.sampled_from(JOINS[:2]))} {right.text} ON true", left.columns + right.columns
            )
        columns = left.columns + right.columns
        join = draw(st.sampled_from(JOINS))
        if join == "FULL JOIN":  # which Postgres can only do by equality
            on = f"{draw(of_type(left.columns, 'int'))} = {draw(of_type(right.columns, 'int'))}"
        else:
            on = draw(conditions(columns, 1))
        return Source(f"({left.text} {join} {right.text} ON {on})", columns)
    name = f"q{draw(st.uuids()).hex[:8]}"
    if kind == "query":
        return Source(f"({draw(queries(depth - 1))}) AS {name} (x, y)", ((f"{name}.x", "int"), (f"{name}.y", "text")))
    table = draw(st.sampled_from(("a", "b", "c", "v")))
    return Source(f"{table} AS {name}", tuple((f"{name}.{column}", sort) for column, sort in COLUMNS))


def of_type(columns: tuple[tuple[str, str], ...], sort: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, each in columns if each == sort])


@st.composite
def expressions(draw: st.DrawFn, columns: tuple[tuple[str, str], ...], sort: str, depth: int) -> str:
    """Something of that sort."""

    def again(other: str = sort) -> str:
        return draw(expressions(columns, other, depth - 1))

    if not depth:
        return draw(st.one_of(of_type(columns, sort), of_type(columns, sort), st.sampled_from(LITERALS[sort])))
    shapes: list[Callable[[], str]] = [
        lambda: f"coalesce({again()}, {again()})",
        lambda: f"nullif({again()}, {again()})",
        lambda: f"greatest({again()}, {again()})",
        lambda: f"CASE WHEN {draw(conditions(columns, depth - 1))} THEN {again()} ELSE {again()} END",
        lambda: f"CASE {again()} WHEN {again()} THEN {again()} END",
        again,
    ]
    if sort == "int":
        shapes += [
            lambda: f"({again()} + {again()})",
            lambda: f"length({again('text')})",
            lambda: f"({draw(conditions(columns, depth - 1))})::int",
            lambda: f"(SELECT count(*)::int FROM a AS z WHERE z.i = {again()})",
            lambda: f"(SELECT max(coalesce(z.n, {again()})) FROM b AS z WHERE z.n = {again()})",
            lambda: f"(SELECT {again()} FROM a AS z WHERE z.n = {again()} LIMIT 1)",
        ]
    else:
        shapes += [lambda: f"({again()} || {again()})", lambda: f"lower({again()})", lambda: f"{again('int')}::text"]
    return draw(st.sampled_from(shapes))()


@st.composite
def conditions(draw: st.DrawFn, columns: tuple[tuple[str, str], ...], depth: int) -> str:
    """Something that is true, false or NULL."""
    sort = draw(st.sampled_from(("int", "text")))
    one = draw(expressions(columns, sort, max(depth - 1, 0)))
    other = draw(expressions(columns, sort, 0))
    simple = [
        f"{one} = {other}",
        f"{one} < {other}",
        f"{one} IS NULL",
        f"{one} IS NOT NULL",
        f"{one} IS DISTINCT FROM {other}",
    ]
    if not depth:
        return draw(st.sampled_from(simple))
    left, right = draw(conditions(columns, depth - 1)), draw(conditions(columns, depth - 1))
    joined = [
        f"({left} AND {right})",
        f"({left} OR {right})",
        f"NOT ({left})",
        f"({left}) IS NOT TRUE",
        f"({left}) IS TRUE",
    ]
    return draw(st.sampled_from(simple + joined))


@st.composite
def queries(draw: st.DrawFn, depth: int, outer: tuple[tuple[str, str], ...] = ()) -> str:
    """A query of an int and a text."""
    source = draw(sources(depth))
    columns = source.columns + outer
    where = f" WHERE {draw(conditions(columns, 1))}" if draw(st.booleans()) else ""
    number, word = (draw(expressions(columns, sort, draw(st.integers(0, 2)))) for sort in ("int", "text"))
    plain = f"SELECT {number}, {word} FROM {source.text}{where}"
    kind = draw(
        st.sampled_from(("plain", "plain", "group", "sets", "all", "set", "with") if not outer else ("plain", "set"))
    )
    if kind == "group":
        return f"SELECT max({number}), {word} FROM {source.text}{where} GROUP BY 2"
    if kind == "sets":
        return f"SELECT count(*)::int, {word} FROM {source.text}{where} GROUP BY ROLLUP (2)"
    if kind == "all":
        return f"SELECT coalesce(sum({number}), 0)::int, max({word}) FROM {source.text}{where}"
    if kind == "set":
        operation = draw(st.sampled_from(("UNION", "UNION ALL", "INTERSECT", "EXCEPT")))
        return f"({plain}) {operation} ({draw(queries(0))})"
    if kind == "with":
        join = draw(st.sampled_from(JOINS))
        return f"WITH w (x, y) AS ({plain}) SELECT x, l.y FROM w {join} w AS l USING (x)"
    return plain


@st.composite
def recursive_queries(draw: st.DrawFn) -> str:
    """A query that feeds on its own rows, three times."""
    columns = (("r.x", "int"), ("r.y", "text"), ("q.n", "int"), ("q.t", "text"), ("r.v", "int"))
    steps = [draw(expressions(columns, sort, draw(st.integers(0, 1)))) for sort in ("int", "text", "int")]
    return (
        f"WITH RECURSIVE r (x, y, v, z) AS (SELECT i, t, i, 0 FROM a UNION ALL SELECT {', '.join(steps)}, z + 1"
        f" FROM r LEFT JOIN b AS q ON q.i = r.x WHERE z < 3) SELECT x, y, v FROM r"
    )


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[Session]:
    """A session in a database of these tables."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute(SCHEMA.encode())
        yield Session(connection)
    drop(server, name)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(statement=st.one_of(queries(2), queries(2), recursive_queries()))
def test_no_row_of_any_query_has_null_where_it_is_said_to_be_impossible(session, statement):
    prepared = session.connection.pgconn.prepare(b"", statement.encode())
    assert not prepared.error_message, prepared.error_message
    width = session.connection.pgconn.describe_prepared(b"").nfields
    (said,) = fetch_nullability(session, [(statement, [], width)])
    (answer,) = session.ask([Call(statement.encode())])

    assert answer.refusal is None
    event(f"proven: {said.count('not null')}")
    wrong = [
        number for number, each in enumerate(said) if each == "not null" and any(r[number] is None for r in answer.rows)
    ]
    assert wrong == []
