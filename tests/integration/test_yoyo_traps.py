"""The 29 traps of yoyo 9 that were tried before pgproof was written, each with pgproof's outcome; `row` is its number.

What stock yoyo does in each is said in the docstring. Rows 11 to 15 (killed, cut off, killed at each point) need
processes to kill: they are in test_crash.py. Ten runners at once are in test_concurrent_runners.py.
"""

import inspect
import re
import threading
from contextlib import ExitStack

import pytest

from pgproof.errors import LedgerDrift, LockTimeout, MigrationError, MigrationFailed, SettingsError, SqlFileError
from pgproof.migrations import fetch_ledger, migrate, roll_back
from pgproof.pg.database import connect
from tests.project import Project, make_table

GATE = "SELECT pg_advisory_xact_lock(7);\n"
AT_THE_GATE = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"


@pytest.fixture
def two(project: Project) -> Project:
    """Two tables applied."""
    for id in ("0001_a", "0002_b"):
        project.add(id, *make_table(id[5:]))
    project.migrate()
    project.events.clear()
    return project


@pytest.fixture
def second(project: Project):
    """Another runner of the same project, with a connection of its own."""
    with ExitStack() as stack:
        yield Project(project.conninfo, project.settings, stack)


def remove(project: Project, id: str) -> None:
    for ending in (".sql", ".rollback.sql"):
        (project.settings.migrations / f"{id}{ending}").unlink()


def untouched(project: Project) -> bool:
    """Whether nothing was made in the database, not even a ledger."""
    return project.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [0]


def test_row_1_an_edited_file_stops_the_run(two):
    """yoyo: nothing runs, exit code 0, `list` still says applied."""
    two.put("0001_a.sql", "CREATE TABLE a (id int PRIMARY KEY, more text);\n")
    two.add("0003_c", *make_table("c"))

    with pytest.raises(LedgerDrift, match=r"0001_a\.sql: it was edited after it was applied"):
        two.migrate()

    assert two.tables() == ["a", "b"]


def test_row_1_an_edit_of_comments_is_a_note_and_stops_nothing(two):
    two.put("0001_a.sql", f"-- why\n{make_table('a')[0]}")
    two.add("0003_c", *make_table("c"))

    assert two.conditions()["0001_a"] == "reworded"
    assert two.migrate().changed == ("0003_c",)


def test_row_1_an_edited_rollback_is_noted_and_is_what_runs(two):
    """yoyo: it runs, and nobody was told."""
    two.put("0002_b.rollback.sql", "DROP TABLE b CASCADE;\n")

    assert two.entries()[1].note == "its rollback was edited since"
    assert two.roll_back(steps=1).changed == ("0002_b",)


def test_row_2_a_renamed_file_stops_the_run(two):
    """yoyo: it runs again: DuplicateTable."""
    remove(two, "0002_b")
    two.add("0002_make_b", *make_table("b"))

    with pytest.raises(
        LedgerDrift, match=r"0002_b\.sql: it is applied, but the file is gone \(renamed to 0002_make_b\)"
    ):
        two.migrate()


def test_row_3_a_deleted_file_stops_the_run(two):
    """yoyo: it drops out of `list`, exit code 0."""
    remove(two, "0002_b")

    with pytest.raises(LedgerDrift, match=r"0002_b\.sql: it is applied, but the file is gone"):
        two.migrate()

    assert two.conditions() == {"0001_a": "applied", "0002_b": "missing"}


def test_row_3_a_folder_that_is_not_there_or_empty_is_an_error(project):
    """yoyo: `apply nosuchdir` has exit code 0."""
    with pytest.raises(MigrationError, match="there is no folder"):
        project.migrate()

    project.settings.migrations.mkdir()
    with pytest.raises(MigrationError, match="no migrations in"):
        project.migrate()


def test_row_4_a_late_number_stops_the_run(two):
    """yoyo: 0002 is applied after 0003; the next rollback undoes 0003, which was not the last."""
    two.add("0004_d", *make_table("d"))
    two.migrate()
    two.add("0003_c", *make_table("c"))

    with pytest.raises(LedgerDrift, match=r"0003_c\.sql: it is not applied, but a later one is"):
        two.migrate()

    assert two.tables() == ["a", "b", "d"]


def test_row_5_an_order_of_text_that_is_not_the_order_of_numbers_stops_the_run(project):
    """yoyo: 10.x runs before 9.x."""
    project.add("9.a", *make_table("a"))
    project.add("10.b", *make_table("b"))

    with pytest.raises(SqlFileError, match=r"9\.a\.sql: by name it comes after 10\.b, by number before"):
        project.migrate()

    assert untouched(project)


