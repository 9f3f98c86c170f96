"""What a whole run of pytest promises: one server for all its processes, no waste, and nothing left behind."""

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from pgproof.pg.conninfo import url
from pgproof.pg.server import choose_server
from pgproof.settings import read_settings
from tests.suite import Suite

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: str) -> Suite:
    return Suite(pytester, monkeypatch, server)


@pytest.fixture
def waiting(suite: Suite) -> Iterator[subprocess.Popen[bytes]]:
    """A pytest in the midst of a test that does not end, on the server that stays."""
    suite.on_url()
    suite.test(
        """
        import signal

        @pytest.mark.pgproof(isolation="clone")
        def test_wait(connection):
            print("at work in", connection.info.dbname, flush=True)
            signal.pause()
        """,
        "test_waiting",
    )
    with suite.start("-s", "test_waiting.py") as process:
        yield process
        process.kill()


def database_of(waiting: subprocess.Popen[bytes]) -> str:
    assert waiting.stdout
    for line in waiting.stdout:
        if found := re.search(rb"at work in (\w+)", line):
            return found[1].decode()
    return pytest.fail("it ended before it was at work")


# One server


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_run_without_databases_pays_for_none(suite: Suite, workers: str):
    suite.write(
        "conftest.py",
        """
        import sys

        def pytest_unconfigure(config):
            names = [name for name in sys.modules if name.startswith(("psycopg", "pgproof.pg", "pgproof.migrations"))]
            assert names == []
        """,
    )
    suite.write("test_nothing.py", "def test_nothing(): pass")
    result = suite.run(workers, passed=1)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("pgproof: *")


@pytest.mark.parametrize("words", ["-n2", "-n2 --dist loadfile", "-n0", "-p no:xdist"])
def test_all_processes_of_a_run_share_one_server_which_is_gone_afterwards(suite: Suite, words: str):
    for name in ("test_one", "test_two"):
        suite.test(
            """
            @pytest.mark.parametrize("number", range(4))
            def test_where(connection, number):
                (folder,) = connection.execute("SHOW data_directory").fetchone()
                with open(f"seen-by-{os.getpid()}", "w") as file:
                    file.write(folder)
            """,
            name,
        )
    result = suite.run(*words.split(), passed=8)

    seen = [Path(each).read_text(encoding="utf-8") for each in suite.pytester.path.glob("seen-by-*")]
    assert len(seen) == (2 if "-n2" in words else 1)
    assert len(set(seen)) == 1
    assert not Path(seen[0]).exists()
    result.stdout.re_match_lines([rf"pgproof: PostgreSQL \S+, embedded, .*; clones: \d+ made, {8 - len(seen)} reused"])


def test_a_server_in_memory_is_said_to_be(suite: Suite):
    suite.test("def test_it(connection): pass")
    result = suite.run(passed=1)

    result.stdout.re_match_lines(
        [r"pgproof: PostgreSQL \S+, embedded, (in memory|on disk in /\S+, for .+); clones: .*"]
    )


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_a_server_that_cannot_be_had_is_told_by_each_test(suite: Suite, workers: str):
    suite.setenv(BINARIES="/nowhere")
    suite.test(
        """
        def test_one(connection): pass
        def test_two(database_url): pass
        """
    )
    result = suite.run(workers, errors=2)

    assert len(re.findall("^no PostgreSQL .*; found no postgres in /nowhere$", result.stdout.str(), re.MULTILINE)) == 2
    result.stdout.no_fnmatch_line("*Traceback*")


def test_production_is_not_tested_on(suite: Suite, monkeypatch: pytest.MonkeyPatch):
    suite.setenv(TARGET="prod")
    monkeypatch.setenv("PROD_CONNECTION_URL", url(suite.server, show_password=True))
    suite.test("def test_it(connection): pass")
    result = suite.run(errors=1)

    result.stdout.fnmatch_lines(["tests make and drop databases: never on target prod"])


@pytest.mark.parametrize(("database", "workers"), [("shop", "-n0"), ("postgres", "-n2")])
def test_somebody_else_s_server_has_no_templates_unless_asked(suite: Suite, database: str, workers: str):
    before = suite.databases("pgproof_template_")
    suite.on_url(database)
    suite.setenv(TEMPLATES="own")
    suite.write("migrations/0004_another.sql", f"SELECT '{uuid4()}';\n")
    suite.write("migrations/0004_another.rollback.sql", "SELECT 1;\n")
    suite.test(
        """
        @pytest.mark.parametrize("number", range(2))
        def test_it(database_url, connection, number):
            assert handles(connection) == ["andrew"]
            add(connection, "bayko")
        """
    )
    suite.run(workers, passed=2)

    assert suite.databases("pgproof_template_") == before
    assert suite.databases() == []


