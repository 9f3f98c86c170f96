"""Fourteen failures that a bootcamp's first version of Cruddur had on a real server, each with what happens here.

`no` is a failure's number; its docstring says what happened there. Numbers 3 and 4 are about commands: they are in
tests/e2e/test_bootcamp.py, which also sees the exit codes of 1 and 5.
"""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof import Database, ParameterMismatch, QueryError, QueryFailed, SeedError, ServerUnavailable, SqlFileError
from pgproof.cache import Cache, Limits, Momento
from pgproof.contracts.cases import Case
from pgproof.contracts.encoding import encode_row
from pgproof.contracts.golden import Column, Shape
from pgproof.contracts.session import Session
from pgproof.contracts.variations.scramble import scramble
from pgproof.contracts.variations.stability import Probe, find_disordered
from pgproof.errors import LedgerDrift, Location, MigrationFailed
from pgproof.migrations.new import write_new
from pgproof.pg.conninfo import url
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.remote import RemoteServer
from pgproof.queries import Query, read_queries
from pgproof.seeds import load, read_seeds
from pgproof.testing import MomentoServer
from tests.adapters import put
from tests.caches import watch_tables
from tests.project import Project, make_table

ROOT = Path(__file__).parents[2]
MANY, ONE, MAYBE, VALUE = (f"-- returns: {shape}\n" for shape in ("many", "one", "maybe", "value"))


@pytest.fixture
def grown(project: Project) -> Project:
    """A table with a row, to which two migrations have added a column each."""
    project.add("0001_users", "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL);\n", "DROP TABLE users;\n")
    for id, column in (("0002_bio", "bio"), ("0003_link", "link")):
        project.add(id, f"ALTER TABLE users ADD {column} text;\n", f"ALTER TABLE users DROP {column};\n")
    project.migrate()
    project.session().execute("INSERT INTO users VALUES (1, 'andrew@example.com', 'Clouds.', 'example.com')")
    return project


@pytest.fixture
def connection(server: str):
    with connect(server) as connection:
        yield connection


@pytest.fixture
def asked(connection: psycopg.Connection[Any], tmp_path: Path):
    """Make the adapter of a project whose only query is `asked`."""
    return lambda text: Database(connection, put(tmp_path / "queries", {"asked": text}))


def test_no_1_a_seed_that_leaves_out_what_must_not_be_null_is_an_error_and_nothing_is_half_loaded(grown, tmp_path):
    """Seeds were older than a NOT NULL column: both inserts were refused, no row came in, and the exit code was 0."""
    texts = {"010_users": "INSERT INTO users VALUES (2, 'bayko')", "020_users": "\nINSERT INTO users (id) VALUES (3)"}

    with pytest.raises(SeedError, match=r'020_users\.sql:2: null value in column "email"'):
        load(grown.connection, read_seeds(put(tmp_path / "seeds", texts)))

    assert grown.rows("SELECT id FROM users") == [1]


@pytest.mark.parametrize("ending", ["", "_test"])
def test_no_2_a_url_may_have_the_databases_name_in_any_of_its_parts(server, settings, ending):
    """The name was cut out of the URL as text: out of a user named cruddurroot too, and out of `/cruddur_test`."""
    name = f"cruddur{uuid4().hex[:12]}{ending}"
    role = sql.Identifier(user := f"{name}root")
    address = url(make_conninfo(server, user=user, password=name, dbname=name), show_password=True)
    remote = RemoteServer(replace(settings, server="url", url=address))
    with connect(server) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, sql.Literal(name)))
        try:
            assert ensure_created(remote.ensure_up(), remote.database)
            with connect(remote.ensure_up(), dbname=remote.database) as connection:
                assert connection.execute("SELECT current_database(), current_user").fetchone() == (name, user)
            assert drop(remote.ensure_up(), remote.database)
        finally:
            drop(server, name)
            admin.execute(sql.SQL("DROP ROLE {}").format(role))


def test_no_5_the_schemas_text_cannot_take_away_what_is_there(database):
    """The file of the schema dropped both tables first: whoever ran it on production had lost them."""
    schema = (ROOT / "schema.sql").read_bytes()
    with connect(database) as connection:
        connection.execute(schema)
        with pytest.raises(psycopg.errors.DuplicateSchema):
            connection.execute(schema)


def test_no_5_to_migrate_again_takes_nothing_away(grown):
    """The file of the schema, run once more, dropped a column that the migrations' bookkeeping said was there."""
    assert grown.migrate().changed == ()

    assert grown.rows("SELECT bio FROM users") == ["Clouds."]
    assert set(grown.conditions().values()) == {"applied"}


