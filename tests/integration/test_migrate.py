"""What a run of migrations does, what it says when Postgres refuses, and what it leaves behind."""

import re
import threading

import psycopg
import pytest
from psycopg import errors

from pgproof.errors import LockTimeout, MigrationError, MigrationFailed, SqlFileError
from pgproof.migrations import Outcome, fetch_ledger, find_pending
from pgproof.pg.database import connect
from tests.project import Project, make_table


def failure(project: Project, **options) -> MigrationFailed:
    with pytest.raises(MigrationFailed) as caught:
        project.migrate(**options)
    return caught.value


def place(error: MigrationError) -> str:
    assert error.at
    return f"{error.at.path.name}:{error.at.line}"


def test_migrations_are_applied_in_order_and_recorded(project):
    for id in ("0001_a", "0002_b"):
        project.add(id, *make_table(id[5:]))

    outcome = project.migrate()

    assert outcome.changed == ("0001_a", "0002_b")
    assert project.tables() == ["a", "b"]
    assert project.conditions() == {"0001_a": "applied", "0002_b": "applied"}
    assert all(each.row and each.row.took is not None for each in project.entries())
    assert [(each.kind, each.id) for each in project.events] == [
        ("begun", "0001_a"),
        ("applied", "0001_a"),
        ("begun", "0002_b"),
        ("applied", "0002_b"),
    ]


def test_a_second_run_does_nothing(project):
    project.add("0001_a", *make_table("a"))
    project.migrate()

    assert project.migrate().changed == ()


def test_a_run_ends_with_the_migration_that_is_asked_for(project):
    for id in ("0001_a", "0002_b", "0003_c"):
        project.add(id, *make_table(id[5:]))

    assert project.migrate(to="0002").changed == ("0001_a", "0002_b")
    assert project.tables() == ["a", "b"]


def test_an_unknown_target_is_an_error_and_nothing_is_touched(project):
    project.add("0001_a", *make_table("a"))

    with pytest.raises(MigrationError, match="there is no migration 0009"):
        project.migrate(to="0009")

    assert fetch_ledger(project.connection).schema is None


@pytest.fixture
def writer(project):
    """Name of a role that may make what it likes, and nothing else yet."""
    name = f"writer_of_{project.connection.info.dbname}"
    owner = project.connection
    owner.execute(f"CREATE ROLE {name}; GRANT ALL ON SCHEMA public TO {name}")
    yield name
    owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


# A refused statement


def test_what_failed_leaves_nothing_and_what_was_before_stays(project):
    project.add("0001_a", *make_table("a"))
    project.add("0002_b", "CREATE TABLE b ();\nINSERT INTO a VALUES (1);\nSELECT 1 / 0;\n")
    project.add("0003_c", *make_table("c"))

    failure(project)

    assert project.tables() == ["a"]
    assert project.rows("SELECT * FROM a") == []
    assert project.conditions() == {"0001_a": "applied", "0002_b": "pending", "0003_c": "pending"}
    assert project.rows("SELECT migration_id FROM _yoyo_log") == ["0001_a"]
    assert project.rows("SELECT * FROM yoyo_lock") == []


def test_a_mended_migration_goes_on_where_the_run_stopped(project):
    project.add("0001_a", *make_table("a"))
    project.add("0002_b", "SELECT 1 / 0;\n")
    failure(project)
    project.add("0002_b", *make_table("b"))

    assert project.migrate().changed == ("0002_b",)


@pytest.mark.parametrize(
    ("sql", "line", "statement"),
    [
        ("SELECT nosuch;", 1, "SELECT nosuch"),
        ("SELECT 'ä€😀';\n\nSELECT 1,\n  nosuch;\nSELECT 2;", 4, "SELECT 1, nosuch"),
        ("SELECT 'ä€😀';\n\nSELECT\n  1 / 0;\nSELECT 2;", 3, "SELECT 1 / 0"),
        ("-- ä€😀\nSELECT 1; SELECT nosuch; SELECT 2;", 2, "SELECT nosuch"),
        ("-- ä€😀\nSELECT 1; SELECT 1 / 0; SELECT 2;", 2, "SELECT 1 / 0"),
        ("CREATE TABLE b (\n  id int,\n  c nosuch\n);\nCREATE TABLE c ();", 3, "CREATE TABLE b ( id int, c nosuch )"),
        ("SELECT 1;;\n/* a\n */\n-- d\nSELECT 1 / 0;", 5, "SELECT 1 / 0"),
        ("SELECT 1;\r\nSELECT 1 / 0;\r\n", 2, "SELECT 1 / 0"),
        ("DO $$ BEGIN\n  PERFORM 1;\n  PERFORM 1 / 0;\nEND $$;", 1, "DO $$ BEGIN PERFORM 1; PERFORM 1 / 0; END $$"),
        ("SELECT 1;\nCREATE TABLE pg_catalog.x ();", 2, "CREATE TABLE pg_catalog.x ()"),
        ("SELECT 1;\nSELECT generate_series(1, 3);\nSELECT 1 / 0", 3, "SELECT 1 / 0"),
    ],
)
def test_the_failing_statement_is_named_with_its_line(project, sql, line, statement):
    project.add("0001_a", sql)

    error = failure(project)

    assert place(error) == f"0001_a.sql:{line}"
    assert f"\n  statement: {statement}" in error.what


