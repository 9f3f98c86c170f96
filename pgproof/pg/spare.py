"""A template and a database's name in, a copy made ahead out, so that to make the database anew is to rename."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from psycopg import errors, sql

from pgproof.pg.database import END_SESSIONS, EXISTS, await_quiet, ensure_dropped
from pgproof.pg.lock import named_lock
from pgproof.pg.template import clone

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from pgproof.pg.template import Template

PREFIX = "pgproof_spare_"
OLD = "pgproof_old_"
_NAMES = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s"


def holding_spares(connection: Connection[Any], database: str, *, wait: float) -> AbstractContextManager[None]:
    """Hold the lock under which spares of a database are made and used."""
    return named_lock(connection, f"making or using a spare of {database}", wait=wait)


def prefix(database: str) -> str:
    """Return what every spare of a database begins with."""
    return f"{PREFIX}{sha256(database.encode()).hexdigest()[:8]}_"


def spare_name(database: str, fingerprint: str) -> str:
    """Return what a spare is called: it says of what it is a copy, so that no other is ever taken for it."""
    return prefix(database) + fingerprint


def ensure_spare(connection: Connection[Any], database: str, template: Template) -> tuple[str, bool]:
    """Return the spare's name, and whether it had to be made."""
    name = spare_name(database, template.fingerprint)
    if connection.execute(EXISTS, [name]).fetchone():
        return name, False
    clone(connection, template, name, closed=True)
    return name, True


def drop_others(connection: Connection[Any], database: str, name: str) -> None:
    """Drop the spares of a database but the one of this name."""
    for (each,) in connection.execute(_NAMES, [prefix(database), name]).fetchall():
        ensure_dropped(connection, each)


def swap(connection: Connection[Any], spare: str, database: str) -> str | None:
    """Give the spare the database's name, in one transaction; return what the one before is to be dropped as.

    Its sessions are ended. One that comes back at once, as a pool's may, is in the way of a rename; then the database
    is dropped first, which nobody can be in the way of.
    """
    old = f"{OLD}{token_hex(6)}" if connection.execute(EXISTS, [database]).fetchone() else None
    try:
        if old:
            connection.execute(END_SESSIONS, [database])
            await_quiet(connection, database)
        _rename(connection, spare, database, old)
    except errors.ObjectInUse:
        ensure_dropped(connection, database)
        _rename(connection, spare, database, None)
    return old


def _rename(connection: Connection[Any], spare: str, database: str, old: str | None) -> None:
    with connection.transaction():
        for name, new in ((database, old), (spare, database)):
            if new:
                words = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                connection.execute(words.format(sql.Identifier(name), sql.Identifier(new)))
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(database)))