def test_no_6_a_name_made_of_a_clock_that_would_sort_wrongly_stops_the_run(project):
    """The names were clocks without their last zeros: one of fewer digits than its elder was passed over for ever."""
    project.add("16811541011234567_elder", *make_table("elder"))
    project.migrate()
    project.add("1681154102123456_younger", *make_table("younger"))

    with pytest.raises(SqlFileError, match=r"younger\.sql: by name it comes after .*_elder, by number before"):
        project.migrate()


def test_no_6_a_late_migration_is_never_passed_over(project):
    """What sorted before the newest that had run was taken for one that had run as well."""
    project.add("1681154102_newest", *make_table("newest"))
    project.migrate()
    project.add("1681154101_late", *make_table("late"))

    with pytest.raises(LedgerDrift, match=r"late\.sql: it is not applied, but a later one is"):
        project.migrate()


def test_no_6_names_that_we_make_sort_as_they_were_made(tmp_path):
    """A clock named the files; here the number after the newest does, in as many digits."""
    made = [write_new(tmp_path, f"step {number}")[0] for number in range(12)]

    assert sorted(made) == made


def test_no_7_the_way_back_undoes_the_newest_and_the_way_forth_does_that_one_again(grown):
    """The oldest of two was undone; migrating then ran the newer one again, which dropped its column with all in it."""
    assert grown.roll_back(steps=1).changed == ("0003_link",)
    assert grown.migrate().changed == ("0003_link",)

    assert grown.rows("SELECT bio, link FROM users") == [("Clouds.", None)]
    assert set(grown.conditions().values()) == {"applied"}


def test_no_8_a_migration_and_its_entry_in_the_ledger_are_one_transaction(grown):
    """They were two: a run that ended in between left a migration that was done and not written down."""
    [[entry, ours, column]] = grown.rows(
        "SELECT y.xmin::text, p.xmin::text, a.xmin::text FROM _yoyo_migration AS y, _pgproof_migration AS p,"
        " pg_attribute AS a WHERE y.migration_id = '0003_link' AND p.migration_id = '0003_link'"
        " AND attrelid = 'users'::regclass AND attname = 'link'"
    )

    assert entry == ours == column


def test_no_8_a_migration_that_fails_is_told_in_the_servers_words_and_is_not_done(grown):
    """Its error was hidden by one in the code that was to print it; but for that it would have counted as done."""
    grown.add("0004_fails", "CREATE TABLE made (id int);\nALTER TABLE users ADD bio int;\n")

    with pytest.raises(MigrationFailed, match=r'0004_fails\.sql:2: column "bio" .* already exists \(42701\)'):
        grown.migrate()

    assert grown.conditions()["0004_fails"] == "pending"
    assert grown.tables() == ["users"]


def test_no_8_a_query_that_fails_is_told_in_the_servers_words(asked):
    """The adapter asked psycopg 3 for `pgerror`, which only psycopg 2 has: that was the error to be seen."""
    with pytest.raises(QueryFailed, match=r"asked\.sql:2: division by zero \(22012\)") as caught:
        asked(f"{VALUE}SELECT 1 / %(number)s::int").run("asked", number=0)

    assert caught.value.sqlstate == "22012"
    assert isinstance(caught.value.__cause__, psycopg.Error)


@pytest.mark.parametrize(("text", "given"), [("'100%%'", {}), ("%(number)s || '%%'", {"number": "100"})])
def test_no_9_a_percent_sign_is_written_in_one_way_with_parameters_or_without(asked, text, given):
    """A pattern such as '%x' worked until the first parameter was given, and then was taken for half of another."""
    db = asked(f"{VALUE}SELECT {text}")

    assert (db.run("asked", **given), db.json("asked", **given)) == ("100%", '"100%"')


def test_no_9_a_percent_sign_alone_is_found_with_its_line_whatever_is_given(asked):
    """The same: whether it failed was up to the caller."""
    with pytest.raises(SqlFileError, match=r"asked\.sql:3: a % that is neither a parameter nor doubled"):
        asked(f"{VALUE}SELECT 'x'\nLIKE '%x'").run("asked")


@pytest.mark.parametrize("one", ["1", "%(one)s::int"])
def test_no_9_a_file_is_one_statement_with_parameters_or_without(asked, one):
    """Two statements worked until one of them used a parameter."""
    with pytest.raises(SqlFileError, match=r"asked\.sql:3: a second statement"):
        asked(f"{VALUE}SELECT {one};\nSELECT 2").run("asked", **({"one": 1} if "%" in one else {}))


