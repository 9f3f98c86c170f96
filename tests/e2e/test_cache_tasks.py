"""cache.* as a person types them: what is counted, what is due, what is flushed, and a worker that goes on."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import pytest

from pgproof import Database
from pgproof.cache import Backend, Cache, Limits, Memory
from pgproof.cache.backends.momento import Momento
from pgproof.cache.watching import install
from pgproof.migrations import migrate, read_folder
from pgproof.settings import read_settings
from pgproof.testing import MomentoServer
from tests.e2e.conftest import BIN, PATIENCE, Project

FILES = {
    "queries/users/all.sql": (
        "-- returns: many\n-- cache: ttl=60s mode=strict\nSELECT id, handle FROM users ORDER BY id\n"
    ),
    "queries/users/one.sql": (
        "-- returns: maybe\n-- cache: ttl=60s mode=bounded\nSELECT handle FROM users WHERE id = %(id)s\n"
    ),
    "queries/users/add.sql": "-- returns: affected\nINSERT INTO users (id, handle) VALUES (%(id)s, %(handle)s)\n",
    "tests/contracts/users/all.toml": '[[case]]\nname = "all"\n',
    "tests/contracts/users/one.toml": '[[case]]\nname = "first"\nparams = { id = 1 }\n',
    "migrations/0004_cache.sql": f"-- depends: 0003_add_bio_to_users\n\n{install(['public.users'])}",
    "migrations/0004_cache.rollback.sql": "DROP SCHEMA pgproof_cache CASCADE;\n",
}
FIRST = "delivered catalog, public.users"  # of a store that was told nothing yet
# The SDK wants TLS and hosts of its own names of who gives it an API key; ours is on loopback.
TASKS = """\
import os

from momento import CredentialProvider

host, _, port = os.environ["MOMENTO_ENDPOINT"].partition(":")
given = CredentialProvider(os.environ["MOMENTO_API_KEY"], host, host, host, int(port))
CredentialProvider.from_environment_variables_v2 = lambda: given

