"""Whoever brings a table to Postgres is killed, by SIGKILL, wherever that may be: who comes next makes it right."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pgproof.pg.database import connect
from tests.chaos.cutting import Lender
from tests.chaos.deaths import Deaths
from tests.chaos.killing import Killer, start_killer
from tests.dynamo import moto_server
from tests.metrics import install


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with start_killer() as killer:
        yield killer


@pytest.fixture
def deaths(killer: Killer, database: str, tmp_path: Path) -> Iterator[Deaths]:
    with connect(database) as connection, closing(Lender(database)) as lender:
        install(connection)
        yield Deaths(killer, connection, database, tmp_path, lender)


def test_whoever_is_killed_at_any_step_of_a_loop_has_done_nothing_by_halves(deaths: Deaths):
    steps = deaths.count_steps(seed=58, length=16)
    assert steps > 80
    assert deaths.at_each_step(range(1, steps + 1), seed=58, length=16) == []


def test_whoever_is_killed_at_random_and_killed_again_has_done_nothing_by_halves(deaths: Deaths):
    assert deaths.at_random(kills=20, seed=1) == []


def test_whoever_is_killed_while_he_talks_to_a_server_of_dynamodb_has_done_nothing_by_halves(deaths: Deaths):
    with moto_server() as url:
        assert deaths.over_the_wire(url, range(1, 130, 16)) == []
