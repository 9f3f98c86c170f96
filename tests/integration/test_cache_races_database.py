"""What changes results in the database, by whom ever: within its promise, every answer knows of it."""

import psycopg
import pytest

from pgproof.cache.watching import WATCH_LEDGER
from pgproof.queries.steps import Fetch
from tests.races import FEW, LAG, REST, World, declare

TABLES = """
CREATE TABLE author (id int PRIMARY KEY, name text);
CREATE TABLE post (id int PRIMARY KEY, author int REFERENCES author ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE event (id int, day int) PARTITION BY LIST (day);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE base (id int);
CREATE TABLE derived () INHERITS (base);
CREATE VIEW shown AS SELECT id FROM post;
INSERT INTO author VALUES (1, 'a'), (2, 'b');
INSERT INTO post VALUES (1, 1), (2, 2);
INSERT INTO event VALUES (1, 1);
INSERT INTO derived VALUES (1);
"""
WATCHED = ("author", "post", "event", "event_1", "base", "derived")
ALL = """
SELECT (SELECT json_agg(p ORDER BY id) FROM post AS p)::text || (SELECT json_agg(e ORDER BY id) FROM event_1 AS e)::text
    || (SELECT json_agg(d ORDER BY id) FROM derived AS d)::text
"""
WRITES = {
    "insert": "INSERT INTO post VALUES (3, 1)",
    "delete": "DELETE FROM post WHERE id = 1",
    "truncate": "TRUNCATE author CASCADE",
    "delete that cascades": "DELETE FROM author WHERE id = 1",
    "update that cascades": "UPDATE author SET id = 7 WHERE id = 1",
    "merge": "MERGE INTO post USING (VALUES (1), (5)) AS v (id) ON v.id = post.id "
    "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, 2)",
    "upsert": "INSERT INTO post VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET author = excluded.author",
    "part of a SELECT": "WITH gone AS (DELETE FROM post RETURNING id) SELECT count(*) FROM gone",
    "through a view": "DELETE FROM shown WHERE id = 1",
    "in a function": "DO $$ BEGIN DELETE FROM post WHERE id = 1; END $$",
    "through a partitioned table": "UPDATE event SET id = 2",
    "to a partition": "UPDATE event_1 SET id = 2",
    "through a parent": "UPDATE base SET id = 2",
    "triggers off": "SET session_replication_role = replica; DELETE FROM post; SET session_replication_role = origin",
    "copy": "",
}
pytestmark = pytest.mark.parametrize("world", FEW, indirect=True)


@pytest.mark.parametrize("write", WRITES)
def test_a_write_of_any_kind_is_known_of(world: World, write: str):
    world.run(TABLES)
    world.watch(*WATCHED)
    world.declare(declare("all", ALL))
    process = world.process()
    process.ask("all")
    if write == "copy":
        with world.elsewhere.cursor().copy("COPY post FROM STDIN") as copy:
            copy.write_row((3, 2))
    else:
        world.run(WRITES[write])
    world.catch_up()

    assert process.ask("all") == process.db.fresh().run(f"all.{world.mode}")
    assert process.ask("all") == process.db.fresh().run(f"all.{world.mode}")
    assert process.counted("hit") == 1


def test_what_was_rolled_back_is_never_seen(world: World):
    process = world.process()
    with world.elsewhere.transaction():
        world.run("UPDATE tally SET n = 7")
        assert process.ask() == 0
        raise psycopg.Rollback
    world.catch_up()

    assert process.ask() == 0


def test_a_savepoint_that_is_rolled_back_takes_nothing_else_with_it(world: World):
    process = world.process()
    assert process.ask() == 0
    with process.db.transaction():
        process.db.run("tally.add")
        with process.db.transaction():
            process.db.run("tally.add")
            raise psycopg.Rollback

    assert process.ask() == 1


def migrate(world: World, text: str) -> None:
    """Run a migration: what it does, and its row in the ledger, in one transaction."""
    with world.elsewhere.transaction():
        world.run(text)
        world.run("INSERT INTO _yoyo_migration VALUES (gen_random_uuid())")


@pytest.fixture
def migrated(world: World) -> World:
    """A world with a ledger, and with another table."""
    world.run(f"CREATE TABLE _yoyo_migration (id text); {WATCH_LEDGER}")
    world.run("CREATE TABLE other AS SELECT 5 AS n")
    world.watch("other")
    return world


def test_a_view_that_is_redefined_is_another_one_at_once(migrated: World):
    migrated.run("CREATE VIEW shown AS SELECT n FROM tally")
    migrated.declare(declare("shown", "SELECT n FROM shown"))
    process = migrated.process()
    assert process.ask("shown") == 0
    migrate(migrated, "CREATE OR REPLACE VIEW shown AS SELECT n FROM other")
    migrated.catch_up()
    assert process.ask("shown") == 5
    migrated.run("UPDATE other SET n = 6")
    migrated.catch_up()

    assert process.ask("shown") == 6


