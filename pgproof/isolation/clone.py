"""A database of its own in, a session in it out that many tests use one after the other."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq

from pgproof.migrations import migrate, read_folder
from pgproof.pg.conninfo import url
from pgproof.pg.database import connect, connect_runner
from pgproof.pg.footprint import fetch_footprint, restore_sequences

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from pgproof.migrations import Outcome
    from pgproof.settings import Settings

_PATIENCE = 0.02  # seconds for sessions that a test has closed to leave; one that stays costs the test so much
_IN_HAND = (pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)


class Url(str):
    """A URL to connect with; of a failing test pytest shows the repr, which has no password."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(url(self))


class Clone:
    """A database for tests.

    Attributes:
        conninfo: of this database.
        session: ours; a test has others on the same libpq connection.
    """

    def __init__(self, name: str, conninfo: str) -> None:
        self.name = name
        self.conninfo = conninfo
        self.session: Connection[TupleRow] = connect(conninfo)
        self._footprint = fetch_footprint(self.session)
        self._rolled_back = False

    @property
    def url(self) -> Url:
        """All that is needed to connect to it."""
        return Url(url(self.conninfo, show_password=True))

    @property
    def in_hand(self) -> bool:
        """Whether the session takes statements: it is open, and not in the midst of one."""
        pgconn = self.session.pgconn
        return pgconn.pipeline_status == pq.PipelineStatus.OFF and pgconn.transaction_status in _IN_HAND

    @property
    def status(self) -> pq.TransactionStatus:
        """Where its session stands."""
        return pq.TransactionStatus(self.session.pgconn.transaction_status)

    def is_alive(self) -> bool:
        """Whether the server has not ended the session behind our back; a look at what it has sent."""
        with suppress(psycopg.Error):
            self.session.pgconn.consume_input()  # reads why it was ended, if it was
            self.session.pgconn.consume_input()  # and then finds nobody there
        return not self.session.closed

    def begin_whole(self) -> None:
        """Take the footprint anew where rolled back transactions have changed it."""
        if self._rolled_back:
            self._footprint = fetch_footprint(self.session)
            self._rolled_back = False

    def is_unchanged(self) -> bool:
        """Whether nothing was written to this database since `begin_whole`, and nobody else is connected to it.

        The session is then as it was at its start.
        """
        if self.status != pq.TransactionStatus.IDLE:
            self.session.execute("ROLLBACK")
        return fetch_footprint(self.session, patience=_PATIENCE) == self._footprint

    def put_back(self) -> bool:
        """Put back what a rollback does not: sequences, and all that belongs to a session; False where that cannot be.

        That is its settings, locks, cursors, listeners, and what was prepared.
        """
        self._rolled_back = True
        if self._footprint.foreign:
            return False  # its sequences are not known
        self.session.execute("DISCARD ALL")
        restore_sequences(self.session, self._footprint)
        return True

    def migrate(self, settings: Settings, *, to: str | None) -> Outcome:
        """Go on with the project's migrations, in a session of their own.

        Raises:
            MigrationError, SqlFileError: as of `migrate`.
        """
        folder = read_folder(settings.migrations)
        with connect_runner(self.conninfo, program="pgproof's tests") as connection:
            return migrate(connection, folder, settings, to=to)

    def close(self) -> None:
        """End the session; the database stays."""
        self.session.close()