def test_row_6_a_missing_rollback_stops_the_run(project):
    """yoyo: rollback has exit code 0 and takes the row, the table stays."""
    project.put("0001_a.sql", make_table("a")[0])

    with pytest.raises(SqlFileError, match=r"0001_a\.sql:1: there is no rollback"):
        project.migrate()

    assert untouched(project)


def test_row_6_a_rollback_that_went_missing_undoes_nothing(two):
    (two.settings.migrations / "0002_b.rollback.sql").unlink()

    with pytest.raises(MigrationError, match=r"0002_b\.sql: there is no rollback"):
        two.roll_back()

    assert two.tables() == ["a", "b"]
    assert two.conditions() == {"0001_a": "applied", "0002_b": "applied"}


def test_row_7_a_range_needs_no_depends(two):
    """yoyo: `rollback -r 0002` without depends leaves 0003 applied, `apply -r 0003` applies 0003 alone."""
    two.add("0003_c", *make_table("c"))
    two.add("0004_d", *make_table("d"))

    assert two.migrate(to="0003").changed == ("0003_c",)
    assert two.roll_back(to="0001").changed == ("0003_c", "0002_b")
    assert two.migrate(to="0003").changed == ("0002_b", "0003_c")


def test_row_8_redo_goes_back_and_then_forth(two):
    """yoyo: `reapply` applies 0002 before 0001."""
    two.roll_back()
    two.migrate()

    assert [(each.kind, each.id) for each in two.events if each.kind != "begun"] == [
        ("rolled back", "0002_b"),
        ("rolled back", "0001_a"),
        ("applied", "0001_a"),
        ("applied", "0002_b"),
    ]


def test_row_9_of_two_runners_one_applies_and_the_other_waits_and_says_for_whom(project, second):
    gate = project.session(autocommit=False)
    project.add("0001_a", make_table("a")[0] + GATE, make_table("a")[1])
    gate.execute(GATE)
    run = threading.Thread(target=project.migrate)
    run.start()
    project.wait_for(AT_THE_GATE)
    told = []

    def let_in(event):
        told.append(event)
        if event.kind == "waiting":
            gate.rollback()

    outcome = second.migrate(notify=let_in)
    run.join()

    assert outcome.changed == ()
    assert project.tables() == ["a"]
    assert project.rows("SELECT migration_id, operation FROM _yoyo_log") == [("0001_a", "apply")]
    assert [each.kind for each in told] == ["waiting"]
    assert re.search(rf"server process {project.connection.info.backend_pid}, from \S+ since 20", told[0].text)


def test_row_10_who_waits_in_vain_is_told_for_whom_and_reading_needs_no_lock(project, second):
    """yoyo: LockTimeout with a traceback after 11 seconds; `list` fails too, and for a role with SELECT always."""
    gate = project.session(autocommit=False)
    project.add("0001_a", make_table("a")[0] + GATE, make_table("a")[1])
    gate.execute(GATE)
    run = threading.Thread(target=project.migrate)
    run.start()
    project.wait_for(AT_THE_GATE)
    second.choose(runner_wait=0.05)

    pid = project.connection.info.backend_pid
    with pytest.raises(LockTimeout, match=rf"another runner holds the lock: pgproof \(server process {pid}, from "):
        second.migrate()
    reader = second.session(options="-c default_transaction_read_only=on -c statement_timeout=5s")
    assert fetch_ledger(reader).applied == {}

    gate.rollback()
    run.join()


def test_row_16_a_failure_in_the_middle_keeps_what_was_before_and_nothing_of_itself(two):
    """yoyo: the same; it is how it should be."""
    two.add("0003_c", *make_table("c"))
    two.add("0004_d", f"{make_table('d')[0]}SELECT 1 / 0;\n")
    two.add("0005_e", *make_table("e"))

    with pytest.raises(MigrationFailed, match=r"0004_d\.sql:2: division by zero \(22012\)"):
        two.migrate()

    assert two.tables() == ["a", "b", "c"]
    assert list(two.conditions().values()) == ["applied", "applied", "applied", "pending", "pending"]
    assert two.rows("SELECT * FROM yoyo_lock") == []


def test_row_17_there_is_no_force():
    """yoyo: `--force` marks a migration as applied whose statement failed."""
    for act in (migrate, roll_back):
        assert "force" not in inspect.signature(act).parameters


