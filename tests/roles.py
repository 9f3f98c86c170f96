"""A server in, a database of a master user as RDS has one out, and what who logs in there can do."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof import migrations
from pgproof.pg.database import connect, ensure_dropped
from pgproof.pg.rolenames import RoleNames, name_roles
from pgproof.roles import Kept, Wish, ensure_roles, find_missing
from pgproof.seeds import load, read_seeds
from pgproof.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

DENIED = "42501"
WRITE_USER = "INSERT INTO users (display_name, handle, email, cognito_user_id) VALUES ('a', 'a', 'a@b.c', 'x')"
THINGS = """
CREATE SCHEMA "odd ""one";
CREATE TABLE "odd ""one"."T%s; --" (id serial PRIMARY KEY, x text);
CREATE TABLE part (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part DEFAULT;
CREATE VIEW v AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
CREATE SEQUENCE s;
CREATE FUNCTION f(int, "odd ""one"."T%s; --") RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE a(int) (sfunc = int4pl, stype = int);
CREATE TYPE color AS ENUM ('red');
CREATE TYPE pair AS (x int, y int);
CREATE TYPE span AS RANGE (subtype = int);
CREATE DOMAIN age AS int CHECK (value > 0);
CREATE STATISTICS st ON id, day FROM part;
CREATE COLLATION c (locale = 'C');
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE TEXT SEARCH DICTIONARY d (template = simple);
CREATE TEXT SEARCH CONFIGURATION k (copy = simple);
CREATE CONVERSION n FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
"""
"""One thing of each kind that has an owner."""

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

    def fill(self, text: str) -> bytes:
        """Return a statement with the names of this town's roles in it."""
        names = {"owner": self.names.owner, "migrator": self.names.migrator, "app": self.names.app}
        names |= {"reader": self.names.reader, "master": self.master, "database": self.database}
        return sql.SQL(text).format(**{name: sql.Identifier(value) for name, value in names.items()}).as_bytes()

    @property
    def database(self) -> str:
        return self.names.owner.removesuffix("_owner")

    def wish(self, **more: Any) -> Wish:
        return Wish(names=self.names, **more)

    def keep(self, **more: Any) -> Kept:
        """Make the roles, as the master user; they can log in."""
        return self.mend(passwords=self.passwords, **more)

    def mend(self, **more: Any) -> Kept:
        """The same, and passwords stay as they are."""
        with self.connect(self.master) as connection:
            return ensure_roles(connection, self.wish(**more), wait=30)

    def missing(self, **more: Any) -> tuple[str, ...]:
        with self.connect(self.master) as connection:
            return find_missing(connection, self.wish(**more)).statements

    @property
    def passwords(self) -> dict[str, str]:
        return dict.fromkeys(self.names.logins, PASSWORD)


def outcome(connection: Connection[Any], *texts: bytes) -> str:
    """Return the SQLSTATE that the last of some statements ends with; nothing of them stays."""
    try:
        with connection.transaction(force_rollback=True):
            for each in texts:
                connection.execute(each)
    except psycopg.Error as error:
        return error.sqlstate or "no SQLSTATE"
    return "done"


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


def settle(town: Town, root: Path) -> None:
    """Make it Cruddur's: its roles come first, then the migrator migrates and seeds it."""
    town.keep()
    with town.connect(town.names.migrator) as connection:
        migrations.migrate(connection, migrations.read_folder(root / "migrations"), read_settings(root, environ={}))
        load(connection, read_seeds(root / "seeds"))
