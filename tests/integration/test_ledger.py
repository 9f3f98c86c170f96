"""What the ledger says, to whom, and how it is mended on purpose; reading it creates and changes nothing."""

import threading

import pytest

from pgproof import migrations
from pgproof.errors import LedgerDrift, MigrationError
from pgproof.migrations import fetch_ledger, marks
from pgproof.pg.catalog import fetch_catalog
from tests.project import Project, make_table


@pytest.fixture
def two(project: Project) -> Project:
    """Two tables applied."""
    for id in ("0001_a", "0002_b"):
        project.add(id, *make_table(id[5:]))
    project.migrate()
    return project


def test_reading_an_empty_database_creates_nothing(project):
    project.add("0001_a", *make_table("a"))

    assert project.conditions() == {"0001_a": "pending"}
    assert project.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [0]


def test_reading_needs_no_right_to_write(two):
    role = f"reader_of_{two.connection.info.dbname}"
    two.connection.execute(f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        reader = two.session(options=f"-c role={role} -c default_transaction_read_only=on")

        assert list(fetch_ledger(reader).applied) == ["0001_a", "0002_b"]
    finally:
        two.connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_reading_needs_no_lock_while_a_migration_runs(two):
    """The migration holds yoyo's lock, its ledger row and an exclusive lock, and does not end before it was read."""
    read = two.session()
    gate = two.session(autocommit=False)
    gate.execute("SELECT pg_advisory_xact_lock(7)")
    two.add("0003_c", "DROP TABLE b;\nSELECT pg_advisory_xact_lock(7);\n")
    thread = threading.Thread(target=two.migrate)
    thread.start()
    two.wait_for("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted")
    read.execute("SET lock_timeout = '1ms'")

    entries = migrations.compare(two.folder.migrations, fetch_ledger(read))

    assert [each.condition for each in entries] == ["applied", "applied", "pending"]
    gate.rollback()
    thread.join()
    assert two.conditions()["0003_c"] == "applied"


def test_a_row_says_when_and_in_what_time(two):
    (row, *_) = fetch_ledger(two.connection).rows.values()

    assert two.connection.execute(
        "SELECT %s BETWEEN now() - '1 min'::interval AND now()", [row.applied_at]
    ).fetchone() == (True,)
    assert row.took is not None
    assert 0 < row.took < 60


def test_a_ledger_in_another_schema_than_this_session_would_use_is_an_error(two):
    two.connection.execute("CREATE SCHEMA app; SET search_path = app")

    with pytest.raises(
        MigrationError, match="there is a ledger in schema public, and this connection would use another"
    ):
        two.migrate()

    assert two.rows("SELECT to_regclass('app._yoyo_migration')") == [None]


def test_a_session_without_any_schema_is_told_so(project):
    project.add("0001_a", *make_table("a"))
    project.connection.execute("SET search_path = nosuch")

    with pytest.raises(MigrationError, match="no schema of this connection's search_path exists"):
        project.migrate()


def test_a_schema_of_its_own_may_hold_ledger_and_tables(project):
    project.connection.execute('CREATE SCHEMA "My App"')
    project.connection = project.session(options='-c search_path="My\\ App"', application_name="pgproof test")
    project.add("0001_a", *make_table("a"))

    project.migrate()

    assert project.rows("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'a'") == ['"My App"']
    assert project.conditions() == {"0001_a": "applied"}
    assert project.migrate().changed == ()


def test_yoyos_table_gone_and_ours_there_is_an_error(two):
    two.connection.execute("DROP TABLE _yoyo_migration")

    with pytest.raises(MigrationError, match="yoyo's _yoyo_migration is gone"):
        two.conditions()


# Mending on purpose


def test_a_marked_migration_is_applied_without_being_run(project):
    for id in ("0001_a", "0002_b"):
        project.add(id, *make_table(id[5:]))
    project.connection.execute("CREATE TABLE a (id int PRIMARY KEY)")

    marks.mark(project.connection, project.folder.migrations[:1], project.settings)

    assert project.conditions() == {"0001_a": "applied", "0002_b": "pending"}
    assert project.entries()[0].row
    assert project.rows("SELECT migration_id, operation FROM _yoyo_log") == [("0001_a", "mark")]
    assert project.migrate().changed == ("0002_b",)


def test_one_that_is_applied_already_is_not_marked_again(two):
    two.add("0003_c", *make_table("c"))

    with pytest.raises(MigrationError, match="already applied: 0001_a, 0002_b"):
        marks.mark(two.connection, two.folder.migrations, two.settings)

    assert two.conditions()["0003_c"] == "pending"


def test_an_unmarked_migration_is_forgotten_without_being_undone(two):
    marks.unmark(two.connection, ["0002_b"], two.settings)

    assert two.conditions() == {"0001_a": "applied", "0002_b": "pending"}
    assert two.tables() == ["a", "b"]
    assert "unmark" in two.rows("SELECT operation FROM _yoyo_log")


def test_one_that_the_ledger_does_not_know_cannot_be_unmarked(two):
    with pytest.raises(MigrationError, match="not in the ledger: 0009_x"):
        marks.unmark(two.connection, ["0002_b", "0009_x"], two.settings)

    assert two.conditions()["0002_b"] == "applied"


def test_a_missing_file_can_be_forgotten(two):
    (two.settings.migrations / "0002_b.sql").unlink()
    (two.settings.migrations / "0002_b.rollback.sql").unlink()
    with pytest.raises(LedgerDrift):
        two.migrate()

    marks.unmark(two.connection, ["0002_b"], two.settings)

    assert two.migrate().changed == ()


def test_repair_accepts_other_words_and_not_another_meaning(two):
    two.put("0001_a.sql", "-- why\nCREATE TABLE a (id int PRIMARY KEY);\n")
    two.put("0002_b.sql", "CREATE TABLE b (id bigint PRIMARY KEY);\n")

    assert marks.repair(two.connection, two.folder.migrations, two.settings) == ["0001_a"]

    assert two.conditions() == {"0001_a": "applied", "0002_b": "edited"}


def test_repair_keeps_what_a_migration_took(two):
    (before, *_) = fetch_ledger(two.connection).rows.values()
    two.put("0001_a.sql", "-- why\nCREATE TABLE a (id int PRIMARY KEY);\n")

    marks.repair(two.connection, two.folder.migrations, two.settings)

    after = fetch_ledger(two.connection).rows["0001_a"]
    assert (after.took, after.applied_at) == (before.took, before.applied_at)


def test_mending_changes_nothing_but_the_ledger(two):
    before = fetch_catalog(two.connection)
    marks.unmark(two.connection, ["0002_b"], two.settings)
    marks.mark(two.connection, two.folder.migrations[1:], two.settings)

    assert fetch_catalog(two.connection) == before
    assert two.rows("SELECT * FROM yoyo_lock") == []
