"""What is said of NULL in results: proven columns never hold one, on data that has NULL wherever it may be."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo

from pgproof.contracts.answer import Call
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.nullability import fetch_nullability
from pgproof.contracts.shapes.nullability.knowledge import fetch_knowledge
from pgproof.contracts.shapes.nullability.level import Level
from pgproof.pg.database import connect, drop, ensure_created

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "nullability_schema.sql"
_CASE = re.compile(r"^-- (?P<said>[n0?]+)\n(?P<statement>.*?);$", re.MULTILINE | re.DOTALL)
CASES = [(case["statement"], case["said"]) for case in _CASE.finditer((FOLDER / "nullability.sql").read_text())]

NOT_NULL, NULL, UNKNOWN = "not null", "null", "unknown"
LETTERS = {"n": NOT_NULL, "0": NULL, "?": UNKNOWN}

# What a server has to be new enough for: version, statement, what is said of it.
LATER = (
    (
        17,
        """MERGE INTO people p USING posts q ON q.id = p.id WHEN MATCHED THEN UPDATE SET nick = NULL
        WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING q.id, p.name, p.nick""",
        "?n0",
    ),
    (
        17,
        """MERGE INTO people p USING (VALUES (7)) v (k) ON v.k = p.id
        WHEN NOT MATCHED THEN INSERT (id, name, tag) VALUES (k, 'n', 't') RETURNING merge_action(), p.name""",
        "?n",
    ),
    (18, "INSERT INTO posts (body, doc) VALUES ('b', '{}') RETURNING old.id, new.id, id", "??n"),
    (18, "DELETE FROM people RETURNING old.name, new.name", "??"),
    (18, "SELECT uuidv7()", "n"),
)


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[Session]:
    """A session in a database with NULL wherever it may be."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute(SCHEMA.read_bytes())
        yield Session(connection)
    drop(server, name)


def judge(session: Session, statement: str, *types: str) -> list[str]:
    """What is said of the columns; their number is the server's."""
    prepared = session.connection.pgconn.prepare(b"", statement.encode())
    assert not prepared.error_message, (statement, prepared.error_message)
    width = session.connection.pgconn.describe_prepared(b"").nfields
    return list(fetch_nullability(session, [(statement, types, width)])[0])


def broken(session: Session, statement: str, said: list[str], values: Sequence[bytes | None]) -> list[int]:
    """The columns that are said to be proven, and hold NULL."""
    (answer,) = session.ask([Call(statement.encode(), values, *[[0] * len(values)] * 2)])
    assert answer.refusal is None, (statement, answer.refusal)
    return [
        number
        for number, each in enumerate(said)
        if each == NOT_NULL and any(row[number] is None for row in answer.rows)
    ]


@pytest.mark.parametrize(("statement", "expected"), CASES)
def test_each_column_is_said_to_be_what_it_is_and_what_is_proven_holds(session, statement, expected):
    types, values = (["int"], [None]) if "$1" in statement else ([], [])

    said = judge(session, statement, *types)

    assert said == [LETTERS[letter] for letter in expected]
    assert broken(session, statement, said, values) == []


@pytest.mark.parametrize(("major", "statement", "expected"), LATER)
def test_what_newer_servers_return_is_proven_only_of_what_is_there(session, major, statement, expected):
    if session.connection.info.server_version < major * 10000:
        pytest.skip(f"since {major}")
    said = judge(session, statement)

    assert said == [LETTERS[letter] for letter in expected]
    assert broken(session, statement, said, []) == []


def test_not_null_is_not_proven_of_a_table_whose_children_may_hold_null(session):
    newer = session.connection.info.server_version >= 180000  # older ones let a child drop what it has inherited
    told = "CONSTRAINT told NOT NULL a NO INHERIT" if newer else "CHECK (true)"
    with session.connection.transaction(force_rollback=True):
        session.connection.execute(f"CREATE TABLE above (a int {'' if newer else 'NOT NULL'}, {told})".encode())
        session.connection.execute("CREATE TABLE below () INHERITS (above)")
        session.connection.execute("ALTER TABLE below ALTER a DROP NOT NULL")
        session.connection.execute("INSERT INTO below VALUES (NULL)")
        knowledge = fetch_knowledge(session.connection, [f":relid {oid_of(session, 'above')}"])

    assert [each.columns for each in knowledge.relations.values()] == [{1: UNKNOWN}]


@pytest.mark.parametrize(
    "promise", ["CONSTRAINT c NOT NULL a NOT VALID", "b int NOT NULL GENERATED ALWAYS AS (a) VIRTUAL"]
)
def test_not_null_that_no_row_was_asked_for_is_not_proven(session, promise):
    if session.connection.info.server_version < 180000:
        pytest.skip("since 18")
    with session.connection.transaction(force_rollback=True):
        session.connection.execute("CREATE TABLE late (a int)")
        session.connection.execute(f"ALTER TABLE late ADD {promise}".encode())
        knowledge = fetch_knowledge(session.connection, [f":relid {oid_of(session, 'late')}"])

    assert NOT_NULL not in next(iter(knowledge.relations.values())).columns.values()


def test_not_null_is_not_proven_of_rows_that_another_server_keeps(session):
    with session.connection.transaction(force_rollback=True):
        session.connection.execute("CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far")
        session.connection.execute("CREATE FOREIGN TABLE theirs (a int NOT NULL) SERVER away")
        knowledge = fetch_knowledge(session.connection, [f":relid {oid_of(session, 'theirs')}"])

    assert [each.columns for each in knowledge.relations.values()] == [{1: UNKNOWN}]


def test_a_statement_that_no_function_takes_proves_nothing_and_spoils_no_other(session):
    statements = [
        ("SELECT 1", [], 1),
        ("SHOW TimeZone", [], 1),
        ("SELECT $1::int, 1", ["int"], 2),
        ("DELETE FROM log", [], 0),
    ]

    assert fetch_nullability(session, statements) == [(NOT_NULL,), (UNKNOWN,), (UNKNOWN, NOT_NULL), ()]


def test_a_version_that_nobody_has_looked_at_proves_nothing(session, monkeypatch):
    monkeypatch.setattr("pgproof.contracts.shapes.nullability.inference._NEWEST", 14)

    assert judge(session, "SELECT 1") == [UNKNOWN]


def test_a_field_that_a_version_does_not_write_proves_nothing(session, monkeypatch):
    monkeypatch.setattr(Level, "gives_a_row", property(lambda level: level.node["invented"]))

    assert judge(session, "SELECT (SELECT 1), 2") == [UNKNOWN, UNKNOWN]


def test_what_was_asked_leaves_nothing_behind(session):
    judge(session, "SELECT 1")

    found = session.connection.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'understood%'").fetchone()
    assert found == (0,)


def test_names_that_look_like_the_syntax_of_a_tree_are_names(session):
    odd = r"""
    SELECT name AS ":kind {(", nick AS "<>", id AS "a\ "" }" FROM people AS ":relid 1" WHERE name <> ') } [ 1'
    """
    assert judge(session, odd) == [NOT_NULL, NULL, NOT_NULL]
    assert judge(session, """WITH ":w (" AS (SELECT 1 AS ":x") SELECT ":x" FROM ":w (" """) == [NOT_NULL]


def oid_of(session: Session, table: str) -> int:
    (oid,) = session.connection.execute("SELECT %s::regclass::oid", [table]).fetchone() or (0,)
    return int(oid)
