"""What a cache asks of whatever keeps its results, in threads and in asyncio, and what each backend does when it fails.

Only Momento is not the real thing: it is the unmodified SDK that talks to a server of ours.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import momento as sdk
import psycopg
import pytest
from momento.config import Configurations
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.cache import Backend, BackendError, Memory, Momento, Postgres
from pgproof.cache.backends import momento as momento_module
from pgproof.cache.backends import postgres
from pgproof.cache.backends.momento import _configure
from pgproof.errors import SettingsError
from pgproof.testing import MomentoServer
from tests.caches import watch_tables
from tests.faults import Clock

PATIENT = 30  # seconds, for calls that are to succeed on a busy machine


class Waited:
    """A backend whose methods for asyncio are waited for."""

    def __init__(self, backend: Backend, runner: asyncio.Runner) -> None:
        self._backend = backend
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self._runner.run(getattr(self._backend, f"a{name}")(*given))

    def at_once(self, calls: int, name: str, *given: Any) -> list[Any]:
        async def call() -> list[Any]:
            return await asyncio.gather(*(getattr(self._backend, f"a{name}")(*given) for _ in range(calls)))

        return self._runner.run(call())


class Threaded:
    """A backend whose methods for threads are called."""

    def __init__(self, backend: Backend, _: asyncio.Runner) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def at_once(self, calls: int, name: str, *given: Any) -> list[Any]:
        together = threading.Barrier(calls)

        def call(_: int) -> Any:
            together.wait()
            return getattr(self._backend, name)(*given)

        with ThreadPoolExecutor(calls) as threads:
            return list(threads.map(call, range(calls)))


@dataclass
class Place:
    """What makes backends that keep in one place, and has time go by there."""

    make: Callable[[], Backend]
    wait: Callable[[float], None]


@pytest.fixture
def watched(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        watch_tables(connection, [])
    return database


@pytest.fixture
def momento() -> Iterator[MomentoServer]:
    with MomentoServer() as server:
        yield server


def in_memory(_: pytest.FixtureRequest) -> Place:
    clock = Clock()
    memory = Memory(clock=clock)

    def wait(seconds: float) -> None:
        clock.now += seconds

    return Place(lambda: memory, wait)


def in_postgres(request: pytest.FixtureRequest) -> Place:
    url = request.getfixturevalue("watched")

    def wait(seconds: float) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            shorter = "UPDATE pgproof_cache.entries SET expires_at = expires_at - make_interval(secs => %s)"
            connection.execute(shorter, [seconds])

    return Place(lambda: Postgres(url, timeout=PATIENT), wait)


def in_momento(request: pytest.FixtureRequest) -> Place:
    server = request.getfixturevalue("momento")
    return Place(lambda: connect(server, timeout=PATIENT), server.advance)


def connect(server: MomentoServer, cache: str = "cruddur", **options: Any) -> Momento:
    given: dict[str, Any] = {"credentials": server.credentials, "configuration": server.configuration}
    return Momento(cache, **given | options)


@pytest.fixture(params=[in_memory, in_postgres, in_momento])
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.param(request)
    return made


@pytest.fixture(params=[Threaded, Waited])
def called(request: pytest.FixtureRequest) -> Iterator[Callable[[Backend], Any]]:
    """Have a backend called in one of both ways; it is closed afterwards."""
    with asyncio.Runner() as runner:
        backends: list[Any] = []

        def call(backend: Backend) -> Any:
            backends.append(request.param(backend, runner))
            return backends[-1]

        yield call
        for backend in backends:
            backend.close()


@pytest.fixture
def backend(place: Place, called: Callable[[Backend], Any]) -> Any:
    return called(place.make())


def test_there_is_nothing_before_anything_is_kept(backend):
    assert backend.get("key") is None


@pytest.mark.parametrize("value", [b"", b"value", bytes(range(256)), os.urandom(1_000_000)], ids=len)
def test_any_bytes_are_given_as_they_were_kept(backend, value):
    backend.set("key", value, 60)

    assert backend.get("key") == value


@pytest.mark.parametrize("key", ["a'b\"c\\d%s$1", "naïve 例 🐘", "k" * 1000, " ", "\t\n", "Key"])
def test_any_text_is_a_key_and_another_one_is_another_key(backend, key):
    backend.set(key, b"value", 60)

    assert [backend.get(each) for each in (key, f"{key} ", key.swapcase() + "x")] == [b"value", None, None]


def test_what_is_kept_anew_takes_the_place_of_what_was_there_and_of_its_time(backend, place):
    backend.set("key", b"first", 10)
    backend.set("key", b"second", 100)
    place.wait(50)

    assert backend.get("key") == b"second"


def test_nothing_is_given_beyond_its_time(backend, place):
    backend.set("long", b"value", 100)
    backend.set("short", b"value", 10)
    place.wait(50)

    assert [backend.get("long"), backend.get("short")] == [b"value", None]


def test_only_what_is_not_there_is_added(backend):
    added = [backend.add("key", value, 60) for value in (b"first", b"second")]

    assert (added, backend.get("key")) == ([True, False], b"first")


def test_what_is_beyond_its_time_is_not_there_for_who_adds(backend, place):
    backend.set("key", b"first", 10)
    place.wait(50)

    assert (backend.add("key", b"second", 60), backend.get("key")) == (True, b"second")


@pytest.mark.parametrize("is_old_there", [True, False])
def test_of_all_who_add_at_once_one_has_done_it(backend, place, is_old_there):
    if is_old_there:
        backend.set("key", b"old", 10)
        place.wait(50)

    assert sorted(backend.at_once(16, "add", "key", b"value", 60)) == [False] * 15 + [True]


def test_many_at_once_are_all_answered(backend):
    backend.set("key", b"value", 60)

    assert backend.at_once(32, "get", "key") == [b"value"] * 32


def test_a_backend_that_was_closed_connects_again(backend):
    backend.set("key", b"value", 60)
    backend.close()
    backend.close()

    assert backend.get("key") == b"value"


@pytest.mark.parametrize("place", [in_postgres, in_momento], indirect=True)
def test_what_is_shared_is_found_by_another_process(backend, place, called):
    backend.set("key", b"value", 60)

    assert place.make().is_shared
    assert called(place.make()).get("key") == b"value"


@pytest.mark.parametrize("place", [in_postgres, in_momento], indirect=True)
def test_a_backend_goes_on_in_another_event_loop_when_one_is_over(place):
    kept = place.make()

    async def use(value: bytes) -> Any:
        before = await kept.aget("key")
        await kept.aset("key", value, 60)
        await kept.aclose()
        return before

    assert [asyncio.run(use(b"first")), asyncio.run(use(b"second"))] == [None, b"first"]


@pytest.mark.parametrize("place", [in_postgres, in_momento], indirect=True)
def test_no_thread_outlives_a_backend_that_was_closed(place):
    before = set(threading.enumerate())
    kept = place.make()
    kept.get("key")
    kept.close()

    left = {each.name for each in set(threading.enumerate()) - before}
    assert {name for name in left if not name.startswith("momento server")} == set()


# What a backend does with one key, by the name of it in Momento.
CALLS: dict[str, Callable[[Any], Any]] = {
    "Get": lambda backend: backend.get("key"),
    "Set": lambda backend: backend.set("key", b"value", 60),
    "SetIfNotExists": lambda backend: backend.add("key", b"value", 60),
}


def kind_of(call: Callable[[], object]) -> str:
    """Return what a backend says of a call that failed, after a look at whether it says no more."""
    with pytest.raises(BackendError) as caught:
        call()
    assert str(caught.value) == caught.value.kind
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.kind


# Postgres


@pytest.fixture
def elsewhere(watched: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(watched, autocommit=True) as connection:
        yield connection


@pytest.fixture
def roles(elsewhere: psycopg.Connection[Any], watched: str) -> Iterator[list[str]]:
    """Addresses of two roles that have no rights but everybody's."""
    names = [f"cached_{uuid4().hex[:12]}" for _ in range(2)]
    for name in names:
        elsewhere.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(name)))
    yield [make_conninfo(watched, user=name, password=name) for name in names]
    for name in names:
        elsewhere.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_role_without_rights_finds_what_it_kept_and_nothing_of_another(roles, called):
    one, other = (called(Postgres(url, timeout=PATIENT)) for url in roles)
    one.set("key", b"one's", 60)

    assert (one.get("key"), other.get("key")) == (b"one's", None)
    assert (other.add("key", b"the other's", 60), one.get("key")) == (True, b"one's")


