"""A database's name in, the names of its four roles out: who owns, migrates, uses and reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from pgproof.settings import Settings

_LONGEST = 63  # bytes that Postgres keeps of a name


@dataclass(frozen=True)
class RoleNames:
    """The roles of one database.

    Attributes:
        owner: everything belongs to it, and nobody logs in as it.
        migrator: acts as the owner.
        app: the application's.
        reader: a person's, who looks.
    """

    owner: str
    migrator: str
    app: str
    reader: str

    @property
    def all(self) -> tuple[str, str, str, str]:
        """The four of them."""
        return self.owner, self.migrator, self.app, self.reader

    @property
    def logins(self) -> tuple[str, str, str]:
        """Those that somebody or something logs in as."""
        return self.migrator, self.app, self.reader

    @property
    def granted(self) -> tuple[str, str]:
        """Those that have what they were given, and own nothing."""
        return self.app, self.reader


def name_roles(database: str, settings: Settings) -> RoleNames:
    """Return the names of a database's roles; the application's may be set.

    Raises:
        SettingsError: Postgres would cut one of them, or two are the same.
    """
    app = settings.application_role or f"{database}_app"
    names = RoleNames(f"{database}_owner", f"{database}_migrator", app, f"{database}_reader")
    if longest := [each for each in names.all if len(each.encode()) > _LONGEST]:
        raise SettingsError(f"{longest[0]} is longer than the {_LONGEST} bytes of a role's name")
    if len({*names.all}) < len(names.all):
        raise SettingsError(f"application_role {app} is another of the database's roles", hint="choose another name")
    return names
