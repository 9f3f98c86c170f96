"""The thirteen races in which caches are wrong, each with the protocol that it breaks, and with ours.

| # | what breaks | race |
| --- | --- | --- |
| 1 | fill by set, the writer deletes | a slow fill spans a write |
| 2 | fill by add, the writer deletes | the same |
| 3 | nothing: a token read first, replaced after the commit (ours: bounded, on Momento) | the same |
| 4 | the token is read when the result is kept | the same |
| 5 | the token is replaced before the commit only | a fill between the announcement and the commit |
| 6 | the token is a counter | the counter is evicted, and begins again |
| 7 | nothing: the version is a row, written in the transaction (ours: strict) | a slow fill spans a write |
| 8 | 3 | the writer is killed after its commit |
| 8b | nothing: 7 | the same |
| 9 | 3, in a transaction | a fill from an old snapshot |
| 10 | the version is a sequence | a fill before the commit, after the sequence was asked |
| 11 | 1, in a transaction | a fill from one's own write, which is rolled back |
| 12 | a lease that its holder deletes | its time is over before it is deleted |

All of ours are held to the promise in all of them; in two processes, and a third one that comes late.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg
import pytest

from pgproof.queries.steps import Do, Fetch, Pause, Send
from tests.caches import Run
from tests.naive import AddOnly, Generation, Lease, Naive, Sequence, Token, TokenAtFill, TokenBefore
from tests.races import LEASE, World


class Side(Protocol):
    """What races: processes with a protocol between them."""

    world: World

    def read(self) -> Run[Any]:
        """Begin to read in one process."""

    def add(self) -> Run[Any]:
        """Begin to write in another one."""

    def add_by_hand(self) -> None:
        """Write on `world.elsewhere`."""

    def old_snapshot(self) -> AbstractContextManager[None]:
        """Begin a transaction of the process that reads."""

    def rolled_back(self) -> AbstractContextManager[Any]:
        """Begin one that ends with a rollback."""

    def ask(self) -> Any:
        """Read in the transaction."""

    def write(self) -> Any:
        """Write in the transaction."""

    def evict(self) -> None:
        """Have versions forgotten that may be."""


def a_slow_fill_spans_a_write(side: Side) -> None:
    reader = side.read().past(Fetch)
    side.add().finish()
    reader.finish()


def a_fill_between_announcement_and_commit(side: Side) -> None:
    writer = side.add().until(Send)
    side.read().finish()
    writer.finish()


def a_version_is_evicted(side: Side) -> None:
    side.read().finish()
    side.add().finish()
    side.evict()


def the_writer_is_killed_after_its_commit(side: Side) -> None:
    side.read().finish()
    side.add().past(Send).kill()


def a_fill_from_an_old_snapshot(side: Side) -> None:
    with side.old_snapshot():
        side.add().finish()
        assert side.ask() == 0


def a_fill_before_the_commit(side: Side) -> None:
    with side.world.elsewhere.transaction():
        side.add_by_hand()
        side.read().finish()


def a_fill_from_a_write_that_is_rolled_back(side: Side) -> None:
    with side.rolled_back():
        side.write()
        assert side.ask() == 1


RACES: dict[str, Callable[[Side], None]] = {
    "1-4, 7": a_slow_fill_spans_a_write,
    "5": a_fill_between_announcement_and_commit,
    "6": a_version_is_evicted,
    "8": the_writer_is_killed_after_its_commit,
    "9": a_fill_from_an_old_snapshot,
    "10": a_fill_before_the_commit,
    "11": a_fill_from_a_write_that_is_rolled_back,
}
BROKEN: dict[str, tuple[type[Naive], str]] = {
    "1": (Naive, "1-4, 7"),
    "2": (AddOnly, "1-4, 7"),
    "4": (TokenAtFill, "1-4, 7"),
    "5": (TokenBefore, "5"),
    "6": (Generation, "6"),
    "8": (Token, "8"),
    "9": (Token, "9"),
    "10": (Sequence, "10"),
    "11": (Naive, "11"),
}


class Ours:
    """One process that reads, one that writes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.reader, self.writer = world.process(), world.process()

    def read(self) -> Run[Any]:
        return self.reader.read()

    def add(self) -> Run[Any]:
        return self.writer.add()

    def ask(self) -> Any:
        return self.reader.ask()

    def add_by_hand(self) -> None:
        self.world.elsewhere.execute("UPDATE tally SET n = n + 1")

    def old_snapshot(self) -> AbstractContextManager[None]:
        return self.world.old_snapshot(self.reader)

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        with self.reader.db.transaction():
            yield
            raise psycopg.Rollback

    def write(self) -> Any:
        return self.reader.db.run("tally.add")

    def evict(self) -> None:
        self.world.evict("token")


class Theirs(Ours):
    """The same, with a protocol that is broken."""

    def __init__(self, world: World, protocol: type[Naive]) -> None:
        super().__init__(world)
        world.elsewhere.execute("CREATE SEQUENCE tally_version")
        self.naive, self.other = protocol(self.reader.db), protocol(self.writer.db)
        self.other.store = self.naive.store

    def read(self) -> Run[Any]:
        return self.naive.read()

    def add(self) -> Run[Any]:
        return self.other.add()

    def ask(self) -> Any:
        return self.naive.read().finish()

    def add_by_hand(self) -> None:
        super().add_by_hand()
        self.world.elsewhere.execute("SELECT nextval('tally_version')")

    def write(self) -> Any:
        return self.naive.add().finish()

    def evict(self) -> None:
        self.naive.store.delete("version")


@pytest.mark.parametrize("race", RACES)
def test_nobody_gets_what_is_older_than_promised(world: World, race: str):
    ours, late = Ours(world), world.process()
    RACES[race](ours)
    committed = world.committed
    if race in ("8", "10") and world.tells_by_outbox:
        world.deliver()
    else:
        assert ours.writer.ask() == committed
    world.settle()

    assert [ours.reader.ask(), ours.writer.ask(), late.ask(), world.process().ask()] == [committed] * 4
    assert (late.ask(), late.counted("hit") > 0) == (committed, True)


@pytest.mark.parametrize("row", BROKEN)
@pytest.mark.parametrize("world", ["strict-memory"], indirect=True)
def test_the_protocol_of_the_row_gives_what_is_no_more(world: World, row: str):
    protocol, race = BROKEN[row]
    theirs = Theirs(world, protocol)
    RACES[race](theirs)

    assert theirs.ask() == 1 - world.committed


def ask_for_a_lease(end: Callable[[], None], first: Run[Any], second: Run[Any], third: Run[Any]) -> object:
    """Return the third one's step after it asked for a lease that the second one has, because the first one was late.

    `end` lets it come to its end.
    """
    first.past(Do, "add")
    end()
    second.past(Do, "add")
    third.past(Do, "get")
    first.finish()
    return third.past(Do, "add").next


@pytest.mark.parametrize("world", ["strict-postgres", "strict-momento"], indirect=True)
def test_a_lease_that_was_taken_over_is_left_to_its_new_holder(world: World):
    processes = [world.process() for _ in range(3)]

    assert isinstance(ask_for_a_lease(lambda: world.wait(LEASE), *(each.read() for each in processes)), Pause)


@pytest.mark.parametrize("world", ["strict-memory"], indirect=True)
def test_a_lease_that_its_holder_deletes_has_two_holders(world: World):
    naive = Lease(world.process().db)

    assert isinstance(ask_for_a_lease(lambda: naive.store.delete("lease"), *(naive.read() for _ in range(3))), Fetch)
