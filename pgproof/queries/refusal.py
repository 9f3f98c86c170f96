"""What psycopg or the server says about a query in, the error for people out: which file, which line, what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import PyFormat, Transformer

from pgproof.errors import ParameterMismatch, QueryFailed, ServerUnavailable
from pgproof.pg.loss import is_last

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import BaseConnection

    from pgproof.errors import Location, PgproofError
    from pgproof.queries.command import Command

# What a call can raise that is not ours: text that is no Unicode is refused by Python before psycopg sees it.
ERRORS = (psycopg.Error, UnicodeError)

READ_ONLY = "25006"
_HINTS = {
    "25P02": "a query before it failed; what may fail belongs into a `with db.transaction():` of its own",
    READ_ONLY: "a pool connects anew for the next call; of several hosts in a URL, target_session_attrs=read-write "
    "finds the one that takes writes",
}
_PARAMETER = re.compile(r"\$(\d+)")


def explain(
    error: psycopg.Error | UnicodeError, connection: BaseConnection[Any], command: Command, values: Sequence[object]
) -> PgproofError:
    """Return the error for a command that was refused with these values."""
    if is_lost(error, connection):
        return lost(error, command.at)
    if isinstance(error, UnicodeError) or error.sqlstate is None:
        for name, value in zip(command.parameters, values, strict=True):
            if said := _why_unsendable(value, connection):
                return ParameterMismatch(f"parameter {name}: {said}", at=command.at)
        return QueryFailed(str(error), at=command.at)
    about = _PARAMETER.search(error.diag.context or "") if error.sqlstate.startswith("22") else None
    which = f"parameter {command.parameters[int(about[1]) - 1]}: " if about else ""
    return refused(error, command.locate(error.diag.statement_position), which)


def refused(error: psycopg.Error, at: Location | None = None, about: str = "") -> QueryFailed:
    """Return the error for what the server said no to; the values in its detail are left to who asks for them."""
    said = f"{about}{error.diag.message_primary or error} ({error.sqlstate or 'no SQLSTATE'})"
    hint = error.diag.message_hint or _HINTS.get(error.sqlstate or "", "")
    return QueryFailed(said, at=at, hint=hint, sqlstate=error.sqlstate)


def is_lost(error: Exception, connection: BaseConnection[Any]) -> bool:
    """Whether the connection is gone, by this error or before it."""
    return connection.closed or (isinstance(error, psycopg.Error) and is_last(error))


def lost(error: Exception, at: Location | None = None) -> ServerUnavailable:
    """Return the error for a connection that is gone."""
    said = str(error).strip().split("\n")[0]
    return ServerUnavailable(
        f"the connection is lost: {said}", at=at, hint="a write may be done nevertheless: look before you repeat it"
    )


def _why_unsendable(value: object, connection: BaseConnection[Any]) -> str:
    """Return what psycopg says against a value alone; it does not say which one of several it means."""
    try:
        Transformer(connection).dump_sequence([value], [PyFormat.AUTO])
    except ERRORS as error:
        return str(error)
    return ""