@pytest.mark.parametrize("ending", [";", " -- all", "; -- all\n", " /* all */ ;\n-- of it"])
def test_no_10_a_text_may_end_in_a_semicolon_or_a_comment(asked, ending):
    """JSON was made by putting the text in brackets: a semicolon broke it, and a comment ate the closing one."""
    assert asked(f"{MANY}SELECT 1 AS id{ending}").json("asked") == '[{"id":1}]'


@pytest.mark.parametrize(("shape", "empty"), [(MANY, "[]"), (MAYBE, "{}")])
def test_no_10_no_row_is_empty_json(asked, shape, empty):
    """The object for no row was written into a row that there was none of, so it was None."""
    assert asked(f"{shape}SELECT 1 AS id WHERE false").json("asked") == empty


@pytest.mark.parametrize("ask", ["run", "json"])
def test_no_10_two_columns_of_one_name_are_an_error(asked, ask):
    """One of the two was dropped without a word."""
    with pytest.raises(QueryError, match="two columns are named uuid"):
        getattr(asked(f"{ONE}SELECT 1 AS uuid, 2 AS uuid"), ask)("asked")


@pytest.mark.parametrize("zone", ["UTC", "America/Winnipeg"])
def test_no_11_a_moment_in_json_is_the_same_text_wherever_the_database_thinks_it_is(database, tmp_path, zone):
    """It was written as +00:00 or -05:00, as the session's TimeZone was."""
    text = "SELECT row_to_json(r) AS row FROM (SELECT '2026-07-01 12:00+02'::timestamptz AS at) AS r"
    queries = read_queries(put(tmp_path, {"asked": VALUE + text}))
    with connect(database) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET timezone = {}").format(name, zone))

    with Database(database, queries) as db, connect(database) as connection:
        said = [db.json("asked"), *ask(connection, queries["asked"])]

    assert said == ['{"at":"2026-07-01T10:00:00+00:00"}'] * 2


def test_no_11_a_number_keeps_all_its_digits(connection, asked):
    """JSON was read back into floats, which changed a numeric and made a text of NaN."""
    db, digits = asked(f"{VALUE}SELECT 12345678901234567890.10"), "12345678901234567890.10"

    assert (db.run("asked"), db.json("asked")) == (Decimal(digits), digits)
    assert ask(connection, db.queries["asked"]) == [f'"{digits}"']


def ask(connection: psycopg.Connection[Any], query: Query) -> list[str]:
    """Return what a golden would have for a query's one row."""
    session = Session(connection)
    [answer] = session.ask([session.call(query, {})])
    return encode_row(answer.oids, answer.rows[0])


POSTS = """
CREATE TABLE posts (id int PRIMARY KEY, parent int REFERENCES posts, at timestamptz);
INSERT INTO posts SELECT n, nullif(sign(n - 1), 0), '2026-07-01'::timestamptz + n * '1 h'::interval
    FROM generate_series(1, 4) AS n;
"""
SHOW = """-- returns: maybe
SELECT id, (
    SELECT json_agg(r.id) FROM (SELECT id FROM posts AS reply WHERE reply.parent = post.id ORDER BY post.at) AS r
) AS replies
FROM posts AS post WHERE id = %(id)s
"""


@pytest.mark.parametrize(("by", "found"), [("post.at", [("rows", ("replies",))]), ("reply.at", [])])
def test_no_12_a_list_in_the_order_of_the_outer_row_is_found(database, tmp_path, by, found):
    """A post's replies were ordered by the post's own moment, so not at all; no run of it ever showed that."""
    query = read_queries(put(tmp_path, {"show": SHOW.replace("post.at", by)}))["show"]
    case = Case("any", {"id": 1}, frozenset(), None, None, Location(tmp_path))
    shape = Shape("maybe", (), tuple(Column(name, "text", "unknown") for name in ("id", "replies")), ordered=True)
    with connect(database) as connection:
        connection.execute(POSTS)
        session = Session(connection)
        call = session.call(query, case.params)
        [answer] = session.ask([call])
        scramble(connection)
        seen = find_disordered(session, session, [Probe(query, shape, case, call, answer)])

    assert [(each.cause, each.variation.columns) for each in seen] == found


COUNTER = {
    "counter/read": f"{VALUE}-- cache: ttl=600s mode=bounded\nSELECT unread FROM counter",
    "counter/increment": "-- returns: affected\nUPDATE counter SET unread = unread + 1",
    "counter/reset": "-- returns: affected\nUPDATE counter SET unread = 0",
}


