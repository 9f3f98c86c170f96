"""The ladder of every test: a clean environment, then settings, then a server, then a database of its own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import hypothesis
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from pgproof.errors import ServerUnavailable
from pgproof.pg.database import connect, ensure_dropped
from pgproof.pg.server import throwaway_server
from pgproof.pg.template import create_empty
from pgproof.settings import Settings, read_settings
from tests.once import is_said_once

# As root, a server of ours is begun by fork(), and where that is so gRPC's handlers of it have stopped, or ended, a
# process whose other threads were at work in gRPC. What is forked here uses no gRPC.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# Nothing of the developer's shell reaches a test. PGPROOF_TEST_SERVER is the tests' own, not the product's: it
# moves to a name that the product does not read, where the workers of xdist find it as well.
if kind := os.environ.pop("PGPROOF_TEST_SERVER", ""):
    os.environ["TEST_SERVER"] = kind
for name in [*filter(lambda each: each.startswith("PG"), os.environ), "CONNECTION_URL", "PROD_CONNECTION_URL"]:
    if name != "PGPROOF_IMAGE":  # names what CI has built, and means nothing to an embedded server
        os.environ.pop(name, None)

# A busy machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

TIERS = ("unit", "integration", "e2e")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "once: says the same on every server, so CI runs it on one (tests/once.py)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's folder is its tier."""
    for item in items:
        for tier in TIERS:
            if item.path.is_relative_to(Path(__file__).parent / tier):
                item.add_marker(tier)
        if is_said_once(item):
            item.add_marker("once")


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """A cache folder for embedded servers that the server's user can enter, unlike `tmp_path` when we are root."""
    memory = "/dev/shm"  # noqa: S108 - mkdtemp makes a private name in it
    folder = Path(mkdtemp(prefix="pgproof-test-", dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def settings(tmp_path: Path, cache: Path) -> Settings:
    """Settings of an empty project of its own."""
    return replace(read_settings(tmp_path), cache=cache)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Conninfo of one throw-away server for all tests (with xdist: of one worker)."""
    settings = read_settings(tmp_path_factory.mktemp("project"), server=os.environ.get("TEST_SERVER", "embedded"))
    with ExitStack() as stack:
        try:
            conninfo = stack.enter_context(throwaway_server(settings)).conninfo
        except ServerUnavailable as error:
            if settings.ci:
                raise
            pytest.skip(str(error))
        yield conninfo


@pytest.fixture(scope="session")
def maintenance(server: str) -> Iterator[Connection]:
    """A connection that makes and drops the database of each test: to connect twice costs more than to make it."""
    with connect(server) as connection:
        yield connection


@pytest.fixture
def database(server: str, maintenance: Connection) -> Iterator[str]:
    """Conninfo of a fresh, empty database."""
    name = f"test_{uuid4().hex[:12]}"
    # As of 15 a server that is not told copies by way of its log, which takes three times as long.
    create_empty(maintenance, name, clause="STRATEGY file_copy")
    yield make_conninfo(server, dbname=name)
    ensure_dropped(maintenance, name)
