"""Results that change without a change of data are found; those that do not are left in peace."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.contracts.answer import Answer
from pgproof.contracts.cases import Case
from pgproof.contracts.golden import Column, Shape
from pgproof.contracts.session import Session
from pgproof.contracts.subjects import read_subjects
from pgproof.contracts.variations.scramble import scramble
from pgproof.contracts.variations.stability import Probe, find_unstable, find_volatile, report
from pgproof.errors import Location
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Query, read_queries
from pgproof.seeds import load, read_seeds
from pgproof.sqltext import parse

ROOT = Path(__file__).parents[2]
MIGRATIONS = [*sorted((ROOT / "migrations").glob("*.sql")), *sorted((ROOT / "migrations/repeatable").glob("*.sql"))]

SCHEMA = """
CREATE TABLE post (id int PRIMARY KEY, topic int, score int, tag text, weight float8, at timestamptz);
INSERT INTO post SELECT n, n % 4, n * 7 % 3, 'tag ' || n % 7, 1 / (n + 0.3), '2026-01-01'::timestamptz + n / 4 * '1 h'
    ::interval FROM generate_series(1, 40) AS n;
CREATE INDEX ON post (score);
CREATE INDEX ON post (at DESC, id DESC);
CREATE TABLE vote (id int PRIMARY KEY, post_id int REFERENCES post, worth int);
INSERT INTO vote SELECT n, n % 20 + 1, n % 3 FROM generate_series(1, 80) AS n;
CREATE TABLE pair (a int, b int);
INSERT INTO pair VALUES (1, 1), (1, 2);
CREATE TABLE trio (id int PRIMARY KEY);
INSERT INTO trio VALUES (2), (1), (3);
CREATE TABLE step (id int, at int);
INSERT INTO step SELECT n, (n + 1) / 2 FROM generate_series(1, 2000) AS n;
CREATE INDEX ON step (at, id DESC);
CREATE VIEW counted AS SELECT p.id, (SELECT count(*) FROM vote WHERE post_id = p.id) AS votes FROM post AS p;

CREATE VIEW past WITH (security_barrier) AS
    SELECT id, at, now() AS asked, CURRENT_TIMESTAMP(0) AS rounded FROM post WHERE at < CURRENT_DATE - 7300;
