"""Test files in, what pytest with our plugin made of them out: a small project of somebody else's, run as he would."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from pgproof.pg.conninfo import url
from pgproof.pg.database import await_quiet, connect, drop

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pytest

PATIENCE = 60  # seconds until a run that hangs is ended: far more than any needs

HEAD = """
import os
import time
import psycopg
import pytest

def handles(connection):
    return [row[0] for row in connection.execute("SELECT handle FROM users ORDER BY id")]

def add(connection, handle):
    return connection.execute("INSERT INTO users (handle) VALUES (%s) RETURNING id", [handle]).fetchone()[0]

def wait_for_clones(connection, number):
    until = time.monotonic() + 30
    run = connection.info.dbname[:-8]
    count = "SELECT count(*) FROM pg_database WHERE starts_with(datname, %s)"
    while connection.execute(count, [run]).fetchone() != (number,):
        assert time.monotonic() < until
"""

# The same in all tests, so that the server needs one template of it; who adds a migration has another.
PROJECT = {
    "pyproject.toml": '[tool.pgproof]\ndatabase = "shop"\n[tool.pytest]\nfilterwarnings = ["error"]\n'
    'strict = true\nasyncio_default_fixture_loop_scope = "function"\n',
    "migrations/0001_create_users.sql": "CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " handle text NOT NULL UNIQUE);\n",
    "migrations/0001_create_users.rollback.sql": "DROP TABLE users;\n",
    "migrations/0002_add_bio_to_users.sql": "ALTER TABLE users ADD bio text;\n",
    "migrations/0002_add_bio_to_users.rollback.sql": "ALTER TABLE users DROP bio;\n",
    "migrations/0003_create_posts.sql": "CREATE TABLE posts (id int PRIMARY KEY,"
    " user_id int NOT NULL REFERENCES users DEFERRABLE INITIALLY DEFERRED);\n",
    "migrations/0003_create_posts.rollback.sql": "DROP TABLE posts;\n",
    "seeds/010_users.csv": "id,handle\n1,andrew\n",
    "queries/handles.sql": "-- All handles.\n-- returns: many\nSELECT handle FROM users ORDER BY id\n",
}


@dataclass
class Suite:
    """A project with tests, and a server that is there before and after them."""

    pytester: pytest.Pytester
    monkeypatch: pytest.MonkeyPatch
    server: str

    def __post_init__(self) -> None:
        self.monkeypatch.delenv("CI", raising=False)  # whoever runs it sits at a desk
        for path, text in PROJECT.items():
            self.write(path, text)

    def on_url(self, database: str = "shop") -> None:
        """Let the tests run on the server that stays, which may have templates."""
        self.setenv(SERVER="url", TEMPLATES="always", CACHE=str(self.pytester.path / ".cache"))
        self.monkeypatch.setenv("CONNECTION_URL", url(self.server, dbname=database, show_password=True))

    def setenv(self, **settings: str) -> None:
        for name, value in settings.items():
            self.monkeypatch.setenv(f"PGPROOF_{name}", value)

    def write(self, path: str, text: str) -> Path:
        file = self.pytester.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def test(self, text: str, name: str = "test_shop") -> Path:
        """Write a test file; `handles` and `add` are there for it."""
        return self.write(f"{name}.py", HEAD + dedent(text))

    def run(self, *words: str, **outcomes: int) -> pytest.RunResult:
        """Run pytest; all that happens is to be said: `passed=2`."""
        result = self.pytester.runpytest_subprocess(*words, timeout=PATIENCE)
        if outcomes:
            result.assert_outcomes(**outcomes)
        return result

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a pytest that is going to be killed."""
        process: subprocess.Popen[bytes] = self.pytester.popen([sys.executable, "-m", "pytest", *words])
        return process

    def databases(self, prefix: str = "pgproof_test_") -> list[str]:
        """Return the names of the databases on the server."""
        return self.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", [prefix])

    def rows(self, query: str, values: list[Any] | None = None) -> list[Any]:
        """Return the first column of a query on the server."""
        with connect(self.server) as connection:
            return [row[0] for row in connection.execute(query.encode(), values).fetchall()]

    def rows_in(self, database: str, query: str) -> list[Any]:
        """Return the first column of a query in one of its databases."""
        with connect(self.server, dbname=database) as connection:
            return [row[0] for row in connection.execute(query.encode()).fetchall()]

    def drop(self, databases: list[str]) -> None:
        for name in databases:
            drop(self.server, name)

    def execute(self, statement: str) -> None:
        with connect(self.server) as connection:
            connection.execute(statement.encode())

    def wait_until_left_alone(self, database: str) -> None:
        """Look until nobody is connected to a database; a server process ends a moment after its client."""
        with connect(self.server) as connection:
            await_quiet(connection, database)