@pytest.mark.parametrize(
    "asked", ["SELECT key FROM pgproof_cache.entries", "UPDATE pgproof_cache.entries SET value = 'false' RETURNING key"]
)
def test_no_role_sees_the_results_of_another_by_hand(roles, asked):
    with closing(Postgres(roles[0], timeout=PATIENT)) as kept, psycopg.connect(roles[1], autocommit=True) as connection:
        kept.set("key", b"value", 60)

        assert connection.execute(asked).fetchall() == []
        assert kept.get("key") == b"value"


@pytest.mark.parametrize(
    "asked",
    [
        "INSERT INTO pgproof_cache.entries VALUES ('postgres', 'key', 'false', 'infinity')",
        "DELETE FROM pgproof_cache.entries",
        "TRUNCATE pgproof_cache.entries",
    ],
)
def test_no_role_puts_results_in_the_place_of_anothers_or_takes_them_away(roles, asked):
    with (
        psycopg.connect(roles[0], autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(asked)


def keep_expired(connection: psycopg.Connection[Any], number: int) -> None:
    connection.execute(
        "INSERT INTO pgproof_cache.entries SELECT 'gone', n::text::bytea, '', now() - interval '1 s' "
        "FROM generate_series(1, %s) AS n",
        [number],
    )


def left(connection: psycopg.Connection[Any]) -> int:
    [(number,)] = connection.execute("SELECT count(*) FROM pgproof_cache.entries WHERE role = 'gone'")
    return int(number)


def test_what_is_beyond_its_time_is_taken_away_a_few_at_a_time_also_of_roles_that_are_gone(elsewhere, roles, called):
    keep_expired(elsewhere, 150)
    backend = called(Postgres(roles[0], timeout=PATIENT))

    seen = []
    for number in range(51):
        backend.set(f"key {number}", b"value", 60)
        seen.append(left(elsewhere))
    assert seen == [50] * 50 + [0]


def test_what_somebody_holds_is_not_waited_for_when_old_results_are_taken_away(elsewhere, watched, called):
    keep_expired(elsewhere, 3)
    with psycopg.connect(watched) as other:
        other.execute("SELECT FROM pgproof_cache.entries WHERE key = '1' FOR UPDATE")
        called(Postgres(watched, timeout=PATIENT)).set("key", b"value", 60)

        assert left(elsewhere) == 1


def test_old_results_are_found_by_an_index(elsewhere):
    keep_expired(elsewhere, 5000)
    elsewhere.execute("VACUUM ANALYZE pgproof_cache.entries")
    with elsewhere.transaction():
        elsewhere.execute("SELECT pgproof_cache.sweep()")
        scans = "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'entries'"

        assert elsewhere.execute(scans).fetchone() == (0, 1)


def test_a_server_that_is_busy_with_the_table_is_given_up_and_asked_again(elsewhere, watched, called):
    called(Postgres(watched, timeout=PATIENT)).set("key", b"value", 60)
    backend = called(Postgres(watched, timeout=0.2))
    with elsewhere.transaction():
        elsewhere.execute("LOCK TABLE pgproof_cache.entries")
        kinds = [kind_of(lambda: backend.get("key")) for _ in range(5)]

    assert kinds == ["TIMEOUT_ERROR"] * 5
    assert patiently(lambda: backend.get("key")) == b"value"


def test_a_server_that_does_not_give_up_by_itself_is_given_up_too(elsewhere, watched, called, monkeypatch):
    monkeypatch.setattr(postgres, "_limit", lambda url, _: url)
    backend = called(Postgres(watched, timeout=0.2))
    patiently(lambda: backend.get("key"))
    with elsewhere.transaction():
        elsewhere.execute("LOCK TABLE pgproof_cache.entries")
        assert [kind_of(lambda: backend.get("key")) for _ in range(5)] == ["TIMEOUT_ERROR"] * 5

    assert patiently(lambda: backend.get("key")) is None


def patiently(call: Callable[[], object]) -> object:
    """Call until it is in time, as the next requests of an application do."""
    for _ in range(100):
        try:
            return call()
        except BackendError:
            continue
    raise AssertionError


def test_a_call_that_finds_no_free_connection_is_given_up(elsewhere, watched, called):
    backend = called(Postgres(watched, timeout=0.3, max_size=1))
    patiently(lambda: backend.get("key"))
    with elsewhere.transaction():
        elsewhere.execute("LOCK TABLE pgproof_cache.entries")

        assert kind_of(lambda: backend.at_once(4, "get", "key")) == "TIMEOUT_ERROR"


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://someone:s3cret@127.0.0.1:{listening.getsockname()[1]}/db?sslmode=disable"


def test_a_server_that_never_answers_is_given_up(silence, called):
    assert kind_of(lambda: called(Postgres(silence, timeout=0.1)).get("key")) == "TIMEOUT_ERROR"


@pytest.mark.parametrize("rpc", CALLS)
def test_a_server_that_is_not_there_fails_each_call(called, rpc):
    backend = called(Postgres("postgresql://someone:s3cret@127.0.0.1:1/db", timeout=PATIENT))

    assert kind_of(lambda: CALLS[rpc](backend)) == "SERVER_UNAVAILABLE"


def test_a_database_without_the_table_says_so(database, called):
    assert kind_of(lambda: called(Postgres(database, timeout=PATIENT)).get("key")) == "UndefinedTable"


def test_a_connection_that_was_ended_is_replaced(elsewhere, watched, called):
    backend = called(Postgres(watched, timeout=PATIENT))
    backend.set("key", b"value", 60)
    elsewhere.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )

    assert backend.get("key") == b"value"


def test_the_options_of_a_url_hold_beside_the_time_limit(watched):
    url = make_conninfo(watched, options="-c application_name=cached")
    with closing(Postgres(url, timeout=PATIENT)) as backend, backend._lend(float("inf")) as connection:  # noqa: SLF001
        asked = "SELECT current_setting('application_name'), current_setting('statement_timeout')"
        assert connection.execute(asked).fetchone() == ("cached", "24s")


def test_a_url_that_cannot_be_read_is_said_before_any_call():
    with pytest.raises(SettingsError, match="the connection URL cannot be read"):
        Postgres("nonsense")


# Momento


@pytest.fixture(params=CALLS)
def rpc(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("UNAVAILABLE", "SERVER_UNAVAILABLE"),
        ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED_ERROR"),
        ("DEADLINE_EXCEEDED", "TIMEOUT_ERROR"),
        ("INTERNAL", "INTERNAL_SERVER_ERROR"),
        ("PERMISSION_DENIED", "PERMISSION_ERROR"),
        ("UNAUTHENTICATED", "AUTHENTICATION_ERROR"),
        ("INVALID_ARGUMENT", "INVALID_ARGUMENT_ERROR"),
        ("CANCELLED", "CANCELLED_ERROR"),
    ],
)
def test_a_refusal_is_an_error_of_its_kind_and_is_not_tried_again(momento, called, rpc, status, kind):
    backend = called(connect(momento, timeout=PATIENT))
    momento.fail(rpc, status, times=None)

    assert kind_of(lambda: CALLS[rpc](backend)) == kind
    assert [call.method for call in momento.calls] == [rpc]
    assert momento.items("cruddur") == {}


