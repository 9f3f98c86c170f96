"""A script and its ledger row in, one message to the server out; an error comes back as a line of the script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import errors, generators, pq

from pgproof.errors import Location, MigrationError, MigrationFailed
from pgproof.migrations.writer import LOCK, UNLOCK
from pgproof.pg.diagnosis import explain_missing_extension
from pgproof.pg.loss import is_last
from pgproof.sqltext import Statement, hide_passwords, parse

if TYPE_CHECKING:
    import psycopg
    from psycopg import Connection

    from pgproof.migrations.files import Script

# A script may SET what it likes; the ledger row is written as the role that logged in, and the next script
# finds the session as it was.
BACK_TO_LOGIN = "RESET SESSION AUTHORIZATION; RESET ROLE;"
RESET = "RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP;"
_COMMIT = 4  # its place in what comes after the script


class Refused(MigrationError):
    """Postgres refused a statement of a message; `__cause__` is its error.

    Attributes:
        error: psycopg's error.
        done: how many statements of the message had succeeded before.
    """

    def __init__(self, error: psycopg.Error, done: int) -> None:
        super().__init__(_describe(error))
        self.error = error
        self.done = done


@dataclass(frozen=True)
class Message:
    """One simple-protocol message: a transaction of settings, yoyo's lock, the script and the ledger row."""

    script: Script
    before: str
    after: str

    @property
    def text(self) -> str:
        """What is sent."""
        return f"{self.before}{self.script.text}\n;{self.after}"

    def failure(self, refused: Refused) -> MigrationFailed:
        """Return the error for people: file and line, the statement, what the server said."""
        statements = parse(self.script.text)
        index = refused.done - len(parse(self.before))
        line = self._line_of_position(refused.error)
        if index < 0 and line:  # an older server's parser refused the whole message, and ran nothing of it
            index = sum(each.line <= line for each in statements) - 1
        if 0 <= index < len(statements):
            return failure(self.script, refused.error, statements[index], line)
        if index - len(statements) == _COMMIT:  # where deferred constraints are checked
            return failure(self.script, refused.error)
        return MigrationFailed(f"the ledger could not be written: {refused}", at=Location(self.script.path))

    def _line_of_position(self, error: psycopg.Error) -> int | None:
        """Return the line of the script that the server points at; it points into some errors only."""
        offset = int(error.diag.statement_position or 0) - 1 - len(self.before)
        if 0 <= offset <= len(self.script.text):
            return self.script.text.count("\n", 0, offset) + 1
        return None


def transaction(script: Script, record: str, *, lock_timeout: str, statement_timeout: str) -> Message:
    """Return the message that runs `script` and `record` or neither."""
    # Always both: a role or database may have a limit of its own, and 0 has to mean none.
    limits = f"SET LOCAL lock_timeout = '{lock_timeout}'; SET LOCAL statement_timeout = '{statement_timeout}';"
    before = f"BEGIN; {limits} {LOCK} -- {script.path.name}\n"
    return Message(script, before, f"{BACK_TO_LOGIN}{record}{UNLOCK} COMMIT;{RESET}")


def failure(
    script: Script,
    error: psycopg.Error,
    statement: Statement | None = None,
    line: int | None = None,
) -> MigrationFailed:
    """Return the error for people: about one statement of a script, at its `line` or where it starts."""
    said = error.diag
    parts = [_describe(error)]
    parts += [f"  statement: {_shorten(hide_passwords(statement.text))}"] if statement else []
    parts += [f"  {name}: {hide_passwords(text)}" for name, text in _server_notes(said) if text]
    at = Location(script.path, line or (statement.line if statement else None))
    hint = explain_missing_extension(said.message_primary or "") or hide_passwords(said.message_hint or "")
    return MigrationFailed("\n".join(parts), at=at, hint=hint)


def send(connection: Connection[Any], text: str) -> list[pq.abc.PGresult]:
    """Send one message and return the result of each statement, which psycopg's own execute keeps to itself.

    Raises:
        Refused: a statement failed; the server skipped what came after it, and the transaction is undone.
        psycopg.OperationalError: the connection is gone.
    """
    results: list[pq.abc.PGresult]
    try:
        with connection.lock:
            connection.pgconn.send_query(text.encode())
            results = connection.wait(generators.execute(connection.pgconn))
    except KeyboardInterrupt:  # psycopg has cancelled it, and whoever cleans up after us needs a session that listens
        _leave_transaction(connection)
        raise
    for done, result in enumerate(results):
        if result.status == pq.ExecStatus.FATAL_ERROR:
            error = errors.error_from_result(result)
            if is_last(error):
                raise error
            _leave_transaction(connection)
            raise Refused(error, done) from error
    return results


def _leave_transaction(connection: Connection[Any]) -> None:
    if connection.info.transaction_status == pq.TransactionStatus.INERROR:
        connection.execute("ROLLBACK")


def _server_notes(said: errors.Diagnostic) -> list[tuple[str, str | None]]:
    return [("detail", said.message_detail), ("context", said.context)]


def _describe(error: psycopg.Error) -> str:
    return hide_passwords(f"{error.diag.message_primary or error} ({error.sqlstate or 'no SQLSTATE'})")


def _shorten(statement: str, limit: int = 200) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
