"""What only tests with a real PostgreSQL ask for."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pgproof.pg.conninfo import read_conninfo, url
from pgproof.settings import Settings
from tests.containers import need_image
from tests.gates import Repo
from tests.project import Project
from tests.races import BACKENDS, MODES, World

if TYPE_CHECKING:  # some take boto3 along
    from psycopg import Connection

    from tests.following import Desk
    from tests.production import Shop
    from tests.roles import Town
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


@pytest.fixture
def town(server: str) -> "Iterator[Town]":
    """An empty database of a master user, without roles."""
    from tests.roles import made_town

    with made_town(server) as town:
        yield town


@pytest.fixture(scope="module")
def cruddur(server: str) -> "Iterator[Town]":
    """Cruddur's database, with its roles."""
    from tests.roles import made_town, settle

    with made_town(server) as town:
        settle(town, Path(__file__).parents[2])
        yield town


@pytest.fixture(scope="module")
def sessions(cruddur: "Town") -> "Iterator[dict[str, Connection[Any]]]":
    """A session of each who logs in to it, by who that is."""
    names = cruddur.names
    who = {"migrator": names.migrator, "app": names.app, "reader": names.reader, "master": cruddur.master, "": ""}
    opened = {each: cruddur.connect(role) for each, role in who.items()}
    yield opened
    for each in opened.values():
        each.close()


@pytest.fixture
def shop(
    tmp_path: Path, cache: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Shop":
    """A shop of production: nothing is applied in it, and nothing proved; its URL has a password nobody asks for."""
    from tests.production import FILES, PASSWORD, Shop

    shop = Shop(tmp_path / "shop", database, capsys)
    for name, text in FILES.items():
        shop.put(name, text)
    parts = {"password": PASSWORD} | read_conninfo(database)
    address = " ".join(f"{name}='{value}'" for name, value in parts.items())
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("PROD_CONNECTION_URL", url(address, show_password=True))
    monkeypatch.setenv("PGPROOF_CACHE", str(cache))
    monkeypatch.setenv("CI", "")
    return shop


@pytest.fixture(scope="module")
def image() -> str:
    """The image under test, on this machine; without it a desk skips and CI fails."""
    return need_image()
