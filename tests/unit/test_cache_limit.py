"""So many at a time, first come first served, and no place is lost whatever is stopped when."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.cache.limit import Limit
from pgproof.errors import ServerUnavailable
from pgproof.queries.steps import Join, Pause, Step, Steps, drive_async

PLACES = 2
STOPS = (TimeoutError, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, OSError)


def fetch() -> Steps[str]:
    yield Pause(1)
    return "found"


class Caller:
    """One who wants in, and is driven by hand."""

    def __init__(self, limit: Limit) -> None:
        self.steps = limit.within(fetch)
        self.step: Step | None = next(self.steps)

    @property
    def is_in(self) -> bool:
        return isinstance(self.step, Pause)

    @property
    def may_enter(self) -> bool:
        return isinstance(self.step, Join) and self.step.future.done()

    def go_on(self) -> None:
        """Perform the step, as far as it can be."""
        if self.is_in or self.may_enter:
            self._go(lambda: self.steps.send(None))

    def stop(self, error: type[BaseException]) -> None:
        self._go(lambda: self.steps.throw(error))

    def _go(self, act: Callable[[], Step]) -> None:
        self.step = None
        with suppress(StopIteration, ServerUnavailable, *STOPS):
            self.step = act()


def assert_all_places_are_free(limit: Limit) -> None:
    callers = [Caller(limit) for _ in range(PLACES + 1)]
    assert [each.is_in for each in callers] == [True] * PLACES + [False]


@pytest.fixture
def limit() -> Limit:
    return Limit(PLACES, patience=10)


def test_so_many_are_let_in_and_the_others_wait(limit):
    callers = [Caller(limit) for _ in range(5)]

    assert [each.is_in for each in callers] == [True, True, False, False, False]
    assert [each.step.timeout for each in callers if isinstance(each.step, Join)] == [10, 10, 10]


def test_first_come_first_served_also_before_one_who_comes_when_a_place_gets_free(limit):
    callers = [Caller(limit) for _ in range(4)]
    callers[0].go_on()
    late = Caller(limit)
    callers[1].go_on()

    assert [each.may_enter for each in callers[2:]] == [True, True]
    assert not late.may_enter
    assert isinstance(late.step, Join)


def test_who_is_not_let_in_for_long_gets_an_error_for_people(limit):
    callers = [Caller(limit) for _ in range(3)]
    with pytest.raises(ServerUnavailable, match=r"no place was free for 10 s .*\n.*Limits\(max_fills=…\)"):
        callers[2].steps.throw(TimeoutError)


def test_an_error_of_the_query_is_the_callers_and_frees_the_place(limit):
    callers = [Caller(limit) for _ in range(3)]
    with pytest.raises(OSError, match="no"):
        callers[0].steps.throw(OSError("no"))

    assert callers[2].may_enter


def test_a_timeout_inside_of_the_query_is_not_taken_for_the_lines(limit):
    caller = Caller(limit)
    with pytest.raises(TimeoutError, match="of the query"):
        caller.steps.throw(TimeoutError("of the query"))


ACTS = st.one_of(
    st.just(("come", None)),
    st.tuples(st.just("go on"), st.integers(0, 9)),
    st.tuples(st.just("stop"), st.tuples(st.integers(0, 9), st.sampled_from(STOPS))),
)


@given(st.lists(ACTS, max_size=60))
def test_no_place_is_lost_or_won_whatever_is_stopped_when(acts: list[tuple[str, Any]]):
    limit = Limit(PLACES, patience=10)
    callers: list[Caller] = []
    for act, about in acts:
        present = [each for each in callers if each.step]
        if act == "come":
            callers.append(Caller(limit))
        elif present and act == "go on":
            present[about % len(present)].go_on()
        elif present:
            present[about[0] % len(present)].stop(about[1])
        present = [each for each in callers if each.step]
        inside = [each for each in present if each.is_in or each.may_enter]
        assert len(inside) == min(PLACES, len(present))
        assert [each for each in present if not each.is_in][: PLACES - sum(each.is_in for each in present)] == [
            each for each in present if each.may_enter
        ]

    for each in callers:
        if each.step:
            each.stop(GeneratorExit)
    assert_all_places_are_free(limit)


class Line:
    """Performs steps for asyncio: a fetch lasts until the test says so."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.inside = self.most = self.joined = 0

    async def perform(self, step: Step) -> Any:
        if isinstance(step, Join):
            self.joined += 1
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(step.future)), step.timeout)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.go_on.wait()
            await asyncio.sleep(0)
        finally:
            self.inside -= 1
        return None

    async def until_joined(self, many: int) -> None:
        while self.joined < many:  # noqa: ASYNC110  (turns of the loop, not time)
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_tasks_that_are_cancelled_inside_or_in_line_leave_their_place_to_the_next(limit):
    line = Line()
    tasks = [asyncio.create_task(drive_async(limit.within(fetch), line.perform)) for _ in range(40)]
    await line.until_joined(38)
    for task in tasks[::2]:
        task.cancel()
    line.go_on.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [each for each in ended if each == "found"] == ["found"] * 20
    assert line.most == PLACES
    assert_all_places_are_free(limit)


@pytest.mark.asyncio
async def test_a_task_that_is_cancelled_in_the_very_moment_of_its_turn_leaves_it_to_the_next():
    limit, line = Limit(1, patience=10), Line()
    inside = Caller(limit)
    first, second = (asyncio.create_task(drive_async(limit.within(fetch), line.perform)) for _ in range(2))
    await line.until_joined(2)
    inside.go_on()
    first.cancel()
    line.go_on.set()

    assert await second == "found"
    await asyncio.gather(first, return_exceptions=True)
    assert Caller(limit).is_in
