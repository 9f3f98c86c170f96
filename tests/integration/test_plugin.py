"""What the fixtures and the marker promise to a test: a database as if it were the only one, and words when it errs."""

import re

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.pg.conninfo import url
from tests.suite import Suite

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: str) -> Suite:
    suite = Suite(pytester, monkeypatch, server)
    suite.on_url()
    return suite


def shown(result: pytest.RunResult) -> list[str]:
    """The Python files that tracebacks lead through."""
    return re.findall(r"^(\S+\.py):\d+: (?!unknown|database_url)", result.stdout.str(), re.MULTILINE)


# Isolation

# Every test begins as if it were the only one. Each leaves something else, and they run in any order.
ANY_ORDER = """
import random

def pytest_collection_modifyitems(items):
    random.Random(int(os.environ["SEED"])).shuffle(items)

LEFT = {
    "row": "INSERT INTO users (handle) VALUES ('bayko')",
    "id": "SELECT nextval('users_id_seq')",
    "table": "CREATE TABLE left_behind ()",
    "large object": "SELECT lo_create(0)",
    "setting": "SET work_mem = '1MB'",
    "role": "SET ROLE pg_monitor",
    "lock": "SELECT pg_advisory_lock(1)",
    "prepared": "PREPARE p AS SELECT 1",
    "temporary": "CREATE TEMPORARY TABLE mine ()",
    "cursor": "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "listener": "LISTEN news",
}
FACTS = '''
SELECT (SELECT array_agg(handle) FROM users), (SELECT last_value FROM users_id_seq),
  to_regclass('left_behind'), to_regclass('pg_temp.mine'), (SELECT count(*) FROM pg_largeobject_metadata),
  current_setting('work_mem'), current_user = session_user,
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
  (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE is_holdable),
  (SELECT count(*) FROM pg_listening_channels())
'''
AT_FIRST = (["andrew"], 1, None, None, 0, "4MB", True, 0, 0, 0, 0)

@pytest.fixture(autouse=True)
def fresh(connection):
    assert connection.execute(FACTS).fetchone() == AT_FIRST
    assert list(connection.notifies(timeout=0)) == []

@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_in_a_transaction(connection, left):
    connection.execute(left)
    connection.row_factory = psycopg.rows.scalar_row

@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
@pytest.mark.pgproof(isolation="clone")
def test_on_a_clone(connection, left):
    connection.execute(left)
    connection.row_factory = psycopg.rows.scalar_row

@pytest.mark.pgproof(isolation="clone")
def test_unheard(connection):
    connection.execute("LISTEN news")
    connection.execute("NOTIFY news")

@pytest.mark.parametrize("isolation", [pytest.param(each, marks=pytest.mark.pgproof(isolation=each))
                                       for each in ("transaction", "clone")])
class TestBrokenConnection:
    def test_closed(self, connection, isolation):
        add(connection, "bayko")
        connection.close()

    def test_ended(self, connection, isolation):
        add(connection, "bayko")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    def test_in_a_transaction_that_is_aborted(self, connection, isolation):
        connection.execute("SAVEPOINT s" if isolation == "transaction" else "BEGIN")
        add(connection, "bayko")
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nowhere")

    def test_in_the_midst_of_an_answer(self, connection, isolation):
        connection.pgconn.send_query(b"SELECT generate_series(1, 100000)")

    def test_in_a_pipeline(self, connection, isolation):
        connection.pgconn.enter_pipeline_mode()
"""


@pytest.mark.parametrize(("seed", "workers"), [("1", "-n0"), ("2", "-n0"), ("3", "-n2")])
def test_no_test_sees_what_another_one_left(suite: Suite, monkeypatch: pytest.MonkeyPatch, seed: str, workers: str):
    monkeypatch.setenv("SEED", seed)
    suite.write("conftest.py", "def pytest_configure(config): pass")
    suite.test(ANY_ORDER)
    suite.run(workers, passed=33)


