"""One statement without a transaction: after any end of it, the next run leaves what an undisturbed one leaves."""

import threading

import pytest

from pgproof.errors import LockTimeout, MigrationFailed
from tests.project import Project, make_table

INDEXES = """
SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid
WHERE indrelid = 'a'::regclass AND NOT indisprimary ORDER BY 1
"""
STATES = "SELECT migration_id, state FROM _pgproof_migration ORDER BY 1"
BUILD = "CREATE {kind} CONCURRENTLY {name} ON a (x);\n"


@pytest.fixture
def table(project: Project) -> Project:
    """A table with a column x, and a migration that indexes it."""
    project.add("0001_a", "CREATE TABLE a (id int PRIMARY KEY, x int);\nINSERT INTO a VALUES (1, 7), (2, 8);\n")
    project.migrate()
    index(project)
    return project


def index(project: Project, kind: str = "INDEX", name: str = "a_x", header: str = "") -> None:
    forward = f"-- transactional: false\n{header}{BUILD.format(kind=kind, name=name)}"
    project.add("0002_index", forward, "DROP INDEX CONCURRENTLY IF EXISTS a_x;\n")


def leave_intent(project: Project) -> None:
    """As a runner does that dies during 0002_index."""
    project.connection.execute("INSERT INTO _pgproof_migration VALUES ('0002_index', 'running', 'x', 'x', 'x')")
    project.connection.execute("INSERT INTO yoyo_lock VALUES (1, now(), -1)")


def leave_invalid_index(project: Project, table: str = "a") -> None:
    """As a CREATE INDEX CONCURRENTLY does that is cut off."""
    project.connection.execute(f"CREATE INDEX a_x ON {table} (x)")
    project.connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_x'::regclass")


def test_an_index_is_built_without_blocking_and_taken_away_again(table):
    assert table.migrate().changed == ("0002_index",)

    assert table.rows(INDEXES) == [("a_x", True)]
    assert table.rows(STATES) == [("0001_a", "applied"), ("0002_index", "applied")]
    (entry,) = table.entries()[1:]
    assert entry.row
    assert entry.row.took

    table.roll_back(steps=1)

    assert table.rows(INDEXES) == []
    assert table.rows(STATES) == [("0001_a", "applied")]
    assert table.rows("SELECT * FROM yoyo_lock") == []


def test_it_runs_outside_of_any_transaction(table):
    table.add("0002_index", "-- transactional: false\nVACUUM a;\n", "-- back\nVACUUM a;\n")

    assert table.migrate().changed == ("0002_index",)


def test_the_intent_is_there_while_it_runs(table):
    """A reader of a holds the build up, so that others can look."""
    holder = table.session(autocommit=False)
    holder.execute("INSERT INTO a VALUES (3, 9)")
    thread = threading.Thread(target=table.migrate)
    thread.start()
    table.wait_for("SELECT 1 FROM pg_stat_progress_create_index WHERE datname = current_database()")

    look = table.session()
    assert look.execute(STATES).fetchall() == [("0001_a", "applied"), ("0002_index", "running")]
    assert look.execute("SELECT pid < 0 FROM yoyo_lock").fetchall() == [(True,)]

    holder.commit()
    thread.join()
    assert table.conditions()["0002_index"] == "applied"


def test_an_interrupted_one_is_seen_and_finished(table):
    leave_intent(table)
    assert table.conditions()["0002_index"] == "interrupted"

    assert table.migrate().changed == ("0002_index",)

    assert table.rows(INDEXES) == [("a_x", True)]
    assert table.rows(STATES) == [("0001_a", "applied"), ("0002_index", "applied")]
    assert table.rows("SELECT * FROM yoyo_lock") == []


def test_an_invalid_leftover_is_dropped_and_rebuilt(table):
    leave_intent(table)
    leave_invalid_index(table)
    before = table.rows("SELECT 'a_x'::regclass::oid")

    table.migrate()

    assert table.rows(INDEXES) == [("a_x", True)]
    assert table.rows("SELECT 'a_x'::regclass::oid") != before


def test_if_not_exists_does_not_keep_an_invalid_index(table):
    index(table, name="IF NOT EXISTS a_x")
    leave_invalid_index(table)

    table.migrate()

    assert table.rows(INDEXES) == [("a_x", True)]


def test_an_index_that_a_killed_run_had_finished_is_kept(table):
    leave_intent(table)
    table.connection.execute("CREATE INDEX a_x ON a (x)")
    before = table.rows("SELECT 'a_x'::regclass::oid")

    assert table.migrate().changed == ("0002_index",)

    assert table.rows("SELECT 'a_x'::regclass::oid") == before
    assert table.conditions()["0002_index"] == "applied"


def test_an_index_that_nobody_of_us_made_is_not_taken_for_ours(table):
    """It may be on other columns: without IF NOT EXISTS the server's refusal stands, also the second time."""
    table.connection.execute("CREATE INDEX a_x ON a (x DESC)")

    for _ in range(2):
        with pytest.raises(MigrationFailed, match=r'relation "a_x" already exists \(42P07\)'):
            table.migrate()

    assert table.rows(INDEXES) == [("a_x", True)]
    assert table.conditions()["0002_index"] == "pending"


