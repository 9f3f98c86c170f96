"""Races about the outbox: what nobody told Momento of is told by it, whoever is killed where."""

import pytest

from pgproof.cache.outbox import Outbox
from pgproof.queries.steps import Do, Select, Send
from tests.caches import Run
from tests.races import TTL, Process, World

pytestmark = pytest.mark.parametrize("world", ["bounded-momento", "prompt-momento"], indirect=True)


def test_a_killed_writer_is_seen_when_the_outbox_has_delivered(world: World):
    reader, writer = world.process(), world.process()
    assert reader.ask() == 0
    writer.add().past(Send).kill()
    world.settle()
    assert world.process().ask() == 0  # as the promise has it
    world.deliver()
    world.settle()

    assert (reader.ask(), world.process().ask()) == (1, 1)


def test_a_killed_writer_is_seen_after_the_ttl_where_nobody_delivers(world: World):
    reader = world.process()
    assert reader.ask() == 0
    world.process().add().past(Send).kill()
    world.wait(TTL)

    assert (reader.ask(), world.process().ask()) == (1, 1)


def test_a_killed_writer_is_seen_after_the_ttl_whatever_the_clock_of_who_kept_the_result_says(world: World):
    assert world.process(skew=86400).ask() == 0
    world.process().add().past(Send).kill()
    world.wait(TTL)

    assert world.process(skew=-86400).ask() == 1


def deliver(process: Process) -> Run[object]:
    return Run(process.db, Outbox(process.cache.backend).deliver())


def test_an_outbox_that_is_killed_before_it_takes_note_delivers_again(world: World):
    reader = world.process()
    world.deliver()
    assert reader.ask() == 0
    world.process().add().past(Send).kill()
    deliver(world.process()).past(Do, "set").kill()
    token = world.find_token()
    world.catch_up()

    assert (reader.ask(), world.find_token() != token) == (1, True)


def test_an_outbox_takes_no_note_of_a_write_that_came_while_it_delivered(world: World):
    reader = world.process()
    world.deliver()
    world.run("UPDATE tally SET n = 1")
    slow = deliver(world.process()).past(Do, "set")
    assert reader.ask() == 1
    world.run("UPDATE tally SET n = 2")
    slow.finish()
    world.catch_up()

    assert (reader.ask(), world.process().ask()) == (2, 2)


def test_two_outboxes_at_once_lose_nothing(world: World):
    reader = world.process()
    world.deliver()
    world.run("UPDATE tally SET n = 1")
    first = deliver(world.process()).until(Do, "set")
    world.run("UPDATE tally SET n = 2")
    deliver(world.process()).finish()
    assert reader.ask() == 2
    first.finish()
    world.catch_up()

    assert (reader.ask(), world.process().ask()) == (2, 2)


def test_an_outbox_beside_adding_up_delivers_what_is_due(world: World):
    reader = world.process()
    world.deliver()
    assert reader.ask() == 0
    world.run("UPDATE tally SET n = 1")
    slow = deliver(world.process()).past(Select)
    world.run("SELECT pgproof_cache.compact()")
    slow.finish()
    world.settle()

    assert reader.ask() == 1
