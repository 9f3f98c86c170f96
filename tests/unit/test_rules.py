from pathlib import Path

import pytest

from pgproof.migrations import rules
from pgproof.migrations.files import read_folder

WAY_BACK = "SELECT 1;\n"


def problems_of(folder: Path, up: str | bytes, down: str | bytes | None = WAY_BACK, name: str = "0002_b.sql"):
    """The problems of one migration that comes after 0001_a and before 0003_c."""
    texts = {"0001_a.sql": "SELECT 1;", "0003_c.sql": "SELECT 1;", name: up, f"{Path(name).stem}.rollback.sql": down}
    for each, text in texts.items():
        if text is not None:
            (folder / each).write_bytes(text if isinstance(text, bytes) else text.encode())
    migrations = read_folder(folder).migrations
    position = {each.id: index for index, each in enumerate(migrations)}
    found = rules.check(migrations[1], position)
    assert all(each.hint for each in found)
    return [f"{each.at.path.name}:{each.at.line}: {each.what}" for each in found]


def test_plain_sql_has_no_problem(tmp_path):
    up = "-- Why: b\n-- depends: 0001_a\n\nCREATE TABLE b (id int PRIMARY KEY);\nINSERT INTO b VALUES (1);\n"

    assert problems_of(tmp_path, up, "DROP TABLE b;\n") == []


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF true THEN RETURN 1; END IF; END $$; SELECT 2;",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3;",
        "CREATE RULE r AS ON INSERT TO a DO ALSO (SELECT 1; SELECT 2); SELECT 3;",
        "DO $x$ BEGIN PERFORM 1; END $x$; SELECT CASE WHEN true THEN 1 END; SELECT 2;",
        "COMMENT ON TABLE a IS 'begin; declare; it''s'; SELECT 1;",
        "SELECT '100%', '%s %(a)s', ':x', 'a'::text;",
        "SELECT '\n\\d is no command inside a text';",
        "COPY a FROM '/srv/a.csv';",
    ],
)
def test_sql_that_looks_special_and_is_not_has_no_problem(tmp_path, sql):
    assert problems_of(tmp_path, sql) == []


@pytest.mark.parametrize("sql", ["COMMIT;", "BEGIN;", "ROLLBACK;", "SAVEPOINT a;", "START TRANSACTION;", "END;"])
def test_transaction_control_is_refused(tmp_path, sql):
    (problem,) = problems_of(tmp_path, f"SELECT 1;\n{sql}\nSELECT 2;\n")

    word = sql.split()[0].rstrip(";")
    assert problem == f"0002_b.sql:2: {word} would end the transaction that carries the ledger row"


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT 1;\nDEALLOCATE ALL;", "2: it would take away what the runner prepared on this session"),
        ("SELECT 1;\nSELECT PG_ADVISORY_UNLOCK_ALL();", "2: it would release the runner lock"),
        ("DISCARD ALL;", "1: it would take away what the runner prepared on this session"),
        ("PREPARE p AS SELECT 1;", "1: it would still be there for the next migration"),
        ("SELECT 1;\nCOPY a FROM stdin;", "2: COPY FROM STDIN has no data to read here"),
        ("COPY a TO STDOUT;", "1: COPY TO STDOUT has nobody to read it here"),
        ("SELECT 1;\n\\d users\n", "2: \\d is a psql command"),
        ("SELECT 1;\n\n  \\set ON_ERROR_STOP on\n", "3: \\set is a psql command"),
        ("COPY a FROM stdin;\n\\.\n", "2: \\. is a psql command"),
        ("SELECT 1;\nSELEC 2;", '2: syntax error at or near "SELEC"'),
        ("-- nothing yet\n", "None: there is no statement in it"),
        (b"\xef\xbb\xbfSELECT 1;", "1: it begins with a byte order mark"),
        (b"SELECT 1;\nSELECT '\xff';", "2: it is not UTF-8"),
        (b"SELECT 1;\nSELECT 2;\0 SELECT 3;", "2: there is a zero byte in it"),
        ("-- depends: 0009_x\nSELECT 1;", "1: depends on 0009_x, which does not exist"),
        ("-- why\n-- depends: 0003_c\nSELECT 1;", "2: depends on 0003_c, which does not come before it"),
        ("-- depends: 0002_b\nSELECT 1;", "1: depends on 0002_b, which does not come before it"),
        ("-- transactional: no\nSELECT 1;", "1: transactional: 'no' is not valid"),
    ],
)
def test_what_runner_or_yoyo_cannot_bear_is_refused_with_its_line(tmp_path, sql, problem):
    assert f"0002_b.sql:{problem}" in problems_of(tmp_path, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;\n/* a /* nested; */ comment; */\nSELECT 2;",
        "SELECT 1;\nCREATE TABLE b (declare int);\nSELECT 2;\nSELECT 3;",
        "SELECT 1;\nSELECT 1 # 2; SELECT 3;",
        "SELECT 1;\nSELECT 'a\\'; SELECT 'b';",
    ],
)
def test_a_text_that_yoyo_would_split_otherwise_is_refused(tmp_path, sql):
    (problem,) = problems_of(tmp_path, sql)

    place, _, what = problem.partition(": ")
    assert place in ("0002_b.sql:2", "0002_b.sql:3")
    assert what == "yoyo would split this file into other statements than Postgres does"


def test_a_rollback_is_held_to_the_same_rules(tmp_path):
    found = problems_of(tmp_path, "SELECT 1;", "SELECT 1;\nCOMMIT;\n")

    assert found == ["0002_b.rollback.sql:2: COMMIT would end the transaction that carries the ledger row"]


