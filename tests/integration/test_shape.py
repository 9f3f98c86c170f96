"""What a server says of queries before any of them runs."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo

from pgproof.contracts.finding import Finding
from pgproof.contracts.golden import Column, Shape
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.shape import complain_of_nulls, fetch_shapes
from pgproof.errors import ServerUnavailable
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Query, Returns, read_queries

ROOT = Path(__file__).parents[2]
SCHEMA = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE DOMAIN address AS varchar(20);
CREATE DOMAIN word AS text NOT NULL;
CREATE TABLE things (
    id int PRIMARY KEY, name varchar(48) NOT NULL, price numeric(8, 2), mail address, tag word NOT NULL, mood mood[],
    code char(3), "Odd one" text
);
CREATE TABLE log (said text);
"""


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[Session]:
    """A session in a database of a table with a column of each sort."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute(SCHEMA.encode())
        yield Session(connection)
    drop(server, name)


def query(text: str, returns: Returns = "many", name: str = "q") -> Query:
    return Query(name, Path(f"/p/queries/{name}.sql"), f"-- returns: {returns}\n{text}", returns)


def fetch(session: Session, *args: str) -> Shape | Finding:
    return fetch_shapes(session, [query(*args)])["q"]  # type: ignore[arg-type]


def shape_of(session: Session, *args: str) -> Shape:
    shape = fetch(session, *args)
    assert isinstance(shape, Shape), shape
    return shape


def finding_of(session: Session, *args: str) -> Finding:
    finding = fetch(session, *args)
    assert isinstance(finding, Finding), finding
    return finding


def test_parameters_and_columns_have_the_types_that_postgres_writes(session):
    shape = shape_of(
        session,
        'SELECT name, price, mail, mood, code, "Odd one", count(*) OVER () AS n FROM things'
        " WHERE id = %(id)s AND mood @> %(moods)s AND mail = %(mail)s AND id = %(id)s LIMIT %(size)s",
    )

    assert shape.params == (("id", "integer"), ("moods", "mood[]"), ("mail", "text"), ("size", "bigint"))
    assert [(each.name, each.type) for each in shape.columns] == [
        ("name", "character varying(48)"),
        ("price", "numeric(8,2)"),
        ("mail", "character varying(20)"),
        ("mood", "mood[]"),
        ("code", "character(3)"),
        ("Odd one", "text"),
        ("n", "bigint"),
    ]


def test_a_type_without_its_length_is_not_told_as_a_character(session):
    assert shape_of(session, "SELECT %(code)s::bpchar AS code").params == (("code", "bpchar"),)


def test_a_domain_that_refuses_null_is_told_by_the_column_under_it(session):
    shape = shape_of(session, "SELECT tag, %(word)s::word AS word FROM things")

    assert shape.params == (("word", "word"),)
    assert shape.columns == (Column("tag", "text", "not null"), Column("word", "text", "unknown"))


def test_what_only_affects_rows_has_no_columns_and_an_order(session):
    shape = shape_of(session, "INSERT INTO log VALUES (%(said)s)", "affected")

    assert shape == Shape("affected", (("said", "text"),), (), ordered=True)


def test_what_only_the_server_returns_is_no_part_of_the_shape(session):
    assert shape_of(session, "DELETE FROM log RETURNING said", "affected").columns == ()


def test_rows_of_no_column_are_a_finding(session):
    assert finding_of(session, "SELECT FROM things").what == "it returns many, but the statement gives no columns"


@pytest.mark.parametrize(
    ("text", "ordered"),
    [
        ("SELECT id FROM things ORDER BY id", True),
        ("SELECT id FROM things", False),
        ("SELECT id FROM (SELECT id FROM things ORDER BY id) AS t", False),
        ("SELECT array_agg(id ORDER BY id) AS ids FROM things", False),
        ("WITH t AS (SELECT id FROM things ORDER BY id) SELECT id FROM t", False),
        ("WITH t AS (SELECT id FROM things) SELECT id FROM t ORDER BY id", True),
        ("SELECT id FROM things UNION SELECT 1 ORDER BY 1", True),
        ("(SELECT id FROM things ORDER BY id) UNION ALL SELECT 1", False),
        ("(SELECT id FROM things ORDER BY id)", True),
        ("VALUES (1), (2) ORDER BY 1", True),
        ("INSERT INTO log SELECT name FROM things ORDER BY id RETURNING said", False),
    ],
)
def test_only_an_order_at_the_top_is_a_promise(session, text, ordered):
    assert shape_of(session, text).ordered is ordered


def test_one_row_is_always_in_order(session):
    assert shape_of(session, "SELECT id FROM things LIMIT 1", "maybe").ordered


def test_a_parameter_without_a_type_is_told_with_its_line_and_a_cast(session):
    finding = finding_of(session, "SELECT id FROM things\nWHERE %(a)s::int = id\n  AND %(who)s IS NULL")

    assert (finding.at.line, finding.what) == (4, "Postgres cannot tell the type of the parameter who")
    assert finding.hint == "write a cast in /p/queries/q.sql:4: %(who)s::text, or whichever type it has"


def test_what_the_server_refuses_is_told_with_its_line(session):
    finding = finding_of(session, "SELECT id,\n  nam FROM things")

    assert (finding.layer, finding.query, finding.at.line) == ("shape", "q", 3)
    assert finding.what == 'the server refuses it: column "nam" does not exist (42703)'


def test_one_refusal_does_not_touch_the_others(session):
    queries = [query("SELECT 1 AS a", name="a"), query("SELECT x", name="b"), query("SELECT 2 AS c", name="c")]

    found = fetch_shapes(session, queries)

    assert [type(each) for each in found.values()] == [Shape, Finding, Shape]
    assert list(found) == ["a", "b", "c"]


def test_more_queries_than_go_into_one_message_are_all_answered(session):
    queries = [query(f"SELECT {number} AS c{number}", name=f"q{number}") for number in range(450)]

    found = fetch_shapes(session, queries)

    assert [shape.columns[0].name for shape in found.values() if isinstance(shape, Shape)] == [
        f"c{number}" for number in range(450)
    ]


def test_nothing_is_run(session):
    shape_of(session, "INSERT INTO log VALUES ('x') RETURNING said", "one")
    shape_of(session, "SELECT 1 / 0 AS a")

    assert session.connection.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_an_open_transaction_goes_on_whatever_is_refused(session):
    queries = [query("SELECT nothing", name="a"), query("SELECT id FROM fresh", name="b")]
    with session.connection.transaction(force_rollback=True):
        session.connection.execute("CREATE TABLE fresh (id int NOT NULL)")
        found = fetch_shapes(session, queries)
        assert session.connection.execute("SELECT count(*) FROM fresh").fetchone() == (0,)

    assert isinstance(found["a"], Finding)
    assert found["b"] == Shape("many", (), (Column("id", "integer", "not null"),), ordered=False)


def test_a_connection_that_is_lost_is_said_to_be(server):
    with connect(server) as connection:
        lost = Session(connection)
        pid = connection.info.backend_pid
        with connect(server) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        with pytest.raises(ServerUnavailable, match="the connection is lost"):
            fetch_shapes(lost, [query("SELECT 1 AS a")])


def test_columns_of_one_name_are_a_finding_in_the_words_of_the_adapter(session):
    finding = finding_of(session, "SELECT id, name AS id FROM things")

    assert (finding.what, finding.hint) == ("two columns are named id", "name one of them otherwise: AS …")


def test_a_value_of_two_columns_is_a_finding(session):
    assert finding_of(session, "SELECT 1 AS a, 2 AS b", "value").what == "a value is one column, and there are 2"


def test_a_person_who_knows_better_has_the_last_word(session):
    text = '-- not_null: price, "Odd one"\n-- nullable: id\nSELECT id, price, mail, "Odd one" FROM things'.replace(
        '"', "", 2
    )

    shape = shape_of(session, text)

    assert [each.nullability for each in shape.columns] == ["null", "not null", "null", "not null"]


def test_who_knows_better_of_a_column_that_is_not_there_is_told(session):
    finding = finding_of(session, "-- not_null: nobody, id\nSELECT id FROM things")

    assert finding.what == "its comment tells of NULL in nobody, and there is no such column"


def test_null_where_we_were_sure_is_our_failure_and_says_so(session):
    asked = query("SELECT 1 AS a, NULL AS b, NULL AS c")
    answers = session.ask([session.call(asked, {})])
    columns = (Column("a", "integer", "not null"), Column("b", "text", "not null"), Column("c", "text", "unknown"))

    (said,) = complain_of_nulls(asked, Shape("many", (), columns, ordered=False), answers)

    assert said.startswith("column b is NULL, and pgproof was sure that it cannot be: that is a failure of ours")
    assert said.endswith("write `-- nullable: b` in its leading comment")


def test_null_where_a_person_was_sure_is_theirs(session):
    asked = query("-- not_null: b\nSELECT 1 AS a, NULL AS b")
    shape = fetch_shapes(session, [asked])["q"]
    assert isinstance(shape, Shape)

    (said,) = complain_of_nulls(asked, shape, session.ask([session.call(asked, {})]))

    assert said == "column b is NULL, and the query's own comment says that it never is"


def test_nobody_complains_of_an_answer_that_is_another_shape_or_a_refusal(session):
    asked = query("SELECT 1 / 0 AS a")
    shape = Shape("many", (), (Column("a", "integer", "not null"),), ordered=False)
    other = session.ask([session.call(query("SELECT NULL AS a, 1 AS b"), {}), session.call(asked, {})])

    assert list(complain_of_nulls(asked, shape, other)) == []


def test_the_shapes_of_cruddur_say_what_its_pages_may_rely_on(database):
    with connect(database) as connection:
        for path in [*sorted(ROOT.glob("migrations/*.sql")), *sorted(ROOT.glob("migrations/repeatable/*.sql"))]:
            if not path.name.endswith(".rollback.sql"):
                connection.execute(path.read_bytes())
        found = fetch_shapes(Session(connection), read_queries(ROOT / "queries"))

    shapes = {name: shape for name, shape in found.items() if isinstance(shape, Shape)}
    assert shapes.keys() == found.keys()
    said = {(name, each.name): each.nullability for name, shape in shapes.items() for each in shape.columns}
    assert {each for (_, column), each in said.items() if column.endswith("_count")} == {"not null"}
    assert said["activities.thread", "reply_depth"] == said["users.notifications", "is_new"] == "not null"
    assert said["users.notifications", "message"] == said["activities.home", "expires_at"] == "null"
    assert shapes["activities.home"].ordered
