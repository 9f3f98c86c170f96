"""Migrations written in Python against yoyo's `step()`: the same promises as for SQL, on the same connection."""

import pytest

from pgproof.errors import LockTimeout, MigrationFailed, SqlFileError
from tests.project import Project, make_table

CALLABLES = """
from yoyo import step

def fill(connection):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO a SELECT * FROM generate_series(1, %s)", [3])

def empty(connection):
    connection.execute("DELETE FROM a")

__depends__ = {"0001_a"}
step(fill, empty)
"""

GROUPED = """
from yoyo import group, step

group([
    step("CREATE TABLE b (id int PRIMARY KEY)", "DROP TABLE b"),
    step("CREATE TABLE c (id int PRIMARY KEY REFERENCES b)", "DROP TABLE c"),
])
step("INSERT INTO nosuch VALUES (1)", ignore_errors="all")
step("INSERT INTO b VALUES (1)", "DELETE FROM b")
"""


@pytest.fixture
def table(project: Project) -> Project:
    """A table a, made by SQL."""
    project.add("0001_a", *make_table("a"))
    return project


def steps(project: Project, *lines: str) -> None:
    """Write 0002_b.py; each line is a line of it."""
    project.put("0002_b.py", "\n".join(("from yoyo import step", *lines, "")))


def failure(project: Project) -> MigrationFailed:
    with pytest.raises(MigrationFailed) as caught:
        project.migrate()
    return caught.value


def test_a_dependency_on_a_later_migration_stops_before_anything_runs(table):
    steps(table, "__depends__ = {'0003_c'}", "step('SELECT 1', 'SELECT 1')")
    table.add("0003_c", *make_table("c"))

    with pytest.raises(SqlFileError, match=r"0002_b\.py:1: depends on 0003_c, which does not come before it"):
        table.migrate()

    assert table.tables() == []


def test_a_step_of_sql_is_applied_recorded_and_undone(table):
    steps(table, "step('CREATE TABLE b (id int PRIMARY KEY)', 'DROP TABLE b')")

    assert table.migrate().changed == ("0001_a", "0002_b")
    assert table.tables() == ["a", "b"]
    assert table.rows("SELECT migration_id, operation FROM _yoyo_log WHERE migration_id ~ 'b'") == [("0002_b", "apply")]
    assert table.conditions()["0002_b"] == "applied"
    assert table.rows("SELECT * FROM yoyo_lock") == []

    assert table.roll_back(steps=1).changed == ("0002_b",)
    assert table.tables() == ["a"]


def test_a_step_may_be_a_function_of_the_connection(table):
    table.put("0002_b.py", CALLABLES)

    table.migrate()
    assert table.rows("SELECT id FROM a ORDER BY 1") == [1, 2, 3]

    table.roll_back(steps=1)
    assert table.rows("SELECT id FROM a") == []


def test_groups_are_undone_backwards_and_ignored_errors_are_ignored(table):
    table.put("0002_b.py", GROUPED)

    table.migrate()
    assert (table.tables(), table.rows("SELECT id FROM b")) == (["a", "b", "c"], [1])

    table.roll_back(steps=1)
    assert table.tables() == ["a"]


def test_what_a_select_returns_is_not_printed(table, capsys):
    steps(table, "step('SELECT 42 AS answer')")

    table.migrate()

    assert capsys.readouterr() == ("", "")


def test_one_that_does_not_import_stops_the_run_before_anything_is_touched(table):
    steps(table, "import nothing_of_this_name", "step('SELECT 1')")

    with pytest.raises(SqlFileError, match=r"0002_b\.py: it does not import: ModuleNotFoundError"):
        table.migrate()

    assert table.rows("SELECT to_regclass('a'), to_regclass('_yoyo_migration')") == [(None, None)]


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("step('CREATE TABLE b ()'); step('SELECT 1 / 0')", "division by zero (22012)"),
        ("step('CREATE TABLE b ()'); step('SELECT nosuch')", 'column "nosuch" does not exist (42703)'),
        ("step('CREATE TABLE b ()'); step(lambda connection: {}['x'])", "KeyError: 'x'"),
        ("step('CREATE TABLE b ()'); step(lambda connection: connection.execute('SELECT 1 / 0'))", "division by zero"),
    ],
)
def test_a_step_that_fails_leaves_nothing_and_is_told_with_its_file(table, step, what):
    steps(table, step)

    error = failure(table)

    assert error.at
    assert error.at.path.name == "0002_b.py"
    assert error.what.startswith(what)
    assert table.tables() == ["a"]
    assert table.conditions() == {"0001_a": "applied", "0002_b": "pending"}
    assert table.rows("SELECT * FROM yoyo_lock") == []


