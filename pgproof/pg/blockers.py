"""A connection that may have to wait in, who it waited for out: watched from a second connection, in a thread.

The second connection is opened only when the first has been at work for longer than `USUALLY` seconds.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

# Text of queries is left out: it may hold what a log must not.
_BLOCKERS = """
SELECT format('server process %%s (%%s%%s, %%s since %%s)', pid, coalesce(usename, '?'),
  coalesce(' in ' || nullif(application_name, ''), ''), coalesce(state, 'unknown'),
  coalesce(to_char(coalesce(xact_start, backend_start), 'HH24:MI:SS'), '?'))
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s))
"""


USUALLY = 0.25  # seconds between two looks: short against any lock_timeout that is worth naming blockers for
CLOSELY = 0.02  # once a lock was met: a look takes the lock manager's own locks, so not always


class Blockers:
    """Who was seen in the way of a connection, as text; `seen` is the latest answer that was not empty."""

    def __init__(self) -> None:
        self.every = USUALLY
        self.seen: list[str] = []

    def __str__(self) -> str:
        return ", ".join(self.seen) or "not seen"


@contextmanager
def watch_blockers(connection: Connection[Any]) -> Iterator[Blockers]:
    """Look again and again who blocks `connection`, until the block ends."""
    blockers = Blockers()
    done = threading.Event()
    parameters = {**connection.info.get_parameters(), "password": connection.info.password}
    arguments = (blockers, done, parameters, connection.info.backend_pid)
    thread = threading.Thread(target=_watch, args=arguments, name="pgproof-blockers", daemon=True)
    thread.start()
    try:
        yield blockers
    finally:
        done.set()
        thread.join()


def _watch(blockers: Blockers, done: threading.Event, parameters: dict[str, Any], pid: int) -> None:
    if done.wait(blockers.every):
        return
    try:
        with psycopg.connect(**parameters, autocommit=True) as observer:
            while True:
                rows = observer.execute(_BLOCKERS, [pid]).fetchall()
                blockers.seen = [row[0] for row in rows] or blockers.seen
                if done.wait(blockers.every):
                    return
    except psycopg.Error:
        return  # an observer that cannot connect sees nothing; the run itself says what is wrong
