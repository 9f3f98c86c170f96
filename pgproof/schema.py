"""Migrations in, the schema that they give out: as a catalog to compare with, as text to commit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from pgproof.migrations import Folder, migrate
from pgproof.pg import database
from pgproof.pg.catalog import Catalog, Difference, diff, fetch_catalog
from pgproof.pg.dump import dump_schema
from pgproof.pg.rolenames import name_roles
from pgproof.pg.server import throwaway_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgproof.pg.server import Server
    from pgproof.settings import Settings


@contextmanager
def built(folder: Folder, settings: Settings, server: Server) -> Iterator[str]:
    """Give the conninfo of a scratch database with all of `folder` applied; it is dropped afterwards.

    It is made beside the project's database where that is ours, else on a throw-away server of this machine:
    nobody wants a second database on production.
    """
    with _maintenance(settings, server) as conninfo:
        name = f"pgproof_scratch_{token_hex(4)}"
        database.ensure_created(conninfo, name)
        try:
            with database.connect(conninfo, dbname=name) as connection:
                migrate(connection, folder, settings)
            yield make_conninfo(conninfo, dbname=name)
        finally:
            database.drop(conninfo, name)


@contextmanager
def _maintenance(settings: Settings, server: Server) -> Iterator[str]:
    if server.ours:
        yield server.ensure_up()
    else:
        with throwaway_server(replace(settings, server="embedded")) as throwaway:
            yield throwaway.conninfo


def find_drift(live: str, folder: Folder, settings: Settings, server: Server) -> list[Difference]:
    """Compare the live schema with what `folder` gives; owners, what `db.roles` grants, and the order of columns aside.

    Returns:
        What the live schema has more (added), less (removed) or otherwise (changed).
    """
    roles = name_roles(server.database, settings).granted
    with built(folder, settings, server) as scratch:
        return diff(_fetch(scratch).without_grants(roles), _fetch(live).without_grants(roles))


def write_dump(path: Path, folder: Folder, settings: Settings, server: Server, pg_dump: Path) -> bool:
    """Write the schema that `folder` gives as SQL text; True if the file was stale or absent."""
    text = dump(folder, settings, server, pg_dump)
    if is_current(path, text):
        return False
    path.write_text(text, encoding="utf-8")
    return True


def is_current(path: Path, text: str) -> bool:
    """Whether the file is there and says `text`."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


def dump(folder: Folder, settings: Settings, server: Server, pg_dump: Path) -> str:
    """Return the schema that `folder` gives as SQL text."""
    with built(folder, settings, server) as conninfo:
        return dump_schema(conninfo, pg_dump=pg_dump)


def _fetch(conninfo: str) -> Catalog:
    with database.connect(conninfo) as connection:
        return fetch_catalog(connection).without("order", "owner")