def test_no_rollback_is_refused(tmp_path):
    assert problems_of(tmp_path, "SELECT 1;", None) == ["0002_b.sql:1: there is no rollback"]


def test_a_migration_may_say_why_there_is_no_way_back(tmp_path):
    assert problems_of(tmp_path, "-- irreversible: the rows are gone\nSELECT 1;", None) == []


@pytest.mark.parametrize("line", ["-- transactional: false", "-- Transactional: false", "-- lock_timeout: 1s"])
def test_a_directive_in_a_rollback_is_refused_because_nobody_obeys_it(tmp_path, line):
    (problem,) = problems_of(tmp_path, "SELECT 1;", f"-- why\n{line}\nSELECT 1;")

    assert problem.startswith("0002_b.rollback.sql:2:")
    assert "says nothing in a rollback" in problem


def test_a_directive_in_a_rollback_may_repeat_what_the_migration_says(tmp_path):
    up = "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON a (b);"
    down = "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS i;"

    assert problems_of(tmp_path, up, down) == []


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY i ON a (b);",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON a (b);",
        "DROP INDEX CONCURRENTLY IF EXISTS i;",
        "REINDEX TABLE CONCURRENTLY a;",
        "VACUUM a;",
        "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm';",
    ],
)
def test_one_statement_that_can_be_run_again_needs_no_transaction(tmp_path, sql):
    down = "DROP INDEX CONCURRENTLY IF EXISTS i;"

    assert problems_of(tmp_path, f"-- transactional: false\n{sql}", down) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE a SET b = b * 2;",
        "CREATE TABLE b ();",
        "CREATE INDEX CONCURRENTLY ON a (b);",
        "CREATE INDEX i ON a (b);",
        "DROP INDEX CONCURRENTLY i;",
        "ALTER TYPE mood ADD VALUE 'calm';",
    ],
)
def test_a_statement_that_cannot_be_run_again_needs_a_transaction(tmp_path, sql):
    down = "DROP INDEX CONCURRENTLY IF EXISTS i;"

    (problem,) = problems_of(tmp_path, f"-- transactional: false\n{sql}", down)

    assert problem == "0002_b.sql:2: this statement cannot be run again after a crash"


def test_two_statements_without_a_transaction_are_refused(tmp_path):
    up = "-- transactional: false\nVACUUM a;\nVACUUM b;"

    (problem,) = problems_of(tmp_path, up, "DROP INDEX CONCURRENTLY IF EXISTS i;")

    assert problem.startswith("0002_b.sql:3: 2 statements without a transaction")


def test_a_rollback_without_a_transaction_is_one_statement_too(tmp_path):
    up = "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON a (b);"

    (problem,) = problems_of(tmp_path, up, "DROP INDEX i;\nDROP INDEX j;")

    assert problem.startswith("0002_b.rollback.sql:2: 2 statements without a transaction")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import nothing_of_this_name\n", "it does not import: ModuleNotFoundError"),
        ("from yoyo import step\nstep(\n", "it does not import: SyntaxError"),
        ("__depends__ = {'0009_x'}\nfrom yoyo import step\nstep('SELECT 1')\n", "Could not resolve dependencies"),
        ("", "there is no step in it"),
        (
            "from yoyo import step\n__transactional__ = False\nstep('SELECT 1')\n",
            "__transactional__ = False is for SQL",
        ),
    ],
)
def test_a_python_migration_that_cannot_run_is_refused(tmp_path, text, problem):
    (found,) = problems_of(tmp_path, text, None, "0002_b.py")

    assert problem in found


def test_a_python_migration_is_read_again_when_it_changed(tmp_path):
    assert problems_of(tmp_path, "", None, "0002_b.py")
    assert not problems_of(tmp_path, "from yoyo import step\nstep('SELECT 1')\n", None, "0002_b.py")
    assert problems_of(tmp_path, "import nothing_of_this_name\n", None, "0002_b.py")


@pytest.mark.parametrize("steps", ["step('SELECT 1')", "group(step('SELECT 1'), step('SELECT 2'))"])
def test_a_python_migration_without_way_back_cannot_be_rolled_back(tmp_path, steps):
    (tmp_path / "0001_a.py").write_text(f"from yoyo import group, step\n{steps}\n", encoding="utf-8")
    (migration,) = read_folder(tmp_path).migrations

    assert rules.check(migration, {"0001_a": 0}) == []
    assert [each.what for each in rules.check_rollback(migration)] == ["there is no rollback"]


@pytest.mark.parametrize("steps", ["step('SELECT 1', 'SELECT 2')", "group(step('a'), step('b', 'c'))"])
def test_a_python_migration_with_way_back_can_be_rolled_back(tmp_path, steps):
    (tmp_path / "0001_a.py").write_text(f"from yoyo import group, step\n{steps}\n", encoding="utf-8")
    (migration,) = read_folder(tmp_path).migrations

    assert rules.check_rollback(migration) == []


def test_a_repeatable_may_do_without_rollback_and_runs_in_a_transaction(tmp_path):
    (tmp_path / "0001_a.sql").write_text("SELECT 1;", encoding="utf-8")
    (tmp_path / "repeatable").mkdir()
    path = tmp_path / "repeatable" / "view_b.sql"
    path.write_text("-- depends: 0001_a\nCREATE OR REPLACE VIEW b AS SELECT 1;", encoding="utf-8")
    assert rules.check(read_folder(tmp_path).repeatables[0], {"0001_a": 0}) == []

    path.write_text("-- transactional: false\nVACUUM a;", encoding="utf-8")

    (problem,) = rules.check(read_folder(tmp_path).repeatables[0], {"0001_a": 0})
    assert problem.what == "a repeatable runs in a transaction"
