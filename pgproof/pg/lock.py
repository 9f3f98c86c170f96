"""A connection in, a lock held on it: the runner lock of a database, or one that has a name."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from psycopg import errors
from psycopg.rows import class_row

from pgproof.errors import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from psycopg import Connection

_KEY = 0x7067_7072_6F6F_66  # "pgproof"; advisory locks are per database

_HOLDER = """
SELECT a.pid, a.application_name AS program, coalesce(host(a.client_addr), 'local') AS host, a.backend_start AS since
FROM pg_locks AS l
JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = %s
"""


@dataclass(frozen=True)
class Holder:
    """The session that holds the runner lock; `since` is unknown where the server hides it from our role."""

    pid: int
    program: str
    host: str
    since: datetime | None

    def __str__(self) -> str:
        since = f" since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        return f"{self.program or 'a session'} (server process {self.pid}, from {self.host}{since})"


@contextmanager
def runner_lock(
    connection: Connection[Any],
    *,
    wait: float,
    on_wait: Callable[[Holder], None],
) -> Iterator[None]:
    """Hold the runner lock of the connection's database; it ends with the session, whatever ends that.

    The lock is polled with the try form: a session that waits inside `pg_advisory_lock` holds a snapshot,
    and CREATE INDEX CONCURRENTLY of the holder waits for that snapshot, so the two would wait for ever.

    Raises:
        LockTimeout: another runner still holds it after `wait` seconds.
    """
    _acquire(connection, time.monotonic() + wait, on_wait)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_KEY])


@contextmanager
def named_lock(connection: Connection[Any], name: str, *, wait: float) -> Iterator[None]:
    """Hold the lock of a name, for what is about the server and not about one database; connect to the same one.

    Waiting holds a snapshot of that database only, so nobody builds there.

    Raises:
        LockTimeout: another session still holds it after `wait` seconds.
    """
    key = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait * 1000:.0f}ms"])
            connection.execute("SELECT pg_advisory_lock(%s)", [key])
    except errors.LockNotAvailable as error:
        raise LockTimeout(f"another process still does this after {wait:.0f} s: {name}") from error
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [key])


def fetch_holder(connection: Connection[Any]) -> Holder | None:
    """Return who holds the runner lock of this database now."""
    with connection.cursor(row_factory=class_row(Holder)) as cursor:
        return cursor.execute(_HOLDER, [_KEY]).fetchone()


def _acquire(connection: Connection[Any], until: float, on_wait: Callable[[Holder], None]) -> None:
    told: int | None = None
    pause = 0.02
    while not _try(connection):
        holder = fetch_holder(connection)
        if holder and holder.pid != told:
            on_wait(holder)
            told = holder.pid
        if time.monotonic() > until:
            raise LockTimeout(
                f"another runner holds the lock: {holder or 'it changes hands'}",
                hint="wait for it, or end it with `inv db.sessions --kill`",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def _try(connection: Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_KEY]).fetchone()
    return row == (True,)