@pytest.mark.parametrize(
    "end",
    ["connection.commit()", "connection.rollback()", "connection.execute('COMMIT')", "connection.execute('ROLLBACK')"],
)
def test_a_step_may_not_end_the_transaction(table, end):
    steps(table, f"step(lambda connection: {end})")

    error = failure(table)

    assert "forbidden within a Transaction" in error.what or "a step ended the transaction" in error.what
    assert table.conditions()["0002_b"] == "pending"
    assert table.rows("SELECT * FROM yoyo_lock") == []


def test_a_step_that_commits_and_begins_again_is_found_out(table):
    steps(table, "step(lambda connection: connection.execute('COMMIT; BEGIN'))")

    assert "a step ended the transaction" in failure(table).what
    assert table.conditions()["0002_b"] == "pending"


def test_nothing_that_a_step_sets_reaches_the_ledger_or_the_next_migration(table):
    table.connection.execute("CREATE SCHEMA other")
    steps(table, "step(\"SET search_path = other; SET work_mem = '7MB'; SET ROLE pg_monitor; CREATE TEMP TABLE t ()\")")
    table.add(
        "0003_c",
        "CREATE TABLE seen AS SELECT current_schema() AS s, current_user = session_user AS u, to_regclass('t') AS t;\n"
        "ALTER TABLE seen ADD PRIMARY KEY (s);\n",
    )

    table.migrate()

    assert table.rows("SELECT s, u, t FROM seen") == [("public", True, None)]
    assert table.rows("SHOW work_mem") != ["7MB"]
    assert table.conditions()["0002_b"] == "applied"


def test_a_lock_in_the_way_of_a_step_is_tried_again(table):
    table.migrate()
    steps(table, "step('ALTER TABLE a ADD COLUMN b int')")
    table.choose(lock_timeout="20ms", lock_attempts=2)
    holder = table.session(autocommit=False)
    holder.execute("LOCK TABLE a IN ACCESS SHARE MODE")

    with pytest.raises(LockTimeout):
        table.migrate()

    holder.rollback()
    assert table.migrate().changed == ("0002_b",)


def test_a_file_that_was_mended_runs_in_the_same_process(table):
    steps(table, "step('SELECT 1 / 0')")
    failure(table)
    steps(table, "step('CREATE TABLE b (id int PRIMARY KEY)', 'DROP TABLE b')")

    assert table.migrate().changed == ("0002_b",)
    assert table.tables() == ["a", "b"]


def test_one_that_was_added_later_runs_in_the_same_process(table):
    steps(table, "step('SELECT 1')")
    table.migrate()
    table.put("0003_c.py", "from yoyo import step\n__depends__ = {'0002_b'}\nstep('SELECT 1')\n")

    assert table.migrate().changed == ("0003_c",)


def test_an_edit_of_its_comments_is_no_drift_and_another_step_is(table):
    steps(table, "step('SELECT 1')")
    table.migrate()

    steps(table, "# why", "step( 'SELECT 1' )")
    assert table.conditions()["0002_b"] == "reworded"

    steps(table, "step('SELECT 2')")
    assert table.conditions()["0002_b"] == "edited"


def test_one_without_way_back_is_refused_before_anything_is_undone(table):
    steps(table, "step('CREATE TABLE b (id int PRIMARY KEY)')")
    table.add("0003_c", *make_table("c"))
    table.migrate()

    with pytest.raises(SqlFileError, match=r"0002_b\.py: there is no rollback"):
        table.roll_back(steps=2)

    assert table.tables() == ["a", "b", "c"]
