"""Every way to change a database is seen, reading it is not a change, and what proves nothing equals nothing."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pgproof.errors import ServerUnavailable
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.footprint import Footprint, fetch_footprint, restore_sequences
from pgproof.pg.server import NOTHING_IS_KEPT, throwaway_server
from pgproof.settings import read_settings

# People are written and deleted, so that there are hint bits to set and pages to prune.
SCHEMA = """
DROP SCHEMA IF EXISTS public, mine, odd CASCADE;
CREATE SCHEMA public;
CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE, body text);
CREATE TABLE empty (a int);
CREATE UNLOGGED TABLE scratch (a int);
CREATE TABLE parts (a int) PARTITION BY RANGE (a);
CREATE TABLE part (a int);
CREATE TABLE log (line text);
CREATE VIEW names AS SELECT name FROM people;
CREATE MATERIALIZED VIEW counted AS SELECT 1 AS one, count(*) FROM people;
CREATE UNIQUE INDEX counted_one ON counted (one);
CREATE TYPE mood AS ENUM ('fine');
CREATE SEQUENCE called; SELECT nextval('called'), nextval('called');
CREATE SEQUENCE uncalled;
CREATE SEQUENCE cached CACHE 20;
CREATE FUNCTION greet(text) RETURNS text LANGUAGE sql AS $$ SELECT 'hello ' || $1 $$;
CREATE FUNCTION shout() RETURNS void LANGUAGE sql AS $$ INSERT INTO log VALUES ('shouted') $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN INSERT INTO log VALUES ('noted'); RETURN NULL; END $$;
CREATE FUNCTION fire() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE TRIGGER noted AFTER TRUNCATE ON scratch EXECUTE FUNCTION note();
INSERT INTO people (name) SELECT 'person ' || n FROM generate_series(1, 500) AS n;
INSERT INTO posts SELECT n, n, 'body' FROM generate_series(1, 500) AS n;
UPDATE people SET name = name || '!' WHERE id % 2 = 0;
DELETE FROM posts WHERE id > 100;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
SELECT lo_from_bytea(4711, 'before');
COMMENT ON DATABASE $database IS 'before';
ALTER DATABASE $database SET work_mem = '4MB';
"""

# Statements that are separated by semicolons are separate messages; $database stands for its name.
CHANGES = {
    "insert": "INSERT INTO empty VALUES (1)",
    "insert of several": "BEGIN; INSERT INTO empty VALUES (1); INSERT INTO scratch VALUES (1); COMMIT",
    "insert with an id": "INSERT INTO people (name) VALUES ('new')",
    "upsert": "INSERT INTO posts VALUES (1) ON CONFLICT (id) DO UPDATE SET body = 'after'",
    "update": "UPDATE people SET name = 'after' WHERE id = 1",
    "update to the same": "UPDATE people SET name = name WHERE id = 1",
    "merge": "MERGE INTO empty USING people ON a = id WHEN NOT MATCHED AND id = 1 THEN INSERT VALUES (1)",
    "delete": "DELETE FROM posts WHERE id = 1",
    "delete that cascades": "DELETE FROM people WHERE id = 1",
    "writing query": "WITH gone AS (DELETE FROM posts WHERE id = 1 RETURNING *) SELECT * FROM gone",
    "without triggers": "SET session_replication_role = replica; DELETE FROM posts WHERE id = 1",
    "explain that runs it": "EXPLAIN ANALYZE DELETE FROM posts WHERE id = 1",
    "function": "SELECT shout()",
    "copy": "COPY empty FROM PROGRAM 'echo 1'",
    "copy frozen": "BEGIN; TRUNCATE empty; COPY empty FROM PROGRAM 'echo 1' (FREEZE); COMMIT",
    "unlogged table": "INSERT INTO scratch VALUES (1)",
    "truncate": "TRUNCATE posts",
    "truncate of nothing, with a trigger": "TRUNCATE scratch",
    "truncate of ids": "TRUNCATE people RESTART IDENTITY CASCADE",
    "create table": "CREATE TABLE new (a int)",
    "create table as": "CREATE TABLE new AS SELECT 1 AS a",
    "temporary table": "CREATE TEMPORARY TABLE new (a int)",
    "drop table": "DROP TABLE empty",
    "add column": "ALTER TABLE empty ADD b int DEFAULT 1",
    "rename": "ALTER TABLE empty RENAME TO vacant",
    "rewrite": "ALTER TABLE posts ALTER id TYPE bigint",
    "storage parameter": "ALTER TABLE empty SET (fillfactor = 50)",
    "constraint": "ALTER TABLE empty ADD CHECK (a > 0)",
    "create view": "CREATE VIEW new AS SELECT 1 AS a",
    "replace view": "CREATE OR REPLACE VIEW names AS SELECT lower(name) AS name FROM people",
    "replace function": "CREATE OR REPLACE FUNCTION greet(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "add to enum": "ALTER TYPE mood ADD VALUE 'better'",
    "create schema": "CREATE SCHEMA new",
    "create domain": "CREATE DOMAIN new AS int",
    "create rule": "CREATE RULE new AS ON DELETE TO empty DO INSTEAD NOTHING",
    "create policy": "CREATE POLICY new ON empty",
    "create index": "CREATE INDEX ON posts (body)",
    "create index concurrently": "CREATE INDEX CONCURRENTLY ON posts (body)",
    "drop index concurrently": "DROP INDEX CONCURRENTLY counted_one",
    "reindex": "REINDEX TABLE people",
    "reindex concurrently": "REINDEX TABLE CONCURRENTLY people",
    "cluster": "CLUSTER people USING people_pkey",
    "refresh": "REFRESH MATERIALIZED VIEW counted",
    "refresh concurrently": "REFRESH MATERIALIZED VIEW CONCURRENTLY counted",
    "attach partition": "ALTER TABLE parts ATTACH PARTITION part FOR VALUES FROM (1) TO (9)",
    "create statistics": "CREATE STATISTICS new ON id, body FROM posts",
    "vacuum": "VACUUM posts",
    "vacuum full": "VACUUM FULL posts",
    "analyze": "ANALYZE posts",
    "analyze of an empty table": "ANALYZE empty",
    "event trigger": "CREATE EVENT TRIGGER new ON ddl_command_end EXECUTE FUNCTION fire()",
    "extension": "CREATE EXTENSION citext",
    "publication": "CREATE PUBLICATION new",
    "subscription": "CREATE SUBSCRIPTION new CONNECTION 'host=nowhere' PUBLICATION new WITH (connect = false)",
    "comment": "COMMENT ON TABLE people IS 'new'",
    "grant": "GRANT SELECT ON people TO public",
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO public",
    "comment on database": "COMMENT ON DATABASE $database IS 'new'",
    "grant on database": "GRANT CREATE ON DATABASE $database TO public",
    "setting of database": "ALTER DATABASE $database SET work_mem = '5MB'",
    "setting of role in database": "ALTER ROLE CURRENT_USER IN DATABASE $database SET work_mem = '5MB'",
    "connections of database": "ALTER DATABASE $database CONNECTION LIMIT 50",
    "nextval": "SELECT nextval('uncalled')",
    "nextval that writes no log": "SELECT nextval('called')",
    "nextval of many": "SELECT nextval('cached')",
    "nextval rolled back": "BEGIN; SELECT nextval('called'); ROLLBACK",
    "setval": "SELECT setval('called', 7)",
    "setval to be called": "SELECT setval('called', 2, false)",
    "setval from uncalled to uncalled": "SELECT setval('uncalled', 7, false)",
    "alter sequence": "ALTER SEQUENCE uncalled CACHE 5",
    "restart sequence": "ALTER SEQUENCE called RESTART",
    "drop sequence": "DROP SEQUENCE called",
    "large object": "SELECT lo_create(0)",
    "write into a large object": "SELECT lo_put(4711, 0, 'after')",
    "write more of a large object": "SELECT lo_put(4711, 5000, 'after')",
    "truncate a large object": "BEGIN; SELECT lo_truncate(lo_open(4711, 393216), 2); COMMIT",
    "grant on a large object": "GRANT SELECT ON LARGE OBJECT 4711 TO public",
    "unlink a large object": "SELECT lo_unlink(4711)",
    "counts reset": "SELECT pg_stat_reset()",
    "counts of a table reset": "SELECT pg_stat_reset_single_table_counters('people'::regclass)",
    "counts hidden by a reset": "INSERT INTO empty VALUES (1); SELECT pg_stat_reset()",
}

READING = {
    "select": "SELECT * FROM people JOIN posts ON person = people.id ORDER BY body",
    "aggregates": "SELECT count(*), max(name) FROM people GROUP BY id % 7",
    "view": "SELECT * FROM names; SELECT * FROM counted; SELECT * FROM parts",
    "by index": "SET enable_seqscan = off; SELECT * FROM people WHERE id = 42",
    "the same often": "; ".join(["SELECT * FROM people, posts WHERE people.id = person"] * 20),
    "function": "SELECT greet(name) FROM people",
    "block": "DO 'BEGIN PERFORM * FROM people; END'",
    "transaction": "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT * FROM people; COMMIT",
    "rolled back": "BEGIN; SELECT * FROM people; SAVEPOINT a; SELECT 1; ROLLBACK",
    "refused": "SELECT 1 / 0",
    "cursor": "BEGIN; DECLARE c CURSOR FOR SELECT * FROM people; FETCH 3 FROM c; COMMIT",
    "cursor that is held": "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM people; FETCH 3 FROM c",
    "explain": "EXPLAIN DELETE FROM people",
    "explain that runs it": "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM people",
    "row locks": "BEGIN; SELECT * FROM people FOR UPDATE; COMMIT",
    "copy": "COPY people TO PROGRAM 'cat >/dev/null'",
    "catalogs": "SELECT * FROM pg_class; SELECT * FROM pg_stat_user_tables; SELECT * FROM pg_stats",
    "sequences": "SELECT * FROM called; SELECT * FROM pg_sequences",
    "large object": "SELECT lo_get(4711)",
    "settings": "SET search_path = pg_temp, public; SET statement_timeout = 5000; SET TimeZone = 'Asia/Tokyo'",
    "role": "SET ROLE pg_monitor; SELECT 1",
    "prepared": "PREPARE q AS SELECT * FROM people; EXECUTE q",
    "advisory lock": "SELECT pg_advisory_lock(1)",
    "notify": "LISTEN a; NOTIFY a",
    "nothing found to change": "DELETE FROM people WHERE id = -1; UPDATE people SET name = '' WHERE false",
}


@pytest.fixture(scope="module")
def place(server: str) -> Iterator[str]:
    """Conninfo of a database for all tests of this file; each makes its schema anew."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    yield make_conninfo(server, dbname=name)
    drop(server, name)