@pytest.mark.parametrize("name", ["a_x", "IF NOT EXISTS a_x"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_an_index_of_that_name_on_another_table_is_refused_and_kept(table, name, interrupted):
    table.connection.execute("CREATE TABLE other (x int); CREATE INDEX a_x ON other (x)")
    index(table, name=name)
    if interrupted:
        leave_intent(table)

    with pytest.raises(MigrationFailed, match="exists"):
        table.migrate()

    assert table.rows("SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = 'a_x'::regclass") == ["other"]
    assert table.conditions()["0002_index"] == "pending"


def test_an_invalid_index_of_that_name_on_another_table_is_not_dropped(table):
    table.connection.execute("CREATE TABLE other (x int)")
    leave_invalid_index(table, "other")

    with pytest.raises(MigrationFailed, match="already exists"):
        table.migrate()

    assert table.rows("SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = 'a_x'::regclass") == ["other"]


def test_a_unique_index_that_the_rows_refuse_leaves_nothing(table):
    """Neither the invalid index, nor the intent, nor yoyo's lock; and the mended rows are enough for the next run."""
    table.connection.execute("INSERT INTO a VALUES (3, 7)")
    index(table, "UNIQUE INDEX")

    with pytest.raises(
        MigrationFailed, match=r'0002_index\.sql:2: could not create unique index "a_x" \(23505\)'
    ) as caught:
        table.migrate()

    assert "detail: Key (x)=(7) is duplicated." in caught.value.what
    assert table.rows(INDEXES) == []
    assert table.rows(STATES) == [("0001_a", "applied")]
    assert table.rows("SELECT * FROM yoyo_lock") == []

    table.connection.execute("DELETE FROM a WHERE id = 3")
    assert table.migrate().changed == ("0002_index",)


def test_a_lock_in_the_way_is_tried_again_and_the_index_is_built_once_it_is_gone(table):
    table.choose(lock_timeout="50ms", lock_attempts=3)
    holder = table.session(autocommit=False)
    holder.execute("INSERT INTO a VALUES (3, 9)")

    def let_go(event):
        if event.kind == "retrying":
            holder.rollback()

    assert table.migrate(notify=let_go).changed == ("0002_index",)
    assert table.rows(INDEXES) == [("a_x", True)]


def test_a_lock_that_stays_ends_the_run_and_the_next_one_clears_up(table):
    """What the build left cannot be dropped while the lock is there: the intent says that there is something."""
    table.choose(lock_timeout="150ms", lock_attempts=3)
    holder = table.session(autocommit=False)
    holder.execute("INSERT INTO a VALUES (3, 9)")

    with pytest.raises(LockTimeout, match=f"in its way: server process {holder.info.backend_pid} "):
        table.migrate()

    assert table.rows(INDEXES) == [("a_x", False)]
    assert table.conditions()["0002_index"] == "interrupted"
    assert table.rows("SELECT * FROM yoyo_lock") == []
    assert table.rows("SHOW lock_timeout") == ["0"]

    holder.rollback()
    assert table.migrate().changed == ("0002_index",)
    assert table.rows(INDEXES) == [("a_x", True)]


def test_limits_of_the_header_are_obeyed_and_do_not_stay(table):
    index(table, header="-- statement_timeout: 1ms\n")
    table.connection.execute("INSERT INTO a SELECT n, n FROM generate_series(10, 50000) AS n")

    with pytest.raises(MigrationFailed, match="57014"):
        table.migrate()

    assert table.rows("SHOW statement_timeout") == ["0"]
    assert table.rows(INDEXES) == []


def test_a_rollback_that_builds_an_index_is_finished_by_the_next_run(table):
    """A drop of an index, undone: the killed run had built it again and could not say so."""
    table.migrate()
    table.add(
        "0003_drop",
        "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS a_x;\n",
        "CREATE INDEX CONCURRENTLY a_x ON a (x);\n",
    )
    table.migrate()
    table.connection.execute("UPDATE _pgproof_migration SET state = 'running' WHERE migration_id = '0003_drop'")
    table.connection.execute("CREATE INDEX a_x ON a (x)")
    assert (
        table.entries()[-1].note
        == "its rollback was interrupted: `inv db.rollback` finishes it, `inv db.migrate` takes it back"
    )

    assert table.roll_back(steps=1).changed == ("0003_drop",)

    assert table.rows(INDEXES) == [("a_x", True)]
    assert table.conditions()["0003_drop"] == "pending"


def test_a_rollback_that_is_refused_leaves_its_migration_applied(table):
    table.migrate()
    table.put("0002_index.rollback.sql", "CREATE INDEX CONCURRENTLY a_x ON a (x);\n")

    with pytest.raises(MigrationFailed, match=r'0002_index\.rollback\.sql:1: relation "a_x" already exists'):
        table.roll_back(steps=1)

    assert table.conditions()["0002_index"] == "applied"
    assert table.rows(STATES) == [("0001_a", "applied"), ("0002_index", "applied")]
    assert table.rows("SELECT * FROM yoyo_lock") == []


def test_a_value_is_added_to_an_enum_twice_without_harm(project):
    project.add("0001_mood", "CREATE TYPE mood AS ENUM ('calm');\n", "DROP TYPE mood;\n")
    header = "-- transactional: false\n-- irreversible: Postgres cannot take a value away\n"
    project.put("0002_wild.sql", f"{header}ALTER TYPE mood ADD VALUE IF NOT EXISTS 'wild';\n")
    project.migrate()
    project.connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0002_wild'")
    project.connection.execute("UPDATE _pgproof_migration SET state = 'running' WHERE migration_id = '0002_wild'")

    assert project.migrate().changed == ("0002_wild",)
    assert project.rows("SELECT enum_range(NULL::mood)::text") == ["{calm,wild}"]


def test_the_migrations_after_it_run_in_transactions_again(table):
    table.add("0003_c", *make_table("c"))
    table.add("0004_d", "CREATE TABLE d ();\nSELECT 1 / 0;\n")

    with pytest.raises(MigrationFailed):
        table.migrate()

    assert table.tables() == ["a", "c"]
