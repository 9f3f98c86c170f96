"""A change in, the way there and back out: which migrations are run, and which of them can be undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from pgproof.errors import Location, MigrationError, SqlFileError
from pgproof.migrations import Folder, Migration, migrate, roll_back

if TYPE_CHECKING:
    from psycopg import Connection

    from pgproof.gate.change import Change
    from pgproof.migrations import Outcome
    from pgproof.settings import Settings

Refusal: TypeAlias = "MigrationError | SqlFileError"


@dataclass(frozen=True)
class Route:
    """A way there and back.

    Attributes:
        start: what stands before, and again afterwards: base's, or what head's newest one-way migration leaves.
        head: what stands in between.
        legs: the migrations that are undone, in the order in which they are run.
        is_whole: the way back leads to base.
    """

    settings: Settings
    start: Folder
    head: Folder
    legs: tuple[Migration, ...]
    is_whole: bool

    def set_out(self, connection: Connection[Any]) -> None:
        """Bring base's database to where the way begins; errors as of `migrate`."""
        if not self.is_whole:
            migrate(connection, self.start, self.settings, sweeps=False)

    def go_there(self, connection: Connection[Any]) -> Outcome:
        """Run the migrations; errors as of `migrate`."""
        return migrate(connection, self.head, self.settings, sweeps=False)

    def come_back(self, connection: Connection[Any]) -> Refusal | None:
        """Undo them with head's files, and deploy the release before: it runs its repeatables. Return what failed."""
        try:
            roll_back(connection, self.head, self.settings, steps=len(self.legs), sweeps=False)
            migrate(connection, self.start, self.settings, sweeps=False)
        except (MigrationError, SqlFileError) as error:
            return error
        return None

    def up_to(self, number: int) -> Route:
        """Return the way that goes only so many migrations far, with the repeatables from before."""
        legs = self.legs[:number]
        return replace(self, head=Folder((*self.start.migrations, *legs), self.start.repeatables), legs=legs)


def read_route(change: Change) -> Route:
    """Return the way: behind a migration that says it is irreversible, only those after it are undone."""
    base, head, new = change.base.folder, change.head.folder, change.new
    turn = max((number for number, each in enumerate(new, start=1) if each.header.irreversible), default=0)
    start = Folder((*base.migrations, *new[:turn]), base.repeatables)
    return Route(change.head.settings, start, head, new[turn:], is_whole=not turn)


def find_unready(change: Change) -> str:
    """Return why the new migrations cannot be run; empty where they can."""
    if not change.new:
        return "no new migrations"
    missing = [each.path.name for each in change.new if not _has_way_back(each)]
    return f"no way back is written for {', '.join(missing)}: PG006" if missing else ""


def way_back_of(migration: Migration) -> Migration:
    """Return the rollback of a migration as one; a Python migration is its own."""
    path = migration.rollback.path if migration.rollback else migration.path
    return Migration(path, migration.id, migration.number)


def place_of(migration: Migration) -> Location:
    """Return where a migration's way back stands."""
    return Location(way_back_of(migration).path, 1)


def _has_way_back(migration: Migration) -> bool:
    return bool(migration.rollback or migration.header.irreversible or migration.language == "python")