def test_two_tests_that_insert_the_same_key_both_pass(suite: Suite):
    suite.test(
        """
        @pytest.mark.parametrize("again", range(2))
        def test_insert(connection, again):
            assert add(connection, "bayko") == 2

        @pytest.mark.parametrize("again", range(2))
        def test_commit(database_url, again):
            with psycopg.connect(database_url) as connection:
                assert add(connection, "bayko") == 2
            with psycopg.connect(database_url) as connection:
                assert handles(connection) == ["andrew", "bayko"]
        """
    )
    suite.run(passed=4)


def test_a_connection_kept_beyond_its_test_is_closed(suite: Suite):
    suite.test(
        """
        kept = []

        def test_first(connection):
            kept.append(connection)

        def test_second(connection):
            assert kept[0].closed
            assert not connection.closed
            with pytest.raises(psycopg.OperationalError, match="connection is closed"):
                kept[0].execute("SELECT 1")
        """
    )
    suite.run(passed=2)


def test_fixtures_of_one_test_share_its_database(suite: Suite):
    suite.test(
        """
        def test_session(connection, db, query, async_connection):
            add(connection, "bayko")
            assert [row["handle"] for row in query("handles")] == ["andrew", "bayko"]
            assert db.handles() == query("handles")
            assert async_connection.info.backend_pid == connection.info.backend_pid

        def test_database(database_url, connection):
            add(connection, "bayko")
            with psycopg.connect(database_url) as other:
                assert handles(other) == ["andrew", "bayko"]
        """
    )
    suite.run(passed=2)


# Reuse


def test_a_clone_that_was_only_read_is_given_again_and_one_that_was_written_is_not(suite: Suite):
    suite.test(
        """
        names = []

        @pytest.mark.parametrize("number", range(6))
        def test_name(database_url, number):
            with psycopg.connect(database_url) as connection:
                names.append(connection.info.dbname)
                if number == 3:
                    add(connection, "bayko")
            wait_until_left(database_url, names[-1])

        def wait_until_left(url, name):
            # a server process ends a moment after its client; the one that stays is the plugin's own
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
            until = time.monotonic() + 30
            with psycopg.connect(url, dbname="postgres", autocommit=True) as look:
                while look.execute(count, [name]).fetchone() != (1,):
                    assert time.monotonic() < until

        @pytest.mark.pgproof(isolation="clone")
        def test_again(connection):
            names.append(connection.info.dbname)

        def test_in_a_transaction(connection):
            names.append(connection.info.dbname)
            add(connection, "bayko")

        @pytest.mark.pgproof(isolation="clone")
        @pytest.mark.parametrize("again", range(2))
        def test_after_a_transaction(connection, again):
            names.append(connection.info.dbname)

        def test_names():
            assert len(set(names)) == 2
            assert len(set(names[:4])) == len(set(names[4:])) == 1
        """
    )
    result = suite.run(passed=11)

    result.stdout.re_match_lines([r"pgproof: PostgreSQL [\d.]+, given by URL; clones: \d made, 8 reused"])


def test_a_clone_that_somebody_is_still_connected_to_is_not_given_again(suite: Suite):
    suite.test(
        """
        names, others = [], []

        @pytest.mark.parametrize("again", range(2))
        def test_name(database_url, again):
            others.append(psycopg.connect(database_url))
            names.append(others[-1].info.dbname)

        def test_names():
            assert len(set(names)) == 2
            for each in others:
                each.close()
        """
    )
    suite.run(passed=3)


def test_a_clone_whose_session_has_died_meanwhile_is_not_given_again(suite: Suite):
    suite.test(
        """
        def test_before(connection): pass

        @pytest.mark.pgproof(seeds=False)
        def test_accident(connection):
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE starts_with(datname, %s) AND pid <> pg_backend_pid()",
                [connection.info.dbname[:-8]],
            )

        def test_afterwards(connection):
            assert handles(connection) == ["andrew"]
        """
    )
    suite.run(passed=3)


