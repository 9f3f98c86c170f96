"""What a query reads and writes, as its names resolve on a real server; the tables' own triggers are the truth."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof import Database
from pgproof.cache import Cache
from pgproof.cache.footprint import Footprint, fetch_footprint
from tests.adapters import put
from tests.caches import Run, watch_tables
from tests.clock import Clock

Ask = Callable[..., Footprint]

WATCHED = [
    "person",
    "note",
    "tag",
    "note_tag",
    "event",
    "event_1",
    "seen",
    "log",
    "animal",
    "dog",
    'Odd "name',
    "secured",
]
TABLES = """
CREATE TABLE person (id int PRIMARY KEY, code int UNIQUE, boss int REFERENCES person ON DELETE SET NULL);
CREATE TABLE note (id int PRIMARY KEY, person int REFERENCES person ON DELETE CASCADE,
    code int REFERENCES person (code) ON UPDATE CASCADE, text text);
CREATE TABLE tag (id int PRIMARY KEY);
CREATE TABLE note_tag (note int REFERENCES note ON DELETE CASCADE, tag int REFERENCES tag, UNIQUE (note, tag));
CREATE TABLE event (id int, day int, person int REFERENCES person ON DELETE CASCADE, UNIQUE (id, day))
    PARTITION BY LIST (day);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE event_2 PARTITION OF event FOR VALUES IN (2);