def test_ten_workers_build_one_template(suite: Suite):
    """A role belongs to the whole server: to make it twice would fail."""
    suite.on_url()
    role = f"only_{uuid4().hex}"
    suite.write("migrations/0004_create_role.sql", f"CREATE ROLE {role};\n")
    suite.write("migrations/0004_create_role.rollback.sql", f"DROP ROLE {role};\n")
    suite.test(
        """
        @pytest.mark.parametrize("number", range(10))
        def test_it(connection, number):
            assert handles(connection) == ["andrew"]
        """
    )
    try:
        suite.run("-n10", passed=10)
    finally:
        suite.execute(f"DROP ROLE IF EXISTS {role}")


# Nothing left behind


def test_five_hundred_tests_leave_no_database(suite: Suite):
    suite.on_url()
    suite.test(
        """
        @pytest.mark.parametrize("number", range(460))
        def test_in_a_transaction(connection, number):
            assert add(connection, "bayko") == 2

        @pytest.mark.parametrize("number", range(40))
        def test_on_a_clone(database_url, number):
            with psycopg.connect(database_url) as connection:
                if number % 2:
                    assert add(connection, "bayko") == 2
        """
    )
    suite.run("-n2", passed=500)

    assert suite.databases() == []


def test_a_worker_that_crashes_takes_nothing_along(suite: Suite):
    suite.on_url()
    suite.test(
        """
        import signal

        @pytest.mark.parametrize("number", range(8))
        def test_it(database_url, connection, number):
            assert add(connection, "bayko") == 2
            if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    result = suite.run("-n2", failed=1, passed=7)

    result.stdout.fnmatch_lines(["*test_it*3* crashed *"])
    assert suite.databases() == []


def test_what_a_killed_run_left_is_dropped_by_the_next(suite: Suite, waiting: subprocess.Popen[bytes]):
    left = database_of(waiting)
    waiting.send_signal(signal.SIGKILL)
    waiting.wait()
    suite.wait_until_left_alone(left)
    assert left in suite.databases()
    suite.test("def test_next(connection): assert handles(connection) == ['andrew']")
    suite.run("test_shop.py", passed=1)

    assert suite.databases() == []


def test_a_run_that_lives_is_left_alone(suite: Suite, waiting: subprocess.Popen[bytes]):
    """Also by tests of another project, whose own database is `postgres`: they are connected to template1."""
    lives = database_of(waiting)
    suite.test("def test_next(connection): assert handles(connection) == ['andrew']")
    for name in ("shop", "postgres"):
        suite.on_url(name)
        suite.run("test_shop.py", passed=1)

        assert lives in suite.databases()
    assert waiting.poll() is None


def test_an_interrupted_run_drops_its_own(suite: Suite, waiting: subprocess.Popen[bytes]):
    database_of(waiting)
    waiting.send_signal(signal.SIGINT)
    assert waiting.stdout
    assert b"KeyboardInterrupt" in waiting.stdout.read()
    waiting.wait()

    assert suite.databases() == []


def test_what_cannot_be_dropped_is_said_at_the_end(suite: Suite):
    suite.on_url()
    suite.test(
        """
        def test_it(database_url, connection):
            connection.execute(f"ALTER DATABASE {connection.info.dbname} IS_TEMPLATE true")
        """
    )
    result = suite.run(passed=1)

    (left,) = suite.databases()
    suite.execute(f"ALTER DATABASE {left} IS_TEMPLATE false")
    suite.drop([left])
    result.stdout.re_match_lines(
        [r"pgproof: .*; a test's database could not be dropped: cannot drop a template database"]
    )


# Keeping


def test_to_keep_a_database_tests_run_on_the_developer_s_server(suite: Suite, cache: Path):
    suite.setenv(CACHE=str(cache))
    suite.test("def test_fails(database_url): raise ValueError")
    settings = replace(read_settings(suite.pytester.path), cache=cache)
    try:
        result = suite.run("--pgproof-keep", failed=1)
        conninfo = choose_server(settings).find()
    finally:
        choose_server(settings).ensure_down()

    assert conninfo
    folder = re.search(r"host=(\S+)", conninfo)
    assert folder
    result.stdout.re_match_lines(
        [
            rf"its database is kept: postgresql://postgres@/pgproof_kept_test_fails_\w+\?host={folder[1].strip(chr(39))}&.*",
            r"pgproof: PostgreSQL \S+, embedded, the developer's own; clones: 1 made, 0 reused, 1 kept",
        ]
    )