def test_clones_are_made_ahead(suite: Suite):
    """While the first test runs, two more clones come into being: one for the next, one for the test after that."""
    suite.test(
        """
        @pytest.mark.parametrize("again", range(2))
        def test_wait(database_url, again):
            with psycopg.connect(database_url, autocommit=True) as connection:
                if not again:
                    wait_for_clones(connection, 3)
        """
    )
    suite.run(passed=2)


def test_what_fails_in_the_background_is_told_by_the_test_that_would_have_had_it(suite: Suite):
    suite.write(
        "conftest.py",
        """
        import psycopg, pytest

        @pytest.fixture(scope="class")
        def full_disk():
            from pgproof.pg import template

            def refuse(*_):
                raise psycopg.errors.DiskFull("there is no room")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(template, "clone", refuse)
                yield
        """,
    )
    suite.test(
        """
        def test_before(database_url):
            with psycopg.connect(database_url, autocommit=True) as connection:
                add(connection, "bayko")
                wait_for_clones(connection, 3)

        @pytest.mark.usefixtures("full_disk")
        class TestMeanwhile:
            @pytest.mark.parametrize("number", range(4))
            def test_it(self, database_url, number):
                with psycopg.connect(database_url) as connection:
                    add(connection, "bayko")

        def test_afterwards(database_url):
            pass
        """
    )
    result = suite.run(errors=2, passed=4)

    result.stdout.fnmatch_lines(["no database could be made for a test: there is no room"])
    result.stdout.no_fnmatch_line("*Traceback*")


# Transactions


def test_what_would_end_the_transaction_is_refused(suite: Suite):
    suite.test(
        """
        from pgproof import PgproofError

        def test_methods(connection):
            for end in (connection.commit, connection.rollback):
                with pytest.raises(PgproofError, match="would end the transaction that this test lives in"):
                    end()

        def test_with(connection):
            with pytest.raises(PgproofError, match="leaving `with connection:` would end"), connection:
                pass

        def test_autocommit(connection):
            with pytest.raises(psycopg.ProgrammingError, match="can't change 'autocommit' now"):
                connection.autocommit = False

        def test_savepoints(connection):
            with connection.transaction():
                add(connection, "bayko")
            with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
                add(connection, "bayko")
            with connection.transaction(force_rollback=True):
                add(connection, "brown")
            assert handles(connection) == ["andrew", "bayko"]
        """
    )
    suite.run(passed=4)


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "COMMIT; BEGIN; SAVEPOINT other"])
def test_ending_the_transaction_in_sql_fails_that_test_and_no_other(suite: Suite, end: str):
    suite.test(
        f"""
        def test_end(connection):
            add(connection, "bayko")
            connection.execute("{end}")

        def test_next(connection):
            assert handles(connection) == ["andrew"]
        """
    )
    result = suite.run()

    outcomes = result.parseoutcomes()
    assert outcomes.pop("passed") == (1 if outcomes == {"failed": 1} else 2)  # found after the test: an error
    assert outcomes in ({"failed": 1}, {"errors": 1})
    result.stdout.fnmatch_lines(
        ["this test ended the transaction that it lives in", '  hint: mark the test @*="clone")']
    )
    result.stdout.no_fnmatch_line("*During handling*")


