"""The real `yoyo` command and pgproof on one database: each understands what the other did, and waits for it."""

import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import LockTimeout
from pgproof.migrations import marks
from tests.project import Project, make_table

YOYO = Path(sys.executable).with_name("yoyo")
GATE = "SELECT pg_advisory_xact_lock(7);\n"

# All that makes a table what it is to a program, of yoyo's four tables.
SHAPE = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relname ~ 'yoyo' AND c.relkind = 'r' ORDER BY c.relname, a.attnum
"""
KEYS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE conrelid::regclass::text ~ 'yoyo' AND contype <> 'n' ORDER BY 1, 2
"""
VERSION = "SELECT max(version) FROM _yoyo_version"


def command(project: Project, *words: str) -> list[str | Path]:
    parts = {name: str(value) for name, value in conninfo_to_dict(project.conninfo).items()}
    database = parts.pop("dbname")
    url = f"postgresql+psycopg:///{quote(database)}?{urlencode(parts)}"
    name, *options = words
    folder = project.settings.migrations
    return [YOYO, name, "--batch", "--no-config-file", "--database", url, *options, folder]


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(project, *words),
        cwd=project.settings.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def yoyo(project: Project, *words: str) -> str:
    """Run yoyo, which must succeed; return what it printed."""
    process = start(project, *words)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


def listed(project: Project) -> dict[str, str]:
    """What `yoyo list` says: A(pplied) or U(napplied), by id."""
    lines = [line.split() for line in yoyo(project, "list").splitlines()[2:]]
    return {id: status for status, id, *_ in lines}


def log(project: Project) -> list[tuple[str, str]]:
    return project.rows("SELECT migration_id, operation FROM _yoyo_log ORDER BY created_at_utc, migration_id")


@pytest.fixture
def four(project: Project) -> Project:
    """One migration of each kind: SQL, SQL of several statements and a body, without transaction, Python."""
    project.add("0001_a", *make_table("a"))
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;\n"
    project.add("0002_b", f"-- depends: 0001_a\n{make_table('b')[0]}{body}", "DROP FUNCTION f();\nDROP TABLE b;\n")
    index = "-- depends: 0002_b\n-- transactional: false\nCREATE INDEX CONCURRENTLY i ON b (id);\n"
    project.add("0003_i", index, "DROP INDEX CONCURRENTLY IF EXISTS i;\n")
    text = (
        "from yoyo import step\n__depends__ = {'0003_i'}\nstep('CREATE TABLE d (id int PRIMARY KEY)', 'DROP TABLE d')\n"
    )
    project.put("0004_d.py", text)
    return project


def test_yoyo_understands_what_pgproof_applied(four):
    four.migrate()
    before = log(four)

    assert listed(four) == dict.fromkeys(("0001_a", "0002_b", "0003_i", "0004_d"), "A")
    yoyo(four, "apply")

    assert log(four) == before


def test_yoyo_rolls_back_what_pgproof_applied_and_pgproof_sees_it(four):
    four.migrate()

    yoyo(four, "rollback", "--revision", "0002_b")

    assert four.tables() == ["a"]
    assert four.conditions() == {"0001_a": "applied", "0002_b": "pending", "0003_i": "pending", "0004_d": "pending"}
    assert four.migrate().changed == ("0002_b", "0003_i", "0004_d")


def test_pgproof_understands_what_yoyo_applied(four):
    yoyo(four, "apply")

    assert four.conditions() == dict.fromkeys(("0001_a", "0002_b", "0003_i", "0004_d"), "unchecked")
    assert four.migrate().changed == ()

    assert len(marks.repair(four.connection, four.folder.migrations, four.settings)) == 4
    assert set(four.conditions().values()) == {"applied"}


def test_pgproof_rolls_back_what_yoyo_applied_and_yoyo_sees_it(four):
    yoyo(four, "apply")

    assert four.roll_back(to="0001").changed == ("0004_d", "0003_i", "0002_b")

    assert four.tables() == ["a"]
    assert listed(four) == {"0001_a": "A", "0002_b": "U", "0003_i": "U", "0004_d": "U"}


def test_each_applies_what_the_other_left(four):
    yoyo(four, "apply", "--revision", "0001_a")
    assert four.migrate(to="0003").changed == ("0002_b", "0003_i")
    yoyo(four, "apply")

    assert [(id, operation) for id, operation in log(four)] == [
        ("0001_a", "apply"),
        ("0002_b", "apply"),
        ("0003_i", "apply"),
        ("0004_d", "apply"),
    ]
    assert four.conditions() == {"0001_a": "unchecked", "0002_b": "applied", "0003_i": "applied", "0004_d": "unchecked"}


def test_a_mark_of_one_is_a_mark_to_the_other(four):
    marks.mark(four.connection, four.folder.migrations[:1], four.settings)
    yoyo(four, "mark", "--revision", "0002_b")
    marks.unmark(four.connection, ["0001_a"], four.settings)

    assert listed(four) == {"0001_a": "U", "0002_b": "A", "0003_i": "U", "0004_d": "U"}
    assert [operation for _, operation in log(four)] == ["mark", "mark", "unmark"]


