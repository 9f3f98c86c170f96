"""When a backend that fails is left alone, and when it is tried again."""

import pytest

from pgproof.cache.breaker import Breaker
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    breaker.failed(limited=True)
    return breaker


def test_it_is_closed_at_first(breaker):
    assert (breaker.state, breaker.admits()) == ("closed", True)


def test_a_few_failures_are_no_reason(breaker):
    for _ in range(4):
        breaker.failed()

    assert breaker.state == "closed"


@pytest.mark.parametrize(("answered", "failed", "state"), [(0, 5, "open"), (5, 5, "open"), (6, 5, "closed")])
def test_half_of_the_latest_calls_are_a_reason(breaker, answered, failed, state):
    for _ in range(answered):
        breaker.succeeded()
    for _ in range(failed):
        breaker.failed()

    assert (breaker.state, breaker.admits()) == (state, state == "closed")


def test_only_the_latest_calls_count(breaker):
    for _ in range(1000):
        breaker.succeeded()
    for _ in range(10):
        assert breaker.state == "closed"
        breaker.failed()

    assert breaker.state == "open"


def test_a_backend_that_wants_fewer_calls_gets_none_at_once(breaker):
    for _ in range(1000):
        breaker.succeeded()
    breaker.failed(limited=True)

    assert (breaker.state, breaker.admits()) == ("open", False)


def test_one_probe_at_a_time_is_let_through(opened, clock):
    clock.now += 0.99
    assert (opened.state, opened.admits()) == ("open", False)
    clock.now += 0.02

    assert opened.state == "half-open"
    assert [opened.admits() for _ in range(5)] == [True, False, False, False, False]


def test_a_probe_that_is_answered_closes_it_and_old_failures_are_forgotten(opened, clock):
    clock.now += 1
    assert opened.admits()
    opened.succeeded()
    for _ in range(4):
        opened.failed()

    assert (opened.state, opened.admits()) == ("closed", True)


@pytest.mark.parametrize("limited", [True, False])
def test_a_probe_that_fails_is_a_reason_to_rest_again(opened, clock, limited):
    clock.now += 1
    assert opened.admits()
    clock.now += 0.05
    opened.failed(limited=limited)

    clock.now += 0.99
    assert (opened.state, opened.admits()) == ("open", False)
    clock.now += 0.02
    assert opened.admits()


def test_a_probe_that_is_never_heard_of_again_gives_way_to_another_one(opened, clock):
    clock.now += 1
    assert opened.admits()
    clock.now += 0.99
    assert not opened.admits()
    clock.now += 0.02

    assert [opened.admits(), opened.admits()] == [True, False]


def test_an_answer_to_a_call_from_before_says_nothing_of_now(opened, clock):
    opened.succeeded()
    assert opened.state == "open"
    clock.now += 1
    opened.succeeded()

    assert (opened.state, opened.admits(), opened.admits()) == ("half-open", True, False)


def test_it_recovers_by_itself_however_often_it_opened(breaker, clock):
    for _ in range(3):
        for _ in range(5):
            breaker.failed()
        assert not breaker.admits()
        clock.now += 1
        assert breaker.admits()
        breaker.succeeded()

    assert breaker.state == "closed"
