"""An outbox in, its store told of every commit out, again and again: whatever goes down meanwhile, it goes on later.

It needs no state of its own: what is due is in the database, and stays there until it is done.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.cache.direct import perform
from pgproof.cache.report import Reports
from pgproof.errors import PgproofError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from psycopg import Connection

    from pgproof.cache.outbox import Outbox, Round


class Worker:
    """Delivers what is due for one store."""

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[], Connection[Any]],
        notify: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect.

        Args:
            outbox: of the store.
            connect: gives a connection in autocommit, each time it is asked.
            notify: is told in a line what happened, and by a word of what kind that is: applied or waiting.
            clock: seconds that never go back.

        Raises:
            psycopg.Error, PgproofError: the database cannot be reached.
        """
        self._outbox = outbox
        self._connect = connect
        self._notify = notify
        self._clock = clock
        self._connection: Connection[Any] | None = connect()
        self._caught_up_at: float | None = None
        self._failure = ""
        self._reports = Reports(self._describe, clock, first_after=0)

    def close(self) -> None:
        """Hang up."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def deliver(self) -> Round:
        """Deliver what is due now.

        Raises:
            psycopg.Error, PgproofError: the database cannot be reached, is a standby, or has nothing set up in it.
        """
        began = self._clock()
        self._connection = connection = self._connection or self._connect()
        done = perform(connection, self._outbox.deliver())
        if not done.due:
            self._caught_up_at = began  # what was committed until then was told
        if done.delivered:
            self._notify(f"delivered {', '.join(done.delivered)}", "applied")
        changed = self._tell(f"{self._outbox.store}: {done.failure}" if done.failure else "")
        perform(connection, self._reports.send() if changed else self._reports.spawn())
        return done

    def deliver_patiently(self) -> None:
        """Deliver what is due now, if the database goes along; else that is told, and the next time is another one."""
        try:
            self.deliver()
        except (psycopg.Error, PgproofError) as error:
            self.close()
            self._tell(f"Postgres: {_why(error)}")

    def run(self, every: float) -> NoReturn:
        """Deliver for ever, with so many seconds of rest between two rounds."""
        while True:
            time.sleep(every)
            self.deliver_patiently()

    def _tell(self, failure: str) -> bool:
        """Tell what it waits for, once, and when that is over; whether there was anything to tell."""
        if failure == self._failure:
            return False
        self._failure = failure
        self._notify(f"waiting for {failure}" if failure else "going on", "waiting" if failure else "applied")
        return True

    def _describe(self) -> dict[str, Any]:
        behind = None if self._caught_up_at is None else self._clock() - self._caught_up_at
        who = {"worker": True, "store": self._outbox.store, "tokens": self._outbox.holds_tokens}
        return {**who, "behind": behind, "failure": self._failure}


def _why(error: Exception) -> str:
    """Return the first line of an error; psycopg's have no password in them."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
