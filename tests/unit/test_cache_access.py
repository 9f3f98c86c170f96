"""One request's calls of a backend: within its time, never an error, and never a wrong idea of what is there."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.cache import BackendError, Memory
from pgproof.cache.access import Access
from pgproof.cache.breaker import Breaker
from pgproof.queries.steps import Do, Pause, Step, Steps
from tests.clock import Clock

TIMEOUT, BUDGET = 0.05, 0.15


class Slow(Memory):
    timeout = TIMEOUT


class Request:
    """A request, what it noted, and what it did step by step."""

    def __init__(self, clock: Clock, breaker: Breaker | None = None) -> None:
        self.clock = clock
        self.breaker = breaker or Breaker(clock)
        self.notes: list[str] = []
        self.steps: list[Step] = []
        self.access = Access(Slow(clock=clock), self.breaker, BUDGET, clock, self.notes.append)

    def do(self, steps: Steps[Any], takes: float = 0.0, error: BaseException | None = None) -> Any:
        """Perform steps, each of which takes so long, or the first of which fails then."""
        try:
            step = next(steps)
            while True:
                self.steps.append(step)
                self.clock.now += step.seconds if isinstance(step, Pause) else takes
                step = steps.throw(error) if error else steps.send(_perform(step))
        except StopIteration as end:
            return end.value


def _perform(step: Step) -> Any:
    return getattr(step.backend, step.method)(*step.arguments) if isinstance(step, Do) else None


@pytest.fixture
def request_(clock: Clock) -> Request:
    return Request(clock)


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


def test_what_is_kept_is_found_again(request_):
    access = request_.access
    assert request_.do(access.get("key")) is None
    assert request_.do(access.set("key", b"value", 60)) is True

    assert request_.do(access.get("key")) == b"value"
    assert request_.do(access.add("key", b"other", 60)) is False
    assert request_.do(access.add("second", b"other", 60)) is True
    assert (access.works, request_.notes) == (True, [])


@pytest.mark.parametrize("error", [BackendError("TIMEOUT_ERROR"), OSError("no"), ValueError("a bug of a backend")])
def test_whatever_a_backend_raises_is_nothing_found_and_noted_by_its_kind_alone(request_, error):
    assert request_.do(request_.access.get("key"), error=error) is None

    assert request_.access.works is False
    assert request_.notes == [error.kind if isinstance(error, BackendError) else type(error).__name__]


def test_after_a_failure_nothing_more_is_asked(request_):
    access = request_.access
    request_.do(access.get("key"), error=BackendError("SERVER_UNAVAILABLE"))
    asked = list(request_.steps)

    assert request_.do(access.get("key")) is None
    assert request_.do(access.set("key", b"value", 60)) is False
    assert request_.do(access.add("key", b"value", 60)) is False
    assert request_.steps == asked


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_an_interruption_is_no_failure_of_the_backend(request_, interruption):
    for _ in range(10):
        with pytest.raises(interruption):
            request_.do(request_.access.get("key"), error=interruption())

    assert (request_.breaker.state, request_.notes) == ("closed", [])


def test_a_request_has_no_time_for_a_call_that_might_take_too_long(request_):
    for _ in range(3):
        request_.do(request_.access.get("key"), takes=0.04)
    assert request_.access.works is True
    assert request_.do(request_.access.get("key")) is None

    assert (len(request_.steps), request_.access.works, request_.notes) == (3, False, ["out of time"])


def test_a_pause_leaves_time_for_the_call_after_it(request_):
    assert request_.do(request_.access.pause(0.09)) is True
    assert request_.do(request_.access.pause(0.02)) is False
    request_.do(request_.access.get("key"), takes=TIMEOUT)

    assert request_.access.works is True
    assert [type(each) for each in request_.steps] == [Pause, Do]


def test_what_another_request_waits_for_in_our_place_is_our_time_too(request_, clock):
    def wait() -> Steps[str]:
        clock.now += 0.12
        yield Pause(0)
        return "theirs"

    assert request_.do(request_.access.counted(wait())) == "theirs"
    request_.do(request_.access.get("key"))

    assert request_.notes == ["out of time"]


def test_our_own_calls_in_such_steps_are_counted_once(request_):
    def look() -> Steps[Any]:
        yield from request_.access.get("key")

    request_.do(request_.access.counted(look()), takes=TIMEOUT)
    request_.do(request_.access.get("key"), takes=TIMEOUT)
    request_.do(request_.access.get("key"), takes=0)

    assert (len(request_.steps), request_.notes) == (3, [])


CALLS = st.tuples(st.sampled_from(["get", "set", "add", "pause"]), st.floats(0, TIMEOUT), st.booleans())


@given(st.lists(CALLS))
def test_all_waiting_together_is_never_longer_than_the_budget(calls):
    clock = Clock(100.0)
    request = Request(clock)
    arguments: dict[str, tuple[Any, ...]] = {"get": ("k",), "set": ("k", b"v", 9), "add": ("k", b"v", 9)}
    for method, takes, fails in calls:
        if method == "pause":
            request.do(request.access.pause(takes))
        else:
            error = BackendError("TIMEOUT_ERROR") if fails else None
            request.do(getattr(request.access, method)(*arguments[method]), takes, error)

    assert clock.now - 100 <= BUDGET + 1e-9


def test_a_backend_at_rest_is_not_asked_and_what_it_has_is_not_known_to_be_missing(clock):
    breaker = Breaker(clock)
    breaker.failed(limited=True)
    request = Request(clock, breaker)

    assert request.do(request.access.get("key")) is None
    assert request.do(request.access.set("key", b"value", 60)) is False
    assert (request.steps, request.notes, request.access.works) == ([], [], False)


def test_a_backend_that_wants_fewer_calls_is_at_rest_for_all_at_once_and_then_tried_by_one(clock):
    breaker = Breaker(clock)
    first = Request(clock, breaker)
    first.do(first.access.get("key"), error=BackendError("LIMIT_EXCEEDED_ERROR", is_limited=True))
    clock.now += 1
    probe, other, later = (Request(clock, breaker) for _ in range(3))

    asking = probe.access.get("key")
    step = next(asking)
    assert other.do(other.access.get("key")) is None
    with pytest.raises(StopIteration):
        asking.send(_perform(step))
    later.do(later.access.get("key"))
    assert (len(other.steps), len(later.steps), breaker.state) == (0, 1, "closed")


def test_a_probe_that_is_interrupted_gives_way_to_the_next_one(clock):
    breaker = Breaker(clock)
    breaker.failed(limited=True)
    clock.now += 1
    probe = Request(clock, breaker)
    with pytest.raises(asyncio.CancelledError):
        probe.do(probe.access.get("key"), error=asyncio.CancelledError())
    clock.now += 1
    second = Request(clock, breaker)
    second.do(second.access.get("key"))

    assert (len(second.steps), breaker.state) == (1, "closed")