CREATE VIEW asking AS SELECT id, now() AS asked FROM post;
CREATE VIEW "Past Ids" AS SELECT id FROM past;
CREATE TABLE visit (
    id int GENERATED ALWAYS AS IDENTITY, day date DEFAULT CURRENT_DATE, kind text DEFAULT 'v', until date,
    CONSTRAINT visit_ends_late CHECK (until > day)
);
CREATE VIEW writable AS SELECT kind FROM visit;
CREATE VIEW fresh AS SELECT day FROM visit WHERE day > CURRENT_DATE - 9 WITH CHECK OPTION;
ANALYZE;
"""

CHANCE_OF_ORDER = """
SELECT id FROM post ORDER BY score
SELECT id, tag FROM post ORDER BY tag
SELECT id FROM post WHERE score = 1 ORDER BY score
SELECT a, b FROM pair ORDER BY a
SELECT id FROM post ORDER BY at DESC
SELECT id, topic FROM post EXCEPT SELECT id, topic FROM post WHERE id < 9 ORDER BY topic
SELECT tag, 1 AS one FROM post UNION SELECT tag, 1 FROM post WHERE id > 3 ORDER BY one
SELECT DISTINCT tag, score FROM post ORDER BY score
SELECT tag, count(*) FROM post GROUP BY tag ORDER BY count(*) > 3
SELECT topic, score, count(*) FROM post GROUP BY GROUPING SETS ((topic), (score)) ORDER BY count(*)
SELECT post.id, vote.id FROM post JOIN vote ON post_id = post.id ORDER BY post.id
SELECT post.id, worth FROM post LEFT JOIN vote ON post_id = post.id ORDER BY post.id
SELECT id FROM post WHERE id IN (SELECT post_id FROM vote) ORDER BY topic
SELECT id FROM counted ORDER BY votes DESC
SELECT id FROM post ORDER BY at DESC LIMIT 5
"""

CHANCE_OF_ROWS = """
SELECT id FROM post ORDER BY score LIMIT 3
SELECT id FROM post ORDER BY score DESC LIMIT 1
SELECT id FROM post ORDER BY score LIMIT 3 OFFSET 2
SELECT a, b FROM pair ORDER BY a FETCH FIRST ROW ONLY
SELECT id FROM post LIMIT 3
SELECT id FROM post OFFSET 15
SELECT id FROM post WHERE topic = 2 LIMIT 1
SELECT DISTINCT tag FROM post LIMIT 3
SELECT tag, count(*) FROM post GROUP BY tag LIMIT 2
SELECT tag FROM post GROUP BY tag ORDER BY count(*) < 9 LIMIT 2
SELECT (SELECT tag FROM post WHERE topic = 1 LIMIT 1)
SELECT sum(id) FROM (SELECT id FROM post LIMIT 7) AS s
SELECT DISTINCT ON (topic) topic, id FROM post
SELECT DISTINCT ON (topic) topic, id FROM post ORDER BY topic
SELECT DISTINCT ON (topic) topic, id FROM post ORDER BY topic, score
SELECT p.id, v.id FROM post AS p, LATERAL (SELECT id FROM vote WHERE post_id = p.id ORDER BY worth LIMIT 1) AS v
SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY topic ORDER BY score) AS r FROM post) AS s WHERE r = 1
SELECT id, row_number() OVER () FROM post ORDER BY id
SELECT id, lag(id) OVER (PARTITION BY topic ORDER BY score) FROM post ORDER BY id
SELECT id, sum(id) OVER (ORDER BY score ROWS UNBOUNDED PRECEDING) FROM post ORDER BY id
SELECT array_agg(id) FROM post
SELECT topic, string_agg(tag, ',') FROM post GROUP BY topic ORDER BY topic
SELECT json_agg(post) FROM post
SELECT jsonb_agg(id ORDER BY score) FROM post
SELECT json_object_agg(id, tag) FROM post
SELECT ARRAY(SELECT id FROM post WHERE topic = 1)
SELECT array_agg(id) FROM (SELECT id FROM post ORDER BY score) AS s
SELECT array_agg(tag) FROM (SELECT DISTINCT tag FROM post) AS s
SELECT string_agg(tag, ',') FROM (SELECT tag FROM post UNION SELECT 'none') AS s
SELECT (array_agg(id))[1] FROM post
SELECT sum(weight) FROM post
UPDATE post SET topic = 9 WHERE id IN (SELECT id FROM post ORDER BY score LIMIT 3) RETURNING id
UPDATE post SET tag = vote.id::text FROM vote WHERE post_id = post.id RETURNING post.id, tag
DELETE FROM vote WHERE id IN (SELECT id FROM vote LIMIT 2) RETURNING id
INSERT INTO pair SELECT row_number() OVER (ORDER BY score), id FROM post RETURNING a, b
SELECT id, ctid FROM post ORDER BY id
"""

STABLE = """
SELECT id FROM post
SELECT id FROM post ORDER BY score, id
SELECT score FROM post ORDER BY score LIMIT 3
SELECT id FROM post WHERE id = 4 LIMIT 1
SELECT topic, count(*) FROM post GROUP BY topic
SELECT tag, count(*) FROM post GROUP BY tag ORDER BY count(*) DESC, tag
SELECT topic, array_agg(id ORDER BY id) FROM post GROUP BY topic ORDER BY topic
SELECT array_agg(score ORDER BY score) FROM post
SELECT ARRAY(SELECT id FROM post ORDER BY id)
SELECT jsonb_object_agg(id, tag) FROM post
SELECT DISTINCT ON (topic) topic, id FROM post ORDER BY topic, id
SELECT id, row_number() OVER (ORDER BY score, id) FROM post ORDER BY id
SELECT id, rank() OVER (ORDER BY score) FROM post ORDER BY id
SELECT post.id, vote.id FROM post JOIN vote ON post_id = post.id ORDER BY post.id, vote.id
SELECT max(id), min(tag), sum(id), bool_or(topic = 1), sum(weight::numeric) FROM post
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY score) FROM post
SELECT id, votes FROM counted ORDER BY id
SELECT 1 / (id - 4) FROM post
SELECT no_such_column FROM post
UPDATE post SET topic = 9 RETURNING id
INSERT INTO visit (day) VALUES ('2026-01-01'), ('2026-01-02') RETURNING id
SELECT id FROM post WHERE at < '2026-01-01 08:00' ORDER BY id
SELECT id FROM post WHERE at < now() ORDER BY id
SELECT count(*) FROM localtime(0) AS moment
SELECT 'now()', tag AS "current_date" FROM post
"""


@dataclass(frozen=True)
class Pair:
    """A database, and the same one turned round."""

    session: Session
    scrambled: Session

    def probe(self, text: str, *masks: str, name: str = "any", case: str = "any", **params: object) -> Probe:
        """Ask a query, as a contract does."""
        query = Query(name, Path(f"/project/queries/{name}.sql"), text, "many")
        asked = Case(case, params, frozenset(masks), None, None, Location(Path("any.toml"), 1))
        (probe,) = self.ask([(query, asked)])
        return probe

    def ask(self, several: Sequence[tuple[Query, Case]]) -> list[Probe]:
        """Ask cases."""
        calls = [self.session.call(query, case.params) for query, case in several]
        answers = self.session.ask(calls)
        return [
            Probe(query, shape_of(query, answer), case, call, answer)
            for (query, case), call, answer in zip(several, calls, answers, strict=True)
        ]

    def find(self, *probes: Probe) -> list[tuple[str, str, str]]:
        """Find what is unstable: of which query and case, and the first line of what it is."""
        found = find_unstable(self.session, self.scrambled, probes)
        return [(each.query, each.case, each.what.split("\n")[0]) for each in found]


def shape_of(query: Query, answer: Answer) -> Shape:
    ordered = query.returns != "many" or "sortClause" in parse(query.command.sql)[0].tree
    return Shape(query.returns, (), tuple(Column(name, "text", "unknown") for name in answer.names), ordered)


def make_pair(server: str, statements: Mapping[str, bytes]) -> Iterator[Pair]:
    names = [f"test_{uuid4().hex[:12]}" for _ in range(2)]
    first, second = (make_conninfo(server, dbname=name) for name in names)
    ensure_created(server, names[0])
    with connect(first) as connection:
        for statement in statements.values():
            connection.execute(statement)
        if "seeds" in statements:
            load(connection, read_seeds(ROOT / "seeds"))
    with connect(server) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, reversed(names)))
        connection.execute(copy)
    with connect(first) as connection, connect(second) as other:
        scramble(other)
        yield Pair(Session(connection), Session(other))
    for name in names:
        drop(server, name)


@pytest.fixture(scope="module")
def pair(server: str) -> Iterator[Pair]:
    yield from make_pair(server, {"schema": SCHEMA.encode()})


def lines(text: str) -> list[str]:
    return text.strip().split("\n")


ROUND = "from the same rows, stored the other way round"


@pytest.mark.parametrize("text", lines(CHANCE_OF_ORDER))
def test_an_order_with_ties_is_found(pair, text):
    ((_, _, what),) = pair.find(pair.probe(text))

    assert what in (f"it gives its rows in another order {ROUND}", "it gives its rows in another order by another plan")


@pytest.mark.parametrize("text", lines(CHANCE_OF_ROWS))
def test_rows_and_lists_that_depend_on_an_order_are_found(pair, text):
    ((_, _, what),) = pair.find(pair.probe(text))

    assert what.startswith("it gives other values of ")
    assert what.endswith((ROUND, "by another plan"))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM step WHERE at = 7 LIMIT 1",  # the index has the opposite order
        "SELECT id FROM trio LIMIT 1 OFFSET 1",  # the middle one is the same forwards and backwards
    ],
)
def test_what_looks_the_same_from_behind_is_found_by_another_plan(pair, text):
    ((_, _, what),) = pair.find(pair.probe(text))

    assert what == "it gives other values of id by another plan"


def test_what_is_decided_is_not_reported(pair):
    assert pair.find(*(pair.probe(text, name=f"n{number}") for number, text in enumerate(lines(STABLE)))) == []


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("SELECT id, random() AS luck FROM post ORDER BY id", ("luck",)),
        ("SELECT gen_random_uuid() AS uuid, id FROM post", ("uuid",)),
        ("SELECT id FROM post ORDER BY random()", ()),
        ("SELECT id FROM post ORDER BY random() LIMIT 20", ("id",)),
        ("SELECT clock_timestamp() AS c, now() AS n, 1 AS one", ("c", "n")),
        ("INSERT INTO post VALUES (99, 1, 1, '', 1, now()) RETURNING id, at", ("at",)),
        ("SELECT id, asked FROM asking WHERE id < 3", ("asked",)),
    ],
)
def test_what_is_another_in_each_run_is_found_with_its_columns(pair, text, columns):
    (sighting,) = find_volatile(pair.session, [pair.probe(text)])

    assert (sighting.cause, sighting.variation.columns) == ("chance", columns)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT CURRENT_DATE AS day",
        "SELECT now() < '2050-01-01' AS soon",
        "SELECT age('2000-01-01 12:00'::timestamp) AS age",
        "SELECT age('2000-01-01 12:00'::timestamptz) AS age",
        "SELECT extract(year FROM LOCALTIMESTAMP) AS year",
        "SELECT date 'today' AS day",
        "SELECT count(*) FROM post WHERE at > now() - interval '20 years'",
        "SELECT id FROM post WHERE at > CURRENT_TIMESTAMP(0) - interval '20 years' ORDER BY id",
        "SELECT id FROM past",
        'SELECT count(*) FROM "Past Ids"',
        "INSERT INTO visit (kind) VALUES ('x') RETURNING id, day",
        "INSERT INTO visit (day) VALUES (DEFAULT) RETURNING day",
        "WITH new AS (INSERT INTO writable VALUES ('x') RETURNING *) SELECT CURRENT_DATE FROM new",
    ],
)
def test_what_is_another_on_another_day_is_found(pair, text):
    ((_, _, what),) = pair.find(pair.probe(text))

    assert what.endswith(" when the clock is years ahead")


def test_a_write_that_will_be_refused_one_day_is_found(pair):
    probe = pair.probe("INSERT INTO visit (until) VALUES (%(until)s) RETURNING id", until="2040-01-01")

    assert pair.find(probe) == [("any", "any", "it gives something else when the clock is years ahead")]


def test_a_view_by_a_later_clock_keeps_its_options(pair):
    probe = pair.probe("INSERT INTO fresh VALUES (%(day)s) RETURNING day", day="2040-01-01")

    assert pair.find(probe) == [("any", "any", "it gives something else when the clock is years ahead")]


def test_what_no_mask_would_steady_is_reported_once(pair):
    found = pair.find(pair.probe("SELECT id FROM post ORDER BY random()"))

    assert [what for _, _, what in found] == ["it gives its rows in another order when it is run again"]


def test_a_column_with_a_mask_may_vary_and_its_row_may_not(pair):
    text = "SELECT now() AS asked, id FROM post ORDER BY score LIMIT 3"

    assert pair.find(pair.probe("SELECT now() AS asked, id FROM post ORDER BY score, id", "asked")) == []
    assert len(pair.find(pair.probe(text, "asked"))) == 1


def test_chance_and_order_are_told_apart(pair):
    found = pair.find(pair.probe("SELECT random() AS luck, CURRENT_DATE AS day, id FROM post ORDER BY score"))

    assert [what.removeprefix("it gives ").split(" from ")[0] for _, _, what in found] == [
        "other values of luck when it is run again",
        "other values of day when the clock is years ahead",
        "its rows in another order",
    ]


def test_many_queries_are_looked_at_together_and_each_is_reported_once(pair):
    tie = "SELECT id FROM post WHERE id > %(least)s::int ORDER BY score"
    found = pair.find(
        pair.probe("SELECT id FROM post ORDER BY id", name="fine"),
        pair.probe(tie, name="tie", case="none", least=99),
        pair.probe(tie, name="tie", case="some", least=9),
        pair.probe(tie, name="tie", case="all", least=0),
        pair.probe("SELECT array_agg(id) FROM post", name="list"),
    )

    assert [(name, case) for name, case, _ in found] == [("list", "any"), ("tie", "some")]


def test_a_finding_shows_one_row_and_says_what_to_do(pair):
    (found,) = find_unstable(pair.session, pair.scrambled, [pair.probe("\n\nSELECT a, b FROM pair ORDER BY a")])
    (volatile,) = report(pair.session, find_volatile(pair.session, [pair.probe("SELECT 1, random() AS luck")]))

    assert str(found) == (
        f"/project/queries/any.sql:3: any[any]: it gives its rows in another order {ROUND}\n"
        "  first  [1, 1]\n"
        "  then   [1, 2]\n"
        "  hint: end ORDER BY with what is unique"
    )
    assert 'masks = ["luck"]' in volatile.hint


def test_a_hint_names_the_key_of_the_table(pair):
    (found,) = find_unstable(pair.session, pair.scrambled, [pair.probe("SELECT id FROM post ORDER BY score")])

    assert found.hint == "end ORDER BY with what is unique, such as id"


def test_looking_leaves_nothing_behind(pair):
    connection = pair.session.connection
    functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()"
    before = fetch_catalog(connection)
    pair.find(
        pair.probe("SELECT * FROM past"), pair.probe("INSERT INTO visit DEFAULT VALUES RETURNING *", name="other")
    )

    assert fetch_catalog(connection) == before
    assert connection.execute(functions).fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM visit").fetchone() == (0,)


@pytest.fixture(scope="module")
def cruddur(server: str) -> Iterator[Pair]:
    texts = {path.name: path.read_bytes() for path in MIGRATIONS if not path.name.endswith(".rollback.sql")}
    yield from make_pair(server, texts | {"seeds": b"SELECT 1"})


def test_no_query_of_cruddur_leaves_its_result_to_chance(cruddur):
    subjects = read_subjects(read_queries(ROOT / "queries"), ROOT / "tests/contracts")
    probes = cruddur.ask([(each.query, case) for each in subjects for case in each.contract.cases])
    masked = [each for each in probes if each.case.masks]
    bare = [replace(each, case=replace(each.case, masks=frozenset())) for each in masked]

    assert cruddur.find(*probes) == []
    assert {name for name, _, _ in cruddur.find(*bare)} == {each.query.name for each in masked}
