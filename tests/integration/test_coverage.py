"""What queries touch is what the server says, through views and functions too, not what a text looks like."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pgproof.contracts.impact.coverage import Coverage, Touch, fetch_coverage
from pgproof.contracts.impact.dependencies import Uses, fetch_dependencies
from pgproof.contracts.session import Session
from pgproof.errors import PgproofError
from pgproof.pg.database import connect
from pgproof.queries import Queries, read_queries

SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, "Nick name" text, born date);
CREATE TABLE posts (id int PRIMARY KEY, person int REFERENCES people, body text);
CREATE VIEW named AS SELECT id, name FROM people WHERE born IS NOT NULL;
CREATE VIEW authors AS SELECT n.name, p.body FROM named AS n JOIN posts AS p ON p.person = n.id;
CREATE MATERIALIZED VIEW counted AS SELECT person, count(*) AS posts FROM posts GROUP BY person;
CREATE FUNCTION latest() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max(id) FROM posts; END;
CREATE SCHEMA app;
CREATE TABLE app.settings (key text PRIMARY KEY, value text);
CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE _yoyo_log (id text);
CREATE SCHEMA pgproof_cache;
CREATE TABLE pgproof_cache.writes (name text);
"""


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with closing(connect(database)) as connection:
        connection.execute(SCHEMA)
        yield Session(connection)