def test_a_view_that_is_redefined_while_it_is_looked_up_is_followed_to_its_new_table(migrated: World):
    migrated.run("CREATE VIEW shown AS SELECT n FROM tally")
    migrated.declare(declare("shown", "SELECT n FROM shown"))
    process, other = migrated.process(), migrated.process()
    slow = process.read("shown").until(Fetch)
    migrate(migrated, "CREATE OR REPLACE VIEW shown AS SELECT n FROM other")
    slow.finish()
    migrated.catch_up()
    assert (process.ask("shown"), other.ask("shown")) == (5, 5)
    migrated.run("UPDATE other SET n = 6")
    migrated.catch_up()

    assert (process.ask("shown"), other.ask("shown")) == (6, 6)


def test_a_table_that_is_made_anew_without_its_trigger_is_not_cached(migrated: World):
    process = migrated.process()
    assert process.ask() == 0
    migrate(migrated, "DROP TABLE tally; CREATE TABLE tally AS SELECT 1 AS n")
    migrated.catch_up()
    assert process.ask() == 1
    migrated.run("UPDATE tally SET n = 2")
    migrated.catch_up()

    assert process.ask() == 2


def test_a_foreign_key_that_is_new_is_followed_by_the_process_that_writes(migrated: World):
    migrated.run("CREATE TABLE owner AS SELECT 0 AS id; ALTER TABLE owner ADD PRIMARY KEY (id)")
    migrated.watch("owner")
    migrated.declare(
        declare("total", "SELECT count(*) FROM tally"),
        {"owner/drop": "-- returns: affected\nDELETE FROM owner WHERE id = %(id)s"},
    )
    process = migrated.process()
    assert (process.db.run("owner.drop", id=9), process.ask("total")) == (0, 1)
    migrate(migrated, "ALTER TABLE tally ADD FOREIGN KEY (n) REFERENCES owner ON DELETE CASCADE")
    migrated.catch_up()
    assert process.ask("total") == 1
    process.db.run("owner.drop", id=0)

    assert process.ask("total") == 0


def test_the_versions_of_one_moment_are_the_same_however_often_they_are_added_up(world: World):
    process = world.process()
    for _ in range(3):
        world.run("UPDATE tally SET n = n + 1")
    world.catch_up()
    assert process.ask() == 3
    world.run("SELECT pgproof_cache.compact()")
    world.settle()

    assert (process.ask(), process.counted("hit")) == (3, 1)


def test_adding_up_beside_a_write_that_is_not_committed_loses_nothing(world: World):
    process = world.process()
    assert process.ask() == 0
    with world.elsewhere.transaction(), psycopg.connect(world.url, autocommit=True) as other:
        world.run("UPDATE tally SET n = n + 1")
        other.execute("SELECT pgproof_cache.compact()")
        assert process.ask() == 0
        world.run("SELECT pgproof_cache.compact()")
    world.catch_up()

    assert process.ask() == 1


def test_a_database_that_cannot_be_written_to_has_its_versions_read_all_the_same(world: World):
    for _ in range(201):
        world.run("UPDATE tally SET n = n + 1")
    world.set("default_transaction_read_only", "on")
    process = world.process()
    assert (process.ask(), process.ask()) == (201, 201)

    assert process.counted("hit") == (world.kind != "postgres")  # which then keeps nothing


def stand_by(world: World, *, is_standby: bool) -> None:
    """Have the server say that it is a standby, or none."""
    world.run(f"CREATE OR REPLACE FUNCTION fake.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT {is_standby}'")


@pytest.fixture
def pretended(world: World) -> World:
    """A world whose server says of itself what a test has it say."""
    world.run("CREATE SCHEMA fake")
    world.set("search_path", "fake, pg_catalog, public")
    return world


def test_a_standby_has_nothing_kept_because_another_one_may_be_behind_it(pretended: World):
    stand_by(pretended, is_standby=True)
    process = pretended.process()
    assert (process.ask(), process.ask()) == (0, 0)

    assert (process.counted("kept"), process.counted("bypass")) == (0, 2)


def test_nothing_is_found_by_versions_of_a_server_that_has_become_a_standby(pretended: World):
    stand_by(pretended, is_standby=False)
    process = pretended.process()
    assert (process.ask(), process.counted("kept")) == (0, 1)
    stand_by(pretended, is_standby=True)
    pretended.wait(REST if pretended.tells_by_outbox else LAG)

    assert (process.ask(), process.counted("hit")) == (0, 0)


def test_a_table_that_another_server_writes_to_is_not_cached_because_that_fires_no_trigger(world: World):
    world.run("CREATE SUBSCRIPTION other CONNECTION '' PUBLICATION other WITH (connect = false, slot_name = NONE)")
    with world.elsewhere.transaction():
        world.run("SET LOCAL allow_system_table_mods = on")
        world.run(
            "INSERT INTO pg_subscription_rel SELECT s.oid, 'tally'::regclass, 'r' FROM pg_subscription AS s "
            "JOIN pg_database AS d ON d.oid = subdbid WHERE datname = current_database()"
        )
    process = world.process()
    assert (process.ask(), process.counted("bypass"), process.counted("kept")) == (0, 1, 0)
    world.run("DROP SUBSCRIPTION other")
