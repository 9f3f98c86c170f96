"""A database is filled with copies of its rows: as many as plans want, every reference kept, what cannot be left."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgproof.contracts.planning.analysis import ensure_analysed
from pgproof.contracts.planning.scaling import scale
from pgproof.errors import PgproofError
from pgproof.pg.database import connect

Connection = psycopg.Connection[Any]

USERS = """
CREATE TABLE users (id uuid PRIMARY KEY, handle text NOT NULL CHECK (char_length(handle) <= 5), born date);
CREATE UNIQUE INDEX users_handle_key ON users (lower(handle));
INSERT INTO users SELECT gen_random_uuid(), 'u' || n, '2000-01-01' FROM generate_series(1, 4) AS n;
"""
POSTS = """
CREATE TABLE posts (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL REFERENCES users,
    parent int REFERENCES posts, body text, size int GENERATED ALWAYS AS (char_length(body)) STORED,
    UNIQUE (user_id, body)
);
INSERT INTO posts (user_id, body) SELECT id, 'post of ' || handle || n FROM users, generate_series(1, 5) AS n;
UPDATE posts SET parent = id - 1 WHERE id > 1;
"""


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to an empty database."""
    with connect(database) as connection:
        yield connection


def count(connection: Connection, table: str) -> int:
    return int(value(connection, f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name of this file's


def value(connection: Connection, query: str) -> Any:
    (found,) = connection.execute(query.encode()).fetchone() or (None,)
    return found


def test_the_largest_table_has_about_as_many_rows_and_the_others_as_many_times_more(connection):
    connection.execute((USERS + POSTS).encode())

    scaled = scale(connection, 1000)
    assert (scaled.factor, scaled.left) == (50, {})
    assert (count(connection, "users"), count(connection, "posts")) == (200, 1000)


def test_what_was_there_stays_as_it_was(connection):
    connection.execute((USERS + POSTS).encode())
    before = connection.execute("SELECT * FROM posts ORDER BY id").fetchall()
    scale(connection, 100)

    assert connection.execute("SELECT * FROM posts ORDER BY id LIMIT 20").fetchall() == before


def test_a_copy_refers_to_copies(connection):
    connection.execute((USERS + POSTS).encode())
    scale(connection, 100)

    broken = "SELECT count(*) FROM posts AS p LEFT JOIN users AS u ON u.id = p.user_id WHERE u.id IS NULL"
    assert value(connection, broken) == 0
    assert (
        value(connection, "SELECT min(n) || ' ' || max(n) FROM (SELECT count(*) AS n FROM posts GROUP BY user_id) AS c")
        == "5 5"
    )
    assert (
        value(
            connection, "SELECT count(*) FROM posts AS p INNER JOIN posts AS q ON q.id = p.parent WHERE q.id = p.id - 1"
        )
        == 95
    )
    connection.execute("ALTER TABLE posts VALIDATE CONSTRAINT posts_user_id_fkey")


def test_a_check_holds_for_new_rows_only(connection):
    connection.execute(USERS.encode())
    scale(connection, 4000)

    assert value(connection, "SELECT max(char_length(handle)) FROM users") > 5
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO users VALUES (gen_random_uuid(), 'longer')")


def test_a_new_row_is_given_a_number_of_its_own(connection):
    connection.execute((USERS + POSTS).encode())
    scale(connection, 100)

    query = "INSERT INTO posts (user_id, body) SELECT id, 'new' FROM users LIMIT 1 RETURNING id"
    assert value(connection, query) == 101


def test_no_trigger_fires(connection):
    connection.execute("""
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'fired'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse();
    """)

    assert scale(connection, 10).left == {}
    assert count(connection, "t") == 10


def test_the_keys_of_copies_follow_from_those_of_the_rows(connection):
    connection.execute((USERS + POSTS).encode())
    scale(connection, 100)

    query = "SELECT count(*) FROM users AS u INNER JOIN users AS c ON c.id = md5(u.id || ':3')::uuid"
    assert value(connection, f"{query} AND c.handle = u.handle || '~3'") == 4


def test_the_plan_of_a_large_table_shows(connection):
    connection.execute((USERS + POSTS).encode())
    connection.execute("CREATE INDEX posts_body_idx ON posts (body)")
    connection.execute("ANALYZE")
    query = "EXPLAIN SELECT * FROM posts WHERE body = 'post of u11'"
    small = value(connection, query)
    scale(connection, 5000)

    assert "Seq Scan" in small
    assert "Seq Scan" not in value(connection, query)
    assert ensure_analysed(connection) == []


# What cannot be copied


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("CREATE TABLE days (day date PRIMARY KEY); INSERT INTO days VALUES ('2026-01-01')",
         "days_pkey has no column of a type that could be mapped to another key"),
        ("CREATE TABLE days (n int, s int GENERATED ALWAYS AS (n + 1) STORED UNIQUE); INSERT INTO days VALUES (1)",
         "days_s_key has no column of a type that could be mapped to another key"),
        ("CREATE TABLE days (r int4range, EXCLUDE USING gist (r WITH &&)); INSERT INTO days VALUES ('[1,2)')",
         "days_r_excl excludes copies"),
        ("CREATE TABLE days (code varchar(2) PRIMARY KEY); INSERT INTO days VALUES ('de')",
         "the server refuses its copies: value too long for type character varying(2)"),
        ("CREATE DOMAIN code AS text CHECK (VALUE = ''); CREATE TABLE days (c code UNIQUE); INSERT INTO days SELECT ''",
         'the server refuses its copies: value for domain code violates check constraint "code_check"'),
    ],
)  # fmt: skip
def test_a_table_that_takes_no_copies_is_left_and_named(connection, table, why):
    connection.execute((USERS + table).encode())

    assert scale(connection, 40).left == {"days": why}
    assert (count(connection, "users"), count(connection, "days")) == (40, 1)


