"""Races between callers of one process who share what one of them finds, and about results past their time."""

from typing import Any

import psycopg
import pytest

from pgproof.queries.steps import Do, Fetch, Join, Select, Spawn
from tests.caches import Run
from tests.races import FEW, LAG, TTL, Process, Racer, World, declare

SOME = pytest.mark.parametrize("world", FEW, indirect=True)
BOUNDED = pytest.mark.parametrize("world", ["bounded-memory", "bounded-postgres", "bounded-momento"], indirect=True)
STALE = declare("aged", "SELECT n FROM tally", words="stale=60s")


def test_who_comes_before_a_write_waits_for_who_fetches(world: World):
    process = world.process()
    leader = process.read().past(Fetch)
    waiter = process.read().until(Join)
    leader.finish()

    assert (waiter.finish(), process.counted("joined")) == (0, 1)


def test_who_comes_after_a_commit_never_gets_what_was_fetched_before(world: World):
    process = world.process()
    leader = process.read().past(Fetch)
    world.process().add().finish()
    world.settle()
    waiter = process.read().until(Fetch)
    late = leader.finish()

    assert (late, waiter.finish(), process.ask()) == (0, 1, 1)


def test_who_wrote_never_gets_what_was_fetched_before_by_another_thread(world: World):
    process = world.process()
    leader = process.read().past(Fetch)
    process.add().finish()

    assert (process.ask(), leader.finish(), process.ask()) == (1, 0, 1)


def test_who_wrote_never_gets_what_waits_for_who_fetched_before(world: World):
    process = world.process()
    leader = process.read().past(Fetch)
    waiter = process.read().until(Join)
    process.add().finish()
    after = process.read().until(Fetch)
    leader.finish()

    assert (waiter.finish(), after.finish(), process.ask()) == (0, 1, 1)


def perform(process: Process, run: Run[Any]) -> Any:
    """Perform the next step; return what it gave, of which nobody has heard yet."""
    assert run.next
    return process.db._perform(run.next)  # noqa: SLF001


def look_up(process: Process, world: World) -> tuple[Racer, Any]:
    """Begin to read; return that, and the version that the server has said, but that nobody has heard of yet."""
    read = process.read()
    read.until(*((Do, "get") if world.tells_by_outbox else (Select,)))
    return read, perform(process, read)


@BOUNDED
def test_a_version_that_is_being_looked_up_is_not_shared_after_the_lag(world: World):
    process = world.process()
    process.ask()
    world.settle()
    slow, version = look_up(process, world)
    world.process().add().finish()
    world.settle()
    late = process.read().wait()
    slow.hear(version)
    slow.finish()

    assert late.finish() == 1
    assert process.ask() == 1


@BOUNDED
def test_a_version_that_is_being_looked_up_is_shared_within_the_lag(world: World):
    process = world.process()
    process.ask()
    world.settle()
    slow, version = look_up(process, world)
    late = process.read().wait()
    assert isinstance(late.next, Join)
    slow.hear(version)

    assert (slow.finish(), late.finish()) == (0, 0)


@BOUNDED
def test_a_version_that_is_being_looked_up_is_not_shared_after_ones_own_write(world: World):
    process = world.process()
    process.ask()
    world.settle()
    slow, version = look_up(process, world)
    process.add().finish()
    late = process.read().wait()
    slow.hear(version)
    slow.finish()

    assert late.finish() == 1
    assert process.ask() == 1