def test_sqlstate_detail_and_hint_are_the_servers(project):
    project.add(
        "0001_a", "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\n"
    )

    error = failure(project)

    assert isinstance(error.__cause__, errors.UniqueViolation)
    assert error.what.startswith('duplicate key value violates unique constraint "a_pkey" (23505)\n')
    assert "\n  detail: Key (id)=(1) already exists." in error.what
    assert place(error) == "0001_a.sql:3"


def test_the_servers_hint_and_context_are_passed_on(project):
    body = "RAISE EXCEPTION 'no' USING HINT = 'say yes', DETAIL = 'because';"
    project.add("0001_a", f"DO $$ BEGIN {body} END $$;")

    error = failure(project)

    assert error.hint == "say yes"
    assert "\n  detail: because\n  context: PL/pgSQL function inline_code_block line 1 at RAISE" in error.what


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER ROLE nosuch PASSWORD 'sesame';",
        "ALTER ROLE nosuch PASSWORD 'it''s sesame';",
        "ALTER ROLE nosuch PASSWORD E'it\\'s sesame';",
        "ALTER ROLE nosuch ENCRYPTED PASSWORD $x$sesame$x$;",
        "CREATE USER MAPPING FOR nosuch SERVER nosuch OPTIONS (user 'u', password 'sesame');",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=sesame dbname=d' PUBLICATION p WITH (slot_name = nosuch);",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password = ''open sesame''' PUBLICATION p WITH (nosuch = 1);",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE nosuch PASSWORD ''sesame'''; END $$;",
        "UPDATE nosuch SET password = 'sesame';",
    ],
)
def test_a_password_is_not_shown(project, sql):
    project.add("0001_a", sql)

    error = failure(project)

    assert "sesame" not in str(error)
    assert "***" in error.what


def test_a_column_called_password_is_shown(project):
    project.add("0001_a", "CREATE TABLE a (password text, other nosuch);")

    assert "CREATE TABLE a (password text, other nosuch)" in failure(project).what


def test_a_constraint_that_is_checked_at_the_end_is_not_called_a_ledger_error(project):
    up = (
        "CREATE TABLE a (id int PRIMARY KEY, up int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO a VALUES (1, 2);\n"
    )
    project.add("0001_a", up)

    error = failure(project)

    assert error.what.startswith('insert or update on table "a" violates foreign key constraint "a_up_fkey" (23503)')
    assert (project.tables(), project.conditions()) == ([], {"0001_a": "pending"})


def test_a_role_that_may_not_write_the_ledger_changes_nothing(project, writer):
    project.add("0001_a", *make_table("a"))
    project.migrate()
    project.add("0002_b", *make_table("b"))
    project.connection.execute(f"GRANT SELECT ON _pgproof_migration, _pgproof_repeatable TO {writer}")
    project.connection.execute(f"GRANT ALL ON yoyo_lock, _yoyo_migration, _yoyo_log TO {writer}")
    project.connection = project.session(options=f"-c role={writer}")

    error = failure(project)

    assert error.what == "the ledger could not be written: permission denied for table _pgproof_migration (42501)"
    assert project.tables() == ["a"]


# What a migration does to its session


