"""How a table that is followed is told of, in numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from pgproof.metrics.streams.sync import Progress
from pgproof.metrics.streams.tally import Tally
from pgproof.tasks.metrics import Reporter
from pgproof.tasks.screen import PlainScreen
from tests.clock import Clock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(clock=clock, now=lambda: NOON)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def test_the_slowest_shard_says_how_far_behind_a_table_is(tally: Tally):
    tally.count(Progress("a", 10, 10, ago(5)))
    tally.count(Progress("b", 10, 4, ago(90)))

    assert (tally.records, tally.news, tally.lag(), tally.read_to) == (20, 14, 90, ago(5))


def test_a_shard_that_has_nothing_new_is_not_behind(tally: Tally):
    tally.count(Progress("a", 10, 10, ago(90)))
    tally.count(Progress("a", 0, 0, None))

    assert (tally.lag(), tally.read_to) == (0, ago(90))


def test_a_clock_that_is_slow_makes_nobody_early(tally: Tally):
    tally.count(Progress("a", 1, 1, ago(-3)))

    assert tally.lag() == 0


def test_speed_is_that_since_it_was_last_asked(tally: Tally, clock: Clock):
    tally.words()
    tally.count(Progress("a", 1200, 10, ago(4)))
    clock.now += 4

    assert tally.words() == "1,200 records, 300 a second, 4 s behind"


def test_a_log_has_a_line_when_something_came_and_one_in_ten_seconds_at_most(
    tally: Tally, clock: Clock, capsys: pytest.CaptureFixture[str]
):
    reporter = Reporter(PlainScreen(), {"messages": tally}, clock)
    for _ in range(40):
        reporter.report()
        clock.now += 0.5
    assert capsys.readouterr().out == ""

    for _ in range(40):
        tally.count(Progress("a", 1, 1, ago(1)))
        reporter.report()
        clock.now += 0.5

    assert len(capsys.readouterr().out.splitlines()) == 2
