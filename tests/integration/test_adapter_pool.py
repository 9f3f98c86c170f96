"""The adapter on a pool, for threads and asyncio alike: who gets which connection, and what becomes of lost ones."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof import Database, QueryError, QueryFailed, ServerUnavailable, SettingsError
from pgproof.pg.account import choose_account
from pgproof.pg.binaries import find_binaries
from pgproof.pg.postmaster import launch, stop
from pgproof.pg.server import throwaway_server
from pgproof.settings import Settings
from tests.adapters import Waited, put
from tests.integration.test_throwaway import folder_of

Open = Callable[..., Any]

FILES = {
    "add": "-- returns: affected\nINSERT INTO note (id) SELECT id FROM unnest(%(ids)s::int[]) AS id",
    "ids": "-- returns: many\nSELECT id FROM note ORDER BY id",
    "pid": "-- returns: value\nSELECT pg_backend_pid()",
    "asked/zone": "-- returns: value\nSELECT current_setting('TimeZone')",
    "asked/text": "-- returns: value\nSELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    "die": "-- returns: one\n\nSELECT nextval('drawn'), pg_terminate_backend(pg_backend_pid())",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "queries", FILES)


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else's to the same database."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); CREATE SEQUENCE drawn")
        yield connection


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=[Database, Waited], ids=["threads", "asyncio"])
def open_db(request: pytest.FixtureRequest, folder: Path, runner: asyncio.Runner) -> Iterator[Open]:
    """Make an adapter on a pool; it is closed after the test."""
    made = []

    def open_db(url: str, **options: Any) -> Any:
        given = options if request.param is Database else {"runner": runner, **options}
        made.append(db := request.param(url, folder, **given))
        return db

    yield open_db
    for db in made:
        db.close()


@pytest.fixture
def url(database: str, elsewhere: psycopg.Connection[Any]) -> str:
    """Conninfo of the database, when there is what the queries ask for."""
    assert elsewhere
    return database


@pytest.fixture
def db(url: str, open_db: Open) -> Any:
    """An adapter on a pool of at most two connections."""
    return open_db(make_conninfo(url, application_name="adapter"), max_size=2)


def terminate(connection: psycopg.Connection[Any], *pids: int) -> None:
    """End sessions, and wait until they are gone."""
    for pid in pids:
        assert connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)


def ids_of(connection: psycopg.Connection[Any]) -> list[int]:
    return [number for (number,) in connection.execute("SELECT id FROM note ORDER BY id")]


def pids_of_two(db: Any) -> set[int]:
    """Make the pool open two connections; return the pids of their sessions."""
    with db.connection() as one, db.connection() as other:
        return {one.info.backend_pid, other.info.backend_pid}


# What a call runs on


def test_a_call_is_kept_and_needs_no_transaction(db, elsewhere):
    assert db.run("add", ids=[1, 2]) == 2
    assert db.run("ids") == [{"id": 1}, {"id": 2}]
    assert ids_of(elsewhere) == [1, 2]


def test_connections_are_used_again(db):
    assert len({db.run("pid") for _ in range(5)}) <= 2


def test_queries_are_attributes(folder, url):
    with Database(url, folder) as db:
        assert db.asked.zone() == "UTC"


def test_a_transaction_is_all_or_nothing(db, elsewhere):
    with db.transaction():
        db.run("add", ids=[1])
        db.run("add", ids=[2])
        assert ids_of(elsewhere) == []
    with pytest.raises(QueryFailed) as caught, db.transaction():
        db.run("add", ids=[3, 1])  # the constraint is deferred: it is COMMIT that fails

    assert caught.value.sqlstate == "23505"
    assert ids_of(elsewhere) == [1, 2]


def test_a_transaction_inside_another_one_is_a_savepoint_on_the_same_connection(db, elsewhere):
    pids = []
    with db.transaction():
        pids.append(db.run("pid"))
        with db.transaction():
            pids.append(db.run("pid"))
            db.run("add", ids=[1])
            raise psycopg.Rollback
        with db.transaction():
            db.run("add", ids=[2])
        pids.append(db.run("pid"))

    assert len(set(pids)) == 1
    assert ids_of(elsewhere) == [2]


def add_and_err(db: Any, *ids: int) -> None:
    with db.transaction():
        db.run("add", ids=list(ids))
        raise ZeroDivisionError


def test_an_error_of_the_callers_own_undoes_a_transaction_and_nothing_after_it(db, elsewhere):
    with pytest.raises(ZeroDivisionError):
        add_and_err(db, 1)
    db.run("add", ids=[2])

    assert ids_of(elsewhere) == [2]


def test_a_transactions_connection_is_lent_for_what_is_no_query(db, elsewhere):
    with db.transaction(), db.connection() as connection:
        assert connection.info.backend_pid == db.run("pid")
        db.run("add", ids=[1])
        assert ids_of(elsewhere) == []

    assert ids_of(elsewhere) == [1]


def test_threads_have_no_part_in_each_others_transactions(url, elsewhere, folder):
    begun = threading.Barrier(2)

    def write(db: Database, first: int, *, keep: bool) -> list[int]:
        seen = []
        with db.transaction():
            db.add(ids=[first])
            begun.wait()
            with db.transaction():
                db.add(ids=[first + 1])
            begun.wait()
            seen += [row["id"] for row in db.ids()]
            begun.wait()
            if not keep:
                raise psycopg.Rollback
        return seen

    with Database(url, folder) as db, ThreadPoolExecutor(2) as threads:
        results = [threads.submit(write, db, first, keep=keep) for first, keep in ((1, True), (11, False))]
        assert [each.result() for each in results] == [[1, 2], [11, 12]]

    assert ids_of(elsewhere) == [1, 2]


def test_a_call_of_another_thread_is_not_rolled_back_with_ours(url, elsewhere, folder):
    with Database(url, folder) as db, ThreadPoolExecutor(1) as thread, db.transaction():
        db.add(ids=[1])
        thread.submit(db.add, ids=[2]).result()
        raise psycopg.Rollback

    assert ids_of(elsewhere) == [2]


def test_sessions_are_in_utc_whatever_database_and_environment_say(url, elsewhere, open_db, monkeypatch):
    elsewhere.execute(f"ALTER DATABASE {elsewhere.info.dbname} SET TimeZone = 'Asia/Kathmandu'")
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")

    assert open_db(url).run("asked.zone") == "UTC"


def test_the_server_is_told_name_and_file(db):
    text = "/* asked.text queries/asked/text.sql */ SELECT query"

    assert db.run("asked.text").startswith(text)


# What an adapter is made of


def test_the_package_gives_both_without_loading_a_pool():
    code = "import sys; from pgproof import AsyncDatabase, Database; print('psycopg_pool' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"


def test_nothing_is_connected_before_the_first_call(open_db):
    open_db("postgresql://127.0.0.1:1/nowhere").close()


def test_the_queries_are_those_of_the_project_that_we_are_in(url, folder, monkeypatch):
    (folder.parent / "pyproject.toml").touch()
    (inside := folder.parent / "app").mkdir()
    monkeypatch.chdir(inside)
    with Database(url) as db:
        assert db.ids() == []


def test_without_a_project_they_are_those_of_this_folder(url, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    with Database(url) as db:
        assert db.ids() == []


def test_a_folder_that_is_not_there_is_an_error_and_not_no_queries(tmp_path):
    with pytest.raises(QueryError, match=r"there is no folder .*/nothing\n  hint: say where"):
        Database("postgresql://127.0.0.1:1/nowhere", tmp_path / "nothing")


def test_a_url_that_cannot_be_read_is_an_error_at_once_and_keeps_its_password(folder):
    with pytest.raises(SettingsError) as caught:
        Database("postgresql://me:pass@word@127.0.0.1/x", folder)

    assert "word" not in str(caught.value).partition("\n")[0].removesuffix("password")


def test_a_host_that_vanishes_is_noticed_unless_the_url_says_otherwise(url, open_db):
    with open_db(make_conninfo(url, keepalives_idle=7)).connection() as connection:
        given = connection.info.get_parameters()

    assert (given["keepalives_idle"], given["tcp_user_timeout"]) == ("7", "60000")


def test_a_closed_adapter_has_closed_its_connections_and_says_so(db):
    with db.connection() as connection:
        pass
    db.close()

    assert connection.closed
    with pytest.raises(QueryError, match=r"was closed by db\.close"):
        db.run("ids")


def test_a_connection_that_was_given_is_not_closed(url, folder):
    with psycopg.connect(url, autocommit=True) as connection:
        with Database(connection, folder) as db:
            assert db.asked.zone()
        assert db.asked.zone()


# What goes wrong


def test_a_missing_server_is_told_at_once_and_without_password(open_db):
    db = open_db("postgresql://me:secret@127.0.0.1:1/nowhere", timeout=30)

    for _ in range(2):
        with pytest.raises(ServerUnavailable, match=r'"127\.0\.0\.1", port 1 failed: Connection refused') as caught:
            db.run("pid")
        assert "secret" not in str(caught.value)


def test_what_is_asked_of_a_transaction_needs_a_server_too(open_db):
    db = open_db("postgresql://127.0.0.1:1/nowhere", timeout=30)

    with pytest.raises(ServerUnavailable, match="Connection refused"), db.transaction():
        pytest.fail("there is no connection to begin one on")


def test_a_database_that_does_not_exist_is_named(server, open_db):
    db = open_db(make_conninfo(server, dbname="not_there"), timeout=30)

    with pytest.raises(ServerUnavailable, match='database "not_there" does not exist'):
        db.run("pid")


def test_a_connection_that_is_dropped_fails_its_call_and_no_other(url, open_db, folder):
    db = open_db(url, max_size=1)
    before = db.run("pid")
    with pytest.raises(ServerUnavailable) as caught:
        db.run("die")

    assert str(caught.value).startswith(f"{folder}/die.sql:3: the connection is lost: ")
    assert db.run("pid") != before


def test_a_write_is_never_repeated(db, elsewhere):
    with pytest.raises(ServerUnavailable, match="a write may be done nevertheless"):
        db.run("die")
    db.run("pid")

    assert elsewhere.execute("SELECT last_value, is_called FROM drawn").fetchone() == (1, True)


def test_a_transaction_whose_connection_is_dropped_is_no_transaction_any_more(db, elsewhere):
    def add_and_go_on() -> None:
        with db.transaction():
            db.run("add", ids=[1])
            terminate(elsewhere, db.run("pid"))
            db.run("add", ids=[2])

    with pytest.raises(ServerUnavailable, match="the connection is lost"):
        add_and_go_on()
    with db.transaction():
        db.run("add", ids=[3])

    assert ids_of(elsewhere) == [3]


def test_connections_that_died_while_nobody_used_them_are_noticed(db, elsewhere):
    pids = pids_of_two(db)
    terminate(elsewhere, *pids)

    assert not pids & pids_of_two(db)
    assert db.run("pid")


def test_a_living_connection_is_not_asked_whether_it_lives(url, open_db, elsewhere):
    def look() -> Any:
        return elsewhere.execute("SELECT query, state_change FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()

    db = open_db(url, max_size=1)
    pid = db.run("pid")
    before = look()
    with db.connection() as connection:
        assert connection.info.backend_pid == pid
        assert look() == before


def test_what_the_server_says_in_between_does_not_cost_the_connection(url, open_db, elsewhere):
    db = open_db(url, max_size=1)
    with db.connection() as connection:
        connection.pgconn.exec_(b"LISTEN news")
        pid = connection.info.backend_pid
    elsewhere.execute("NOTIFY news")

    assert db.run("pid") == pid


def test_a_pool_at_its_limit_says_which_and_what_to_do(url, open_db):
    db = open_db(url, max_size=1, timeout=0.05)
    with db.connection(), pytest.raises(ServerUnavailable) as caught:
        db.run("pid")

    assert "no connection was free for 0.05 s, and the pool may have 1" in str(caught.value)
    assert "max_size=…" in caught.value.hint
    assert db.run("pid")


def test_who_waits_for_a_connection_gets_the_next_that_is_free(url, folder):
    with Database(url, folder, max_size=1) as db, ThreadPoolExecutor(1) as thread:
        with db.connection() as connection:
            waiting = thread.submit(db.pid)
        assert waiting.result() == connection.info.backend_pid


@contextmanager
def read_only(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Make sessions that begin meanwhile what they are on a standby."""
    name = connection.info.dbname
    connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    yield
    connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def test_after_a_failover_one_write_fails_and_the_next_finds_the_primary(db, elsewhere):
    with read_only(elsewhere):
        old = pids_of_two(db)
    with pytest.raises(QueryFailed, match="target_session_attrs=read-write") as caught:
        db.run("add", ids=[1])
    db.run("add", ids=[2])

    assert caught.value.sqlstate == "25006"
    assert not old & pids_of_two(db)
    assert ids_of(elsewhere) == [2]