def test_row_18_several_statements_without_a_transaction_stop_the_run(project):
    """yoyo: pairs them with the rollback's by position; one line more or less, and a table stays behind."""
    project.add("0001_a", f"-- transactional: false\n{make_table('a')[0]}{make_table('b')[0]}")

    with pytest.raises(SqlFileError, match=r"0001_a\.sql:3: 2 statements without a transaction"):
        project.migrate()

    assert untouched(project)


def test_row_19_a_rollback_without_transaction_that_fails_runs_nothing_forward(two):
    """yoyo: it runs the forward statements again."""
    header = "-- transactional: false\n"
    two.add("0003_i", f"{header}CREATE INDEX CONCURRENTLY i ON a (id);\n", "DROP INDEX CONCURRENTLY IF EXISTS i;\n")
    two.migrate()
    two.connection.execute("DROP INDEX i; CREATE VIEW i AS SELECT 1 AS n")  # now the rollback must fail

    with pytest.raises(MigrationFailed, match=r'0003_i\.rollback\.sql:1: "i" is not an index'):
        two.roll_back(steps=1)

    assert two.rows("SELECT relkind::text FROM pg_class WHERE relname = 'i'") == ["v"]
    assert two.conditions()["0003_i"] == "applied"


def test_row_20_an_invalid_index_is_not_taken_for_a_good_one(two):
    """yoyo: the index of a failed CREATE UNIQUE INDEX CONCURRENTLY stays, and IF NOT EXISTS is content with it."""
    two.connection.execute("ALTER TABLE a ADD COLUMN x int; INSERT INTO a VALUES (1, 7), (2, 7)")
    index = "-- transactional: false\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a (x);\n"
    two.add("0003_i", index, "DROP INDEX CONCURRENTLY IF EXISTS a_x;\n")
    with pytest.raises(MigrationFailed, match="could not create unique index"):
        two.migrate()
    two.connection.execute("DELETE FROM a WHERE id = 2")

    two.migrate()

    assert two.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_x'::regclass") == [True]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-- transactional: false  \nVACUUM;", 1),
        ("-- transactional: no\nVACUUM;", 1),
        ("-- Transactional: false\nVACUUM;", 1),
        ("SELECT 1;\n-- transactional: false\nSELECT 2;", 2),
        ("/* why */\n-- transactional: false\nVACUUM;", 2),
        ("-- depends: the one before\nSELECT 1;", 1),
        ("\ufeff-- transactional: false\nVACUUM;", 1),
    ],
)
def test_row_21_a_directive_that_yoyo_would_misread_stops_the_run(project, text, line):
    """yoyo: KeyError, silently transactional, BadMigration or a syntax error."""
    project.add("0001_a", text)

    with pytest.raises(SqlFileError, match=rf"0001_a\.sql:{line}: "):
        project.migrate()

    assert untouched(project)


def test_row_21_a_directive_in_a_rollback_stops_the_run(project):
    """yoyo: ignores it."""
    project.add("0001_a", make_table("a")[0], f"-- transactional: false\n{make_table('a')[1]}")

    with pytest.raises(SqlFileError, match=r"0001_a\.rollback\.sql:1: `transactional:` says nothing in a rollback"):
        project.migrate()

    assert untouched(project)


def test_row_21_windows_line_ends_are_fine(project):
    header = "-- transactional: false\r\n"
    project.add("0001_a", "-- why\r\n\r\nCREATE TABLE a (id int PRIMARY KEY);\r\n", "DROP TABLE a;\r\n")
    project.add("0002_i", f"{header}CREATE INDEX CONCURRENTLY i ON a (id);\r\n", "DROP INDEX CONCURRENTLY IF EXISTS i;")

    assert project.migrate().changed == ("0001_a", "0002_i")


def test_row_22_transaction_control_stops_the_run(project):
    """yoyo: the first half is committed and not marked."""
    project.add("0001_a", f"{make_table('a')[0]}COMMIT;\n{make_table('b')[0]}")

    with pytest.raises(SqlFileError, match=r"0001_a\.sql:2: COMMIT would end the transaction"):
        project.migrate()

    assert untouched(project)


def test_row_22_transaction_control_inside_a_body_is_refused_by_the_server(project):
    project.add("0001_a", f"{make_table('a')[0]}DO $$ BEGIN COMMIT; END $$;\n")

    with pytest.raises(MigrationFailed, match=r"0001_a\.sql:2: invalid transaction termination \(2D000\)"):
        project.migrate()

    assert project.tables() == []