def test_nothing_that_a_migration_sets_reaches_the_next_one_or_the_ledger(project, writer):
    project.connection.execute("CREATE SCHEMA other")
    setting = (
        f"SET search_path = other; SET work_mem = '7MB'; SET statement_timeout = '1h'; SET ROLE {writer};\n"
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n"
        "CREATE TEMP TABLE scratch (id int);\n"
        "LISTEN news;\n"
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1;\n"
    )
    project.add("0001_a", setting)
    project.add(
        "0002_b",
        "CREATE TABLE seen AS SELECT current_schema() AS schema, current_setting('work_mem') AS memory,"
        " current_setting('statement_timeout') AS patience, current_user = session_user AS at_home,"
        " current_setting('transaction_isolation') AS isolation, to_regclass('scratch') AS scratch,"
        " (SELECT count(*) FROM pg_cursors) + (SELECT count(*) FROM pg_listening_channels()) AS left;\n"
        "ALTER TABLE seen ADD PRIMARY KEY (schema);",
    )
    before = project.rows("SHOW work_mem")

    project.migrate()

    assert project.rows("SELECT * FROM seen") == [("public", *before, "0", True, "read committed", None, 0)]
    assert project.rows("SELECT migration_id FROM public._yoyo_migration ORDER BY 1") == ["0001_a", "0002_b"]
    assert project.rows("SELECT to_regclass('other._yoyo_migration')") == [None]


def test_what_a_failed_migration_set_is_undone(project):
    project.add("0001_a", "SET search_path = pg_catalog; SET ROLE pg_monitor; SELECT 1 / 0;")
    failure(project)

    assert project.rows("SELECT current_schema(), current_user = session_user") == [("public", True)]
    assert project.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_options_of_the_connection_survive_a_migration_that_resets_all(project):
    with connect(project.conninfo, options="-c work_mem=9MB") as connection:
        project.connection = connection
        project.add("0001_a", "SET work_mem = '7MB'; RESET ALL;")
        project.migrate()

        assert project.rows("SHOW work_mem") == ["9MB"]


def test_what_the_server_says_reaches_the_listener(project):
    project.add("0001_a", "DO $$ BEGIN RAISE NOTICE 'half of it'; RAISE WARNING 'odd'; END $$;")
    project.add("0002_b", "DROP TABLE IF EXISTS nosuch;")

    project.migrate()

    assert [(each.id, each.text) for each in project.events if each.kind == "notice"] == [
        ("0001_a", "NOTICE: half of it"),
        ("0001_a", "WARNING: odd"),
        ("0002_b", 'NOTICE: table "nosuch" does not exist, skipping'),
    ]


# Locks and limits


@pytest.fixture
def locked(project):
    """A project with table a, and a session that holds a lock on it."""
    project.add("0001_a", *make_table("a"))
    project.migrate()
    project.add("0002_b", "INSERT INTO a VALUES (1);\nALTER TABLE a ADD COLUMN b int;\n")
    project.choose(lock_timeout="50ms", lock_attempts=3)
    project.holder = project.session(autocommit=False, application_name="report")
    project.holder.execute("LOCK TABLE a IN SHARE MODE")
    return project


def test_a_lock_that_stays_is_tried_three_times_and_its_holder_named(locked):
    locked.choose(lock_timeout="150ms")  # long enough to be seen on a busy machine

    with pytest.raises(LockTimeout) as caught:
        locked.migrate()

    pid = locked.holder.info.backend_pid
    assert re.search(
        rf"met a lock in each of 3 attempts; in its way: server process {pid} \(.+ in report,", str(caught.value)
    )
    assert len(locked.told("retrying")) == 2
    assert isinstance(caught.value.__cause__, errors.LockNotAvailable)
    assert locked.conditions()["0002_b"] == "pending"


def test_a_lock_that_goes_away_only_costs_an_attempt(locked):
    def let_go(event):
        locked.events.append(event)
        if event.kind == "retrying":
            locked.holder.rollback()

    outcome = locked.migrate(notify=let_go)

    assert outcome.changed == ("0002_b",)
    assert locked.rows("SELECT id, b FROM a") == [(1, None)]
    assert len(locked.told("retrying")) == 1


def test_between_two_attempts_nobody_waits_behind_us(locked):
    """Each attempt is the whole transaction: what it did and locked before is undone."""
    seen = []

    def look(event):
        if event.kind == "retrying":
            seen.append(
                locked.holder.execute("SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass").fetchone()
            )

    with pytest.raises(LockTimeout):
        locked.migrate(notify=look)

    assert seen == [(1,), (1,)]  # the holder's own


def test_an_extension_that_the_server_does_not_ship_is_said_with_what_to_choose(project):
    project.add("0001_a", "CREATE EXTENSION nosuch_extension;\n")

    with pytest.raises(MigrationFailed, match="do not ship nosuch_extension: use --server=container"):
        project.migrate()


