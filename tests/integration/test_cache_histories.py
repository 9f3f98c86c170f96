"""Random histories of many processes, and the checker that judges what was read in them."""

import time
from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path

import pytest

from pgproof.cache import Momento
from pgproof.testing import MomentoServer
from tests.histories.broken import BROKEN, RIGHT, SCHEMA, Broken
from tests.histories.cells import Cells
from tests.histories.crowd import Crowd
from tests.histories.history import Content, Mode, Promise, Read, Write, judge
from tests.histories.places import KINDS, Kind, open_places
from tests.histories.script import Begin, Event, Fault, Happen, Job
from tests.histories.story import Player

SEEDS = 12  # for each mode and place; benchmarks/histories.py plays as many as one wants
PATIENCE = 250  # seeds within which each mistake shows
PROMISE = Promise(lag=1, worst=10)


@pytest.fixture
def cells(database: str, tmp_path: Path) -> Iterator[Cells]:
    with closing(Cells(database, tmp_path / "queries")) as cells:
        yield cells


@pytest.mark.parametrize("mode", ["strict", "bounded"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_read_breaks_its_promise_whatever_happens(cells: Cells, kind: Kind, mode: Mode):
    with open_places(kind, cells) as places:
        player = Player(cells, places, mode)
        seed = player.find(range(SEEDS))

        assert seed is None, player.tell(seed)
    assert {"hit", "miss", "kept"} <= player.events.keys()


@pytest.mark.parametrize("kind", ["memory", "shared"])
@pytest.mark.parametrize("before", [0, 1], ids=["its own", "another"])
@pytest.mark.parametrize(
    ("job", "steps", "fault"), [("commit", 2, "cancel"), ("commit", 2, "fail"), ("write", 0, "fail")]
)
def test_a_write_of_which_nobody_could_say_what_it_wrote_is_seen_by_its_own_process(
    cells: Cells, kind: Kind, before: int, job: Job, steps: int, fault: Fault
):
    looks: list[Event] = [Begin(1, before, "read"), Happen("finish", 1)]
    writes: list[Event] = [Begin(2, 0, job), Happen("step", 2, steps), Happen(fault, 2), Happen("finish", 2)]
    with open_places(kind, cells) as places:
        wrong = Player(cells, places, "bounded").play([*looks, *writes, Begin(3, 0, "read"), Happen("finish", 3)])

    assert wrong == []


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.wrong)
def test_a_protocol_that_makes_a_mistake_is_found_out(cells: Cells, broken: Broken):
    with cells.lend() as connection:
        connection.execute(SCHEMA)
    with open_places(broken.kind, cells) as places:
        player = Player(cells, places, broken.mode, broken.protocol)

        assert player.find(range(PATIENCE), broken.needs) is not None


def test_a_simple_protocol_that_makes_no_mistake_is_never_blamed(cells: Cells):
    with open_places("memory", cells) as places:
        player = Player(cells, places, "strict", RIGHT)
        seed = player.find(range(4 * SEEDS))

        assert seed is None, player.tell(seed)


def test_a_story_is_told_without_what_does_not_matter(cells: Cells):
    [broken] = [broken for broken in BROKEN if broken.wrong == "tries once to replace a token"]
    with open_places(broken.kind, cells) as places:
        player = Player(cells, places, broken.mode, broken.protocol)
        seed = player.find(range(PATIENCE), broken.needs)
        assert seed is not None
        story = player.tell(seed, broken.needs).splitlines()

    assert len(story) < 25
    assert "fail → BackendError" in "".join(story)
    assert "had to be seen" in story[-1]


def _write(cell: str, value: int, at: float, *, mark: int | None = None, told: float = inf) -> Write:
    return Write(cell, Content(value, mark or value), "writer", at, at, told=told)


def _read(mode: Mode, began: float, ended: float, process: str = "reader", **answer: int) -> Read:
    contents = {cell: Content(value, value) for cell, value in answer.items() if value}
    return Read(mode, process, list(answer), began, ended, contents)


def _verdict(writes: list[Write], *reads: Read) -> list[bool]:
    """Return whether each read is right."""
    blamed = [id(fault.read) for fault in judge(writes, reads, PROMISE)]
    return [id(read) not in blamed for read in reads]


def test_a_strict_read_knows_what_was_committed_before_it_began():
    writes = [_write("a", 1, 1)]

    assert _verdict(writes, _read("strict", 0, 2, a=0), _read("strict", 1, 2, a=0)) == [True, False]


def test_a_strict_read_does_not_go_back_behind_what_another_has_seen():
    begun = Write("a", Content(1, 1), "writer", called=1)

    reads = _read("strict", 0, 2, a=1), _read("strict", 3, 4, a=0), _read("strict", 1, 4, a=0)
    assert _verdict([begun], *reads) == [True, False, True]


def test_nobody_reads_what_is_not_there_yet_or_never_was():
    never = Read("strict", "reader", ["a"], 2, 3, {"a": Content(1, 99)})

    assert _verdict([_write("a", 1, 5)], _read("strict", 2, 3, a=1), _read("bounded", 6, 7, a=2)) == [False, False]
    assert _verdict([_write("a", 1, 1)], never) == [False]


def test_two_cells_are_read_as_of_one_moment():
    writes = [_write("a", 1, 1), _write("b", 1, 2, mark=1), _write("a", 2, 3), _write("b", 2, 4)]

    reads = [_read("bounded", 0, 5, a=a, b=b) for a, b in ((1, 0), (1, 1), (2, 1), (2, 2), (0, 1), (2, 0))]
    assert _verdict(writes, *reads)[3:] == [True, False, False]


def test_both_halves_of_a_transaction_are_read_or_none():
    writes = [Write(cell, Content(1, 1), "writer", called=1, committed=9) for cell in "ab"]

    assert _verdict(writes, _read("strict", 2, 3, a=1, b=0), _read("strict", 4, 5, a=1, b=1)) == [False, True]


def test_a_bounded_read_may_lag_behind_what_the_store_was_told():
    writes = [_write("a", 1, 1, told=3)]

    assert _verdict(writes, _read("bounded", 3.9, 4, a=0), _read("bounded", 4.1, 5, a=0)) == [True, False]


def test_a_bounded_read_is_never_older_than_results_are_kept():
    writes = [_write("a", 1, 1)]

    assert _verdict(writes, _read("bounded", 10, 11, a=0), _read("bounded", 11.1, 12, a=0)) == [True, False]


def test_a_bounded_read_knows_what_its_own_process_wrote():
    [write] = writes = [_write("a", 1, 1)]
    write.returned = 2

    own = [_read("bounded", began, 3, process="writer", a=0) for began in (1.5, 2.5)]
    assert _verdict(writes, *own) == [True, False]


def test_real_threads_keep_their_promises_while_writers_are_killed_between_commit_and_bump(
    database: str, tmp_path: Path
):
    with (
        closing(Cells(database, tmp_path / "queries", lag=0.1)) as cells,
        MomentoServer(caches=("cells",)) as server,
        closing(Momento("cells", credentials=server.credentials, configuration=server.configuration)) as momento,
    ):
        crowd = Crowd(cells, momento)
        with crowd.at_work():
            for writes_too in (True, False):
                crowd.writes_too = writes_too
                crowd.await_read("strict", since=crowd.kill_a_writer())
            crowd.deliver()
            crowd.await_read("bounded", since=time.monotonic() + 0.2)
        writes = crowd.writes()

    assert judge(writes, crowd.reads, Promise(lag=0.1, worst=inf)) == []
    assert len([write for write in writes if write.process == "victim"]) == 4
