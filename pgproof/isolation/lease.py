"""A clone in, one test's use of it out: begun, checked when the test's function is over, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from pgproof.errors import PgproofError
from pgproof.isolation.session import (
    INSTEAD,
    AsyncSession,
    AsyncSessionInTransaction,
    Session,
    SessionInTransaction,
    retire,
)

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection
    from psycopg.rows import TupleRow

    from pgproof.isolation.clone import Clone

_BEGIN = "BEGIN; SAVEPOINT pgproof_test"
_ROLLBACK = "ROLLBACK TO SAVEPOINT pgproof_test; ROLLBACK"
# In a savepoint, whose end makes deferred again what was deferred: fixtures of the test may still have work to do.
_UNCHECK = "ROLLBACK TO SAVEPOINT pgproof_check; RELEASE SAVEPOINT pgproof_check"
_CHECK = "SAVEPOINT pgproof_check; SET CONSTRAINTS ALL IMMEDIATE; " + _UNCHECK


class Lease:
    """A test has the whole clone, and may commit; given back unchanged, another test gets it."""

    session_type = Session
    async_session_type = AsyncSession

    def __init__(self, clone: Clone) -> None:
        self.clone = clone
        self._lent: list[Session | AsyncSession] = []
        self.begin()

    def begin(self) -> None:
        """Make ready for the test."""
        self.clone.begin_whole()

    def connect(self) -> Connection[TupleRow]:
        """Return a new connection on the clone's session."""
        self._lent.append(connection := self.session_type(self.clone.session.pgconn))
        return connection

    def connect_async(self) -> AsyncConnection[TupleRow]:
        """Return a new asynchronous connection on the clone's session."""
        self._lent.append(connection := self.async_session_type(self.clone.session.pgconn))
        return connection

    def advise(self, error: Exception) -> None:
        """Add to the error of a test what this isolation has to do with it: here, nothing."""

    def check(self) -> None:
        """Look at what the test has done, while its fixtures are still there: here, all stands already.

        Raises:
            PgproofError: it would not stand, or the test left its isolation.
        """

    @property
    def is_lost(self) -> bool:
        """Whether what the test has done cannot be kept."""
        return False

    def commit(self) -> None:
        """Let what the test has done last; what it left open here, it did not want to."""

    def end(self) -> bool:
        """Take the clone back; return whether it is as it was before, session and all.

        The connections that the test had are closed for it.

        Raises:
            PgproofError: the test left its isolation.
        """
        for each in self._lent:
            retire(each)
        try:
            return self.clone.in_hand and self.undo()
        except psycopg.Error:
            return False

    def undo(self) -> bool:
        """Take back what can be: here, the state of the session."""
        return self.clone.is_unchanged()


class LeaseInTransaction(Lease):
    """A test lives in a transaction, which is rolled back; its first savepoint tells whether it still is ours."""

    session_type = SessionInTransaction
    async_session_type = AsyncSessionInTransaction

    def begin(self) -> None:
        """Open the transaction."""
        self._violated = self._told = False
        self.clone.session.execute(_BEGIN)

    def advise(self, error: Exception) -> None:
        """Say what to do where Postgres refuses a statement inside of a transaction."""
        if getattr(error, "sqlstate", None) == errors.ActiveSqlTransaction.sqlstate:
            error.add_note(f"this test lives in a transaction: {INSTEAD}")

    def check(self) -> None:
        """Check deferred constraints, as COMMIT would."""
        if self.is_lost:
            return  # there is nothing that a COMMIT would look at
        if self.clone.status == TransactionStatus.IDLE:
            raise self._left()
        try:
            self.clone.session.execute(_CHECK)
        except psycopg.Error as error:
            self._violated = True
            self.clone.session.execute(_UNCHECK)
            said = ": ".join(filter(None, (error.diag.message_primary, error.diag.message_detail)))
            raise PgproofError(f"at the end of this test COMMIT would fail: {said}") from error

    @property
    def is_lost(self) -> bool:
        """Whether the test has closed its connection, or its transaction is aborted."""
        return self._violated or not self.clone.in_hand or self.clone.status == TransactionStatus.INERROR

    def commit(self) -> None:
        """Commit, unless it is lost."""
        if not self.is_lost:
            self.clone.session.execute("COMMIT")

    def undo(self) -> bool:
        """Roll back, if there still is what was begun, and put back what that leaves."""
        try:
            self.clone.session.execute(_ROLLBACK)
        except (errors.InvalidSavepointSpecification, errors.NoActiveSqlTransaction) as error:
            if self._told:
                return False
            raise self._left() from error
        return self.clone.put_back()

    def _left(self) -> PgproofError:
        self._told = True
        return PgproofError("this test ended the transaction that it lives in", hint=INSTEAD)