from pgproof.tasks import ns
"""


@pytest.fixture
def cached(full_shop: Project) -> Project:
    """A shop with cached queries, and a database that notes what is written to users."""
    for path, text in FILES.items():
        full_shop.write(path, text)
    settings = read_settings(full_shop.root, environ=full_shop.environ)
    with full_shop.connect() as connection:
        migrate(connection, read_folder(settings.migrations), settings)
    return full_shop


@pytest.fixture
def momento() -> Iterator[MomentoServer]:
    with MomentoServer(caches=["shop"]) as server:
        yield server


@pytest.fixture
def outside(cached: Project, momento: MomentoServer) -> Project:
    """The same with Momento as its backend."""
    cached.write("tasks.py", TASKS)
    where = {
        "PGPROOF_CACHE_BACKEND": "momento",
        "MOMENTO_API_KEY": momento.credentials.auth_token,
        "MOMENTO_ENDPOINT": f"127.0.0.1:{momento.credentials.port}",
        "no_proxy": "127.0.0.1",
    }
    return Project(cached.root, cached.environ | where)


@contextmanager
def application(shop: Project, backend: Backend) -> Iterator[Database]:
    """A process of the application, as far as the database knows."""
    url = shop.inv("db.url", "--show-password").strip()
    with Database(url, shop.root / "queries", cache=Cache(backend, limits=Limits(budget=20))) as db:
        yield db


def own_momento(momento: MomentoServer) -> Momento:
    return Momento("shop", credentials=momento.credentials, configuration=momento.configuration, timeout=5)


@contextmanager
def worker(shop: Project) -> Iterator[subprocess.Popen[str]]:
    """Run a worker that is interrupted at the end, if it has not ended."""
    with subprocess.Popen(
        [BIN / "inv", "cache.worker", "--every=20ms"],
        cwd=shop.root,
        env=shop.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        patience = Timer(PATIENCE, process.kill)  # one that says nothing more ends the test, not the night
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().rstrip()


# status


@pytest.mark.parametrize("task", ["status", "flush", "worker"])
def test_where_the_cache_is_not_set_up_that_is_said(full_shop: Project, task: str):
    full_shop.write("queries/users/all.sql", FILES["queries/users/all.sql"])

    assert full_shop.refuse(f"cache.{task}") == (
        "the cache is not set up in shop\n"
        "  hint: `inv cache.init` writes the migration for it, and `inv db.migrate` applies that\n"
    )


def test_status_adds_up_what_the_processes_have_counted(cached: Project):
    assert cached.inv("cache.status") == "no process has reported yet\n"
    for _ in range(2):
        with application(cached, Memory()) as db:
            db.users.all()
            db.users.all()
            db.users.one(id=1)
            db.fresh().users.one(id=1)

    assert re.sub(" +", " ", cached.inv("cache.status")).splitlines() == [
        "memory: 2 of 2 processes reported lately",
        "query hit rate hit stale joined waited miss bypass fresh kept bump besides",
        "users.all 50% 2 0 0 0 2 0 0 2 0",
        "users.one 0% 0 0 0 0 2 0 2 2 0",
    ]


def test_status_for_a_script_has_a_stable_form(cached: Project):
    with application(cached, Memory()) as db:
        db.users.all()

    [told] = json.loads(cached.inv("cache.status", "--json"))

    [process] = told.pop("processes")
    assert told == {
        "store": "memory",
        "tokens": False,
        "queries": {"users.all": {"miss": 1, "kept": 1}},
        "failures": {},
        "workers": [],
        "due": [],
        "behind": 0.0,
    }
    assert process.keys() == {"host", "pid", "state", "ago"}
    assert (process["pid"], process["state"]) == (os.getpid(), "closed")


def test_status_says_what_is_due_and_that_nobody_delivers_it(outside: Project, momento: MomentoServer):
    with application(outside, own_momento(momento)) as db:
        db.users.one(id=1)
    outside.inv("cache.worker", "--once")
    with outside.connect() as connection:
        connection.execute("DELETE FROM pgproof_cache.processes WHERE report ? 'worker'")
    outside.execute("UPDATE users SET handle = 'brown' WHERE id = 1")

    told = outside.inv("cache.status").splitlines()[-1]

    assert told == ("due nobody knows for how long: public.users; 0 workers; `inv cache.worker` has to run")


# flush


def test_what_is_flushed_is_asked_of_the_database(cached: Project):
    with application(cached, Memory()) as db:
        for flushed in ([], ["--name=users.all"], ["--name=users.*"]):
            db.users.all()
            before = db._cache.counters.events["users.all", "miss"]  # type: ignore[union-attr]  # noqa: SLF001
            cached.inv("cache.flush", *flushed)
            db.users.all()

            assert db._cache.counters.events["users.all", "miss"] == before + 1  # type: ignore[union-attr]  # noqa: SLF001


def test_flush_says_how_many_will_ask_the_database(cached: Project):
    with application(cached, Memory()) as db:
        db.users.all()

    said = [cached.inv("cache.flush", *words) for words in ([], ["--name=users.all"])]

    assert said == [
        f"flushed {what}: their next calls ask the database; 1 process reported lately\n"
        for what in ("2 queries", "1 query")
    ]


def test_only_what_is_cached_can_be_flushed(cached: Project):
    assert cached.refuse("cache.flush", "--name=users.add").startswith("users.add: not cached\n")
    assert "did you mean" in cached.refuse("cache.flush", "--name=users.al")


def test_what_momento_is_not_told_of_a_flush_the_worker_tells_it(outside: Project, momento: MomentoServer):
    outside.inv("cache.worker", "--once")
    momento.fail("Set", "UNAVAILABLE", times=None)

    error = outside.refuse("cache.flush", "--name=users.one")

    assert error == (
        "momento/shop was not told of query:users.one: SERVER_UNAVAILABLE\n"
        "  hint: nothing is lost: `inv cache.worker` tells it as soon as it answers\n"
    )
    assert outside.refuse("cache.worker", "--once") == error
    momento.heal()
    assert outside.inv("cache.worker", "--once") == "delivered query:users.one\n"
    assert outside.inv("cache.worker", "--once") == ""


# worker


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_tells_momento_of_writes_until_it_is_told_to_end(
    outside: Project, momento: MomentoServer, number: signal.Signals
):
    with worker(outside) as process:
        assert [read_line(process) for _ in range(2)] == [
            "telling momento/shop of writes every 20ms",
            FIRST,
        ]
        outside.execute("UPDATE users SET handle = 'brown' WHERE id = 1")
        assert read_line(process) == "delivered public.users"
        process.send_signal(number)

        assert (read_line(process), process.wait()) == ("stopped", 0)
    assert sorted(name.rpartition(":")[2] for name in momento.items("shop")) == ["catalog", "public.users"]
    [told] = json.loads(outside.inv("cache.status", "--json"))
    assert (told["due"], len(told["workers"])) == ([], 1)


def test_the_worker_waits_for_momento_and_goes_on(outside: Project, momento: MomentoServer):
    with worker(outside) as process:
        assert [read_line(process) for _ in range(2)][1] == FIRST
        momento.fail("Set", "UNAVAILABLE", times=None)
        outside.execute("UPDATE users SET handle = 'brown' WHERE id = 1")
        assert read_line(process) == "waiting for momento/shop: SERVER_UNAVAILABLE"
        momento.heal()

        assert [read_line(process) for _ in range(2)] == ["delivered public.users", "going on"]


def test_the_worker_waits_for_postgres_and_goes_on(outside: Project):
    with worker(outside) as process:
        assert [read_line(process) for _ in range(2)][1] == FIRST
        outside.inv("db.down")
        assert read_line(process).startswith("waiting for Postgres: ")
        outside.inv("db.up")
        while (line := read_line(process)).startswith("waiting for Postgres: "):
            pass
        assert line == "going on"

        outside.execute("UPDATE users SET handle = 'brown' WHERE id = 1")
        assert read_line(process) == "delivered public.users"


def test_a_worker_without_tokens_to_replace_adds_up_what_was_written(cached: Project):
    cached.execute("UPDATE users SET handle = 'brown' WHERE id = 1")

    assert cached.inv("cache.worker", "--once") == ""

    assert cached.rows("SELECT count(*) FROM pgproof_cache.writes") == [(0,)]


@pytest.mark.parametrize("every", ["0s", "fast", "1", "-1s"])
def test_a_rest_that_is_none_is_said(cached: Project, every: str):
    assert cached.refuse("cache.worker", f"--every={every}").startswith(f"--every '{every}' is not a duration\n")


def test_that_momento_has_no_credentials_is_said(cached: Project):
    error = cached.refuse("cache.worker", PGPROOF_CACHE_BACKEND="momento")

    assert "MOMENTO_API_KEY" in error


# bench


@pytest.mark.parametrize("backend", ["memory", "postgres", "momento/shop"])
def test_bench_measures_each_case_of_a_cached_query(outside: Project, backend: str):
    lines = outside.inv("cache.bench", PGPROOF_CACHE_BACKEND=backend.partition("/")[0]).splitlines()

    assert [re.sub(r"\d+", "0", re.sub(" +", " ", line)) for line in lines] == [
        "query case bytes no cache miss strict hit bounded hit",
        "users.all all 0 0.0 0.0 0.0 0.0",
        "users.one first 0 0.0 0.0 0.0 0.0",
        f"milliseconds, medians, on {backend}",
    ]