def test_only_too_many_calls_ask_for_fewer(momento, called):
    backend = called(connect(momento, timeout=PATIENT))
    said = []
    for status in ("RESOURCE_EXHAUSTED", "UNAVAILABLE"):
        momento.fail("Get", status)
        with pytest.raises(BackendError) as caught:
            backend.get("key")
        said.append(caught.value.is_limited)

    assert said == [True, False]


def test_a_call_that_is_never_answered_is_given_up_and_not_made_again(momento, called, rpc):
    backend = called(connect(momento, timeout=0.5))
    patiently(lambda: backend.get("other"))
    momento.blackhole(rpc, times=None)

    assert kind_of(lambda: CALLS[rpc](backend)) == "TIMEOUT_ERROR"
    assert [call.method for call in momento.calls if call.key == "key"] == [rpc]


def test_a_write_whose_answer_was_lost_is_an_error_and_done_once(momento, called):
    backend = called(connect(momento, timeout=PATIENT))
    momento.lose_reply("SetIfNotExists")

    assert kind_of(lambda: backend.add("key", b"value", 60)) == "SERVER_UNAVAILABLE"
    assert (len(momento.calls), momento.items("cruddur")) == (1, {"key": b"value"})


@pytest.mark.parametrize("ttl", [0.0004, 0.001, 0.0014])
def test_the_shortest_time_is_a_millisecond_and_not_none(momento, called, ttl):
    backend = called(connect(momento, timeout=PATIENT))
    backend.set("key", b"value", ttl)

    assert backend.get("key") == b"value"
    momento.advance(0.002)
    assert backend.get("key") is None


