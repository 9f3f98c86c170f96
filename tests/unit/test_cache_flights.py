"""One caller of a key fetches, the others get what it got: driven by hand, and by threads and tasks."""

import asyncio
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from pgproof.cache.flights import Flights
from pgproof.errors import QueryFailed
from pgproof.queries.steps import Join, Pause, Step, Steps, drive, drive_async


def fetched(value: str, calls: list[str]) -> Callable[[], Steps[str]]:
    """A fetch that waits once."""

    def fetch() -> Steps[str]:
        calls.append(value)
        yield Pause(1)
        return value

    return fetch


def end_of(steps: Steps[Any], given: object = None) -> Any:
    """Perform the one step that is left; return the answer."""
    with pytest.raises(StopIteration) as end:
        steps.send(given)
    return end.value.value


def begin(flights: Flights[str], fetch: Callable[[], Steps[str]], many: int = 1) -> list[tuple[Steps[str], Step]]:
    """Begin calls of one key, each up to its first step."""
    all_steps = [flights.share("key", fetch) for _ in range(many)]
    return [(steps, next(steps)) for steps in all_steps]


def outcome(step: Step) -> object:
    """Perform a join whose flight has ended."""
    assert isinstance(step, Join)
    return step.future.result(0)


@pytest.fixture
def flights() -> Flights[str]:
    return Flights(patience=10)


@pytest.fixture(autouse=True)
def no_flight_is_left(flights: Flights[str]) -> Iterator[None]:
    yield
    assert flights._under_way == {}  # noqa: SLF001  (an entry that stays would make all who come later wait)


def test_one_fetches_and_the_others_get_what_it_got(flights):
    calls: list[str] = []
    (leader, pause), *others = begin(flights, fetched("found", calls), many=4)

    assert pause == Pause(1)
    assert [isinstance(step, Join) and step.timeout for _, step in others] == [10, 10, 10]
    assert end_of(leader) == "found"
    assert [end_of(steps, outcome(step)) for steps, step in others] == ["found"] * 3
    assert calls == ["found"]


def test_who_is_given_anothers_result_is_counted_as_that_and_nobody_else(flights):
    joined: list[str] = []
    leader = flights.share("key", fetched("found", []), lambda: joined.append("leader"))
    waiter = flights.share("key", fetched("found", []), lambda: joined.append("waiter"))
    next(leader)
    step = next(waiter)
    end_of(leader)
    end_of(waiter, outcome(step))

    assert joined == ["waiter"]


def test_keys_have_nothing_to_do_with_each_other(flights):
    calls: list[str] = []
    one, other = (flights.share(key, fetched(key, calls)) for key in ("one", "other"))

    assert [next(one), next(other)] == [Pause(1), Pause(1)]
    assert [end_of(one), end_of(other)] == ["one", "other"]


def test_who_comes_after_the_end_fetches_anew(flights):
    calls: list[str] = []
    for _ in range(2):
        [(leader, _)] = begin(flights, fetched("found", calls))
        end_of(leader)

    assert calls == ["found", "found"]


def test_an_error_is_everybodys_and_the_next_call_works(flights):
    (leader, _), *others = begin(flights, fetched("never", []), many=3)
    error = QueryFailed("no", hint="do", sqlstate="57014")
    error.__cause__ = psycopg.errors.QueryCanceled("canceled")
    with pytest.raises(QueryFailed):
        leader.throw(error)

    for steps, step in others:
        with pytest.raises(QueryFailed) as raised:
            steps.send(outcome(step))
        assert (str(raised.value), raised.value.sqlstate) == (str(error), "57014")
        assert raised.value.__cause__ is error.__cause__
    [(after, _)] = begin(flights, fetched("found", []))
    assert end_of(after) == "found"


def test_an_error_that_many_get_does_not_gather_the_tracebacks_of_all(flights):
    (leader, _), *others = begin(flights, fetched("never", []), many=50)
    with pytest.raises(QueryFailed):
        leader.throw(QueryFailed("no"))

    lengths = set()
    for steps, step in others:
        with pytest.raises(QueryFailed) as raised:
            steps.send(outcome(step))
        lengths.add(len(traceback.extract_tb(raised.value.__traceback__)))
    assert len(lengths) == 1


def test_an_error_that_cannot_be_copied_is_everybodys_nevertheless(flights):
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(one + two)

    (leader, _), (waiter, step) = begin(flights, fetched("never", []), many=2)
    with pytest.raises(Odd):
        leader.throw(Odd(1, 2))
    with pytest.raises(Odd, match="3"):
        waiter.send(outcome(step))


