"""What only tests with a real PostgreSQL ask for."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pgproof.settings import Settings
from tests.gates import Repo
from tests.project import Project


@pytest.fixture
def project(database: str, settings: Settings) -> Iterator[Project]:
    """An empty project with a database of its own."""
    with ExitStack() as stack:
        yield Project(database, replace(settings, runner_wait=30), stack)


@pytest.fixture
def repo(server: str, settings: Settings) -> Repo:
    """An empty project in a git repository, and a server to judge its changes on."""
    return Repo(replace(settings, root=settings.root / "repo"), server)
