"""Each rule has SQL that it finds and, beside it, SQL that looks like it and is fine."""

from typing import TYPE_CHECKING

import psycopg
import pytest

from pgproof.pg.sweep import SweepFinding, fetch_findings, new_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

CUSTOMERS = "CREATE TABLE customers (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));"
ORDERS = CUSTOMERS + "CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, a int, b int);"
PAIR = ORDERS + "ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey;"
PAIR += "ALTER TABLE orders ADD FOREIGN KEY (a, b) REFERENCES customers (a, b);"
LIST = "CREATE TABLE t (id int PRIMARY KEY, a text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT;"
ONE = "CREATE TABLE t (id int PRIMARY KEY, a text, b text);"

FOUND = {
    "unvalidated check": (
        f"{ONE} ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID",
        "unvalidated-constraint: constraint c on public.t",
    ),
    "foreign key": (ORDERS, "unindexed-foreign-key: constraint orders_customer_fkey on public.orders"),
    "foreign key, index starts elsewhere": (
        f"{ORDERS} CREATE INDEX ON orders (a, customer)",
        "unindexed-foreign-key: constraint orders_customer_fkey on public.orders",
    ),
    "foreign key, column only included": (
        f"{ORDERS} CREATE INDEX ON orders (a) INCLUDE (customer)",
        "unindexed-foreign-key: constraint orders_customer_fkey on public.orders",
    ),
    "foreign key, index of some rows": (
        f"{ORDERS} CREATE INDEX ON orders (customer) WHERE a > 5",
        "unindexed-foreign-key: constraint orders_customer_fkey on public.orders",
    ),
    "foreign key, index that cannot look up": (
        f"{ORDERS} CREATE INDEX ON orders USING brin (customer)",
        "unindexed-foreign-key: constraint orders_customer_fkey on public.orders",
    ),
    "foreign key of two columns, index of one": (
        f"{PAIR} CREATE INDEX ON orders (a)",
        "unindexed-foreign-key: constraint orders_a_b_fkey on public.orders",
    ),
    "foreign key of two columns, one of them only included": (
        f"{PAIR} CREATE INDEX ON orders (a) INCLUDE (b)",
        "unindexed-foreign-key: constraint orders_a_b_fkey on public.orders",
    ),
    "table without key": ("CREATE TABLE t (a int)", "no-primary-key: table public.t"),
    "partitioned table without key": (
        "CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t DEFAULT",
        "no-primary-key: table public.t",
    ),
    "serial near its end": (
        "CREATE TABLE t (id serial PRIMARY KEY); SELECT setval('t_id_seq', 2000000000)",
        "sequence-near-end: sequence public.t_id_seq",
    ),
    "int column under a bigint sequence": (
        f"{ONE} CREATE SEQUENCE s OWNED BY t.id; SELECT setval('s', 1800000000)",
        "sequence-near-end: sequence public.s",
    ),
    "two indexes alike": (
        f"{ONE} CREATE INDEX i1 ON t (lower(a)) WHERE id > 0; CREATE INDEX i2 ON t (lower(a)) WHERE id > 0",
        "duplicate-index: index public.i2",
    ),
    "an index beside a primary key": (f"{ONE} CREATE INDEX a_first ON t (id)", "duplicate-index: index public.a_first"),
    "a plain index beside a unique one": (
        f"{ONE} CREATE INDEX i1 ON t (a); CREATE UNIQUE INDEX i2 ON t (a)",
        "duplicate-index: index public.i1",
    ),
    "partitions' indexes are found at the parent": (
        f"{LIST} CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a)",
        "duplicate-index: index public.i2",
    ),
    "partitioned index with a partition missing": (
        f"{LIST} CREATE INDEX i ON ONLY t (a)",
        "invalid-index: index public.i",
    ),
}