def test_a_timeout_of_the_fetch_is_an_error_of_it_and_not_the_waiters(flights):
    (leader, _), (waiter, step) = begin(flights, fetched("never", []), many=2)
    with pytest.raises(TimeoutError):
        leader.throw(TimeoutError("of the fetch"))
    with pytest.raises(TimeoutError, match="of the fetch"):
        waiter.send(outcome(step))


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, SystemExit])
def test_who_is_interrupted_is_replaced_by_one_of_those_who_wait(flights, interruption):
    calls: list[str] = []
    (leader, _), *others = begin(flights, fetched("found", calls), many=4)
    with pytest.raises(interruption):
        leader.throw(interruption)

    steps = [each.send(outcome(step)) for each, step in others]
    assert steps[0] == Pause(1)
    assert end_of(others[0][0]) == "found"
    assert [end_of(each, outcome(step)) for (each, _), step in zip(others[1:], steps[1:], strict=True)] == ["found"] * 2
    assert calls == ["found", "found"]


def test_steps_that_are_thrown_away_leave_nothing_behind(flights):
    [(leader, _)] = begin(flights, fetched("never", []))
    leader.close()
    never_begun = flights.share("key", fetched("never", []))
    never_begun.close()

    [(after, _)] = begin(flights, fetched("found", []))
    assert end_of(after) == "found"


def test_who_has_waited_long_enough_fetches_and_so_do_those_who_come_then(flights):
    calls: list[str] = []
    (hung, _), (waiter, _) = begin(flights, fetched("found", calls), many=2)
    assert waiter.throw(TimeoutError) == Pause(1)
    (second, pause), (third, step) = begin(flights, fetched("found", calls), many=2)

    assert pause == Pause(1)
    assert end_of(waiter) == "found"
    assert end_of(hung) == "found"
    assert end_of(second) == "found"
    assert end_of(third, outcome(step)) == "found"
    assert calls == ["found"] * 3


def test_a_waiter_that_is_interrupted_is_missed_by_nobody(flights):
    (leader, _), (waiter, _), (other, step) = begin(flights, fetched("found", []), many=3)
    with pytest.raises(asyncio.CancelledError):
        waiter.throw(asyncio.CancelledError)

    assert end_of(leader) == "found"
    assert end_of(other, outcome(step)) == "found"


class Tasks:
    """Performs steps for asyncio: a pause lasts until the test says so."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.joined = 0

    async def perform(self, step: Step) -> Any:
        if isinstance(step, Join):
            self.joined += 1
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(step.future)), step.timeout)
        return await self.go_on.wait()

    async def until_joined(self, many: int) -> None:
        while self.joined < many:  # noqa: ASYNC110  (turns of the loop, not time)
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_cancelled_task_that_leads_is_replaced_and_one_that_waits_is_not(flights):
    calls: list[str] = []
    tasks = Tasks()
    leader, waiter, *others = [
        asyncio.create_task(drive_async(flights.share("key", fetched("found", calls)), tasks.perform)) for _ in range(9)
    ]
    await tasks.until_joined(8)
    leader.cancel()
    waiter.cancel()
    await tasks.until_joined(8 + 6)
    tasks.go_on.set()

    ended = await asyncio.gather(leader, waiter, *others, return_exceptions=True)
    assert [type(each) for each in ended[:2]] == [asyncio.CancelledError] * 2
    assert ended[2:] == ["found"] * 7
    assert calls == ["found"] * 2


@pytest.mark.asyncio
async def test_a_failure_that_nobody_waits_for_any_more_is_no_noise_of_the_event_loop(flights):
    noise: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: noise.append(about))
    tasks = Tasks()
    (leader, _), _ = begin(flights, fetched("never", []), many=2)
    waiter = asyncio.create_task(drive_async(flights.share("key", fetched("never", [])), tasks.perform))
    await tasks.until_joined(1)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    with pytest.raises(QueryFailed):
        leader.throw(QueryFailed("no"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert noise == []


def test_threads_share_one_fetch_whoever_comes_when(flights):
    calls: list[str] = []
    everybody_waits: Future[None] = Future()
    waiting = iter(range(7))

    def perform(step: Step) -> Any:
        if isinstance(step, Join):
            if next(waiting) == 6:
                everybody_waits.set_result(None)
            return step.future.result(step.timeout)
        return everybody_waits.result()

    with ThreadPoolExecutor(8) as threads:
        ended = list(threads.map(lambda _: drive(flights.share("key", fetched("found", calls)), perform), range(8)))

    assert ended == ["found"] * 8
    assert calls == ["found"]