def test_what_refers_to_a_table_that_is_left_refers_to_its_rows(connection):
    connection.execute("""
        CREATE TABLE codes (code varchar(2) PRIMARY KEY); INSERT INTO codes VALUES ('de'), ('fr');
        CREATE TABLE towns (id bigint PRIMARY KEY, code varchar(9) REFERENCES codes);
        INSERT INTO towns VALUES (1, 'de'), (2, 'fr'), (3, NULL);
    """)

    assert list(scale(connection, 300).left) == ["codes"]
    assert value(connection, "SELECT count(*) FROM towns INNER JOIN codes USING (code)") == 200


def test_what_a_table_that_is_left_refers_to_is_copied(connection):
    connection.execute((USERS + "CREATE TABLE born (day date PRIMARY KEY, user_id uuid REFERENCES users)").encode())
    connection.execute("INSERT INTO born SELECT born, id FROM users LIMIT 1")

    assert list(scale(connection, 40).left) == ["born"]
    assert count(connection, "users") == 40


def test_partitions_are_filled_by_their_parent(connection):
    connection.execute("""
        CREATE TABLE visits (id uuid, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
        INSERT INTO visits VALUES (gen_random_uuid(), '2026-01-05'), (gen_random_uuid(), '2026-02-05');
    """)

    assert scale(connection, 20).left == {}
    assert (count(connection, "visits_1"), count(connection, "visits_2")) == (10, 10)


def test_keys_of_two_columns_stay_one_key(connection):
    connection.execute("""
        CREATE TABLE rooms (house int, room int, PRIMARY KEY (house, room));
        CREATE TABLE beds (id smallint PRIMARY KEY, house int, room int, FOREIGN KEY (house, room) REFERENCES rooms);
        INSERT INTO rooms VALUES (-3, 1), (-3, 2), (7, 1); INSERT INTO beds VALUES (1, -3, 1), (2, 7, 1);
    """)

    assert scale(connection, 300).left == {}
    assert value(connection, "SELECT count(*) FROM beds INNER JOIN rooms USING (house, room)") == 200


def test_a_materialized_view_is_made_anew(connection):
    connection.execute(USERS.encode())
    connection.execute("CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM users")
    scale(connection, 40)

    assert value(connection, "SELECT n FROM counted") == 40


def test_a_database_that_is_large_enough_stays_as_it_is(connection):
    connection.execute(USERS.encode())

    assert scale(connection, 3).factor == 1
    assert count(connection, "users") == 4


def test_a_role_that_is_no_superuser_is_told_so(connection):
    connection.execute(USERS.encode())
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE ROLE plain; GRANT ALL ON users TO plain; SET LOCAL ROLE plain")
        with pytest.raises(PgproofError, match="only a superuser"):
            scale(connection, 40)