def test_nothing_is_to_be_kept_for_longer_than_momento_keeps_anything(momento, called):
    backend = called(connect(momento, timeout=PATIENT))
    backend.set("key", b"value", 1e9)
    momento.advance(24 * 3600)

    assert backend.get("key") is None


def test_seconds_are_seconds(momento, called):
    backend = called(connect(momento, timeout=PATIENT))
    backend.set("key", b"value", 600)
    momento.advance(599.9)
    assert backend.get("key") == b"value"

    momento.advance(0.2)
    assert backend.get("key") is None


def test_a_cache_that_is_not_there_is_an_error(momento, called):
    assert kind_of(lambda: called(connect(momento, "other", timeout=PATIENT)).get("key")) == "NOT_FOUND_ERROR"


def test_a_key_that_is_not_accepted_is_an_error(momento, called):
    credentials = replace(momento.credentials, auth_token="s3cret")  # noqa: S106

    backend = called(connect(momento, credentials=credentials, timeout=PATIENT))
    assert kind_of(lambda: backend.get("key")) == "AUTHENTICATION_ERROR"


def test_an_encrypted_connection_is_as_good(called):
    with MomentoServer(tls=True) as server:
        backend = called(connect(server, timeout=PATIENT))
        backend.set("key", b"value", 60)

        assert backend.get("key") == b"value"


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(called):
    with MomentoServer(tls=True) as server, MomentoServer(tls=True) as other:
        backend = called(connect(server, configuration=other.configuration, timeout=PATIENT))

        assert kind_of(lambda: backend.set("key", b"value", 60)) == "SERVER_UNAVAILABLE"
        assert server.calls == []


