"""Ten runners at once on one database: each migration is applied once, and nobody fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgproof.pg.database import connect
from tests.runners import Nursery, nursery
from tests.thirty import THIRTY, clear, fetch_end, write_steps

TEN = 10
AT_THE_LOCK = 2  # the round trip that first asks for the runner lock: the one before has seen an empty database
AT_WORK = 30  # a round trip amid the migrations


@pytest.fixture(scope="module")
def runners() -> Iterator[Nursery]:
    with nursery() as runners:
        yield runners


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("thirty")
    write_steps(root, THIRTY)
    return root


@pytest.fixture
def alone(database: str, runners: Nursery, root: Path) -> dict[str, Any]:
    """What a database is after one run, without anybody else."""
    with connect(database) as connection:
        clear(connection)
        assert runners.run(database, root)["kind"] == "done"
        end = fetch_end(connection)
        clear(connection)
    return end


def test_ten_that_race_on_an_empty_database_apply_each_migration_once(database, runners, root, alone):
    ten = [runners.start(database, root, fault="pause", at=AT_THE_LOCK) for _ in range(TEN)]
    for each in ten:
        each.until("paused")
    for each in ten:
        each.go()
    outcomes = [each.end() for each in ten]

    assert {each["kind"] for each in outcomes} == {"done"}, outcomes
    assert sorted(each["changed"] for each in outcomes)[:-1] == [[]] * (TEN - 1)
    with connect(database) as connection:
        assert alone == fetch_end(connection)


def test_nine_wait_for_the_one_at_work_and_say_who_it_is(database, runners, root, alone):
    first = runners.start(database, root, fault="pause", at=AT_WORK)
    first.until("paused")
    nine = [runners.start(database, root) for _ in range(TEN - 1)]
    told = [each.until("waiting")["text"] for each in nine]
    first.go()
    outcomes = [each.end() for each in (first, *nine)]

    assert {each["kind"] for each in outcomes} == {"done"}, outcomes
    for text in told:
        holder = rf"pgproof of a test, pid {first.pid} \(server process {first.backend}, from \S+ since 20"
        assert re.match(holder, text)
    with connect(database) as connection:
        assert alone == fetch_end(connection)