def test_a_migration_may_have_a_lock_timeout_of_its_own(locked):
    locked.choose(lock_timeout="1h", lock_attempts=1)
    locked.add("0002_b", "-- lock_timeout: 20ms\nALTER TABLE a ADD COLUMN b int;\n")

    with pytest.raises(LockTimeout):
        locked.migrate()


def test_a_locked_table_that_is_none_of_ours_does_not_hold_the_run_up_for_ever(locked):
    """To look at a table's indexes, as the sweep does, is to wait for its locks."""
    locked.holder.execute("LOCK TABLE a")
    locked.add("0002_b", *make_table("b"))

    locked.migrate()

    assert locked.conditions()["0002_b"] == "applied"
    (said,) = [event.text for event in locked.events if event.kind == "notice"]
    assert "the sweep of the catalog met a lock in each of 3 attempts" in said


def test_a_deadlock_is_tried_again(project):
    """The other session waits for us before we wait for it, so that it is we who find the deadlock."""
    project.add("0001_a", "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);")
    project.migrate()
    other = project.session(autocommit=False)
    other.execute("SET deadlock_timeout = '1h'; LOCK TABLE b IN SHARE MODE")
    theirs = f"SELECT FROM pg_locks WHERE relation = '{{}}'::regclass AND pid = {other.info.backend_pid}"
    holds_b, wants_a = theirs.format("b"), theirs.format("a")
    project.add(
        "0002_b",
        "SET LOCAL deadlock_timeout = '10ms';\nLOCK TABLE a;\n"
        f"DO $$ BEGIN WHILE EXISTS ({holds_b}) AND NOT EXISTS ({wants_a}) LOOP END LOOP; END $$;\n"
        "LOCK TABLE b;\n",
    )

    def want_a() -> None:
        project.wait_for("SELECT 1 FROM pg_locks WHERE relation = 'a'::regclass AND granted")
        other.execute("LOCK TABLE a IN SHARE MODE")
        other.rollback()

    thread = threading.Thread(target=want_a)
    thread.start()
    outcome = project.migrate()
    thread.join()

    assert outcome.changed == ("0002_b",)
    assert [each.partition(";")[0] for each in project.told("retrying")] == ["deadlock detected"]


def test_a_statement_that_takes_too_long_is_ended(project):
    project.choose(statement_timeout="30ms")
    project.add("0001_a", "SELECT 1;\nSELECT pg_sleep(60);\n")

    error = failure(project)

    assert place(error) == "0001_a.sql:2"
    assert error.what.startswith("canceling statement due to statement timeout (57014)")


def test_a_migration_may_have_a_statement_timeout_of_its_own(project):
    project.add("0001_a", "-- statement_timeout: 30ms\nSELECT pg_sleep(60);\n")
    assert "57014" in failure(project).what

    project.choose(statement_timeout="1ms")
    project.add("0001_a", "-- statement_timeout: 0\nSELECT pg_sleep(0.05);\n")
    project.migrate()


def test_no_limit_means_none_also_where_the_role_has_one(project):
    project.add("0001_a", "SELECT pg_sleep(0.3);\n")
    project.add("0002_b", "-- transactional: false\nVACUUM pg_class;\n", "VACUUM pg_class;\n")
    project.connection = project.session(options="-c statement_timeout=200ms")

    project.migrate()

    assert project.rows("SHOW statement_timeout") == ["200ms"]


# What the run leaves behind


def test_what_this_run_made_and_should_not_stay_is_a_failure(project):
    project.add("0001_a", "CREATE TABLE a (id int);\n", "DROP TABLE a;\n")

    outcome = project.migrate()

    assert [(each.rule, each.object) for each in outcome.failures] == [("no-primary-key", "table public.a")]
    assert outcome.notes == ()


def test_what_was_there_before_is_a_note(project):
    project.connection.execute("CREATE TABLE old (id int)")
    project.add("0001_a", *make_table("a"))

    outcome = project.migrate()

    assert [(each.rule, each.object) for each in outcome.notes] == [("no-primary-key", "table public.old")]
    assert outcome.failures == ()


def test_a_constraint_to_be_validated_later_is_a_note(project):
    project.add("0001_a", "CREATE TABLE a (id int PRIMARY KEY);\nALTER TABLE a ADD CHECK (id > 0) NOT VALID;\n")

    outcome = project.migrate()

    assert [each.rule for each in outcome.notes] == ["unvalidated-constraint"]
    assert outcome.failures == ()


