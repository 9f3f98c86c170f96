"""A connection to a server in, names for a run's databases out, and the end of those whose run has ended.

A run holds an advisory lock as long as it lives. Its databases are called after it, so whoever comes next drops what a
killed run has left.
"""

from __future__ import annotations

import re
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgproof.pg.database import END_SESSIONS, await_quiet, ensure_dropped
from pgproof.pg.kept import FAILED_TEST, TEST

if TYPE_CHECKING:
    from psycopg import Connection

_LONGEST = 63  # bytes of a name in Postgres
_CLASS = 0x7067_7072  # "pgpr": the first half of our locks' keys; the second is the run
_LOCK = "SELECT pg_try_advisory_lock(%s, %s)"
_NAMES = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND pg_has_role(datdba, 'MEMBER')"
# An advisory lock belongs to a database, and another project's runs are connected to another one: pg_locks shows all.
_ALIVE = "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2"


def claim_run(connection: Connection[Any]) -> str:
    """Return the id of a new run, eight hex digits; it is alive as long as the connection."""
    while True:
        run = token_hex(4)
        key = int.from_bytes(bytes.fromhex(run), signed=True)
        if connection.execute(_LOCK, [_CLASS, key]).fetchone() == (True,):
            return run


def make_name(run: str) -> str:
    """Return a name for a database of a run."""
    return f"{TEST}{run}_{token_hex(4)}"


def make_kept_name(test: str) -> str:
    """Return a name for a database that stays when the test of this name has failed."""
    tail = f"_{token_hex(3)}"
    readable = re.sub(r"[^a-z0-9]+", "_", test.lower()).strip("_")
    return f"{FAILED_TEST}{readable[: _LONGEST - len(FAILED_TEST) - len(tail)]}{tail}"


def drop_run(connection: Connection[Any], run: str) -> None:
    """Drop every database of a run."""
    for name in _fetch_names(connection, f"{TEST}{run}_"):
        ensure_dropped(connection, name)


def drop_orphans(connection: Connection[Any]) -> None:
    """Drop the databases of runs that have ended; one that cannot be dropped is no reason not to test."""
    names = _fetch_names(connection, TEST)  # first, for a run is alive before it makes any
    alive = {f"{key:08x}" for (key,) in connection.execute(_ALIVE, [_CLASS])}
    for name in names:
        if name.removeprefix(TEST).partition("_")[0] not in alive:
            with suppress(psycopg.Error):
                ensure_dropped(connection, name)


def rename(connection: Connection[Any], name: str, new: str) -> None:
    """Give a database another name; whoever is connected to it is disconnected, for he would be in the way."""
    connection.execute(END_SESSIONS, [name])
    await_quiet(connection, name)
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new)))


def _fetch_names(connection: Connection[Any], prefix: str) -> list[str]:
    return [name for (name,) in connection.execute(_NAMES, [prefix]).fetchall()]