FINE = {
    "validated check": f"{ONE} ALTER TABLE t ADD CHECK (id > 0)",
    "foreign key with index": f"{ORDERS} CREATE INDEX ON orders (customer, a)",
    "foreign key, hash index": f"{ORDERS} CREATE INDEX ON orders USING hash (customer)",
    "foreign key, index without the NULLs": f"{ORDERS} CREATE INDEX ON orders (customer) WHERE customer IS NOT NULL",
    "foreign key of two columns, in the other order": f"{PAIR} CREATE INDEX ON orders (b, a, customer)",
    "foreign key under a primary key": f"{CUSTOMERS} CREATE TABLE o (id int PRIMARY KEY REFERENCES customers)",
    "partitions": f"{LIST} CREATE INDEX i ON t (a)",
    "replica identity full": "CREATE TABLE t (a int); ALTER TABLE t REPLICA IDENTITY FULL",
    "replica identity index": "CREATE TABLE t (a int NOT NULL UNIQUE);"
    "ALTER TABLE t REPLICA IDENTITY USING INDEX t_a_key",
    "sequence with room": "CREATE TABLE t (id serial PRIMARY KEY); SELECT setval('t_id_seq', 1500000000)",
    "sequence that starts over": "CREATE SEQUENCE s MAXVALUE 10 CYCLE; SELECT setval('s', 10)",
    "sequence never used": "CREATE SEQUENCE s MAXVALUE 10",
    "indexes that differ": f"{ONE} CREATE INDEX ON t (a); CREATE INDEX ON t (a DESC); CREATE INDEX ON t (a, b);"
    "CREATE INDEX ON t USING hash (a); CREATE INDEX ON t (a) WHERE id > 0; CREATE INDEX ON t (a text_pattern_ops)",
    "the replica identity beside a primary key": "CREATE TABLE t (id int PRIMARY KEY); CREATE UNIQUE INDEX i ON t (id);"
    "ALTER TABLE t REPLICA IDENTITY USING INDEX i",
    "a unique index beside an exclusion": f"{ONE} CREATE UNIQUE INDEX i ON t (a);"
    "ALTER TABLE t ADD EXCLUDE USING btree (a WITH =)",
    "the ledger": "CREATE TABLE _yoyo_log (a int); CREATE TABLE _pgproof_x (a int);"
    "CREATE SEQUENCE s MAXVALUE 10 OWNED BY _pgproof_x.a; SELECT setval('s', 10)",
    "a temporary table": "CREATE TEMPORARY TABLE t (a int)",
}


@pytest.fixture
def connection(database: str) -> "Iterator[psycopg.Connection]":
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def named(findings: list[SweepFinding]) -> list[str]:
    return [f"{each.rule}: {each.object}" for each in findings]


@pytest.mark.parametrize(("statements", "expected"), FOUND.values(), ids=FOUND)
def test_what_hurts_later_is_found(connection: psycopg.Connection, statements: str, expected: str):
    connection.execute(statements.encode())

    assert named(fetch_findings(connection)) == [expected]


@pytest.mark.parametrize("statements", FINE.values(), ids=FINE)
def test_what_is_fine_is_not_found(connection: psycopg.Connection, statements: str):
    connection.execute(statements.encode())

    assert fetch_findings(connection) == []


def test_an_index_that_a_failed_build_left_is_found(connection: psycopg.Connection):
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    connection.execute("INSERT INTO t VALUES (1, 1), (2, 1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a)")

    (finding,) = fetch_findings(connection)

    assert str(finding) == (
        "invalid-index: index public.t_a: it costs writes and serves no query: "
        "DROP INDEX CONCURRENTLY it and build it again"
    )


def test_an_invalid_index_covers_no_foreign_key(connection: psycopg.Connection):
    connection.execute(ORDERS)
    connection.execute("INSERT INTO customers VALUES (1); INSERT INTO orders VALUES (1, 1), (2, 1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON orders (customer)")

    assert named(fetch_findings(connection)) == [
        "invalid-index: index public.i",
        "unindexed-foreign-key: constraint orders_customer_fkey on public.orders",
    ]


def test_the_leftover_of_a_reindex_says_what_to_do(connection: psycopg.Connection):
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 0)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("CREATE INDEX CONCURRENTLY t_a_ccnew ON t ((1 / a))")

    (finding,) = fetch_findings(connection)

    assert finding.object == "index public.t_a_ccnew"
    assert finding.help.startswith("REINDEX CONCURRENTLY did not end")


def test_the_help_of_a_foreign_key_names_the_columns_to_index(connection: psycopg.Connection):
    connection.execute(PAIR)

    (finding,) = fetch_findings(connection)

    assert finding.help == "a delete or key update of public.customers reads the whole table: index (a, b)"


def test_findings_are_sorted_and_an_ordinary_role_has_the_same(connection: psycopg.Connection):
    connection.execute("CREATE TABLE b (x int); CREATE TABLE a (x serial)")
    connection.execute(ORDERS)
    findings = fetch_findings(connection)

    connection.execute("SET ROLE pg_monitor")

    assert named(findings) == [
        "no-primary-key: table public.a",
        "no-primary-key: table public.b",
        "unindexed-foreign-key: constraint orders_customer_fkey on public.orders",
    ]
    assert fetch_findings(connection) == findings


def test_only_what_a_run_has_made_is_new(connection: psycopg.Connection):
    connection.execute("CREATE TABLE a (x int)")
    before = fetch_findings(connection)
    connection.execute("CREATE TABLE b (x int)")

    assert named(new_findings(before, fetch_findings(connection))) == ["no-primary-key: table public.b"]


def test_extensions_are_not_swept(connection: psycopg.Connection):
    connection.execute(
        "CREATE TABLE settings (a int); CREATE EXTENSION citext; ALTER EXTENSION citext ADD TABLE settings"
    )

    assert fetch_findings(connection) == []
