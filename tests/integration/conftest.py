"""What only tests with a real PostgreSQL ask for."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pgproof.settings import Settings
from tests.gates import Repo
from tests.project import Project
from tests.races import BACKENDS, MODES, World

if TYPE_CHECKING:  # they take boto3 along
    from tests.following import Desk
    from tests.streams import Dynamo


@pytest.fixture
def project(database: str, settings: Settings) -> Iterator[Project]:
    """An empty project with a database of its own."""
    with ExitStack() as stack:
        yield Project(database, replace(settings, runner_wait=30), stack)


@pytest.fixture
def repo(server: str, settings: Settings) -> Repo:
    """An empty project in a git repository, and a server to judge its changes on."""
    return Repo(replace(settings, root=settings.root / "repo"), server)


@pytest.fixture(params=[f"{mode}-{kind}" for mode in MODES for kind in BACKENDS])
def world(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Processes that share a database and a cache, in each mode and with each backend."""
    mode, kind = request.param.split("-")
    with ExitStack() as stack:
        yield World(database, tmp_path / "queries", mode, kind, stack)


@pytest.fixture
def dynamo() -> "Dynamo":
    """A DynamoDB in memory, with an empty table."""
    from tests.streams import Dynamo

    return Dynamo()


@pytest.fixture
def first() -> tuple[int, ...]:
    """Numbers of the messages that are in that table when it is read first."""
    return ()


@pytest.fixture
def desk(database: str, tmp_path: Path, dynamo: "Dynamo", first: tuple[int, ...]) -> "Iterator[Desk]":
    """That table, read once."""
    from tests.following import at_desk, messages

    for each in at_desk(database, tmp_path, dynamo):
        messages(dynamo, *first)
        each.read_all()
        yield each
