"""A server in, the databases that a change is judged on out, each made when first needed, all gone afterwards."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.errors import ServerUnavailable, SettingsError
from pgproof.isolation import names
from pgproof.isolation.loan import open_server
from pgproof.pg.database import END_SESSIONS, await_quiet, connect, connect_runner, ensure_dropped
from pgproof.pg.template import create, create_empty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection

    from pgproof.gate.change import Side
    from pgproof.isolation.loan import Loan
    from pgproof.settings import Settings

SERVER: Mapping[str, str] = {
    "wal_level": "replica",  # with `minimal` a rewrite would write no WAL
    "max_wal_size": "8GB",  # no checkpoint in the midst of a measurement
    "checkpoint_timeout": "1h",
}
"""How the gate's own server differs from that of a test."""

_FILE_COPY = 150_000  # the first version that is told how to copy
_ROLE = "SELECT true FROM pg_roles WHERE rolname = %s"


class Databases:
    """Databases on one server, for as long as one judgement lasts."""

    def __init__(self, loan: Loan, settings: Settings) -> None:
        """Claim a run on the server, and drop what a killed one has left.

        Raises:
            SettingsError: the application's role is not there, and the server is not ours.
        """
        self._loan = loan
        self._sources: dict[str, str] = {}
        self.role = settings.application_role
        self._maintenance = connect_runner(loan.conninfo, program="pgproof's gate")
        self._run = names.claim_run(self._maintenance)
        names.drop_orphans(self._maintenance)
        try:
            self._ensure_role()
        except SettingsError:
            self._maintenance.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop all of them."""
        if not self._maintenance.closed:
            try:
                names.drop_run(self._maintenance, self._run)
            except psycopg.Error as error:
                raise ServerUnavailable(f"a database of the gate could not be dropped: {error}") from error
            finally:
                self._maintenance.close()

    @cached_property
    def version(self) -> str:
        """The server's version and where it is, for a person."""
        version = self._maintenance.info.parameter_status("server_version") or ""
        return f"PostgreSQL {version.partition(' ')[0]}, {self._loan.place}"

    def empty(self) -> str:
        """Make an empty database; return its name."""
        name = names.make_name(self._run)
        create_empty(self._maintenance, name, clause=self._clause)
        return name

    def copy(self, source: str) -> str:
        """Make a copy of a database that nobody is connected to; return its name."""
        name = names.make_name(self._run)
        await_quiet(self._maintenance, source)
        create(self._maintenance, name, source=source, clause=self._clause)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self._maintenance.execute(END_SESSIONS, [name])
        await_quiet(self._maintenance, name)
        ensure_dropped(self._maintenance, name)

    @contextmanager
    def clone(self, source: str) -> Iterator[str]:
        """Give the name of a copy, for a while."""
        name = self.copy(source)
        try:
            yield name
        finally:
            self.drop(name)

    def conninfo(self, name: str) -> str:
        """Return the conninfo of a database."""
        return make_conninfo(self._loan.conninfo, dbname=name)

    def connect(self, name: str, **options: Any) -> Connection[Any]:  # noqa: ANN401 - whatever psycopg.connect takes
        """Connect to a database."""
        return connect(self._loan.conninfo, dbname=name, **options)

    def connect_runner(self, name: str) -> Connection[Any]:
        """Connect to a database as a runner of migrations does."""
        return connect_runner(self._loan.conninfo, dbname=name, program="pgproof's gate migrates")

    def built(self, side: Side, *, seeded: bool) -> str:
        """Return the name of a database as a side gives it, made once; it is to be copied, not changed.

        Raises:
            MigrationError, SqlFileError, SeedError: as of `Recipe.run`.
        """
        key = f"{side.settings.root} {seeded}"
        if key not in self._sources:
            self._sources[key] = self._build(side, seeded=seeded)
        return self._sources[key]

    def _build(self, side: Side, *, seeded: bool) -> str:
        """Seeds are loaded into a copy, so that the migrations run once."""
        if not side.folder.migrations:
            return self.empty()
        recipe = side.recipe(seeded=seeded)
        without = len(side.recipe(seeded=False).steps)
        name = self.copy(self.built(side, seeded=False)) if seeded else self.empty()
        with side.telling():
            recipe.finish(self.conninfo(name), without if seeded else 0)
        return name

    @property
    def _clause(self) -> str:
        return "STRATEGY file_copy" if self._maintenance.info.server_version >= _FILE_COPY else ""

    def _ensure_role(self) -> None:
        if not self.role or self._maintenance.execute(_ROLE, [self.role]).fetchone():
            return
        if self._loan.stays:
            hint = "CREATE ROLE it there, or let the gate have a server of its own: PGPROOF_SERVER=embedded"
            raise SettingsError(f"the server has no role {self.role}, which is the application_role", hint=hint)
        self._maintenance.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(self.role)))


@contextmanager
def open_databases(settings: Settings) -> Iterator[Databases]:
    """Give databases on a server of the gate's own, which is gone afterwards; on one given by URL, they are dropped.

    Raises:
        SettingsError: the target is production.
        ServerUnavailable: the server does not start or does not answer.
    """
    with open_server(settings, keep=False, **SERVER) as loan, Databases(loan, settings) as databases:
        yield databases
