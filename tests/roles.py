"""A server in, a database of a master user as RDS has one out, and who logs in there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.pg.database import connect, ensure_dropped
from pgproof.pg.rolenames import RoleNames, name_roles
from pgproof.roles import Kept, Wish, ensure_roles, find_missing
from pgproof.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

# What RDS gives to a master user, who is no superuser.
_MASTER = "CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}"
PASSWORD = 'it\'s 100% "s3cret" \\ ünïcode'  # noqa: S105 - of tests


@dataclass(frozen=True)
class Town:
    """A database that a master user owns, and the names of its roles.

    Attributes:
        conninfo: of a superuser there.
    """

    conninfo: str
    master: str
    names: RoleNames

    def login(self, role: str) -> str:
        """Return how a role logs in."""
        return make_conninfo(self.conninfo, user=role, password=PASSWORD)

    def connect(self, role: str) -> Connection[Any]:
        """Log in; the superuser by no name."""
        return connect(self.login(role) if role else self.conninfo)

    def wish(self, **more: Any) -> Wish:
        return Wish(names=self.names, **more)

    def keep(self, **more: Any) -> Kept:
        """Make the roles, as the master user; they can log in."""
        with self.connect(self.master) as connection:
            return ensure_roles(connection, self.wish(passwords=self.passwords, **more), wait=30)

    def missing(self, **more: Any) -> tuple[str, ...]:
        with self.connect(self.master) as connection:
            return find_missing(connection, self.wish(**more)).statements

    @property
    def passwords(self) -> dict[str, str]:
        return dict.fromkeys(self.names.logins, PASSWORD)


@contextmanager
def made_town(server: str) -> Iterator[Town]:
    """Make one, and take it away with its roles."""
    name = f"test_{uuid4().hex[:12]}"
    master = f"{name}_master"
    names = name_roles(name, Settings(root=Path()))
    with connect(server) as connection:
        connection.execute(sql.SQL(_MASTER).format(sql.Identifier(master), sql.Literal(PASSWORD)))
        make = "CREATE DATABASE {} OWNER {} TEMPLATE template0 STRATEGY file_copy"
        connection.execute(sql.SQL(make).format(sql.Identifier(name), sql.Identifier(master)))
        yield Town(make_conninfo(server, dbname=name), master, names)
        ensure_dropped(connection, name)
        for role in (*names.all, master):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