@pytest.fixture
def momento():
    with MomentoServer() as server:
        yield server


@pytest.fixture
def number(momento):
    """Where the number of unread messages is kept."""
    kept = Momento("cruddur", credentials=momento.credentials, configuration=momento.configuration, timeout=30)
    return Cache(kept, limits=Limits(budget=600))


@pytest.fixture
def counting(database, number, tmp_path):
    """The adapter of a project that counts unread messages."""
    with connect(database) as connection:
        connection.execute("CREATE TABLE counter (unread int); INSERT INTO counter VALUES (0)")
        watch_tables(connection, ["counter"])
    with Database(database, put(tmp_path / "queries", COUNTER), cache=number) as db:
        yield db


@pytest.mark.parametrize("ttl", ["600", "600days", "0s", "25h"])
def test_no_13_a_time_without_a_unit_of_none_or_of_days_is_refused(database, tmp_path, ttl):
    """600 was given to a type whose first argument is days: what was to live ten minutes lived for 600 days."""
    files, said = (
        {"read": COUNTER["counter/read"].replace("600s", ttl)},
        "is not a duration|keeps nothing|more than a day",
    )

    with (
        Database(database, put(tmp_path / "queries", files), cache=Cache()) as db,
        pytest.raises(SqlFileError, match=rf"read\.sql:2: .*({said})"),
    ):
        db.run("read")


def test_no_13_600_seconds_are_over_after_ten_minutes(counting, number, momento):
    """The same: nobody had seen it end."""
    counts = []
    for seconds in (0, 500, 101):
        momento.advance(seconds)
        counting.counter.read()
        counts.append(number.counters.events["counter.read", "miss"])

    assert counts == [1, 1, 2]


@pytest.mark.parametrize("rpc", ["Get", "Set", "SetIfNotExists"])
@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "UNAVAILABLE"])
def test_no_13_momentos_refusal_is_counted_and_the_answer_is_right(counting, number, momento, rpc, status):
    """A number was set where bytes were wanted: Momento's SDK does not raise but answers, and nobody looked at that."""
    momento.fail(rpc, status, times=None)

    assert [counting.counter.read(), counting.counter.increment(), counting.counter.read()] == [0, 1, 1]
    assert sum(number.counters.failures.values()) > 0


def test_no_13_what_is_not_kept_is_no_error(counting, number, momento):
    """`raise "missed"`, which Python answers with a TypeError of its own: only text was raised, not an error."""
    assert counting.counter.read() == 0
    momento.evict("cruddur")

    assert (counting.counter.read(), number.counters.failures) == (0, {})


def test_no_13_reading_counting_and_resetting_mean_the_same_number(counting):
    """Three functions had each its own arguments for where the number is; here nobody says where."""
    read, increment, reset = counting.counter.read, counting.counter.increment, counting.counter.reset

    assert [read(), increment(), read(), increment(), read(), reset(), read()] == [0, 1, 1, 1, 2, 1, 0]


def test_no_14_whatever_makes_the_trigger_fire_there_is_one_account(database):
    """It ran an INSERT, and Cognito fires it for a sign-up, for an administrator's, and for a forgotten password."""
    person = {"cognito_user_id": "sub", "handle": "andrew", "email": "andrew@example.com", "display_name": "Andrew"}
    with connect(database) as connection:
        connection.execute((ROOT / "schema.sql").read_bytes())

    with Database(database, ROOT / "queries") as db:
        made = [db.users.ensure(**person) for _ in ("ConfirmSignUp", "AdminConfirmSignUp", "ConfirmForgotPassword")]
        assert made == made[:1] * 3
        assert db.run("users.uuid_from_cognito_user_id", cognito_user_id="sub") == made[0]["uuid"]


def test_no_14_parameters_have_names_and_the_wrong_ones_are_said(asked):
    """Values were given one by one where a list was wanted, and in an order that nobody checked."""
    with pytest.raises(ParameterMismatch, match=r"asked\.sql:2: missing parameter handle; unknown parameter name"):
        asked(f"{VALUE}SELECT %(handle)s").run("asked", name="andrew")


def test_no_14_a_server_that_is_not_there_is_the_error(tmp_path):
    """Cleaning up after a connection that there never was raised an error of its own, which hid this one."""
    queries = read_queries(put(tmp_path, {"asked": f"{VALUE}SELECT 1"}))

    with Database("postgresql://u:s3cret@127.0.0.1:1/db", queries) as db, pytest.raises(ServerUnavailable) as caught:
        db.run("asked")

    assert "127.0.0.1" in str(caught.value)
