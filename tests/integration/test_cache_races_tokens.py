"""Races about tokens in Momento: nobody is behind by more than the lag and the outbox's delay."""

from typing import Any

import psycopg
import pytest

from pgproof.cache import BackendError
from pgproof.queries.steps import Do, Fetch, Pause, Select, Send, Step
from tests.caches import Run
from tests.races import REST, Process, World

pytestmark = pytest.mark.parametrize("world", ["bounded-momento", "prompt-momento"], indirect=True)


def lose(run: Run[Any]) -> Step:
    """Let a call of the backend be given up; return it, because it may be on its way all the same."""
    step = run.until(Do).next
    assert step
    run.hear(None, BackendError("TIMEOUT_ERROR"))
    return step


def apply(step: Step) -> None:
    """Let such a call arrive."""
    assert isinstance(step, Do)
    getattr(step.backend, step.method)(*step.arguments)


def start(world: World) -> Process:
    """Start a process that has read before, but of which nothing is kept any more."""
    process = world.process()
    process.ask()
    world.evict()
    world.settle()
    return process


def test_two_who_make_an_evicted_token_have_the_same_one(world: World):
    processes = start(world), start(world)
    first, second = (process.read().past(Do, "get") for process in processes)
    first.finish()
    token = world.find_token()
    second.finish()

    assert world.find_token() == token


def test_a_token_that_is_evicted_under_a_slow_fill_leaves_nothing_old_behind(world: World):
    reader = world.process().read().past(Fetch)
    world.process().add().finish()
    world.evict("token")
    early = world.process().ask()
    world.evict("token")
    reader.finish()

    assert (early, world.process().ask()) == (1, 1)


def test_a_token_whose_making_got_no_answer_is_that_of_all(world: World):
    first = start(world)
    world.momento.lose_reply("SetIfNotExists")
    assert first.ask() == 0
    world.process().ask()
    world.process().add().finish()
    world.settle()

    assert (first.ask(), world.process().ask()) == (1, 1)


def test_a_replacement_that_got_no_answer_is_made_again(world: World):
    writer, reader = world.process(), world.process()
    assert (writer.ask(), reader.ask()) == (0, 0)
    world.momento.lose_reply("Set")
    writer.add().finish()
    token = world.find_token()
    assert writer.ask() == 1
    world.settle()

    assert world.find_token() != token
    assert (reader.ask(), writer.ask()) == (1, 1)


@pytest.mark.parametrize("between", ["nothing", "another write", "a read", "a write and a read", "an eviction"])
def test_a_replacement_that_arrives_late_brings_nothing_back(world: World, between: str):
    writer, reader = world.process(), world.process()
    assert reader.ask() == 0
    late = writer.add().until(Do, "set")
    step = lose(late)
    late.finish()
    if "write" in between:
        writer.add().finish()
    if "read" in between:
        world.settle()
        reader.ask()
    if between == "an eviction":
        world.evict("token")
        reader.ask()
    apply(step)
    world.catch_up()
    assert {reader.ask(), writer.ask(), world.process().ask()} == {world.committed}
    writer.add().finish()
    world.settle()

    assert {reader.ask(), writer.ask(), world.process().ask()} == {world.committed}


def test_a_making_that_arrives_late_is_not_what_was_made_meanwhile(world: World):
    slow = start(world).read().until(Do, "add")
    step = lose(slow)
    slow.finish()
    reader = world.process()
    assert reader.ask() == 0
    apply(step)
    world.process().add().finish()
    apply(step)
    world.settle()

    assert (reader.ask(), world.process().ask()) == (1, 1)


def test_ones_own_write_is_seen_while_its_replacement_is_under_way(world: World):
    process = world.process()
    assert process.ask() == 0
    write = process.add().until(Do, "set")
    assert process.ask() == 1
    write.finish()

    assert (process.ask(), world.process().ask()) == (1, 1)


def test_a_second_write_during_the_first_ones_replacement_is_told_of_too(world: World):
    process = world.process()
    first = process.add().until(Do, "set")
    second = process.add().past(Send)
    first.finish()
    between = world.process().ask()
    assert process.ask() == 2
    second.finish()

    assert (between, process.ask(), world.process().ask()) == (2, 2, 2)


def test_a_write_that_could_not_be_told_of_is_not_forgotten_for_one_that_could(world: World):
    process, other = world.process(), world.process()
    first = process.add().until(Do, "set")
    assert first.next
    apply(first.next)
    assert other.ask() == 1
    second = process.add()
    lose(second)
    second.finish()
    first.hear(None)
    first.finish()

    assert process.ask() == 2


def test_ones_own_write_is_seen_where_not_even_the_database_says_what_its_token_is_called(world: World):
    process = world.process()
    assert process.ask() == 0
    world.momento.fail("Set", "UNAVAILABLE", times=None)
    process.add().finish()
    world.wait(REST)
    read = process.read().until(Select)
    read.hear(None, psycopg.OperationalError())

    assert read.finish() == 1


def test_ones_own_write_is_seen_as_long_as_it_cannot_be_told_of(world: World):
    writer, other = world.process(), world.process()
    assert (writer.ask(), other.ask()) == (0, 0)
    world.momento.fail("Set", "UNAVAILABLE", times=None)
    writer.add().finish()
    seen = [writer.ask(), writer.ask()]
    assert other.ask() == 0
    world.momento.heal()
    seen.append(writer.ask())
    world.settle()

    assert [*seen, other.ask(), world.process().ask()] == [1] * 5


def test_a_version_that_was_read_just_before_the_replacement_is_relied_on_for_the_lag_and_no_longer(world: World):
    reader, writer = world.process(), world.process()
    writing = writer.add().past(Send)
    assert reader.ask() in (0, 1)
    writing.finish()
    world.settle()

    assert reader.ask() == 1


def test_a_read_that_is_slower_than_the_lag_does_not_put_off_what_others_rely_on(world: World):
    process = start(world)
    slow = process.read().past(Do, "get")
    world.process().add().finish()
    world.settle()
    slow.finish()

    assert process.ask() == 1


def test_a_result_under_the_token_of_before_is_as_new_as_it_may_be(world: World):
    reader = world.process()
    slow = reader.read().until(Fetch)
    world.process().add().finish()
    assert slow.finish() == 1
    world.settle()

    assert reader.ask() == 1


def test_a_lease_is_no_reason_to_wait_for_a_result_of_before(world: World):
    first = world.process().read().past(Fetch)
    world.process().add().finish()
    waiting = world.process().read().until(Fetch)
    assert not isinstance(waiting.next, Pause)
    first.finish()

    assert waiting.finish() == 1
