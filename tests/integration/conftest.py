"""What only tests with a real PostgreSQL ask for."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.settings import Settings
from tests.gates import Repo
from tests.project import Project
from tests.races import BACKENDS, MODES, World


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