CREATE TABLE seen (id int, day int, FOREIGN KEY (id, day) REFERENCES event (id, day) ON DELETE CASCADE);
CREATE TABLE log (what text);
CREATE TABLE animal (id int);
CREATE TABLE dog (bark text) INHERITS (animal);
CREATE TABLE "Odd ""name" (id int);
CREATE TABLE secured (id int);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE TABLE unwatched (id int);
CREATE VIEW named AS SELECT n.id, t.tag FROM note AS n LEFT JOIN note_tag AS t ON t.note = n.id;
CREATE VIEW named_twice AS SELECT id, EXISTS (SELECT FROM log) AS logged FROM named;
CREATE VIEW short AS SELECT id, text FROM note WHERE length(text) < 9;
CREATE VIEW catalogued AS SELECT relname FROM pg_class;
CREATE VIEW nothing AS SELECT 1 AS one;
CREATE VIEW called AS SELECT pick() AS id;
CREATE MATERIALIZED VIEW frozen AS SELECT id FROM note;
CREATE SEQUENCE counter;
CREATE TABLE ruled (id int);
CREATE RULE also AS ON INSERT TO ruled DO ALSO DELETE FROM person WHERE id = new.id;
CREATE SCHEMA other;
CREATE TABLE other.note (id int);
CREATE TABLE other.hidden (id int);
CREATE FOREIGN DATA WRAPPER none;
CREATE SERVER far FOREIGN DATA WRAPPER none;
CREATE FOREIGN TABLE abroad (id int) SERVER far;
"""
HALF_WATCHED = """
DROP TRIGGER pgproof_cache ON note;
CREATE TRIGGER t AFTER {} ON note FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.note');
"""
FUNCTIONS = """
CREATE FUNCTION pick() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1';
"""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FUNCTIONS)
        connection.execute(TABLES)
        watch_tables(connection, [*WATCHED, "event_2", "ruled"])
        yield connection


@pytest.fixture
def find(connection: psycopg.Connection[Any], tmp_path: Path) -> Ask:
    """Find the footprint of a statement, read (with `-- cache: ttl=60s`) or written."""

    def find(text: str, cache: str = "ttl=60s") -> Footprint:
        returns = "many" if cache.startswith("ttl") or text.startswith("SELECT") else "affected"
        line = f"-- cache: {cache}\n" if cache else ""
        db = Database(connection, put(tmp_path, {"asked": f"-- returns: {returns}\n{line}{text}"}))
        return Run(db, fetch_footprint(db.queries["asked"])).finish() or pytest.fail("it has none")

    return find


def tags(*names: str) -> tuple[str, ...]:
    return tuple(sorted(f"public.{name}" for name in names))


READS = {
    "SELECT * FROM note": ["note"],
    "SELECT * FROM public.note": ["note"],
    'SELECT * FROM "note"': ["note"],
    'SELECT * FROM "Odd ""name"': ['Odd "name'],
    "SELECT * FROM NOTE JOIN (SELECT id FROM tag) AS t USING (id)": ["note", "tag"],
    "SELECT id FROM note WHERE id IN (SELECT note FROM note_tag) UNION SELECT id FROM tag": ["note", "note_tag", "tag"],
    "TABLE note": ["note"],
    "SELECT * FROM ONLY animal": ["animal", "dog"],
    "SELECT (SELECT max(id) FROM note)": ["note"],
    "SELECT * FROM named": ["note", "note_tag"],
    "SELECT * FROM named_twice": ["note", "note_tag", "log"],
    "SELECT * FROM event": ["event", "event_1", "event_2"],
    # A write by way of the parent is noted as the parent's.
    "SELECT * FROM event_1": ["event", "event_1"],
    "SELECT * FROM dog": ["animal", "dog"],
    # The part of the WITH hides the table only outside of itself.
    "WITH note AS (SELECT * FROM note) SELECT * FROM note": ["note"],
    "WITH part AS (SELECT * FROM tag) SELECT * FROM part": ["tag"],
    "WITH RECURSIVE r AS (TABLE person UNION SELECT p.* FROM person AS p JOIN r ON r.boss = p.id) TABLE r": ["person"],
    "SELECT *, twice(id), count(*) OVER () FROM note": ["note"],
}


@pytest.mark.parametrize(("text", "expected"), READS.items())
def test_what_is_read_are_tables_whatever_stands_between(find: Ask, text: str, expected: list[str]):
    footprint = find(text)

    assert ((*tags(*expected), "query:asked"), ()) == (footprint.reads, footprint.refusals)
    assert footprint.is_cached


def test_tables_behind_functions_are_declared(find: Ask):
    footprint = find("SELECT pick()", "ttl=60s reads=note,other.note")

    assert (*tags("note"), "query:asked") == footprint.reads
    assert footprint.refusals == ("other.note is not watched; `inv cache.init` writes the migration for it",)


REFUSED = {
    "SELECT * FROM unwatched": "unwatched is not watched; `inv cache.init` writes the migration for it",
    "SELECT * FROM frozen": "frozen is a materialized view, whose changes nobody notes",
    "SELECT * FROM abroad": "abroad is a foreign table, whose changes nobody notes",
    "SELECT last_value FROM counter, note": "counter is a sequence, whose changes nobody notes",
    "SELECT * FROM secured": "secured has row security: what is read of it may depend on who reads",
    "SELECT relname FROM pg_class": "pg_class is of the system, whose changes nobody notes",
    "SELECT * FROM note, catalogued": "pg_class is of the system, whose changes nobody notes",
    "SELECT * FROM note, pg_stat_activity": "pg_stat_activity is of the system, whose changes nobody notes",
    "SELECT * FROM note, information_schema.tables": "information_schema.tables is of the system, whose changes",
    "SELECT * FROM generate_series(1, 3)": "it reads no table, so nothing would ever change it",
    "SELECT * FROM nothing": "it reads no table, so nothing would ever change it",
    "SELECT 1": "it reads no table, so nothing would ever change it",
    "SELECT pick() FROM note": "what pick() reads does not show; say reads=…",
    "SELECT id FROM note, public.pick() AS picked": "what pick() reads does not show; say reads=…",
    "SELECT * FROM note, called": "what pick() reads does not show; say reads=…",
    "SELECT * FROM nowhere": 'there is no table "nowhere"',
    "SELECT * FROM hidden": 'there is no table "hidden"',
    "INSERT INTO note VALUES (1) RETURNING id": "it writes",
    "WITH w AS (DELETE FROM note RETURNING id) SELECT * FROM w": "it writes",
    "SELECT * INTO fresh FROM note": "it writes",
    "SELECT id, now() FROM note": "now() changes without a write",
    "SELECT id FROM note ORDER BY random()": "random() changes without a write",
    "SELECT id FROM note WHERE CURRENT_DATE > '2026-01-01'": "CURRENT_DATE changes without a write",
    "SELECT id, localtimestamp(3) FROM note": "LOCALTIMESTAMP changes without a write",
    "SELECT id, session_user FROM note": "SESSION_USER changes without a write",
    "SELECT * FROM note TABLESAMPLE system (10)": "TABLESAMPLE changes without a write",
    "SELECT * FROM note FOR UPDATE": "it locks rows, which a kept answer does not",
    "EXPLAIN SELECT * FROM note": "it is no SELECT",
    "SHOW search_path": "it is no SELECT",
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items())
def test_what_nobody_would_note_is_not_kept(find: Ask, text: str, expected: str):
    footprint = find(text)

    assert any(each.startswith(expected) for each in footprint.refusals), footprint.refusals
    assert not footprint.is_cached


def test_names_are_those_of_the_search_path(find: Ask, connection: psycopg.Connection[Any]):
    connection.execute("SET search_path TO other, public")

    assert "note is not watched" in find("SELECT * FROM note").refusals[0]
    assert find("SELECT * FROM public.note").is_cached
    assert "hidden is not watched" in find("SELECT * FROM hidden").refusals[0]


@pytest.mark.parametrize("shadow", ["TABLE note (id int)", "VIEW note AS SELECT id FROM public.note"])
def test_a_temporary_shadow_of_a_table_is_not_kept(find: Ask, connection: psycopg.Connection[Any], shadow: str):
    connection.execute(f"CREATE TEMPORARY {shadow}".encode())

    assert "note is temporary, whose changes nobody notes" in find("SELECT * FROM note").refusals


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE note DISABLE TRIGGER pgproof_cache",
        "ALTER TABLE note ENABLE REPLICA TRIGGER pgproof_cache",
        "DROP TRIGGER pgproof_cache ON note",
        "DROP SCHEMA pgproof_cache CASCADE",
        HALF_WATCHED.format("INSERT OR UPDATE OR DELETE"),
        HALF_WATCHED.format("INSERT OR UPDATE OF text OR DELETE OR TRUNCATE"),
        "DROP TRIGGER pgproof_cache ON event; SELECT",
    ],
)
def test_a_table_whose_trigger_does_not_note_everything_is_not_watched(
    find: Ask, connection: psycopg.Connection[Any], change: str
):
    connection.execute(change.encode())

    assert any("is not watched" in each for each in find("SELECT * FROM note, event_1").refusals)


def test_a_renamed_table_keeps_its_tag_and_another_one_does_not_get_it(find: Ask, connection: psycopg.Connection[Any]):
    connection.execute("ALTER TABLE note RENAME TO letter; CREATE TABLE note (id int)")

    assert (*tags("note"), "query:asked") == find("SELECT * FROM letter").reads
    assert "note is not watched; `inv cache.init` writes the migration for it" in find("SELECT * FROM note").refusals


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("client_encoding TO 'LATIN1'", "client_encoding is LATIN1"),
        ("DateStyle TO 'German'", "DateStyle is German, DMY"),
        ("IntervalStyle TO 'iso_8601'", "IntervalStyle is iso_8601"),
    ],
)
def test_a_session_that_writes_values_otherwise_is_not_cached(
    find: Ask, connection: psycopg.Connection[Any], setting: str, refusal: str
):
    connection.execute(f"SET {setting}".encode())

    assert (refusal,) == find("SELECT * FROM note").refusals


# Writes. What a trigger may note and the footprint has beyond it is only told once too often.
WRITES = {
    "INSERT INTO note VALUES (9)": ["note"],
    "INSERT INTO public.note SELECT id + 9 FROM person": ["note"],
    "INSERT INTO person VALUES (1) ON CONFLICT (id) DO NOTHING": ["person"],
    "INSERT INTO person VALUES (1) ON CONFLICT (id) DO UPDATE SET code = 9": ["person", "note"],
    "UPDATE person SET code = code + 10": ["person", "note"],
    "UPDATE tag SET id = id": ["tag"],
    "DELETE FROM tag WHERE id = 1": ["tag"],
    "DELETE FROM note WHERE id = 1": ["note", "note_tag"],
    "DELETE FROM person WHERE id = 1": ["person", "note", "note_tag", "event", "seen"],
    "DELETE FROM person WHERE false": ["person"],
    "WITH gone AS (DELETE FROM note RETURNING id) INSERT INTO log SELECT id FROM gone": ["note", "note_tag", "log"],
    "MERGE INTO note USING tag ON tag.id = note.id WHEN MATCHED THEN DELETE": ["note", "note_tag"],
    "MERGE INTO log USING tag ON false WHEN NOT MATCHED THEN INSERT VALUES ('new')": ["log"],
    "TRUNCATE log": ["log"],
    "TRUNCATE log, tag CASCADE": ["log", "tag", "note_tag"],
    "TRUNCATE person CASCADE": ["person", "note", "note_tag", "event", "event_1", "event_2", "seen"],
    "INSERT INTO event VALUES (3, 1)": ["event"],
    "INSERT INTO event_1 VALUES (3, 1)": ["event_1"],
    "UPDATE event SET day = 3 - day": ["event"],
    "UPDATE animal SET id = 2": ["animal"],
    "UPDATE short SET text = 'x'": ["note"],
    "DELETE FROM short": ["note", "note_tag"],
    "INSERT INTO ruled VALUES (1)": ["ruled", "person", "note", "note_tag", "event", "seen"],
    "COPY log FROM PROGRAM 'echo'": ["log"],
    "EXPLAIN (ANALYZE) INSERT INTO log VALUES ('seen')": ["log"],
    'DELETE FROM "Odd ""name"': ['Odd "name'],
}
ROWS = """
INSERT INTO person VALUES (1, 1, NULL), (2, 2, 1);
INSERT INTO tag VALUES (1), (2);
INSERT INTO note VALUES (1, 1, 2, 'a'), (2, 2, NULL, 'b');
INSERT INTO note_tag VALUES (1, 2);
INSERT INTO event VALUES (1, 1, 1), (2, 2, 1);
DELETE FROM pgproof_cache.writes;
"""


@pytest.mark.parametrize(("text", "noted"), WRITES.items())
def test_a_write_tells_of_all_tables_whose_triggers_noted_it(
    find: Ask, connection: psycopg.Connection[Any], text: str, noted: list[str]
):
    footprint = find(text, "")
    connection.execute(ROWS)
    connection.execute(text.encode())
    names = {name for (name,) in connection.execute("SELECT name FROM pgproof_cache.writes")}

    assert set(tags(*noted)) == names
    assert names <= set(footprint.writes)


EXACTLY = {
    "INSERT INTO person VALUES (9)": ["person"],
    "INSERT INTO person VALUES (1) ON CONFLICT DO NOTHING": ["person"],
    "UPDATE person SET boss = NULL": ["person", "note"],
    "DELETE FROM tag": ["tag"],
    "DELETE FROM person": ["person", "note", "note_tag", "event", "event_1", "event_2", "seen"],
    # Up to PostgreSQL 14 a row that moves to another partition is deleted from its own.
    "UPDATE event SET day = 3 - day": ["event", "event_1", "event_2", "seen"],
    "UPDATE event_1 SET person = NULL": ["event_1"],
    "TRUNCATE tag": ["tag"],
    "SELECT * INTO another FROM note": [],
}


@pytest.mark.parametrize(("text", "expected"), EXACTLY.items())
def test_a_write_tells_of_no_table_that_it_cannot_reach(find: Ask, text: str, expected: list[str]):
    assert tags(*expected) == find(text, "").writes


def test_what_functions_write_is_declared(find: Ask):
    assert tags("note", "note_tag") == find("SELECT pick()", "bumps=note").writes
    assert tags("log", "tag") == find("INSERT INTO log VALUES ('x')", "bumps=tag").writes
    assert tags("tag") == find("DELETE FROM tag", "bumps=tag").writes
    assert tags("person", "note") == find("UPDATE person SET id = id", "bumps=person").writes


def test_a_query_without_a_line_that_only_reads_asks_the_server_nothing(tmp_path: Path, database: str):
    db = Database(database, put(tmp_path, {"asked": "-- returns: many\nSELECT * FROM note"}))
    run = Run(db, fetch_footprint(db.queries["asked"]))

    assert (run.is_over, run.finish()) == (True, Footprint(None, (), ()))


# Refused ones


@pytest.fixture
def clock() -> "Clock":
    return Clock()


def test_a_refused_query_is_answered_by_the_database_and_said_once(
    database: str, connection: psycopg.Connection[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture, clock: Clock
):
    put(tmp_path, {"asked": "-- returns: many\n-- cache: ttl=60s\nSELECT * FROM unwatched"})
    cache = Cache(clock=clock)
    with caplog.at_level(logging.WARNING), Database(database, tmp_path, cache=cache) as db:
        for number in range(3):
            assert len(db.asked()) == number
            connection.execute("INSERT INTO unwatched VALUES (1)")
        assert [record.message for record in caplog.records] == [
            "asked is not cached: unwatched is not watched; `inv cache.init` writes the migration for it"
        ]

        connection.execute("TRUNCATE unwatched")
        connection.execute(
            "INSERT INTO pgproof_cache.tables VALUES ('public.unwatched');"
            "CREATE TRIGGER pgproof_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON unwatched"
            " FOR EACH STATEMENT EXECUTE FUNCTION pgproof_cache.note_write('public.unwatched')"
        )
        clock.now += 29
        assert [db.asked(), db.asked()] == [[], []]
        assert "hit" not in {event for _, event in cache.counters.events}
        clock.now += 2
        assert [db.asked(), db.asked()] == [[], []]
        assert cache.counters.events["asked", "hit"] == 1


@pytest.fixture
def reader(database: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    """URL of a role that has no more than rights to tables of its application, and the grants of the cache's schema."""
    role = f"reader_{uuid4().hex[:12]}"
    connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'; GRANT SELECT, INSERT ON note TO {role}".encode())
    yield make_conninfo(database, user=role, password=role)
    connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