def test_the_tables_that_pgproof_makes_are_those_that_yoyo_makes(project):
    project.add("0001_a", *make_table("a"))
    yoyo(project, "list")
    theirs = [project.rows(query) for query in (SHAPE, KEYS, VERSION)]
    assert len({name for name, *_ in theirs[0]}) == 4
    project.connection.execute("DROP TABLE yoyo_lock, _yoyo_log, _yoyo_migration, _yoyo_version")

    project.migrate()

    assert [project.rows(query) for query in (SHAPE, KEYS, VERSION)] == theirs


def test_yoyo_upgrades_nothing_in_a_ledger_that_pgproof_made(project):
    project.add("0001_a", *make_table("a"))
    project.migrate()
    before = project.rows("SELECT * FROM _yoyo_version")

    yoyo(project, "list")

    assert project.rows("SELECT * FROM _yoyo_version") == before


# At the same time


YOYO_WAITS = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND query ~ 'INSERT INTO "yoyo_lock"' AND wait_event_type = 'Lock'
"""
YOYO_WORKS = "SELECT 1 FROM yoyo_lock WHERE pid > 0"
SOMEBODY_AT_THE_GATE = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"


@pytest.fixture
def gate(project):
    """A session that keeps the gate shut until it rolls back; yoyo's or ours, it looks like pgproof's."""
    session = project.session(autocommit=False, application_name="pgproof's test")
    session.execute(GATE)
    return session


def test_yoyo_waits_while_pgproof_migrates(project, gate):
    project.add("0001_a", make_table("a")[0] + GATE, make_table("a")[1])
    project.add("0002_b", *make_table("b"))
    run = threading.Thread(target=project.migrate)
    run.start()
    project.wait_for(SOMEBODY_AT_THE_GATE)

    with start(project, "apply") as process:
        project.wait_for(YOYO_WAITS)
        gate.rollback()
        output, _ = process.communicate(timeout=60)
    run.join()

    assert (process.returncode, output) == (0, "")
    assert log(project) == [("0001_a", "apply"), ("0002_b", "apply")]
    assert set(listed(project).values()) == {"A"}


def test_pgproof_waits_while_yoyo_migrates(project, gate):
    project.add("0001_a", make_table("a")[0] + GATE, make_table("a")[1])
    project.add("0002_b", *make_table("b"))
    project.put("repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT * FROM b;\n")

    with start(project, "apply") as process:
        project.wait_for(SOMEBODY_AT_THE_GATE)
        told = []

        def let_in(event):
            told.append(event)
            if event.kind == "waiting":
                gate.rollback()

        outcome = project.migrate(notify=let_in)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    assert told[0].text.startswith(f"yoyo, process {process.pid} ")
    assert outcome.changed == ("v",)
    assert log(project) == [("0001_a", "apply"), ("0002_b", "apply")]


def test_a_yoyo_that_came_between_two_migrations_is_waited_for(project):
    """It takes its lock while we apply the first; the second is still ours to apply, once the row is gone."""
    project.add("0001_a", *make_table("a"))
    project.add("0002_b", *make_table("b"))
    other = project.session()

    def interfere(event):
        project.events.append(event)
        if (event.kind, event.id) == ("applied", "0001_a"):
            other.execute("INSERT INTO yoyo_lock VALUES (1, now(), 4711)")
        if event.kind == "waiting":
            other.execute("DELETE FROM yoyo_lock")

    assert project.migrate(notify=interfere).changed == ("0001_a", "0002_b")
    (waited,) = project.told("waiting")
    assert waited.startswith("yoyo, process 4711 ")


def test_a_yoyo_that_does_not_end_is_named_and_nothing_is_touched(project):
    project.add("0001_a", *make_table("a"))
    project.migrate()
    project.add("0002_b", *make_table("b"))
    project.session().execute("INSERT INTO yoyo_lock VALUES (1, now(), 4711)")
    project.choose(runner_wait=0.05)

    with pytest.raises(LockTimeout, match=r"yoyo, process 4711 of an unknown host, since .+, holds its lock"):
        project.migrate()

    assert project.rows("SELECT pid FROM yoyo_lock") == [4711]
    assert project.conditions()["0002_b"] == "pending"


def test_a_lock_of_a_yoyo_that_is_gone_is_cleared(project):
    """No session is left that could be its own: ours and those of other runners are not."""
    project.add("0001_a", *make_table("a"))
    project.migrate()
    project.add("0002_b", *make_table("b"))
    owner = project.session()
    owner.execute("INSERT INTO yoyo_lock VALUES (1, now(), 4711)")
    owner.close()
    project.session(application_name="pgproof on another host")

    assert project.migrate().changed == ("0002_b",)
    assert project.rows("SELECT * FROM yoyo_lock") == []


def test_yoyo_is_not_kept_out_by_a_migration_that_failed(project):
    project.add("0001_a", *make_table("a"))
    project.add("0002_i", "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON nosuch (id);\n")
    project.put("0002_i.rollback.sql", "DROP INDEX CONCURRENTLY IF EXISTS i;\n")
    with pytest.raises(Exception, match="nosuch"):
        project.migrate()

    assert listed(project) == {"0001_a": "A", "0002_i": "U"}
