"""yoyo's own lock, a row in `yoyo_lock`: seen, waited for, and cleared only when its owner is provably gone.

A row with a negative pid is ours: it is left only by a migration without a transaction whose runner died. Whoever
holds the runner lock knows that its owner is gone. A row of yoyo's names a process but not its host, and a time by a
clock that nobody checked, so the proof is the server's: yoyo keeps the session that wrote the row open while it
works, and there is no session left but pgproof's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from psycopg import errors
from psycopg.sql import SQL, Identifier

from pgproof.errors import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg
    from psycopg import Connection

_CLEAR_IF_GONE = SQL("""
DELETE FROM {schema}.yoyo_lock AS l
WHERE l.pid < 0 OR NOT EXISTS (
  SELECT FROM pg_stat_activity AS a
  WHERE a.datname = current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend'
    AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'pgproof%')
""")
_ROW = SQL("SELECT pid, ctime FROM {schema}.yoyo_lock")


class YoyoAtWork(LockTimeout):
    """The stock yoyo took its lock while we were at work."""

    def __init__(self) -> None:
        super().__init__("the stock yoyo has begun to work on this database", hint="run it again when yoyo is done")


def is_taken(error: psycopg.Error) -> bool:
    """Whether a message was refused because yoyo's lock is taken."""
    return isinstance(error, errors.UniqueViolation) and error.diag.table_name == "yoyo_lock"


def ensure_free(
    connection: Connection[Any],
    schema: str,
    *,
    wait: float,
    on_wait: Callable[[str], None],
) -> None:
    """Wait until no yoyo is at work; the caller holds the runner lock.

    Raises:
        LockTimeout: the row is still there after `wait` seconds, and a session lives that may be its owner.
    """
    until = time.monotonic() + wait
    clear = _CLEAR_IF_GONE.format(schema=Identifier(schema))
    told = False
    while True:
        connection.execute(clear)
        row = connection.execute(_ROW.format(schema=Identifier(schema))).fetchone()
        if row is None:
            return
        who = f"yoyo, process {row[0]} of an unknown host, since {row[1]:%H:%M:%S} UTC"
        if time.monotonic() > until:
            raise LockTimeout(
                f"{who}, holds its lock, and a session is open that may be its own",
                hint="if that process is gone, `yoyo break-lock`; `inv db.sessions` shows who is connected",
            )
        if not told:
            on_wait(who)
            told = True
        time.sleep(0.2)
