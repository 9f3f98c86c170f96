"""A project's files in, recipes and what building them does out: what the tests of templates say in one word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pgproof.migrations import Event
from pgproof.pg.database import connect
from pgproof.pg.layers import ensure_template
from pgproof.pg.template import Template, find_template, fingerprints
from pgproof.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.seeds import Loaded
    from pgproof.settings import Settings


@dataclass
class Kitchen:
    """The files of a project and a server; `told` is what happened there, in order."""

    settings: Settings
    server: str
    told: list[str] = field(default_factory=list)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project."""
        file = self.settings.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def migration(self, id: str, up: str, down: str = "SELECT 1;\n") -> Path:
        """Write a migration with its way back."""
        self.write(f"migrations/{id}.rollback.sql", down)
        return self.write(f"migrations/{id}.sql", up)

    def recipe(self, **options: Any) -> Recipe:
        """Read the recipe as the files are now."""
        options = {"seeds": self.settings.seeds, **options}
        return read_recipe(self.settings, notify=self._tell, **options)

    def cook(self, **options: Any) -> Template:
        """Make sure of its template; `told` holds only what this did."""
        self.told.clear()
        return ensure_template(self.server, self.recipe(**options))

    def find(self) -> Template | None:
        """Look for the template without building."""
        with connect(self.server) as connection:
            return find_template(connection, fingerprints(connection, self.recipe())[-1])

    def execute(self, statement: str, *, dbname: str | None = None) -> list[tuple[Any, ...]]:
        """Do something on the server; return rows where there are some."""
        with connect(self.server, dbname=dbname) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def databases(self, prefix: str) -> list[str]:
        """Return the names of databases that begin so."""
        return [name for (name,) in self.execute("SELECT datname FROM pg_database") if name.startswith(prefix)]

    def _tell(self, event: Event | Loaded) -> None:
        if not isinstance(event, Event):
            self.told.append(f"seeded {event.name}")
        elif event.kind in ("applied", "repeated"):
            self.told.append(f"{event.kind} {event.id}")