@BOUNDED
def test_a_slow_look_up_does_not_replace_what_was_found_since(world: World):
    process = world.process()
    process.ask()
    world.wait(2 * LAG)
    world.clock.now = LAG * (world.clock.now // LAG) + LAG * 0.9
    slow, version = look_up(process, world)
    world.clock.now += LAG * 0.2
    world.process().add().finish()
    assert process.read().finish() == 1
    slow.hear(version)
    slow.finish()

    assert process.ask() == 1


@pytest.mark.parametrize("world", ["bounded-momento", "prompt-momento"], indirect=True)
def test_ones_own_write_is_seen_where_versions_of_other_tables_are_not_known(world: World):
    world.run("CREATE TABLE other AS SELECT 0 AS n")
    world.watch("other")
    world.declare(declare("both", "SELECT tally.n + other.n FROM tally, other"))
    process = world.process()
    assert (process.ask(), process.ask("both")) == (0, 0)
    world.settle()
    process.ask()
    world.momento.fail("Get", "UNAVAILABLE")
    slow = process.read("both")
    result = perform(process, slow.until(Fetch))
    process.add().finish()
    process.ask()
    world.momento.fail("Get", "UNAVAILABLE")
    late = process.read("both").wait()
    slow.hear(result)

    assert (slow.finish(), late.finish()) == (0, 1)


def read_aged(process: Process) -> tuple[Any, Run[Any]]:
    """Read what is past its time; return that, and its renewal, of which nothing is performed yet."""
    read = process.read("aged")
    while not process.counted("stale"):
        read.step()
    assert isinstance(read.next, Spawn)
    renewal: Run[Any] = Run(process.db, read.next.steps)
    read.hear(None)
    return read.answer, renewal


@BOUNDED
def test_a_result_past_its_time_is_given_while_it_is_renewed(world: World):
    world.declare(STALE)
    process = world.process()
    assert process.ask("aged") == 0
    world.wait(TTL)
    answer, renewal = read_aged(process)
    renewal.finish()

    assert answer == 0
    assert (process.ask("aged"), process.counted("stale"), process.counted("hit")) == (0, 1, 1)


@BOUNDED
def test_a_result_past_its_time_is_never_given_across_a_write(world: World):
    world.declare(STALE)
    process = world.process()
    assert process.ask("aged") == 0
    world.wait(TTL)
    world.process().add().finish()

    assert (process.ask("aged"), process.counted("stale")) == (1, 0)


@BOUNDED
def test_a_renewal_that_spans_a_write_leaves_nothing_old_behind(world: World):
    world.declare(STALE)
    process = world.process()
    assert process.ask("aged") == 0
    world.wait(TTL)
    _, renewal = read_aged(process)
    renewal.past(Fetch)
    world.process().add().finish()
    renewal.finish()
    world.settle()

    assert (process.ask("aged"), world.process().ask("aged")) == (1, 1)


@SOME
def test_a_result_without_rows_is_gone_with_the_first_row(world: World):
    world.declare(declare("none", "SELECT n FROM tally WHERE n = 1", returns="maybe"))
    process, other = world.process(), world.process()
    assert [process.ask("none"), process.ask("none"), other.ask("none")] == [None, None, None]
    world.process().add().finish()
    world.settle()

    assert (process.ask("none"), other.ask("none")) == ({"n": 1}, {"n": 1})


@pytest.mark.parametrize("world", ["strict-postgres", "strict-momento", "bounded-momento"], indirect=True)
def test_who_waits_for_another_process_never_gets_what_it_fetched_before_a_write(world: World):
    first = world.process().read().past(Fetch)
    waiting = world.process().read()
    world.process().add().finish()
    first.finish()
    world.settle()

    assert waiting.finish() == 1


@SOME
def test_who_fetches_and_is_killed_holds_nobody_up(world: World):
    world.process().read().past(Fetch).kill()
    world.process().add().finish()
    world.settle()

    assert world.process().read().finish() == 1


@SOME
def test_a_transaction_that_began_before_a_write_does_not_fill_after_it(world: World):
    process = world.process()
    with world.old_snapshot(process):
        world.process().add().finish()
        assert process.ask() == 0
        assert (process.counted("miss"), process.counted("hit")) == (0, 0)

    assert process.ask() == 1


@SOME
def test_a_connection_in_somebodys_transaction_neither_fills_nor_finds(world: World):
    connection = world.connect()
    process, other = world.process(connection), world.process()
    assert process.ask() == 0
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert process.ask() == 0
    process.db.run("tally.add")
    assert (process.ask(), other.ask()) == (1, 0)
    connection.execute("ROLLBACK")

    assert (process.ask(), other.ask()) == (0, 0)


@SOME
@pytest.mark.parametrize("times", [1, 2])
def test_ones_own_write_is_seen_where_the_server_does_not_say_what_it_writes(world: World, times: int):
    process = world.process()
    assert process.ask() == 0
    write = process.add()
    for _ in range(times):
        write.until(Select).hear(None, psycopg.OperationalError())
    write.finish()

    assert process.ask() == 1