def test_a_server_that_is_gone_fails_the_call(momento, called):
    backend = called(connect(momento, timeout=PATIENT))
    momento.close()

    assert kind_of(lambda: backend.get("key")) == "SERVER_UNAVAILABLE"


@pytest.mark.parametrize(
    ("status", "patience", "connections"), [("UNAVAILABLE", 0, 2), ("INTERNAL", 0, 1), ("UNAVAILABLE", 60, 1)]
)
def test_who_is_not_there_for_long_is_looked_for_anew(momento, called, monkeypatch, status, patience, connections):
    made: list[object] = []
    for name in ("CacheClient", "CacheClientAsync"):
        monkeypatch.setattr(f"momento.{name}.__init__", note(made, getattr(sdk, name).__init__))
    monkeypatch.setattr(momento_module, "_PATIENCE", patience)
    backend = called(connect(momento, timeout=PATIENT))
    momento.fail("Get", status)

    kind_of(lambda: backend.get("key"))
    assert (backend.get("key"), len(made)) == (None, connections)


def note(made: list[object], make: Callable[..., None]) -> Callable[..., None]:
    def make_and_note(client: object, *given: Any) -> None:
        made.append(client)
        make(client, *given)

    return make_and_note


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
def test_a_proxy_that_is_gone_fails_the_call_unless_the_endpoint_is_not_for_it(momento, called, monkeypatch, variable):
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert kind_of(lambda: called(connect(momento, timeout=PATIENT)).get("key")) == "SERVER_UNAVAILABLE"

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert called(connect(momento, timeout=PATIENT)).get("key") is None


