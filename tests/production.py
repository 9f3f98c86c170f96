"""A small shop whose database is called production; its tasks are run in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from invoke import Context, Exit

from pgproof import migrations
from pgproof.gate.change import Change, Side
from pgproof.gate.proof import Report
from pgproof.gate.record import hash_files, write_record
from pgproof.migrations import fetch_ledger, read_folder
from pgproof.migrations.audit import Row, fetch_last
from pgproof.pg.conninfo import read_conninfo
from pgproof.pg.database import connect
from pgproof.settings import Settings, read_settings
from pgproof.tasks import ns

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "pyproject.toml": "[tool.pgproof]\n",
    "migrations/0001_users.sql": "CREATE TABLE users (id int PRIMARY KEY);\n",
    "migrations/0001_users.rollback.sql": "DROP TABLE users;\n",
    "migrations/0002_posts.sql": "-- phase: post\nCREATE TABLE posts (id int PRIMARY KEY);\nSELECT 1;\n",
    "migrations/0002_posts.rollback.sql": "DROP TABLE posts;\n",
    "migrations/repeatable/ids.sql": "CREATE OR REPLACE VIEW ids AS SELECT id FROM users;\n",
    "migrations/repeatable/ids.rollback.sql": "DROP VIEW ids;\n",
    "queries/users.sql": "SELECT id FROM users;\n",
    "seeds/010_users.csv": "id\n1\n",
}
KEY = "the-key-of-the-gate"
PASSWORD = "s3cret-word"  # noqa: S105 - looked for in what is written


@dataclass
class Shop:
    """A project, and its database as production."""

    root: Path
    database: str
    capture: pytest.CaptureFixture[str]

    @property
    def settings(self) -> Settings:
        return read_settings(self.root, target="prod")

    @property
    def name_in_full(self) -> str:
        parts = read_conninfo(self.database)
        return f"{parts['dbname']}@{parts['host']}"

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def inv(self, name: str, *words: str, target: str = "prod", **options: Any) -> str:
        """Run a task; return what it wrote."""
        body = ns.collections["db"].tasks[name].body
        self.capture.readouterr()
        body(Context(), *words, target=target, server=None, **options)
        return self.capture.readouterr().out

    def refuse(self, name: str, *words: str, **options: Any) -> str:
        """Run a task that refuses; return the error."""
        with pytest.raises(Exit) as caught:
            self.inv(name, *words, **options)
        assert caught.value.code == 1
        return str(caught.value.message)

    def prove(self, *, base: int = 0) -> None:
        """Write the gate's record, as after `inv gate --sign`, with so many migrations in base."""
        before = self.root / "base"
        for name in [f"{each.id}.sql" for each in self.folder.migrations[:base]]:
            self.put(f"base/migrations/{name}", (self.settings.migrations / name).read_text(encoding="utf-8"))
        change = Change(
            Side("main (1a2b3c4)", replace(self.settings, root=before), "1a2b3c4"),
            Side("the working tree", self.settings),
        )
        write_record(self.settings, change, Report("", "", (), (), "PostgreSQL 18.6"), hash_files(self.settings))

    @property
    def folder(self) -> migrations.Folder:
        return read_folder(self.root / "migrations")

    def migrate(self, to: str | None = None) -> None:
        """Migrate at home: no proof, no row."""
        with connect(self.database) as connection:
            migrations.migrate(connection, self.folder, self.settings, to=to)

    @property
    def applied(self) -> list[str]:
        with connect(self.database) as connection:
            return sorted(fetch_ledger(connection).applied)

    @property
    def audit(self) -> list[Row]:
        """Its rows, the first first."""
        with connect(self.database) as connection:
            return fetch_last(connection, 99)[::-1]
