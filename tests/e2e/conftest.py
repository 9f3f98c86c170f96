"""A project as a team has one, on a server of its own; `inv` runs in it as a person would type it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.migrations import migrate, read_folder
from pgproof.pg.catalog import Catalog, fetch_catalog
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.server import choose_server
from pgproof.seeds import load, read_seeds
from pgproof.settings import read_settings
from tests.browser import PROGRAM, Browser, open_browser

BIN = Path(sys.executable).parent
PATIENCE = 60  # seconds until a hanging program is ended: far more than it ever needs

SHOP = {
    "pyproject.toml": '[tool.pgproof]\ndatabase = "shop"\n',
    "tasks.py": "from pgproof.tasks import ns\n",
    "migrations/0001_create_users.sql": (
        "CREATE TABLE users (id int PRIMARY KEY, handle text NOT NULL CONSTRAINT users_handle_key UNIQUE);\n"
    ),
    "migrations/0001_create_users.rollback.sql": "DROP TABLE users;\n",
    "migrations/0002_create_posts.sql": (
        "-- depends: 0001_create_users\n\n"
        "CREATE TABLE posts (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, body text NOT NULL);\n"
        "CREATE INDEX posts_user_id_idx ON posts (user_id);\n"
    ),
    "migrations/0002_create_posts.rollback.sql": "DROP TABLE posts;\n",
    "migrations/0003_add_bio_to_users.sql": "ALTER TABLE users ADD bio text;\n",
    "migrations/0003_add_bio_to_users.rollback.sql": "ALTER TABLE users DROP bio;\n",
    "migrations/repeatable/handles.sql": "CREATE OR REPLACE VIEW handles AS SELECT id, handle FROM users;\n",
    "migrations/repeatable/handles.rollback.sql": "DROP VIEW handles;\n",
    "seeds/010_users.csv": "id,handle,bio\n1,andrew,\n2,bayko,Clouds.\n",
    "seeds/020_posts.sql": (
        "INSERT INTO posts VALUES (1, 1, 'Hello'), (2, 2, 'Hi'), (3, 2, 'Bye')\n"
        "ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;\n"
    ),
}


@dataclass(frozen=True)
class Project:
    """A folder with a project in it, and the environment of the shell that stands there."""

    root: Path
    environ: dict[str, str]

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `inv` with these words, however it ends."""
        return subprocess.run(
            [BIN / "inv", *words],
            cwd=self.root,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def inv(self, *words: str, **environ: str) -> str:
        """Run what is to succeed; return what it wrote."""
        done = self.run(*words, **environ)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def refuse(self, *words: str, **environ: str) -> str:
        """Run what is to fail the way a person can live with: exit code 1, one error; return the error."""
        done = self.run(*words, **environ)
        assert done.returncode == 1, done
        assert done.stderr.startswith("error: "), done
        assert done.stderr.count("error: ") == 1, done
        assert "Traceback" not in done.stderr, done
        return done.stderr.removeprefix("error: ")

    def fill(self) -> None:
        """Make its files what a fresh checkout of the shop has."""
        shutil.rmtree(self.root, ignore_errors=True)
        for path, text in SHOP.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def connect(self) -> psycopg.Connection[Any]:
        """Connect to the project's database, beside the program."""
        server = choose_server(read_settings(self.root, environ=self.environ))
        conninfo = server.find()
        assert conninfo, "its server does not run"
        return connect(conninfo, dbname=server.database)

    def execute(self, query: str) -> None:
        """Do something by hand that the migrations know nothing of."""
        with self.connect() as connection:
            connection.execute(query.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query gives."""
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def catalog(self) -> Catalog:
        """Return the schema of its database."""
        with self.connect() as connection:
            return fetch_catalog(connection)


def steady(text: str) -> list[str]:
    """Return the lines, with what differs from run to run taken out: how long something took."""
    return re.sub(r" +\d+(\.\d)? m?s$", " _ ms", text, flags=re.MULTILINE).splitlines()


@pytest.fixture(scope="session")
def environ(cache: Path) -> dict[str, str]:
    """The environment of a shell where nothing of ours is set but the place of the servers' data."""
    return {"PATH": f"{BIN}:{os.defpath}", "HOME": str(cache), "PGPROOF_CACHE": str(cache), "TERM": "xterm"}


@pytest.fixture
def project_in(environ: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], Project]]:
    """Make projects in folders of these names; whatever server they started is stopped."""
    made = []

    def make(name: str) -> Project:
        made.append(Project(tmp_path / name, environ))
        made[-1].fill()
        return made[-1]

    yield make
    for each in made:
        each.inv("db.down")


@pytest.fixture(scope="session")
def workshop(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a running server, which all tests use one after the other through `shop`."""
    project = Project(tmp_path_factory.mktemp("workshop") / "shop", environ)
    project.fill()
    project.inv("db.up")
    yield project
    project.fill()
    project.inv("db.down")


@pytest.fixture
def shop(workshop: Project) -> Project:
    """A small project as it was checked out, its server running, its database not made yet."""
    workshop.fill()
    server = choose_server(read_settings(workshop.root, environ=workshop.environ))
    drop(server.ensure_up(), server.database)
    return workshop


@pytest.fixture
def full_shop(shop: Project) -> Project:
    """The same with its database migrated and seeded: in this process, for a start of Python takes ten times longer."""
    settings = read_settings(shop.root, environ=shop.environ)
    server = choose_server(settings)
    ensure_created(server.ensure_up(), server.database)
    with shop.connect() as connection:
        migrate(connection, read_folder(settings.migrations), settings)
        load(connection, read_seeds(settings.seeds))
    return shop


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
    if not PROGRAM:
        why = "there is no chromium; Debian's package of that name brings it"
        if read_settings(folder).ci:
            pytest.fail(why)
        pytest.skip(why)
    with open_browser(folder) as browser:
        yield browser