def test_deferred_constraints_are_checked_as_commit_would(suite: Suite):
    suite.test(
        """
        @pytest.fixture
        def post(connection):
            yield
            connection.execute("INSERT INTO posts VALUES (2, 99)")  # deferred again

        def test_violated(connection, post):
            connection.execute("INSERT INTO posts VALUES (1, 99)")

        def test_mended(connection, post):
            connection.execute("INSERT INTO posts VALUES (1, 2)")
            assert add(connection, "bayko") == 2
        """
    )
    result = suite.run(failed=1, passed=1)

    result.stdout.re_match_lines(
        [r'at the end of this test COMMIT would fail: .*"posts_user_id_fkey": Key \(user_id\)=\(99\) is not present.*']
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_statement_that_no_transaction_allows_says_what_to_do(suite: Suite):
    suite.test(
        """
        def test_in_a_transaction(connection):
            connection.execute("VACUUM users")

        @pytest.mark.pgproof(isolation="clone")
        def test_on_a_clone(connection):
            connection.execute("VACUUM users")
        """
    )
    result = suite.run(failed=1, passed=1)

    result.stdout.fnmatch_lines(
        ['E * this test lives in a transaction: mark the test @pytest.mark.pgproof(isolation="clone")']
    )


# Asynchronous tests


@pytest.mark.parametrize("plugin", ["anyio", "asyncio"])
def test_asynchronous_tests_have_the_same(suite: Suite, monkeypatch: pytest.MonkeyPatch, plugin: str):
    monkeypatch.setenv("PLUGIN", plugin)
    suite.test(
        """
        from pgproof import PgproofError

        pytestmark = getattr(pytest.mark, os.environ["PLUGIN"])

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.parametrize("again", range(2))
        async def test_in_a_transaction(async_connection, again):
            await async_connection.execute("INSERT INTO users (handle) VALUES ('bayko')")
            async with async_connection.transaction():
                cursor = await async_connection.execute("SELECT id FROM users ORDER BY id")
                assert await cursor.fetchall() == [(1,), (2,)]
            for end in (async_connection.commit, async_connection.rollback, async_connection.__aenter__):
                with pytest.raises(PgproofError, match="would end the transaction"):
                    await end()

        @pytest.mark.pgproof(isolation="clone")
        @pytest.mark.parametrize("again", range(2))
        async def test_on_a_clone(async_connection, again):
            async with async_connection:
                await async_connection.execute("INSERT INTO users (handle) VALUES ('bayko')")

        @pytest.mark.parametrize("again", range(2))
        async def test_url(database_url, again):
            async with await psycopg.AsyncConnection.connect(database_url) as connection:
                await connection.execute("INSERT INTO users (handle) VALUES ('bayko')")

        async def test_beside_the_other(connection, async_connection):
            for number in range(7):  # psycopg would prepare the sixth
                connection.execute("SELECT %s", [number])
                await async_connection.execute("SELECT %s + 1", [number])
        """
    )
    suite.run(passed=7)


# Which database


def test_the_marker_chooses_seeds_and_schema(suite: Suite):
    suite.write("other/010_users.csv", "id,handle\n7,londo\n")
    suite.test(
        """
        def columns(connection):
            return [column.name for column in connection.execute("SELECT * FROM users").description]

        @pytest.mark.pgproof(seeds=False)
        def test_no_seeds(connection):
            assert handles(connection) == []

        @pytest.mark.pgproof(seeds="other")
        def test_other_seeds(connection):
            assert handles(connection) == ["londo"]

        @pytest.mark.pgproof(at="0001")
        class TestOlderSchema:
            def test_has_no_seeds(self, connection):
                assert columns(connection) == ["id", "handle"]
                assert handles(connection) == []

            @pytest.mark.pgproof(seeds="other", isolation="clone")
            def test_has_seeds_that_are_named(self, connection):
                connection.commit()
                assert columns(connection) == ["id", "handle"]
                assert handles(connection) == ["londo"]

        def test_the_project_s_own(connection):
            assert columns(connection) == ["id", "handle", "bio"]
            assert handles(connection) == ["andrew"]
        """
    )
    suite.run(passed=5)


def test_migrations_go_on_in_a_test_s_clone(suite: Suite):
    suite.test(
        """
        @pytest.mark.pgproof(at="0001_create_users")
        @pytest.mark.parametrize("again", range(2))
        def test_bio(migrate, connection, again):
            add(connection, "bayko")
            assert migrate(to="0002").changed == ("0002_add_bio_to_users",)
            assert connection.execute("SELECT handle, bio FROM users").fetchall() == [("bayko", None)]
            assert migrate().changed == ("0003_create_posts",)
            assert migrate().changed == ()
        """
    )
    suite.run(passed=2)


def test_a_migration_that_fails_in_a_test_is_an_error_without_our_code_in_it(suite: Suite):
    suite.write("migrations/0004_fail.sql", "SELECT 1 / 0;\n")
    suite.write("migrations/0004_fail.rollback.sql", "SELECT 1;\n")
    suite.test(
        """
        from pgproof import MigrationFailed

        @pytest.mark.pgproof(at="0003")
        def test_caught(migrate):
            with pytest.raises(MigrationFailed, match="division by zero") as caught:
                migrate()
            assert caught.value.__cause__.sqlstate == "22012"

        @pytest.mark.pgproof(at="0003")
        def test_told(migrate):
            migrate()
        """
    )
    result = suite.run(failed=1, passed=1)

    result.stdout.fnmatch_lines(["*0004_fail.sql:1: division by zero*"])
    assert set(shown(result)) == {"test_shop.py"}


# Errors

WRONG_MARKERS = {
    'isolaton="clone"': "unknown word isolaton in @pytest.mark.pgproof\n  hint: did you mean isolation?",
    "seed=True": "unknown word seed in @pytest.mark.pgproof\n  hint: did you mean seeds?",
    '"clone"': "unknown word 'clone' in @pytest.mark.pgproof\n"
    "  hint: it takes isolation, seeds, at, each with its name",
    'isolation="none"': 'isolation=\'none\' in @pytest.mark.pgproof\n  hint: it takes "transaction" or "clone"',
    "at=7": "at=7 in @pytest.mark.pgproof\n  hint: it takes the name of a migration",
    'isolation="transaction"': 'database_url cannot be had with isolation="transaction": whoever connects with it is'
    ' outside of the test\'s transaction\n  hint: mark the test @pytest.mark.pgproof(isolation="clone")',
}


def test_a_marker_that_makes_no_sense_is_told_before_any_test_runs(suite: Suite):
    for number, words in enumerate(WRONG_MARKERS):
        suite.test(f"\n@pytest.mark.pgproof({words})\ndef test_it(database_url): pass\n", f"test_{number}")
    suite.test("def test_not_even_this(): pass", "test_right")
    result = suite.run(errors=len(WRONG_MARKERS))

    for number, told in enumerate(WRONG_MARKERS.values()):
        assert f"test_{number}.py:20: {told}\n" in result.stdout.str()
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("pgproof: *")  # no server was started


def test_the_traceback_of_any_other_error_is_left_as_it_is(suite: Suite):
    suite.test(
        """
        def test_it(connection):
            try:
                add(connection, None)
            except psycopg.Error as error:
                raise ValueError from error
        """
    )
    result = suite.run(failed=1)

    assert shown(result)[:2] == ["test_shop.py", "test_shop.py"]
    result.stdout.fnmatch_lines(["*NotNullViolation", "The above exception was the direct cause*"])


def test_what_can_only_be_seen_when_the_test_asks_fails_that_test(suite: Suite):
    suite.test(
        """
        def test_too_late(connection, request):
            request.getfixturevalue("database_url")

        @pytest.mark.pgproof(seeds="nowhere")
        def test_folder(connection): pass

        @pytest.mark.pgproof(at="0009")
        def test_migration(connection): pass

        def test_query(db):
            db.no_such_query()

        def test_good(connection): pass
        """
    )
    result = suite.run(failed=2, errors=2, passed=1)

    assert shown(result) == ["test_shop.py"]
    result.stdout.fnmatch_lines(
        [
            f"there is no folder {suite.pytester.path}/nowhere",
            "there is no migration 0009",
            'test_shop.py:20: database_url cannot be had with isolation="transaction": *',
        ]
    )


FAILING = """
from pathlib import Path
from yoyo import step

def count(connection):
    with Path(__file__).with_name("tries.txt").open("a") as file:
        file.write("tried\\n")

steps = [step(count, "SELECT 1")]
"""


def test_a_migration_that_fails_is_told_by_each_test_and_tried_once(suite: Suite):
    suite.write("migrations/0004_count.py", FAILING)
    suite.write("migrations/0005_fail.sql", "\nSELECT 1 / 0;\n")
    suite.write("migrations/0005_fail.rollback.sql", "SELECT 1;\n")
    suite.test(
        """
        def test_first(connection): pass
        def test_second(database_url): pass

        @pytest.mark.pgproof(at="0003")
        def test_older(connection): pass
        """
    )
    result = suite.run(errors=2, passed=1)

    told = f"{suite.pytester.path}/migrations/0005_fail.sql:2: division by zero"
    assert len(re.findall(f"^{re.escape(told)}", result.stdout.str(), re.MULTILINE)) == 2
    assert (suite.pytester.path / "migrations/tries.txt").read_text() == "tried\n"
    assert shown(result) == []


# Keeping


def kept_url(result: pytest.RunResult, test: str) -> str:
    (found,) = re.findall(
        rf"^its database is kept: (\S+/pgproof_kept_{test}_\w+\S*)$", result.stdout.str(), re.MULTILINE
    )
    return str(found)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_failing_test_s_database_is_kept_with_what_the_test_did(suite: Suite, workers: str):
    suite.test(
        """
        def test_in_a_transaction(connection):
            add(connection, "bayko")
            assert handles(connection) == []

        def test_on_a_clone(database_url, connection):
            add(connection, "bayko")
            assert handles(connection) == []

        def test_aborted(connection):
            add(connection, "bayko")
            connection.execute("SELECT * FROM nowhere")

        @pytest.fixture
        def broken(connection):
            add(connection, "bayko")
            raise ValueError

        def test_fixture(broken): pass

        def test_passes(connection): pass
        """
    )
    result = suite.run("--pgproof-keep", workers, failed=3, errors=1, passed=1)

    kept = suite.databases("pgproof_kept_")
    try:
        found = {name: suite.rows_in(name, "SELECT handle FROM users ORDER BY id") for name in kept}
    finally:
        suite.drop(kept)
    told = {test: kept_url(result, test) for test in ("test_in_a_transaction", "test_on_a_clone", "test_fixture")}
    assert sorted(found.values()) == [["andrew"], *[["andrew", "bayko"]] * 3]
    assert all(found[str(conninfo_to_dict(kept_at)["dbname"])] == ["andrew", "bayko"] for kept_at in told.values())
    result.stdout.fnmatch_lines(["without what the test did in a transaction that cannot be committed"])
    result.stdout.fnmatch_lines(["pgproof: *, 4 kept"])
    assert suite.databases() == []


def test_nothing_is_kept_that_was_not_asked_for(suite: Suite):
    suite.test("def test_fails(database_url): raise ValueError")
    suite.run(failed=1)

    assert suite.databases() == suite.databases("pgproof_kept_") == []


def test_a_password_is_not_shown(suite: Suite, monkeypatch: pytest.MonkeyPatch):
    given = make_conninfo(suite.server, password=conninfo_to_dict(suite.server).get("password", "s3cret"))
    monkeypatch.setenv("CONNECTION_URL", url(given, show_password=True))
    suite.test("def test_fails(database_url, connection): raise ValueError(repr(database_url))")
    result = suite.run("--pgproof-keep", failed=1)

    suite.drop(suite.databases("pgproof_kept_"))
    assert kept_url(result, "test_fails").startswith("postgresql://postgres:***@")
    assert str(conninfo_to_dict(given)["password"]) not in result.stdout.str()
