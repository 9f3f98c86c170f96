"""A Momento of a test's own, as the unmodified SDK sees it. It stands beside the other users of gRPC.

Begun late in a process in which thousands of tests had run, gRPC was aborted twice in CI; why is not known yet.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from momento import CacheClient, CacheClientAsync
from momento.config.middleware.synchronous import Middleware, MiddlewareMetadata, MiddlewareRequestHandler
from momento.responses import (
    CacheDelete,
    CacheGet,
    CacheIncrement,
    CacheSet,
    CacheSetIfNotExists,
    CreateCache,
    DeleteCache,
    ListCaches,
)

from pgproof.testing import MomentoServer

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Waited:
    """An asynchronous client that waits for each answer, so that one test holds for both."""

    def __init__(self, server: MomentoServer, runner: asyncio.Runner) -> None:
        self._run = runner.run
        self._client = self._run(self._make(server))

    async def _make(self, server: MomentoServer) -> CacheClientAsync:
        return CacheClientAsync(server.configuration, server.credentials, MINUTE)

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self._run(getattr(self._client, name)(*given))


@contextmanager
def waited(server: MomentoServer) -> Iterator[Waited]:
    with asyncio.Runner() as runner:
        client = Waited(server, runner)
        yield client
        client.__aexit__(None, None, None)


def threaded(server: MomentoServer) -> CacheClient:
    return CacheClient(server.configuration, server.credentials, MINUTE)


@pytest.fixture
def server() -> Iterator[MomentoServer]:
    with MomentoServer(caches=["cruddur"]) as server:
        yield server


@pytest.fixture
def client(server: MomentoServer) -> Iterator[CacheClient]:
    with threaded(server) as client:
        yield client


def code(answer: Any) -> str:
    return str(answer.error_code.name)


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("connect", [threaded, waited])
def test_the_sdk_talks_to_it_as_to_momento(connect: Callable[[MomentoServer], Any], *, tls: bool):
    with MomentoServer(caches=["cruddur"], tls=tls) as server, connect(server) as client:
        assert client.get("cruddur", "a") == CacheGet.Miss()
        assert client.set("cruddur", "a", b"1") == CacheSet.Success()
        assert client.get("cruddur", "a") == CacheGet.Hit(b"1")
        assert client.set_if_not_exists("cruddur", "a", b"2") == CacheSetIfNotExists.NotStored()
        assert client.set_if_not_exists("cruddur", "b", b"2") == CacheSetIfNotExists.Stored()
        assert client.increment("cruddur", "a", 4) == CacheIncrement.Success(5)
        assert client.delete("cruddur", "a") == CacheDelete.Success()
        assert server.items("cruddur") == {"b": b"2"}
        assert server.calls[-1] == ("Delete", "cruddur", "a")


@pytest.mark.parametrize("connect", [threaded, waited])
def test_caches_are_made_listed_emptied_and_removed(server: MomentoServer, connect: Callable[[MomentoServer], Any]):
    with connect(server) as client:
        assert client.create_cache("other") == CreateCache.Success()
        assert client.create_cache("other") == CreateCache.CacheAlreadyExists()
        listed = client.list_caches()
        assert isinstance(listed, ListCaches.Success)
        assert [each.name for each in listed.caches] == ["cruddur", "other"]
        client.set("other", "a", b"1")
        client.flush_cache("other")
        assert server.items("other") == {}
        assert client.delete_cache("other") == DeleteCache.Success()
        assert code(client.delete_cache("other")) == "NOT_FOUND_ERROR"


def test_a_cache_that_there_is_not_is_not_found(client: CacheClient):
    answers = [client.get("nope", "a"), client.set("nope", "a", b"1"), client.increment("nope", "a")]

    assert [code(each) for each in answers] == ["NOT_FOUND_ERROR"] * 3


@pytest.mark.parametrize("key", ["another", ""])
def test_only_its_own_key_lets_in(server: MomentoServer, key: str):
    with CacheClient(server.configuration, replace(server.credentials, auth_token=key), MINUTE) as client:
        assert code(client.set("cruddur", "a", b"1")) == "AUTHENTICATION_ERROR"
    assert server.items("cruddur") == {}


def test_an_item_has_at_most_five_megabytes_with_its_key(client: CacheClient):
    largest = 5 * 1024 * 1024 - 1

    assert client.set("cruddur", "a", bytes(largest)) == CacheSet.Success()
    assert client.get("cruddur", "a") == CacheGet.Hit(bytes(largest))
    refused = client.set("cruddur", "a", bytes(largest + 1))
    assert code(refused) == "LIMIT_EXCEEDED_ERROR"
    assert isinstance(refused, CacheSet.Error)
    assert "Item size limit exceeded for this account" in refused.message


def test_what_is_kept_lives_as_long_as_it_was_said_by_a_clock_that_only_the_test_moves(
    server: MomentoServer, client: CacheClient
):
    client.set("cruddur", "short", b"1", SECOND)
    client.set("cruddur", "long", b"1", timedelta(hours=24))
    client.set("cruddur", "gone", b"1", timedelta(microseconds=400))  # the SDK sends whole milliseconds
    assert set(server.items("cruddur")) == {"short", "long"}

    server.advance(1)

    assert client.get("cruddur", "short") == CacheGet.Miss()
    assert client.set_if_not_exists("cruddur", "short", b"2") == CacheSetIfNotExists.Stored()
    assert client.get("cruddur", "long") == CacheGet.Hit(b"1")
    assert code(client.set("cruddur", "a", b"1", timedelta(hours=24, seconds=1))) == "INVALID_ARGUMENT_ERROR"


def test_only_a_number_is_incremented(client: CacheClient):
    client.set("cruddur", "a", b"one")

    assert code(client.increment("cruddur", "a")) == "FAILED_PRECONDITION_ERROR"


def test_what_it_does_not_serve_says_so(client: CacheClient):
    assert "Method not implemented!" in str(client.dictionary_fetch("cruddur", "a"))


def test_evicting_forgets_a_key_or_all(server: MomentoServer, client: CacheClient):
    for key in "abc":
        client.set("cruddur", key, b"1")

    server.evict("cruddur", "a")
    assert set(server.items("cruddur")) == {"b", "c"}
    server.evict("cruddur")
    assert server.items("cruddur") == {}


@pytest.mark.parametrize(
    ("status", "known_as"),
    [
        ("UNAVAILABLE", "SERVER_UNAVAILABLE"),
        ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED_ERROR"),
        ("PERMISSION_DENIED", "PERMISSION_ERROR"),
    ],
)
def test_a_refused_call_is_not_applied_and_the_next_one_is(
    server: MomentoServer, client: CacheClient, status: str, known_as: str
):
    server.fail("Set", status)

    assert code(client.set("cruddur", "a", b"1")) == known_as
    assert server.items("cruddur") == {}
    assert client.set("cruddur", "a", b"1") == CacheSet.Success()
    assert [each.method for each in server.calls] == ["Set", "Set"]


def test_a_lost_reply_is_of_a_call_that_is_applied(server: MomentoServer, client: CacheClient):
    server.lose_reply("Increment")

    assert code(client.increment("cruddur", "a")) == "SERVER_UNAVAILABLE"
    assert client.increment("cruddur", "a") == CacheIncrement.Success(2)


def test_a_call_that_nobody_hears_of_is_given_up_at_the_clients_deadline(server: MomentoServer):
    configuration = server.configuration.with_client_timeout(timedelta(milliseconds=50))
    with CacheClient(configuration, server.credentials, MINUTE) as client:
        server.blackhole("Set", times=None)
        assert code(client.set("cruddur", "a", b"1")) == "TIMEOUT_ERROR"
    assert server.items("cruddur") == {}


def test_a_delayed_call_is_applied_at_once_and_answered_later(server: MomentoServer):
    configuration = server.configuration.with_client_timeout(timedelta(milliseconds=200))
    with CacheClient(configuration, server.credentials, MINUTE) as client:
        while client.get("cruddur", "a") != CacheGet.Miss():
            pass  # it has not connected yet
        server.delay("Set", 60)
        assert code(client.set("cruddur", "a", b"1")) == "TIMEOUT_ERROR"
    assert server.items("cruddur") == {"a": b"1"}


def test_a_short_delay_is_within_the_clients_deadline(server: MomentoServer, client: CacheClient):
    server.delay("Get", 0.01)

    assert client.get("cruddur", "a") == CacheGet.Miss()


@pytest.mark.parametrize("value", [b"x", b"a longer value"])
def test_a_garbled_hit_has_other_bytes_and_a_miss_stays_one(server: MomentoServer, client: CacheClient, value: bytes):
    server.garble("Get", times=2)

    assert client.get("cruddur", "a") == CacheGet.Miss()
    client.set("cruddur", "a", value)
    garbled = client.get("cruddur", "a")
    assert isinstance(garbled, CacheGet.Hit)
    assert garbled.value_bytes != value
    assert client.get("cruddur", "a") == CacheGet.Hit(value)


def test_a_held_call_is_applied_when_it_is_released(server: MomentoServer, client: CacheClient):
    with ThreadPoolExecutor() as aside, server.hold("Set") as held:
        answer = aside.submit(client.set, "cruddur", "a", b"1")
        held.wait()
        assert client.get("cruddur", "a") == CacheGet.Miss()
        held.release()
        assert answer.result() == CacheSet.Success()
        assert client.set("cruddur", "b", b"1") == CacheSet.Success()


def test_the_end_of_a_hold_releases_what_it_held(server: MomentoServer, client: CacheClient):
    with ThreadPoolExecutor() as aside:
        with server.hold("Set") as held:
            answer = aside.submit(client.set, "cruddur", "a", b"1")
            held.wait()
        assert answer.result() == CacheSet.Success()
    assert client.set("cruddur", "a", b"2") == CacheSet.Success()


def test_a_held_call_that_its_client_gave_up_is_applied_late(server: MomentoServer):
    configuration = server.configuration.with_client_timeout(timedelta(milliseconds=200))
    with CacheClient(configuration, server.credentials, MINUTE) as client, server.hold("Increment") as held:
        while client.get("cruddur", "a") != CacheGet.Miss():
            pass  # it has not connected yet
        assert code(client.increment("cruddur", "a")) == "TIMEOUT_ERROR"
        assert server.items("cruddur") == {}
        held.release()
        with threaded(server) as patient:
            while "a" not in server.items("cruddur"):
                patient.list_caches()
    assert server.items("cruddur") == {"a": b"1"}


def test_no_call_arriving_is_told(server: MomentoServer):
    with server.hold("Set") as held, pytest.raises(TimeoutError, match="no call arrived"):
        held.wait(0.001)


def test_counted_faults_come_in_order_before_endless_ones(server: MomentoServer, client: CacheClient):
    server.fail("Get", "UNAVAILABLE", times=None)
    server.fail("Get", "RESOURCE_EXHAUSTED", times=None)
    server.fail("Get", "PERMISSION_DENIED", times=2)
    server.fail("Get", "INTERNAL")

    codes = [code(client.get("cruddur", "a")) for _ in range(5)]

    assert codes == ["PERMISSION_ERROR"] * 2 + ["INTERNAL_SERVER_ERROR"] + ["LIMIT_EXCEEDED_ERROR"] * 2
    server.heal()
    assert client.get("cruddur", "a") == CacheGet.Miss()


def test_faults_of_one_rpc_leave_the_others_alone(server: MomentoServer, client: CacheClient):
    server.fail("Get", "UNAVAILABLE", times=None)

    assert client.set("cruddur", "a", b"1") == CacheSet.Success()


def test_healing_releases_what_is_held(server: MomentoServer, client: CacheClient):
    with ThreadPoolExecutor() as aside, server.hold("Set") as held:
        answer = aside.submit(client.set, "cruddur", "a", b"1")
        held.wait()
        server.heal()
        assert answer.result() == CacheSet.Success()


@pytest.mark.parametrize("method", ["get", "SetIf", "DictionaryGet", "Gte"])
def test_a_fault_of_what_is_not_served_is_refused(server: MomentoServer, method: str):
    with pytest.raises(ValueError, match=f"no RPC '{method}'"):
        server.fail(method, "UNAVAILABLE")


def test_a_status_that_grpc_does_not_know_is_refused(server: MomentoServer):
    with pytest.raises(ValueError, match="no status 'DOWN'"):
        server.fail("Get", "DOWN")


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
def test_a_closed_server_leaves_no_thread_and_no_call_behind(*, tls: bool):
    before = set(threading.enumerate())
    with MomentoServer(caches=["cruddur"], tls=tls) as server:
        long = server.configuration.with_client_timeout(MINUTE)
        server.blackhole("Get")
        with CacheClient(long, server.credentials, MINUTE) as client, ThreadPoolExecutor() as aside:
            unheard = aside.submit(client.get, "cruddur", "a")
            while ("Get", "cruddur", "a") not in server.calls:
                client.list_caches()
            server.close()
            assert code(unheard.result()) in {"SERVER_UNAVAILABLE", "CANCELLED_ERROR"}
            assert code(client.get("cruddur", "a")) == "SERVER_UNAVAILABLE"

    ours = {each for each in set(threading.enumerate()) - before if "serv" in each.name}
    for each in ours:
        each.join(10)
    assert not [each for each in ours if each.is_alive()]


def test_it_is_reached_past_a_proxy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_grpc_proxy", "example.org")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with MomentoServer() as server, threaded(server) as client:
        assert client.get("cruddur", "a") == CacheGet.Miss()


class Asking(MiddlewareRequestHandler):
    """Adds metadata to a call, as the SDKs' own tests do."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    def on_request_metadata(self, metadata: MiddlewareMetadata) -> MiddlewareMetadata:
        assert metadata.grpc_metadata is not None
        metadata.grpc_metadata.extend(self._words.items())
        return metadata

    def on_request_body(self, request: Any) -> Any:
        return request

    def on_response_metadata(self, metadata: Any) -> Any:
        return metadata

    def on_response_body(self, response: Any) -> Any:
        return response

    def on_response_status(self, status: Any) -> Any:
        return status


class Headers(Middleware):
    def __init__(self, **words: str) -> None:
        self._words = {name.replace("_", "-"): value for name, value in words.items()}

    def on_new_request(self, _: Any) -> MiddlewareRequestHandler:
        return Asking(self._words)


def test_faults_are_taken_from_metadata_as_momento_local_does(server: MomentoServer):
    headers = Headers(
        request_id=str(uuid4()),
        return_error="resource-exhausted",
        error_rpcs="get set-if-not-exists",
        error_count="1",
        delay_rpcs="set",
        delay_ms="60000",
    )
    configuration = server.configuration.with_client_timeout(timedelta(milliseconds=200)).add_middleware(headers)
    with CacheClient(configuration, server.credentials, MINUTE) as client:
        assert code(client.get("cruddur", "a")) == "LIMIT_EXCEEDED_ERROR"
        assert code(client.set_if_not_exists("cruddur", "a", b"1")) == "LIMIT_EXCEEDED_ERROR"
        assert client.get("cruddur", "a") == CacheGet.Miss()
        assert code(client.set("cruddur", "a", b"1")) == "TIMEOUT_ERROR"
    with threaded(server) as other:
        assert other.get("cruddur", "a") == CacheGet.Hit(b"1")