def test_a_failover_is_noticed_in_a_transaction_too(db, elsewhere):
    with read_only(elsewhere):
        pids_of_two(db)
    with pytest.raises(QueryFailed, match="read-only transaction"), db.transaction():
        db.run("add", ids=[1])
    with db.transaction():
        db.run("add", ids=[2])

    assert ids_of(elsewhere) == [2]


def test_a_database_that_stays_read_only_does_not_cost_all_connections_with_every_write(db, elsewhere):
    def write() -> None:
        with pytest.raises(QueryFailed, match="read-only transaction"):
            db.run("add", ids=[1])

    with read_only(elsewhere):
        write()
        before = pids_of_two(db)
        write()
        assert len(before & pids_of_two(db)) == 1


def test_a_migration_of_what_is_prepared_costs_one_call(db, elsewhere):
    elsewhere.execute("INSERT INTO note VALUES (1)")
    pids_of_two(db)
    for _ in range(20):  # in turns; psycopg prepares at the sixth
        db.run("ids")
    elsewhere.execute("ALTER TABLE note ALTER id TYPE text")

    with pytest.raises(QueryFailed, match="cached plan must not change result type"):
        db.run("ids")
    assert [db.run("ids") for _ in range(3)] == [[{"id": "1"}]] * 3


@pytest.fixture
def own_server(settings: Settings) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
    """A server that can be stopped and started again."""
    with throwaway_server(settings) as server, ExitStack() as stack:
        folder = folder_of(server.conninfo)
        config = {"listen_addresses": "", "unix_socket_directories": str(folder)}

        def start() -> None:
            account, log = choose_account(), folder / "postgres.log"
            process, _ = launch(find_binaries(settings), account, folder / "data", log=log, config=config)
            stack.callback(process.wait)
            stack.callback(stop, folder / "data")

        yield server.conninfo, lambda: stop(folder / "data"), start


def test_a_server_that_was_stopped_is_missed_and_found_again(own_server, open_db):
    conninfo, stop, start = own_server
    db = open_db(conninfo, max_size=3, timeout=30)
    before = pids_of_two(db)

    stop()
    for _ in range(3):
        with pytest.raises(ServerUnavailable, match="Is the server running"):
            db.run("pid")
    start()

    assert not before & pids_of_two(db)


def test_a_server_that_was_restarted_costs_no_call(own_server, open_db):
    conninfo, stop, start = own_server
    db = open_db(conninfo, max_size=2, timeout=30)
    pids_of_two(db)

    stop()
    start()

    assert db.run("pid")
    assert pids_of_two(db)
