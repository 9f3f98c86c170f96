"""What a query promises of its plans is held by the real planner: indexes for tables of a few rows, and blocks."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo

from pgproof.contracts.answer import Call, Refusal
from pgproof.contracts.finding import Finding
from pgproof.contracts.planning.analysis import ensure_analysed
from pgproof.contracts.planning.plans import fetch_plan, fetch_plan_findings, fetch_promised
from pgproof.contracts.planning.plantree import Plan, render_plan
from pgproof.contracts.planning.promise import Promise, read_promise
from pgproof.contracts.planning.verdict import find_broken
from pgproof.contracts.session import Session
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Query

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, handle text UNIQUE NOT NULL, bio text);
CREATE TABLE posts (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, body text NOT NULL);
CREATE INDEX posts_user_id_idx ON posts (user_id);
CREATE TABLE drafts (id int PRIMARY KEY, at int NOT NULL, body text, sent bool NOT NULL DEFAULT false);
CREATE INDEX drafts_at_idx ON drafts (at);
CREATE INDEX drafts_pair_idx ON drafts (sent, body);
CREATE INDEX drafts_unsent_idx ON drafts (id) WHERE NOT sent;
CREATE TABLE tagged (tags int[], words int[]);
CREATE INDEX tagged_idx ON tagged USING gin (tags, words);
CREATE TABLE nothing (id int PRIMARY KEY, body text);
CREATE SCHEMA other;
CREATE TABLE other.users (id int);
CREATE TABLE "Odd Names" (id int, "user" int);
CREATE TABLE visits (at date, page text) PARTITION BY RANGE (at);
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW authors AS SELECT u.handle, p.body FROM users AS u INNER JOIN posts AS p ON p.user_id = u.id;
INSERT INTO users VALUES (1, 'ada', 'one'), (2, 'bob', 'two'), (3, 'cy', NULL);
INSERT INTO posts VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z');
INSERT INTO visits VALUES ('2026-02-03', 'home');
"""


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[Session]:
    """A session on a small schema with a few rows; every call is rolled back."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute(SCHEMA)
        ensure_analysed(connection)
        yield Session(connection)
    drop(server, name)


def query(plan: str, text: str) -> Query:
    return Query("test", Path("queries/test.sql"), f"-- returns: many\n-- plan: {plan}\n{text}\n", "many")


def promised(asked: Query) -> Promise:
    promise = read_promise(asked)
    assert promise
    return promise


def calls(session: Session, asked: Query, *cases: dict[str, object]) -> dict[str, Call]:
    return {f"case_{number}": session.call(asked, case) for number, case in enumerate(cases or ({},), start=1)}


def findings(
    session: Session, plan: str, text: str, *cases: dict[str, object], before: tuple[str, ...] = ()
) -> list[Finding]:
    asked = query(plan, text)
    return fetch_plan_findings(session, asked, promised(asked), calls(session, asked, *cases), before=before)


# Indexes


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("users", "SELECT bio FROM users WHERE handle = %(h)s"),
        ("users", "SELECT id FROM users WHERE id IN (1, 2) AND handle <> %(h)s"),
        ("posts", "SELECT body FROM users AS u INNER JOIN posts AS p ON p.user_id = u.id WHERE u.handle = %(h)s"),
        ("posts,users", "SELECT body FROM authors WHERE handle = %(h)s"),
        ("p", "WITH a AS MATERIALIZED (SELECT p.* FROM posts AS p WHERE user_id = length(%(h)s)) SELECT * FROM a"),
        ("public.posts", "DELETE FROM posts AS p WHERE id = length(%(h)s) RETURNING id"),
        ("users", "SELECT handle FROM posts AS p INNER JOIN users AS u ON u.id = p.user_id WHERE p.body <> %(h)s"),
        ("nothing", "SELECT n.body FROM users AS u INNER JOIN nothing AS n USING (id) WHERE u.handle = %(h)s"),
        ("tagged", "SELECT tags FROM tagged WHERE words @> ARRAY[length(%(h)s)]"),
        # a page in the order of an index, and what an index has nothing else than
        ("drafts", "SELECT body FROM drafts WHERE body <> %(h)s ORDER BY at LIMIT 2"),
        ("drafts", "SELECT at FROM drafts AS d INNER JOIN users USING (id) WHERE bio <> %(h)s ORDER BY at LIMIT 2"),
        ("drafts", "SELECT body FROM drafts WHERE NOT sent AND body = %(h)s"),
        ("drafts", "SELECT max(at) FROM drafts WHERE %(h)s <> ''"),
        ("drafts", "SELECT body FROM drafts WHERE at = 1 OR id = length(%(h)s)"),
    ],
)  # fmt: skip
def test_what_an_index_finds_keeps_the_promise_however_small_the_table(session, table, text):
    assert findings(session, f"index_for={table}", text, {"h": "ada"}) == []


@pytest.mark.parametrize(
    ("table", "text", "columns"),
    [
        ("users", "SELECT id FROM users WHERE bio = %(b)s", "users (bio)"),
        ("users", "SELECT id FROM users AS u WHERE lower(u.handle) = %(b)s", "users (handle)"),
        ("u", "SELECT id FROM users AS u WHERE bio = %(b)s", "users (bio)"),
        ("users", "WITH a AS MATERIALIZED (SELECT * FROM users) SELECT id FROM a WHERE bio = %(b)s", "all of users"),
        ("users", "SELECT (SELECT u.id FROM users AS u WHERE u.bio = p.body) FROM posts AS p WHERE id < length(%(b)s)",
         "users (bio)"),
        ("users", "SELECT p.id FROM posts AS p INNER JOIN users AS u ON u.bio = p.body WHERE p.body > %(b)s",
         "users (bio)"),
        ("users", "UPDATE users SET bio = 'x' WHERE bio = %(b)s RETURNING id", "users (bio)"),
        ("visits", "SELECT v.at FROM visits AS v WHERE page = %(b)s", "visits_2026 (page)"),
        ("nothing", "SELECT id FROM nothing WHERE body = %(b)s", "nothing (body)"),
        # by way of an index, which finds nothing
        ("posts", "SELECT handle FROM authors WHERE body = %(b)s", "posts (body)"),
        ("drafts", "SELECT body FROM drafts WHERE body <> %(b)s ORDER BY at", "drafts (body)"),
        ("drafts", "SELECT sent FROM drafts WHERE body = %(b)s", "drafts (body)"),
        ("drafts", "SELECT sum(at) FROM (SELECT at, body FROM drafts ORDER BY at) AS d WHERE body = %(b)s LIMIT 2",
         "drafts (body)"),
        ("users", "SELECT count(*) FROM users WHERE %(b)s <> ''", "all of users"),
    ],
)  # fmt: skip
def test_a_table_that_is_read_wholly_breaks_it_wherever_it_stands(session, table, text, columns):
    [finding] = findings(session, f"index_for={table}", text, {"b": "one"})

    first, *tree = finding.what.split("\n")
    assert first == f"no index serves {table}: it is read wholly, even where that is avoided (case case_1)"
    assert [line for line in tree if line.startswith(">")]
    assert columns in finding.hint
    assert (finding.layer, str(finding.at)) == ("plan", "queries/test.sql:2")


def test_an_index_that_falls_breaks_it(session):
    text = "SELECT body FROM posts WHERE user_id = %(u)s"

    assert findings(session, "index_for=posts", text, {"u": 1}) == []
    assert findings(session, "index_for=posts", text, {"u": 1}, before=("DROP INDEX posts_user_id_idx",)) != []


def test_a_table_of_the_same_name_elsewhere_is_another_one(session):
    text = "SELECT o.id FROM other.users AS o INNER JOIN users AS u ON u.id = o.id WHERE u.handle = 'ada'"

    assert findings(session, "index_for=users", text) == []
    assert "other" not in findings(session, "index_for=other.users", text)[0].hint


def test_one_finding_counts_the_cases_that_break_it(session):
    text = "SELECT id FROM users WHERE bio = %(b)s"

    [finding] = findings(session, "index_for=users", text, {"b": "one"}, {"b": "two"}, {"b": None}, {"b": "x"})
    assert "(case case_1 and 2 more)" in finding.what


def test_a_case_whose_values_rule_a_table_out_does_not_make_the_promise_empty(session):
    text = "SELECT bio FROM users WHERE handle = %(h)s"

    assert findings(session, "index_for=users", text, {"h": None}, {"h": "ada"}) == []


@pytest.mark.parametrize("text", ["SELECT id FROM posts", "INSERT INTO users VALUES (9, 'x') RETURNING id"])
def test_a_promise_for_a_table_that_is_never_read_is_empty(session, text):
    [finding] = findings(session, "index_for=users", text)

    assert finding.what == "no plan reads users, so the promise of an index for it is empty"
    assert finding.hint in ("they read posts", "they read no table")


def test_a_query_that_has_no_plan_promises_nothing(session):
    [finding] = findings(session, "index_for=users buffers=4", "SELECT id FROM missing")

    assert finding.what.startswith("no case has a plan, so what is promised of it is empty: relation")


def test_names_in_quotes_are_known_as_well(session):
    [finding] = findings(
        session, "index_for=user", 'SELECT "user".id FROM "Odd Names" AS "user" WHERE "user"."user" = 1'
    )

    assert 'Odd Names ("user")' in finding.hint


# Blocks


def test_a_budget_holds_what_an_execution_looks_at(session):
    text = "SELECT bio FROM users WHERE handle = %(h)s"

    assert findings(session, "buffers=3", text, {"h": "ada"}, {"h": None}) == []
    [finding] = findings(session, "buffers=1", "SELECT 1 FROM users, posts", {})
    first, *tree = finding.what.split("\n")
    assert first == "2 blocks are looked at, where 1 are promised (case case_1)"
    assert "buffers=2" in tree[0]
    assert finding.hint.startswith("1 of them are for Seq Scan on ")


def test_the_case_that_looks_at_most_is_shown(session):
    text = "SELECT (SELECT count(*) FROM users WHERE %(n)s::int > 0) + (SELECT count(*) FROM posts WHERE %(n)s > 1)"

    [finding] = findings(session, "buffers=1", text, {"n": 1}, {"n": 2}, {"n": 0})
    assert finding.what.startswith("2 blocks are looked at, where 1 are promised (case case_2)")


def test_what_a_cte_writes_is_in_the_budget_though_nobody_reads_it(session):
    text = "WITH gone AS (DELETE FROM posts WHERE body = %(b)s RETURNING id) SELECT 1"

    assert findings(session, "buffers=100", text, {"b": "z"}) == []
    [finding] = findings(session, "buffers=1", text, {"b": "z"})
    assert "Delete on posts" in finding.what


def test_a_budget_is_held_after_what_comes_before(session):
    text = "SELECT bio FROM users WHERE handle = %(h)s"

    assert findings(session, "buffers=3", text, {"h": "ada"}, before=("SET LOCAL enable_seqscan = off",)) == []
    grown = "INSERT INTO users SELECT n, 'u' || n, repeat('x', 500) FROM generate_series(10, 500) AS n"
    assert findings(session, "buffers=3", "SELECT count(bio) FROM users", before=(grown,)) != []


def test_a_plan_that_is_executed_leaves_nothing_behind(session):
    findings(session, "buffers=100", "DELETE FROM posts WHERE id = 1 RETURNING id")

    assert session.connection.execute("SELECT count(*) FROM posts").fetchone() == (3,)


def test_a_case_that_is_refused_has_no_budget_to_keep(session):
    text = "INSERT INTO users VALUES (%(id)s, 'new') RETURNING id"

    assert findings(session, "buffers=100", text, {"id": 1}, {"id": 9}) == []


def test_blocks_are_the_same_each_time(session):
    asked = session.call(query("buffers=1", "SELECT * FROM authors ORDER BY body"), {})
    counts = {plan.buffers for _ in range(4) if isinstance(plan := fetch_plan(session, asked, analyze=True), Plan)}

    assert len(counts) == 1


# Plans


def test_a_plan_is_made_for_the_values_of_the_call(session):
    asked = query("buffers=1", "SELECT bio FROM users WHERE handle = %(h)s")

    [nothing] = {fetch_plan(session, each, analyze=False) for each in calls(session, asked, {"h": None}).values()}
    assert isinstance(nothing, Plan)
    assert not any(node.reads_table for node in nothing.root)


def test_a_statement_without_a_plan_is_refused(session):
    assert isinstance(fetch_plan(session, Call(b"SHOW server_version"), analyze=False), Refusal)


def test_an_earlier_plan_makes_the_difference_what_is_shown(session):
    asked = query("index_for=posts buffers=1", "SELECT body FROM posts WHERE user_id = %(u)s")
    promise, asks = promised(asked), calls(session, asked, {"u": 1})
    earlier = fetch_promised(session, promise, asks)
    now = fetch_promised(session, promise, asks, before=["DROP INDEX posts_user_id_idx"])

    [index] = find_broken(asked, promise, now, earlier)
    _, title, *lines = index.what.split("\n")
    assert title == "the plan was another one:"
    assert {line[0] for line in lines if "posts_user_id_idx" in line} == {"-"}
    assert [line for line in lines if line.startswith("+ Seq Scan on posts")]


def test_the_whole_plan_is_shown_where_there_is_no_earlier_one(session):
    asked = session.call(query("buffers=1", "SELECT handle FROM authors ORDER BY body LIMIT 2"), {})

    plan = fetch_plan(session, asked, analyze=True)
    assert isinstance(plan, Plan)
    lines = render_plan(plan)
    assert [line for line in lines if "by: p.body" in line]
    assert "Limit  rows=2 buffers=" in lines[0]


# An analysed database


def test_a_database_is_analysed_once(database):
    with connect(database) as connection:
        connection.execute(SCHEMA)

        tables = ["users", "posts", "drafts", "tagged", "nothing", "users", "Odd Names", "visits", "visits_2026"]
        assert ensure_analysed(connection) == tables
        assert ensure_analysed(connection) == []


@pytest.mark.parametrize("change", ["UPDATE users SET bio = 'new'", "BEGIN; UPDATE users SET bio = 'new'; ROLLBACK"])
def test_what_was_written_since_is_analysed_again(database, change):
    with connect(database) as connection:
        connection.execute(SCHEMA)
        ensure_analysed(connection)
        connection.execute(change)

        assert ensure_analysed(connection) == ["users"]


def test_a_clone_of_an_analysed_database_is_analysed(database, server):
    name = f"test_{uuid4().hex[:12]}"
    with connect(database) as connection:
        connection.execute(SCHEMA)
        ensure_analysed(connection)
    with connect(server) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {make_dbname(database)}".encode())
    with connect(make_conninfo(server, dbname=name)) as connection:
        assert ensure_analysed(connection) == []
    drop(server, name)


def make_dbname(conninfo: str) -> str:
    with connect(conninfo) as connection:
        return connection.info.dbname