NOTES = {
    "asked": "-- returns: many\n-- cache: ttl=1h mode=bounded lag=1h\nSELECT id FROM note",
    "add": "-- returns: affected\nINSERT INTO note VALUES (%(id)s)",
}


def test_a_server_that_does_not_say_is_asked_again_and_that_is_said_once(
    reader: str, connection: psycopg.Connection[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    connection.execute("REVOKE SELECT ON pg_rewrite FROM PUBLIC")
    cache = Cache()
    with Database(reader, put(tmp_path, NOTES), cache=cache) as db:
        assert [db.asked(), db.add(id=1), db.asked()] == [[], 1, [{"id": 1}]]
        assert [record.message for record in caplog.records] == [
            f"{name} is not cached: the server did not say what it reads: InsufficientPrivilege"
            for name in ("asked", "add")
        ]
        connection.execute("GRANT SELECT ON pg_rewrite TO PUBLIC")
        assert [db.asked(), db.asked()] == [[{"id": 1}]] * 2
        assert cache.counters.events["asked", "hit"] == 1


def test_after_a_write_of_nobody_knows_what_nothing_that_is_known_is_relied_on(
    reader: str, connection: psycopg.Connection[Any], tmp_path: Path
):
    with Database(reader, put(tmp_path, NOTES), cache=Cache()) as db:
        assert db.asked() == []
        connection.execute("REVOKE SELECT ON pg_rewrite FROM PUBLIC")
        with db.transaction():
            db.add(id=1)
        assert db.asked() == [{"id": 1}]


def test_a_role_with_no_more_than_the_grants_reads_through_the_cache(reader: str, tmp_path: Path):
    cache = Cache()
    with Database(reader, put(tmp_path, NOTES), cache=cache) as db:
        assert [db.asked(), db.asked()] == [[], []]
        db.add(id=1)
        assert [db.asked(), db.asked()] == [[{"id": 1}]] * 2
    assert (cache.counters.events["asked", "hit"], cache.counters.failures) == (2, {})
