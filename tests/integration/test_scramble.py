"""A scrambled database: the same rows, the same schema, the opposite order."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.contracts.variations.scramble import scramble
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect

Connection = psycopg.Connection[Any]

TABLES = {
    "plain": "CREATE TABLE plain (n int); INSERT INTO plain SELECT generate_series(1, 9)",
    "one_row": "CREATE TABLE one_row (n int); INSERT INTO one_row VALUES (1)",
    "generated": """
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        CREATE TABLE generated (
            twice int GENERATED ALWAYS AS (n * 2) STORED, n positive, id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            mood mood
        );
        INSERT INTO generated (n, mood) SELECT n, 'bad' FROM generate_series(1, 9) AS n
    """,
    "keyless": """
        CREATE TABLE keyless (doc json, place point);
        INSERT INTO keyless SELECT to_json(n), point(n, n) FROM generate_series(1, 9) AS n
    """,
    "odd": """
        CREATE TABLE whole (k int, n int) PARTITION BY LIST (k);
        CREATE TABLE odd PARTITION OF whole FOR VALUES IN (1);
        CREATE TABLE even PARTITION OF whole FOR VALUES IN (0);
        INSERT INTO whole SELECT n % 2, n FROM generate_series(1, 9) AS n
    """,
    "parent": """
        CREATE TABLE parent (n int);
        CREATE TABLE child (m int) INHERITS (parent);
        INSERT INTO parent SELECT generate_series(1, 9);
        INSERT INTO child SELECT n, n FROM generate_series(10, 19) AS n
    """,
    "chain": """
        CREATE TABLE chain (id int PRIMARY KEY, next int REFERENCES chain DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO chain SELECT n, nullif(n + 1, 10) FROM generate_series(1, 9) AS n
    """,
    "guarded": """
        CREATE TABLE guarded (n int);
        INSERT INTO guarded SELECT generate_series(1, 9);
        ALTER TABLE guarded ADD CONSTRAINT late CHECK (n > 5) NOT VALID, ENABLE ROW LEVEL SECURITY;
        ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON guarded EXECUTE FUNCTION refuse();
        ALTER TABLE guarded ENABLE ALWAYS TRIGGER refuse
    """,
    "materialized": """
        CREATE TABLE source (n int);
        INSERT INTO source SELECT generate_series(1, 9);
        CREATE MATERIALIZED VIEW materialized AS SELECT n FROM source
    """,
    '"Quo""ted.Name"': """
        CREATE TABLE "Quo""ted.Name" ("Col ""umn" text COLLATE "C");
        INSERT INTO "Quo""ted.Name" SELECT generate_series(1, 9)::text
    """,
    "altered": """
        CREATE TABLE altered (gone int, n int);
        ALTER TABLE altered DROP COLUMN gone;
        INSERT INTO altered SELECT generate_series(1, 9)
    """,
    "updated": """
        CREATE TABLE updated (n int, m int) WITH (fillfactor = 50);
        CREATE INDEX ON updated (m);
        INSERT INTO updated SELECT n, n FROM generate_series(1, 9) AS n;
        UPDATE updated SET n = n + 1;
        UPDATE updated SET m = m + 1 WHERE n = 4
    """,
    "exclusive": """
        CREATE UNLOGGED TABLE exclusive (span int4range, EXCLUDE USING gist (span WITH &&));
        INSERT INTO exclusive SELECT int4range(n, n + 1) FROM generate_series(1, 9) AS n
    """,
    "wide": """
        CREATE TABLE wide (doc text);
        ALTER TABLE wide ALTER doc SET STORAGE EXTERNAL;
        INSERT INTO wide SELECT repeat(n::text, 5000) FROM generate_series(1, 9) AS n
    """,
}


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as connection:
        yield connection


@pytest.fixture
def stranger(connection: Connection) -> Iterator[str]:
    """A role that is no superuser, and may have something in the database."""
    name = f"stranger_{uuid4().hex[:12]}"
    connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'".encode())
    yield name
    connection.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}".encode())


def rows(connection: Connection, table: str) -> list[Any]:
    """Its rows as they lie there."""
    return connection.execute(f"SELECT t::text FROM ONLY {table} AS t".encode()).fetchall()  # noqa: S608


@pytest.mark.parametrize("table", TABLES)
def test_every_kind_of_table_is_turned_round(connection, table):
    connection.execute(TABLES[table].encode())
    before = rows(connection, table)

    assert scramble(connection) == []
    assert rows(connection, table) == before[::-1]


def test_a_table_of_virtual_columns_is_turned_round(connection):
    if connection.info.server_version < 18_00_00:
        pytest.skip("needs PostgreSQL 18")
    connection.execute("CREATE TABLE virtual (twice int GENERATED ALWAYS AS (n * 2) VIRTUAL, n int)")
    connection.execute("INSERT INTO virtual (n) SELECT generate_series(1, 3)")
    scramble(connection)

    assert rows(connection, "virtual") == [("(6,3)",), ("(4,2)",), ("(2,1)",)]


def test_nothing_but_the_order_of_rows_is_another(connection):
    connection.execute(";".join(TABLES.values()).encode())
    connection.execute("CREATE TABLE columnless (); INSERT INTO columnless DEFAULT VALUES; CREATE TABLE empty (n int)")
    connection.execute("ANALYZE")
    facts = "SELECT starelid::regclass, staattnum, stanullfrac, stadistinct FROM pg_statistic ORDER BY 1, 2"
    sequence = "SELECT last_value, is_called FROM generated_id_seq"

    def look() -> tuple[Any, ...]:
        statistics = connection.execute(facts).fetchall()
        return fetch_catalog(connection), statistics, connection.execute(sequence).fetchone()

    before = look()
    scramble(connection)

    assert look() == before


def test_settings_of_the_planner_are_of_no_account(connection):
    connection.execute(TABLES["wide"].encode())
    before = rows(connection, "wide")
    connection.execute("SET random_page_cost = 1000")
    scramble(connection)

    assert rows(connection, "wide") == before[::-1]


def test_the_way_back_is_the_same_way(connection):
    connection.execute(TABLES["plain"].encode())
    before = rows(connection, "plain")
    scramble(connection)
    scramble(connection)

    assert rows(connection, "plain") == before


def test_a_superuser_turns_round_what_others_own(connection, stranger):
    connection.execute(TABLES["plain"].encode())
    connection.execute(sql.SQL("ALTER TABLE plain OWNER TO {}").format(sql.Identifier(stranger)))

    assert scramble(connection) == []
    assert rows(connection, "plain")[0] == ("(9)",)


def test_another_role_turns_round_what_is_its_own_and_says_what_is_not(connection, database, stranger):
    connection.execute(TABLES["plain"].encode())
    connection.execute("CREATE TABLE not_its_own (n int); INSERT INTO not_its_own VALUES (1)")
    own = "ALTER TABLE plain OWNER TO {0}; GRANT CREATE ON SCHEMA public TO {0}"
    connection.execute(sql.SQL(own).format(sql.Identifier(stranger)))
    with psycopg.connect(make_conninfo(database, user=stranger, password="x"), autocommit=True) as other:  # noqa: S106
        left = scramble(other)

    assert left == ["public.not_its_own"]
    assert rows(connection, "plain")[0] == ("(9)",)