@pytest.fixture
def session(place: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(place, options="-c lock_timeout=60s") as session:  # who waits where none may, fails
        session.execute(SCHEMA.replace("$database", session.info.dbname).encode())
        yield session


def run(session: psycopg.Connection[Any], statements: str) -> None:
    for statement in re.split("; (?!END)", statements.replace("$database", session.info.dbname)):
        session.execute(statement.encode())


def drop_subscriptions(session: psycopg.Connection[Any]) -> None:
    """A database with one cannot be dropped."""
    for (name,) in session.execute("SELECT subname FROM pg_stat_subscription").fetchall():
        session.execute(sql.SQL("ALTER SUBSCRIPTION {0} SET (slot_name = NONE)").format(sql.Identifier(name)))
        session.execute(sql.SQL("DROP SUBSCRIPTION {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("statements", CHANGES.values(), ids=CHANGES)
def test_a_way_to_change_it_is_seen(session, statements):
    before = fetch_footprint(session)

    run(session, statements)

    assert before != fetch_footprint(session)
    drop_subscriptions(session)


@pytest.mark.parametrize("statements", READING.values(), ids=READING)
def test_reading_is_no_change(session, statements):
    before = fetch_footprint(session)

    with suppress(psycopg.errors.DivisionByZero):
        run(session, statements)

    assert before == fetch_footprint(session)


def test_what_other_databases_do_is_no_change(session, server):
    before = fetch_footprint(session)

    name, role = f"test_{uuid4().hex[:12]}", f"role_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(server, dbname=name) as other:
        run(other, "CREATE TABLE a AS SELECT 1 AS b; CREATE SEQUENCE c; ALTER DATABASE $database SET work_mem = '5MB'")
        run(other, f"COMMENT ON DATABASE $database IS 'new'; CREATE ROLE {role}; DROP ROLE {role}; ANALYZE")

    assert before == fetch_footprint(session)
    drop(server, name)
    assert before == fetch_footprint(session)


def test_databases_of_the_same_history_have_different_footprints(server, database):
    with connect(database) as session, connect(server) as other:
        assert fetch_footprint(session) != fetch_footprint(other)


LEAVING = {
    "after an insert": "INSERT INTO empty VALUES (1)",
    "after many inserts": "; ".join(["INSERT INTO empty VALUES (1)", "INSERT INTO log VALUES (1)"] * 9),
    "after nextval": "SELECT nextval('uncalled')",
    "after DDL": "ALTER TABLE empty ADD b int",
    "with a temporary table": "CREATE TEMPORARY TABLE new (a int)",
    "in a transaction": "BEGIN; INSERT INTO empty VALUES (1)",
}


@pytest.mark.parametrize("statements", LEAVING.values(), ids=LEAVING)
@pytest.mark.parametrize("ended", [False, True], ids=["closed", "ended by the server"])
def test_what_another_session_wrote_before_it_left_is_seen(session, place, statements, ended):
    for _ in range(5):
        before = fetch_footprint(session)
        with closing(connect(place)) as other:  # psycopg's own `with` would commit what is open
            run(other, statements)
            if ended:
                session.execute("SELECT pg_terminate_backend(%s)", [other.info.backend_pid])
        after = fetch_footprint(session, patience=60)

        assert after.foreign == 0
        assert before != after
        session.execute("ALTER TABLE empty DROP COLUMN IF EXISTS b")


def test_what_another_session_read_before_it_left_is_no_change(session, place):
    before = fetch_footprint(session)
    with connect(place) as other:
        run(other, READING["view"])

    assert before == fetch_footprint(session, patience=60)


def test_a_session_that_stays_is_told_and_proves_nothing(session, place):
    before = fetch_footprint(session)
    with connect(place), connect(place):
        first, second = fetch_footprint(session, patience=0), fetch_footprint(session, patience=0)

    assert (first.foreign, second.foreign) == (2, 2)
    assert before != first
    assert first != second


def test_locks_of_others_are_not_waited_for(session, place):
    with connect(place) as other:
        run(other, "BEGIN; LOCK people; DROP SEQUENCE called")

        assert fetch_footprint(session, patience=0).foreign == 1


def test_a_new_session_takes_the_same_footprint(session, place):
    before = fetch_footprint(session)
    session.close()

    with connect(place, row_factory=dict_row) as other:
        assert before == fetch_footprint(other, patience=60)


def test_the_session_is_as_it_was_at_its_start(session):
    zone = session.execute("SHOW TimeZone").fetchone()
    run(session, "SET TimeZone = 'Asia/Tokyo'; SELECT pg_advisory_lock(1); CREATE TEMPORARY TABLE new (a int)")

    fetch_footprint(session)

    assert session.execute("SHOW TimeZone").fetchone() == zone
    assert session.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
    assert session.execute("SELECT to_regclass('new')").fetchone() == (None,)


def test_a_search_path_that_a_test_has_left_hides_nothing(session):
    run(session, "CREATE SCHEMA mine; CREATE VIEW mine.pg_class AS SELECT * FROM pg_class WHERE false")
    before = fetch_footprint(session)

    run(session, "SELECT nextval('called'); SET search_path = mine, pg_catalog")

    assert before != fetch_footprint(session)


def test_a_footprint_is_taken_outside_of_a_transaction(session, place):
    session.execute("BEGIN")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        fetch_footprint(session)

    with psycopg.connect(place) as careless, pytest.raises(psycopg.errors.ActiveSqlTransaction):
        fetch_footprint(careless)


def test_a_server_that_counts_nothing_proves_nothing(session, place):
    session.close()
    with connect(place, options="-c track_counts=off") as other:
        assert fetch_footprint(other, patience=60) != fetch_footprint(other)


def test_a_server_that_does_not_flush_on_demand_proves_nothing(session, monkeypatch):
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", 14_00_23)

    before = fetch_footprint(session)

    assert before != fetch_footprint(session)
    assert len(before.sequences) == 4


@pytest.fixture(params=[None, 17_00_23], ids=["", "read as before 18"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How sequences are read; the older way works on newer servers too."""
    if request.param:
        monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", request.param)


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A role that is not a superuser."""
    name = f"role_{uuid4().hex[:12]}"
    with connect(database) as session:
        session.execute(f"CREATE ROLE {name}".encode())
    yield name
    with connect(database) as session:
        run(session, f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.usefixtures("reader")
def test_a_sequence_that_our_role_may_not_read_proves_nothing(database, role):
    with connect(database) as session:
        session.execute("CREATE SEQUENCE hidden")
    with connect(database, options=f"-c role={role}") as ordinary:
        assert fetch_footprint(ordinary, patience=60) != fetch_footprint(ordinary)

    with connect(database) as session:
        session.execute(f"GRANT SELECT ON SEQUENCE hidden TO {role}".encode())
    with connect(database, options=f"-c role={role}") as ordinary:
        assert fetch_footprint(ordinary, patience=60) == fetch_footprint(ordinary)


@pytest.fixture(scope="module")
def logical(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Conninfo of a server that knows prepared transactions and replication slots, and may crash."""
    request.getfixturevalue("server")  # skips where no server can be had
    settings = read_settings(tmp_path_factory.mktemp("logical"), server=os.environ.get("TEST_SERVER", "embedded"))
    more = {"wal_level": "logical", "max_wal_senders": "2", "max_prepared_transactions": "2"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in more.items():
            patch.setitem(NOTHING_IS_KEPT, name, value)
        with throwaway_server(settings) as throwaway:
            yield throwaway.conninfo


def test_a_replication_slot_is_seen(logical):
    with connect(logical) as session:
        before = fetch_footprint(session)
        session.execute("SELECT pg_create_logical_replication_slot('new', 'pgoutput')")

        assert before != fetch_footprint(session)
        session.execute("SELECT pg_drop_replication_slot('new')")
        assert before == fetch_footprint(session)


def crash(session: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.OperationalError):
        session.execute("COPY (SELECT 1) TO PROGRAM 'kill -KILL $PPID'; SELECT 1")


def fetch_after_crash(conninfo: str, name: str) -> Footprint:
    """Until the server has noticed that it crashed, it lets us in and then throws us out."""
    while True:
        try:
            with connect(conninfo, dbname=name) as session:
                return fetch_footprint(session, patience=60)
        except ServerUnavailable:
            continue
        except psycopg.OperationalError as error:
            if error.sqlstate:
                raise


def test_counts_that_a_crash_has_set_back_are_not_the_ones_from_before(logical):
    """A clone counts from zero, and after a crash every database does."""
    with connect(logical) as session:
        session.execute("CREATE DATABASE original")
        with connect(logical, dbname="original") as other:
            other.execute("CREATE TABLE empty (a int)")
        session.execute("CREATE DATABASE copied TEMPLATE original")
    with connect(logical, dbname="copied") as session:
        before = fetch_footprint(session)
        session.execute("INSERT INTO empty VALUES (1)")
        crash(session)

    after = fetch_after_crash(logical, "copied")

    assert after.foreign == 0
    assert before != after


def test_temporary_tables_that_a_crash_has_left_do_not_spoil_the_proof(logical):
    with connect(logical) as session:
        run(session, "SET synchronous_commit = on; CREATE TEMPORARY TABLE passing (id serial)")
        crash(session)

    after = fetch_after_crash(logical, "postgres")

    with connect(logical) as session:
        assert session.execute("SELECT count(*) FROM pg_class WHERE relname ^@ 'passing'").fetchone() == (2,)
        assert after == fetch_footprint(session, patience=60)


def test_a_prepared_transaction_is_foreign_and_its_locks_are_not_waited_for(logical):
    with connect(logical, options="-c lock_timeout=60s") as session:
        session.execute("CREATE SEQUENCE called")
        before = fetch_footprint(session)
        run(session, "BEGIN; DROP SEQUENCE called; PREPARE TRANSACTION 'first'")

        assert fetch_footprint(session, patience=0).foreign == 1
        session.execute("COMMIT PREPARED 'first'")
        after = fetch_footprint(session)
        assert after.foreign == 0
        assert before != after


MOVES = {
    "identity": "INSERT INTO people (name) VALUES ('new') RETURNING id",
    "called": "SELECT nextval('called')",
    "uncalled": "SELECT nextval('uncalled')",
    "of many": "SELECT nextval('cached')",
    "set": "SELECT setval('uncalled', 7, false), nextval('called')",
    "odd name": """SELECT nextval('odd."Se ""; q"')""",
}


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("statement", MOVES.values(), ids=MOVES)
def test_ids_do_not_depend_on_what_was_rolled_back_before(session, statement):
    session.execute("""CREATE SCHEMA odd CREATE SEQUENCE "Se ""; q" INCREMENT -3""")
    before = fetch_footprint(session)

    seen = []
    for _ in range(3):
        with session.transaction(force_rollback=True):
            seen += session.execute(statement).fetchall()
        restore_sequences(session, before)

    assert seen[0] == seen[1] == seen[2]
    assert before.sequences == fetch_footprint(session).sequences


def test_several_sequences_go_back_at_once(session):
    before = fetch_footprint(session)
    session.execute("SELECT nextval('called'), nextval('uncalled'), nextval('cached'), nextval('people_id_seq')")

    restore_sequences(session, before)

    assert before.sequences == fetch_footprint(session).sequences


def test_a_sequence_that_did_not_move_is_not_touched(session):
    """How far a sequence has logged ahead is forgotten when it is set."""
    session.execute("CHECKPOINT; SELECT nextval('called')")
    ahead = session.execute("SELECT log_cnt FROM called").fetchone()
    before = fetch_footprint(session)
    session.execute("SELECT nextval('uncalled')")

    restore_sequences(session, before)

    assert ahead != (0,)
    assert ahead == session.execute("SELECT log_cnt FROM called").fetchone()


def test_a_session_does_not_remember_values_of_restored_sequences(session):
    before = fetch_footprint(session)
    session.execute("SELECT nextval('called')")

    restore_sequences(session, before)

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        session.execute("SELECT currval('called')")


@pytest.mark.usefixtures("reader")
def test_temporary_sequences_of_others_are_left_alone(session, place):
    before = fetch_footprint(session)
    with connect(place) as other:
        other.execute("CREATE TEMPORARY SEQUENCE passing")
        session.execute("SELECT nextval('called')")

        restore_sequences(session, before)

    assert before.sequences == fetch_footprint(session, patience=60).sequences


def test_a_footprint_that_knows_no_sequences_restores_none(session):
    with pytest.raises(ValueError, match="knows no sequences"):
        restore_sequences(session, Footprint((), frozenset(), foreign=1))
