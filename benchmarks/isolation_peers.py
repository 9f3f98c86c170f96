"""A way to isolate tests in, a folder with a suite that uses it out: plain pytest files, as a user would have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reset_peers import make_changes, write_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MIGRATIONS = 30

# Of each test: what passed outside of its own function, in seconds.
_RECORD = """
import json, os, time
from collections import Counter
from pathlib import Path

import pytest

_waits = Counter()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call(pyfuncitem):
    began = time.perf_counter()
    try:
        return (yield)
    finally:
        _waits[pyfuncitem.nodeid] -= time.perf_counter() - began


def pytest_runtest_logreport(report):
    _waits[report.nodeid] += report.duration


def pytest_sessionfinish():
    Path(os.environ["RECORD"]).write_text(json.dumps(list(_waits.values())))
"""

_LOAD = '''
from pathlib import Path

import psycopg

HERE = Path(__file__).parent


def load(**where):
    """Make the schema, load the seeds."""
    where.pop("autocommit", None)
    with psycopg.connect(**where) as connection, connection.cursor() as cursor:
        for path in sorted((HERE / "migrations").glob("*_step.sql")):
            cursor.execute(path.read_text())
        for path in sorted((HERE / "seeds").iterdir()):
            text = path.read_text()
            table, columns = path.stem.partition("_")[2], text.partition("\\n")[0]
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv, HEADER true)") as copy:
                copy.write(text)
'''

_NOTHING = """
@pytest.fixture
def connection():
    return None
"""

_PYTEST_POSTGRESQL = """
from load import load
from pytest_postgresql import factories

postgresql_proc = factories.postgresql_proc(
    executable=os.environ["PG_CTL"],
    postgres_options="-c fsync=off -c synchronous_commit=off -c full_page_writes=off",
    unixsocketdir=os.environ["SOCKETS"],
    load=[load],
)
connection = factories.postgresql("postgresql_proc")
"""

_HANDWRITTEN_CLONE = """
from uuid import uuid4

import psycopg
from load import load

SERVER = os.environ["SERVER"]


@pytest.fixture(scope="session")
def server():
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS handwritten")
        server.execute("CREATE DATABASE handwritten")
        load(conninfo=SERVER, dbname="handwritten")
        yield server


@pytest.fixture
def connection(server):
    name = f"test_{uuid4().hex}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE handwritten STRATEGY FILE_COPY")
    with psycopg.connect(SERVER, dbname=name, autocommit=True) as connection:
        yield connection
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
"""

_HANDWRITTEN_ROLLBACK = """
import psycopg
from load import load

SERVER = os.environ["SERVER"]


@pytest.fixture(scope="session")
def database():
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS handwritten")
        server.execute("CREATE DATABASE handwritten")
    load(conninfo=SERVER, dbname="handwritten")
    with psycopg.connect(SERVER, dbname="handwritten", autocommit=True) as connection:
        yield connection


@pytest.fixture
def connection(database):
    with database.transaction(force_rollback=True):
        yield database
"""

_TESTS = """
import os, time

import pytest

PAUSE = float(os.environ["PAUSE"])
{mark}

@pytest.mark.parametrize("number", range(int(os.environ["COUNT"])))
def test_it(number, connection):
    {body}
    if PAUSE:
        time.sleep(PAUSE)
"""

_READ = """assert connection.execute("SELECT count(*) FROM item_0").fetchone() == (1000,)"""
_WRITE = """with connection.transaction():
        connection.execute("INSERT INTO item_0 (id, name) OVERRIDING SYSTEM VALUE VALUES (0, 'one more')")
    assert connection.execute("SELECT count(*) FROM item_0").fetchone() == (1001,)"""


@dataclass(frozen=True)
class Isolation:
    """A way to give each test a database.

    Attributes:
        fixtures: what its conftest.py holds beside the record.
        body: what a test does.
        mark: what its module says beside.
        plugins: the one that it uses; others that happen to be installed are not loaded.
    """

    name: str
    body: str
    fixtures: str = ""
    mark: str = ""
    plugins: Sequence[str] = ()

    def write(self, folder: Path) -> None:
        """Write the suite and the project that it is of."""
        write_project(folder, make_changes(_MIGRATIONS))
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "load.py").write_text(_LOAD)
        (folder / "conftest.py").write_text(_RECORD + self.fixtures)
        (folder / "test_it.py").write_text(_TESTS.format(mark=self.mark, body=self.body))

    def command(self, python: str, *more: str) -> list[str]:
        """Return how to run it."""
        plugins = [word for each in self.plugins for word in ("-p", each)]
        return [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *more]


def _ours(name: str, body: str, isolation: str) -> Isolation:
    mark = f'pytestmark = pytest.mark.pgproof(isolation="{isolation}")\n'
    return Isolation(f"pgproof, {name}", body, mark=mark, plugins=("pgproof.plugin",))


BASE = Isolation("no database", "pass", _NOTHING)
PYTEST_POSTGRESQL = Isolation("pytest-postgresql", _WRITE, _PYTEST_POSTGRESQL, plugins=("pytest_postgresql.plugin",))
HANDWRITTEN_CLONE = Isolation("by hand, clone", _WRITE, _HANDWRITTEN_CLONE)
HANDWRITTEN_ROLLBACK = Isolation("by hand, rollback", _WRITE, _HANDWRITTEN_ROLLBACK)
CLONE = _ours("clone, written", _WRITE, "clone")
CLONE_READ = _ours("clone, only read", _READ, "clone")
TRANSACTION = _ours("transaction", _WRITE, "transaction")
ISOLATIONS = (BASE, HANDWRITTEN_CLONE, HANDWRITTEN_ROLLBACK, PYTEST_POSTGRESQL, CLONE, CLONE_READ, TRANSACTION)
