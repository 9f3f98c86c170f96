"""Momento that fails under a cache, with its own SDK: the answer is what it would be without, and in time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pgproof.cache import Cache, Limits
from pgproof.cache.backends.momento import Momento
from pgproof.testing import MomentoServer
from tests.faults import ADDS, BUDGET, MODES, TIMEOUT, Clock, same

CACHE = "cruddur"
PATIENT = 5.0  # seconds: on a busy machine, what is not meant to fail shall not
RPCS = ("Get", "Set", "SetIfNotExists")
DOWN: dict[str, Callable[[MomentoServer, str], None]] = {
    "unavailable": lambda server, rpc: server.fail(rpc, "UNAVAILABLE", times=None),
    "blackhole": lambda server, rpc: server.blackhole(rpc, times=None),
    "delayed": lambda server, rpc: server.delay(rpc, 30, times=None),
    "limited": lambda server, rpc: server.fail(rpc, "RESOURCE_EXHAUSTED", times=None),
    "internal": lambda server, rpc: server.fail(rpc, "INTERNAL", times=None),
    "forbidden": lambda server, rpc: server.fail(rpc, "PERMISSION_DENIED", times=None),
    "reply lost": lambda server, rpc: server.lose_reply(rpc, times=None),
}


@pytest.fixture
def momento() -> Iterator[MomentoServer]:
    with MomentoServer(caches=[CACHE]) as momento:
        yield momento


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_on(
    open_db: Callable[..., Any], database: str, momento: MomentoServer, clock: Clock
) -> Callable[..., tuple[Any, Cache]]:
    """Make an adapter with a cache in Momento, or on something that is not it."""

    def open_on(cache: str = CACHE, timeout: float = PATIENT, **changes: Any) -> tuple[Any, Cache]:
        credentials = replace(momento.credentials, **changes)
        backend = Momento(cache, credentials=credentials, configuration=momento.configuration, timeout=timeout)
        read_through = Cache(backend, clock=clock, limits=Limits(budget=3 * timeout))
        return open_db(database, cache=read_through), read_through

    return open_on


def use(db: Any, plain: Any, mode: str, clock: Clock) -> None:
    """Read, write and read again, as an application does."""
    for add in ADDS:
        assert same(db, plain, mode)
        db.run(add)
        assert same(db, plain, mode)
    plain.run("add.note")
    clock.now += 1.001
    assert same(db, plain, mode)


@MODES
@pytest.mark.parametrize("fault", DOWN)
def test_the_answer_is_right_while_momento_fails_and_all_is_well_again_after(
    open_on, plain, momento, clock, mode, fault
):
    db, cache = open_on(timeout=TIMEOUT if fault in ("blackhole", "delayed") else PATIENT)
    assert same(db, plain, mode)
    for rpc in RPCS:
        DOWN[fault](momento, rpc)
    use(db, plain, mode, clock)

    momento.heal()
    before = cache.counters.events.get((mode, "hit"), 0)
    for _ in range(20):
        clock.now += 11
        assert same(db, plain, mode)
    assert cache.breaker.state == "closed"
    assert cache.counters.events[mode, "hit"] > before


@MODES
@pytest.mark.parametrize("rpc", RPCS)
def test_the_answer_is_right_while_one_kind_of_call_fails(open_on, plain, momento, clock, mode, rpc):
    db, _ = open_on()
    momento.fail(rpc, "UNAVAILABLE", times=None)
    use(db, plain, mode, clock)


@MODES
def test_the_answer_is_right_while_calls_fail_now_and_then(open_on, plain, momento, clock, mode):
    db, _ = open_on()
    for number in range(20):
        momento.fail(RPCS[number % 3], "UNAVAILABLE", times=number % 4)
        momento.lose_reply(RPCS[number % 2], times=number % 3)
        plain.run("add.tag")
        clock.now += 11
        db.run("add.note")
        clock.now += 11
        if mode == "strict":
            assert same(db, plain, mode)
        assert db.run("notes") == plain.run("notes")


@MODES
@pytest.mark.parametrize("every", [True, False])
def test_what_is_evicted_is_missed_and_nothing_old_comes_in_its_place(open_on, plain, momento, clock, mode, every):
    db, _ = open_on()
    for _ in range(3):
        assert same(db, plain, mode)
        db.run("add.note")
        for key in momento.items(CACHE):
            if every or "token" in key:
                momento.evict(CACHE, key)
        plain.run("add.note")
        clock.now += 1.001
        assert same(db, plain, mode)


@MODES
def test_garbage_is_not_taken_for_an_answer(open_on, plain, momento, clock, mode):
    db, cache = open_on()
    assert same(db, plain, mode)
    momento.garble("Get", times=None)
    use(db, plain, mode, clock)

    assert ("strict", "garbage") in cache.counters.events or mode == "bounded"
    momento.heal()
    db.run("add.note")
    assert same(db, plain, mode)


BAD: dict[str, dict[str, Any]] = {
    "a port where nobody listens": {"port": 9},
    "credentials that are refused": {"auth_token": "wrong"},
    "a cache that there is not": {"cache": "missing"},
}


@MODES
@pytest.mark.parametrize("bad", BAD)
def test_the_answer_is_right_where_momento_never_works(open_on, plain, clock, mode, bad):
    db, cache = open_on(**BAD[bad])
    use(db, plain, mode, clock)

    assert cache.breaker.state != "closed"
    assert sum(cache.counters.failures.values()) > 0


@MODES
@pytest.mark.parametrize("fault", ["unavailable", "blackhole"])
def test_no_call_asks_more_often_than_its_time_allows_and_a_resting_momento_not_at_all(
    open_on, plain, momento, mode, fault
):
    db, cache = open_on(timeout=TIMEOUT)
    assert same(db, plain, mode)
    for rpc in RPCS:
        DOWN[fault](momento, rpc)
    for name in [mode, *ADDS] * 5:
        before = len(momento.calls)
        db.run(name)
        assert len(momento.calls) - before <= BUDGET / TIMEOUT
    assert cache.breaker.state == "open"

    before = len(momento.calls)
    use(db, plain, mode, Clock())
    assert len(momento.calls) == before


@MODES
def test_no_secret_and_no_value_is_in_what_is_counted(open_on, momento, mode):
    db, cache = open_on(auth_token="s3cr3t-t0k3n")  # noqa: S106  (it is refused)
    db.run(mode)
    momento.fail("Get", "INTERNAL", times=None)
    db.run(mode)

    assert "s3cr3t" not in str(cache.describe())
    assert all(kind.isupper() for kind in cache.counters.failures)
