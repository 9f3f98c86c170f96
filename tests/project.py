"""Files of migrations in, a database that ran them out: what the tests of the engine say in one word."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof import migrations
from pgproof.pg.database import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from psycopg import Connection

    from pgproof.migrations import Entry, Event, Folder, Outcome
    from pgproof.settings import Settings

Table = tuple[str, str]


def make_table(name: str) -> Table:
    """The two texts of a migration that is of no interest itself."""
    return f"CREATE TABLE {name} (id int PRIMARY KEY);\n", f"DROP TABLE {name};\n"


@dataclass
class Project:
    """A folder migrations/, a database, and one connection that migrates it."""

    conninfo: str
    settings: Settings
    stack: ExitStack
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection: Connection[Any] = self.stack.enter_context(connect(self.conninfo))

    def add(self, id: str, up: str, down: str = "SELECT 1;\n") -> Path:
        """Write a migration and its rollback; return the migration's path."""
        self.put(f"{id}.rollback.sql", down)
        return self.put(f"{id}.sql", up)

    def put(self, name: str, text: str) -> Path:
        """Write one file under migrations/."""
        path = self.settings.migrations / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    def choose(self, **settings: Any) -> None:
        self.settings = replace(self.settings, **settings)

    @property
    def folder(self) -> Folder:
        return migrations.read_folder(self.settings.migrations)

    def migrate(self, *, notify: Callable[[Event], None] | None = None, **options: Any) -> Outcome:
        notify = notify or self.events.append
        return migrations.migrate(self.connection, self.folder, self.settings, notify=notify, **options)

    def roll_back(self, **options: Any) -> Outcome:
        return migrations.roll_back(self.connection, self.folder, self.settings, notify=self.events.append, **options)

    def entries(self) -> list[Entry]:
        return migrations.compare(self.folder.migrations, migrations.fetch_ledger(self.connection))

    def conditions(self) -> dict[str, str]:
        return {each.id: each.condition for each in self.entries()}

    def session(self, **options: Any) -> Connection[Any]:
        """Open a session of somebody else: not by the name of pgproof. It cannot hold a lock for ever."""
        chosen = {"autocommit": True, "options": "-c idle_in_transaction_session_timeout=30s", **options}
        return self.stack.enter_context(psycopg.connect(self.conninfo, **chosen))

    def wait_for(self, fact: str) -> None:
        """Look until a query has a row; thirty seconds are far more than any needs."""
        look = self.session(application_name="pgproof's test")
        until = time.monotonic() + 30
        while not look.execute(fact.encode()).fetchone():
            assert time.monotonic() < until, fact
        look.close()

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query; of one column, its values."""
        found = self.connection.execute(query.encode()).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def tables(self) -> list[str]:
        """Return the names of the tables that migrations made."""
        return self.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND relname !~ '^(_yoyo|_pgproof|yoyo)' ORDER BY 1"
        )

    def told(self, kind: str) -> list[str]:
        """Return what the listener was told of one kind: the text, or the id where there is none."""
        return [each.text or each.id for each in self.events if each.kind == kind]