def test_what_fails_shows_neither_key_nor_value_nor_credentials(momento, called, caplog, rpc):
    given = connect(momento, timeout=PATIENT)
    backend = called(given)
    momento.fail(rpc, "INTERNAL")
    with pytest.raises(BackendError) as caught:
        CALLS[rpc](backend)

    token = momento.credentials.auth_token
    said = [caplog.text, repr(caught.value), repr(given), repr(vars(caught.value))]
    assert [each for each in said if token in each or repr(b"value") in each or repr("key") in each] == []


@pytest.mark.parametrize(
    "missing", [["MOMENTO_API_KEY"], ["MOMENTO_ENDPOINT"], ["MOMENTO_API_KEY", "MOMENTO_ENDPOINT"]]
)
def test_credentials_that_are_missing_are_named_before_any_call(monkeypatch, missing):
    for name in ("MOMENTO_API_KEY", "MOMENTO_ENDPOINT"):
        monkeypatch.setenv(name, "s3cret")
    for name in missing:
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=f"missing: {' and '.join(missing)} not set") as caught:
        Momento("cruddur")
    assert "s3cret" not in f"{caught.value!r}{caught.value}"


def test_an_sdk_that_is_not_installed_is_said_before_any_call(monkeypatch):
    monkeypatch.setitem(sys.modules, "momento", None)

    with pytest.raises(SettingsError, match="Momento's SDK is not installed"):
        Momento("cruddur")


def test_a_key_of_an_older_kind_is_said_before_any_call_and_not_shown(monkeypatch):
    monkeypatch.setenv("MOMENTO_API_KEY", "s3cret")
    monkeypatch.setenv("MOMENTO_ENDPOINT", "cell.example.com")

    with pytest.raises(SettingsError, match="MOMENTO_API_KEY is no API key of version 2") as caught:
        Momento("cruddur")
    assert "s3cret" not in f"{caught.value!r}{caught.value}"


@pytest.mark.parametrize("token", ["s3cret\n", "s3cret ", "s3crét"])
def test_a_key_that_cannot_be_sent_is_said_before_any_call_and_not_shown(momento, token):
    with pytest.raises(SettingsError, match="a character that is none of a key's") as caught:
        connect(momento, credentials=replace(momento.credentials, auth_token=token))
    assert "s3cr" not in f"{caught.value!r}{caught.value}"


def test_a_cache_without_a_name_is_said_before_any_call(momento):
    with pytest.raises(SettingsError, match="a cache of Momento has a name"):
        connect(momento, "")


def test_a_configuration_keeps_all_but_its_retries_and_its_deadline():
    given = Configurations.Lambda.latest()
    made = _configure(given, 0.05)

    names = ["root_certificates_pem", "max_send_message_length", "keepalive_permit_without_calls", "keepalive_time"]
    was, now = (each.get_transport_strategy().get_grpc_configuration() for each in (given, made))
    assert [getattr(now, f"get_{name}")() for name in names] == [getattr(was, f"get_{name}")() for name in names]
    assert now.get_deadline().total_seconds() == 0.05
