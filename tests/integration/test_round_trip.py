"""Cruddur's own migrations, there and back: the way back of each is true, on an empty database and on a full one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.migrations import Folder, migrate, read_folder, roll_back
from pgproof.pg.catalog import diff, fetch_catalog
from pgproof.pg.database import connect
from pgproof.seeds.files import read_seeds
from pgproof.seeds.loading import load
from pgproof.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(root=ROOT)
FOLDER = read_folder(SETTINGS.migrations)
IDS = [each.id for each in FOLDER.migrations]
BARE = Folder(FOLDER.migrations)  # repeatables stand on the newest schema, so they would differ at each step

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as connection:
        yield connection


@pytest.mark.parametrize("position", range(len(IDS)), ids=IDS)
def test_a_migration_rolled_back_and_applied_again_gives_the_same_catalog(connection, position):
    if position:
        migrate(connection, BARE, SETTINGS, to=IDS[position - 1])
    before = fetch_catalog(connection)
    migrate(connection, BARE, SETTINGS, to=IDS[position])
    after = fetch_catalog(connection)

    roll_back(connection, BARE, SETTINGS, steps=1)
    assert diff(before, fetch_catalog(connection)) == []

    migrate(connection, BARE, SETTINGS, to=IDS[position])
    assert diff(after, fetch_catalog(connection)) == []


def test_all_of_it_rolled_back_leaves_an_empty_catalog(connection):
    empty = fetch_catalog(connection)
    migrate(connection, FOLDER, SETTINGS)
    full = fetch_catalog(connection)

    roll_back(connection, FOLDER, SETTINGS)
    assert diff(empty, fetch_catalog(connection)) == []

    migrate(connection, FOLDER, SETTINGS)
    assert diff(full, fetch_catalog(connection)) == []


def test_every_step_can_be_rolled_back_and_applied_again_with_data_in_it(connection):
    migrate(connection, FOLDER, SETTINGS)
    load(connection, read_seeds(SETTINGS.seeds))

    undone = [roll_back(connection, FOLDER, SETTINGS, steps=1).changed for _ in IDS]
    assert undone == [(id,) for id in reversed(IDS)]

    migrate(connection, FOLDER, SETTINGS)
    load(connection, read_seeds(SETTINGS.seeds))