@pytest.mark.parametrize("line", ["\\d users", "COPY a FROM stdin;", "COPY a TO stdout;"])
def test_row_23_what_only_psql_understands_stops_the_run(project, line):
    """yoyo: a syntax error, or `another command is already in progress`."""
    project.add("0001_a", f"{make_table('a')[0]}{line}\n")

    with pytest.raises(SqlFileError, match=r"0001_a\.sql:2: "):
        project.migrate()

    assert untouched(project)


@pytest.mark.parametrize(
    "text",
    ["/* a /* nested; */ comment */\nSELECT 1;\nSELECT 2;", "CREATE TABLE a (declare int);\nSELECT 1;\nSELECT 2;"],
)
def test_row_24_a_text_that_yoyo_splits_otherwise_stops_the_run(project, text):
    """yoyo: a syntax error, or three statements become one."""
    project.add("0001_a", text)

    with pytest.raises(SqlFileError, match="yoyo would split this file into other statements"):
        project.migrate()

    assert untouched(project)


def test_row_24_bodies_are_run_as_they_are(project):
    up = (
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END; $f$;\n"
        "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\n"
        "CREATE TABLE a (id int PRIMARY KEY);\n"
        "CREATE RULE r AS ON DELETE TO a DO ALSO (SELECT 1; SELECT 2);\n"
    )
    project.add("0001_a", up, "DROP TABLE a;\nDROP FUNCTION f();\nDROP FUNCTION g();\n")

    project.migrate()

    assert project.rows("SELECT f() + g()") == [3]


def test_row_25_a_hook_stops_the_run(two):
    """yoyo: `post-apply.sql` that failed once is never run again."""
    two.put("post-apply.sql", "GRANT SELECT ON a TO PUBLIC;\n")

    with pytest.raises(SqlFileError, match=r"post-apply\.sql: post-apply hooks are not run"):
        two.migrate()


def test_row_25_a_repeatable_that_failed_runs_again_and_also_when_nothing_is_pending(two):
    two.put("repeatable/grants.sql", "GRANT SELECT ON a TO nosuch;\n")
    with pytest.raises(MigrationFailed, match='role "nosuch" does not exist'):
        two.migrate()
    two.put("repeatable/grants.sql", "GRANT SELECT ON a TO PUBLIC;\n")

    assert two.migrate().changed == ("grants",)


def test_row_26_a_run_after_a_failed_one_takes_its_locks_again(two):
    """yoyo: the second `with backend.lock()` of that process takes no lock."""
    two.add("0003_c", "SELECT 1 / 0;\n")
    with pytest.raises(MigrationFailed):
        two.migrate()
    two.add("0003_c", "CREATE TABLE seen AS SELECT pid FROM yoyo_lock;\nALTER TABLE seen ADD PRIMARY KEY (pid);\n")
    look = two.session(application_name="pgproof's test")
    held = []

    two.migrate(
        notify=lambda _: held.append(look.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory'").fetchall())
    )

    pid = two.connection.info.backend_pid
    assert held == [[(pid,)], [(pid,)]]
    assert two.rows("SELECT pid FROM seen") == [-pid]


def test_row_27_another_schema_than_before_stops_the_run(two):
    """yoyo: a second set of its tables there, and all migrations run again."""
    two.connection.execute("CREATE SCHEMA app")
    two.connection = two.session(options="-c search_path=app")

    with pytest.raises(
        MigrationError, match="there is a ledger in schema public, and this connection would use another"
    ):
        two.migrate()

    assert two.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'app'::regnamespace") == [0]


def test_row_27_what_only_yoyo_understands_in_a_url_is_refused():
    with pytest.raises(SettingsError, match=r"\?schema=, which only yoyo understands"):
        connect("postgresql://localhost/a?schema=app")


def test_row_28_what_a_migration_sets_does_not_reach_the_next_one(project):
    """yoyo: a connection for each migration, so the same."""
    project.add("0001_a", "SET search_path = pg_catalog;\nSET TIME ZONE 'Asia/Tokyo';\n")
    project.add("0002_b", *make_table("b"))

    project.migrate()

    assert project.tables() == ["b"]
    assert project.rows("SHOW TimeZone") != ["Asia/Tokyo"]


def test_row_29_percent_signs_and_colons_are_left_alone(project):
    """yoyo: the same."""
    values = "'100%', '%s %(a)s', ':x', '2026-01-01'::date::text, 7 % 4"
    project.add("0001_a", f"CREATE TABLE a AS SELECT array[{values.replace('7 % 4', '(7 % 4)::text')}] AS v;\n")

    project.migrate()

    assert project.rows("SELECT v FROM a") == [["100%", "%s %(a)s", ":x", "2026-01-01", "3"]]