def test_who_does_not_ask_what_is_left_behind_is_not_told(project):
    project.add("0001_a", "CREATE TABLE a (id int);\n", "ALTER TABLE a RENAME TO left_over;\n")

    forth, back = project.migrate(sweeps=False), project.roll_back(steps=1, sweeps=False)

    assert forth == Outcome(("0001_a",))
    assert back == Outcome(("0001_a",))


# Before and after the new code


POST = "-- phase: post\n"


@pytest.fixture
def phased(project):
    """Two for before the new code, one for after it, one that comes too late, and a view."""
    project.add("0001_a", *make_table("a"))
    project.add("0002_b", *make_table("b"))
    project.add("0003_c", POST + make_table("c")[0], make_table("c")[1])
    project.add("0004_d", *make_table("d"))
    project.put("repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT id FROM a;\n")
    return project


def to_do(project: Project, **options) -> tuple[list[str], list[str]]:
    todo, again = find_pending(project.folder, fetch_ledger(project.connection), **options)
    return [each.id for each in todo], [each.id for each in again]


def test_phase_pre_ends_before_the_first_that_waits_for_the_code_and_then_runs_the_repeatables(phased):
    assert phased.migrate(phase="pre").changed == ("0001_a", "0002_b", "v")
    assert phased.tables() == ["a", "b"]
    assert phased.conditions()["0004_d"] == "pending"


def test_phase_post_is_all_that_is_left(phased):
    phased.migrate(phase="pre")

    assert phased.migrate(phase="post").changed == ("0003_c", "0004_d", "v")
    assert phased.tables() == ["a", "b", "c", "d"]


def test_without_a_phase_all_is_applied_in_one_run(phased):
    assert phased.migrate().changed == ("0001_a", "0002_b", "0003_c", "0004_d", "v")


def test_a_second_run_in_phase_pre_does_nothing(phased):
    phased.migrate(phase="pre")

    assert phased.migrate(phase="pre").changed == ()


def test_phase_pre_runs_a_repeatable_that_changed_even_where_no_migration_is_for_it(phased):
    phased.migrate(phase="pre")
    phased.put("repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT id FROM b;\n")

    assert phased.migrate(phase="pre").changed == ("v",)


def test_what_waits_for_the_code_may_drop_what_a_repeatable_stands_on(project):
    """The repeatable that no longer needs it has run before, in phase pre."""
    project.add("0001_a", "CREATE TABLE a (id int PRIMARY KEY, old int);\n")
    project.put("repeatable/v.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT old FROM a;\n")
    project.migrate()
    project.add("0002_b", POST + "ALTER TABLE a DROP COLUMN old;\n")
    project.put("repeatable/v.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT id FROM a;\n")

    project.migrate(phase="pre")

    assert project.migrate(phase="post").changed == ("0002_b", "v")


def test_what_a_phase_would_do_is_what_find_pending_says(phased):
    assert to_do(phased) == (["0001_a", "0002_b", "0003_c", "0004_d"], ["v"])
    assert to_do(phased, phase="pre") == (["0001_a", "0002_b"], ["v"])
    assert to_do(phased, phase="post") == to_do(phased)

    phased.migrate(phase="pre")

    assert to_do(phased, phase="pre") == ([], [])
    assert to_do(phased, phase="post") == (["0003_c", "0004_d"], ["v"])


def test_a_target_within_a_phase_ends_it_without_repeatables(phased):
    assert to_do(phased, phase="pre", to="0001") == (["0001_a"], [])
    assert to_do(phased, phase="pre", to="0002") == (["0001_a", "0002_b"], [])
    assert phased.migrate(phase="pre", to="0003").changed == ("0001_a", "0002_b")
    assert phased.migrate(phase="post", to="0004").changed == ("0003_c", "0004_d", "v")


def test_a_post_migration_that_is_pending_alone_keeps_phase_pre_from_doing_anything(project):
    project.add("0001_a", POST + make_table("a")[0])

    assert project.migrate(phase="pre").changed == ()
    assert fetch_ledger(project.connection).schema is None


def test_what_is_wrong_with_a_later_phase_does_not_stop_this_one(phased):
    phased.add("0003_c", POST + "SELEC 1;\n")

    phased.migrate(phase="pre")

    with pytest.raises(SqlFileError):
        phased.migrate(phase="post")