Write = Callable[..., Queries]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write queries by name, and read them."""

    def write_all(**texts: str) -> Queries:
        folder = tmp_path / "queries"
        for name, text in texts.items():
            path = folder / f"{name}.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            writes = text.startswith(("INSERT", "UPDATE", "DELETE", "MERGE")) and "RETURNING" not in text
            path.write_text(f"-- returns: {'affected' if writes else 'many'}\n{text}")
        return read_queries(folder)

    return write_all


@pytest.fixture
def uses(session: Session, write: Write) -> Callable[[str], Uses]:
    """What one query touches."""

    def fetch(text: str) -> Uses:
        dependencies = fetch_dependencies(session, write(it=text))
        assert dependencies.unseen == {}
        return dependencies.by_query["it"]

    return fetch


def said(places: object) -> set[str]:
    assert isinstance(places, frozenset)
    return set(map(str, places))


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("SELECT name FROM people WHERE id = %(id)s", {"people", "people.name", "people.id"}),
        ("SELECT count(*) FROM people", {"people"}),
        ("SELECT 1 AS one FROM people ORDER BY born", {"people", "people.born"}),
        ('SELECT p."Nick name" FROM people AS p', {"people", "people.Nick name"}),
        ("SELECT value FROM app.settings", {"app.settings", "app.settings.value"}),
        ("SELECT p FROM posts AS p", {"posts", "posts.id", "posts.person", "posts.body"}),
        ("SELECT to_jsonb(p) FROM posts AS p", {"posts", "posts.id", "posts.person", "posts.body"}),
        ("SELECT id FROM people JOIN posts USING (id)", {"people", "people.id", "posts", "posts.id"}),
        ("SELECT latest() AS id", {"posts", "posts.id"}),
        ("SELECT what FROM events", {"events", "events.what"}),
    ],
)
def test_what_a_query_reads_is_known(uses: Callable[[str], Uses], text: str, reads: set[str]):
    assert reads == said(uses(text).reads)


def test_what_is_read_through_views_is_read_but_not_named(uses: Callable[[str], Uses]):
    found = uses("SELECT body FROM authors")

    below = {"people", "people.id", "people.name", "people.born", "posts", "posts.person", "posts.body"}
    assert {"authors", "authors.body"} == said(found.direct)
    assert below | {"authors", "authors.body", "named", "named.id", "named.name"} == said(found.reads)


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("INSERT INTO posts (id, body) VALUES (%(id)s, %(body)s)", set(), {"posts", "posts.id", "posts.body"}),
        ("INSERT INTO posts VALUES (1, 2)", set(), {"posts", "posts.id", "posts.person"}),
        (
            "INSERT INTO posts (id, body) VALUES (1, 'a') RETURNING id",
            {"posts", "posts.id"},
            {"posts", "posts.id", "posts.body"},
        ),
        (
            "INSERT INTO posts (id) SELECT id FROM people WHERE name = 'a' ON CONFLICT (id) DO UPDATE SET body = 'b'",
            {"people", "people.id", "people.name", "posts", "posts.id"},
            {"posts", "posts.id", "posts.body"},
        ),
        ("UPDATE posts SET body = 'a' WHERE id = 1", {"posts", "posts.id"}, {"posts", "posts.body"}),
        ("UPDATE posts SET body = body || 'a'", {"posts", "posts.body"}, {"posts", "posts.body"}),
        ("DELETE FROM posts", set(), {"posts"}),
        ("DELETE FROM posts WHERE person = 1", {"posts", "posts.person"}, {"posts"}),
        ("UPDATE app.settings SET value = 'a'", set(), {"app.settings", "app.settings.value"}),
        (
            "MERGE INTO posts USING people ON posts.id = people.id WHEN MATCHED THEN UPDATE SET body = 'a'",
            {"posts", "posts.id", "people", "people.id"},
            {"posts", "posts.body"},
        ),
        (
            "WITH gone AS (DELETE FROM posts WHERE id = 1 RETURNING person) SELECT person FROM gone",
            {"posts", "posts.id", "posts.person"},
            {"posts"},
        ),
    ],
)
def test_what_is_written_is_told_from_what_is_read(
    uses: Callable[[str], Uses], text: str, reads: set[str], writes: set[str]
):
    found = uses(text)

    assert (reads, writes) == (said(found.reads), said(found.writes))


def test_a_table_that_a_write_also_reads_through_a_view_is_read(uses: Callable[[str], Uses]):
    found = uses("INSERT INTO people (id, name) SELECT 9, max(name) FROM named")

    assert {"people", "people.id", "people.name", "people.born"} <= said(found.reads)


def test_a_query_that_the_server_does_not_tell_about_is_named_with_the_reason(session: Session, write: Write):
    queries = write(
        explain="EXPLAIN SELECT 1", gone="SELECT a FROM gone", untyped="SELECT %(a)s IS NULL AS a", ok="SELECT 1"
    )

    dependencies = fetch_dependencies(session, queries)

    assert list(dependencies.by_query) == ["ok"]
    assert {"explain", "gone", "untyped"} == dependencies.unseen.keys()
    assert 'relation "gone" does not exist' in dependencies.unseen["gone"]


def test_asking_leaves_nothing_behind(session: Session, write: Write):
    fetch_dependencies(session, write(it="SELECT name FROM people"))

    count = "SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()"
    assert session.connection.execute(count).fetchone() == (0,)


@pytest.fixture
def coverage(session: Session, write: Write) -> Coverage:
    return fetch_coverage(
        session,
        write(
            names="SELECT name FROM people WHERE id = %(id)s",
            rename="UPDATE people SET name = %(name)s, born = NULL WHERE id = %(id)s",
            bodies="SELECT body FROM authors",
            utility="EXPLAIN SELECT 1",
        ),
    )


def test_tables_and_columns_that_no_query_touches_are_named_once(coverage: Coverage):
    found = [str(each.place) for each in coverage.untouched]

    assert sorted(found) == ["app.settings", "authors.name", "counted", "events", "people.Nick name", "posts.id"]


def test_the_ledger_the_cache_and_partitions_are_nothing_that_a_query_should_touch(coverage: Coverage):
    assert {"events"} == {each.relation for each in coverage.covered if "e" in each.relation[:1]}
    assert not [each for each in coverage.covered if "yoyo" in each.relation or "pgproof" in each.relation]


def test_a_column_that_queries_only_write_is_named(session: Session, write: Write):
    coverage = fetch_coverage(session, write(it="UPDATE people SET born = NULL, name = lower(name)"))

    assert [str(each.place) for each in coverage.only_written] == ["people.born"]


def test_coverage_says_of_which_queries_it_knows_nothing(coverage: Coverage):
    assert list(coverage.unseen) == ["utility"]


def test_who_touches_a_table_is_known_and_what_they_do_with_which_columns(coverage: Coverage):
    expected = [
        Touch("bodies", ("id", "name", "born"), ()),
        Touch("names", ("id", "name"), ()),
        Touch("rename", ("id",), ("name", "born")),
    ]
    assert expected == coverage.touching("people")


def test_who_touches_a_column_is_known(coverage: Coverage):
    assert [Touch("bodies", ("born",), ()), Touch("rename", (), ("born",))] == coverage.touching("people.born")
    assert coverage.touching("app.settings.value") == []


def test_a_name_that_is_no_table_is_an_error_with_a_guess(coverage: Coverage):
    with pytest.raises(PgproofError, match="no table and no column poeple") as caught:
        coverage.touching("poeple")

    assert "people" in caught.value.hint
