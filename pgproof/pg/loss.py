"""A connection at work in, its loss out: psycopg tells it in many ways, we in one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.errors import ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection


@contextmanager
def named_loss(connection: Connection[Any], when: str) -> Iterator[None]:
    """Let pass what is done with a connection until it is lost, and then say when that was.

    Raises:
        ServerUnavailable: the server, or the way to it, is gone.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        if not (connection.closed or is_last(error)):
            raise
        raise ServerUnavailable(
            f"the connection was lost {when}",
            hint="run it again: what was committed is in the ledger, the rest was rolled back",
        ) from error


def is_last(error: psycopg.Error) -> bool:
    """Whether the server ended the session with this error, as `pg_terminate_backend` makes it do."""
    return error.diag.severity_nonlocalized in ("FATAL", "PANIC")
