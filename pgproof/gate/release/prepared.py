"""Queries and a migration in, which of them fail in a session that has prepared them before it out.

The session is an application's: it stays connected over the migration, and holds nothing between two calls.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from psycopg import sql
from psycopg.pq import DiagnosticField, ExecStatus

from pgproof.contracts.asking import make_call
from pgproof.contracts.finding import Finding
from pgproof.contracts.session import Session
from pgproof.gate.release.promises import Broken
from pgproof.gate.release.stages import migrate_pre

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.pq.abc import Buffer, PGconn, PGresult

    from pgproof.contracts.answer import Call
    from pgproof.contracts.subjects import Subject
    from pgproof.gate.trial import Trial

_CHANGED_RESULT = "0A000"


def find_stale(trial: Trial, subjects: Sequence[Subject]) -> list[Broken]:
    """Prepare each query, migrate, and run what was prepared.

    Raises:
        MigrationFailed: the `pre` migrations, or the repeatables after them, are refused.
    """
    databases = trial.databases
    with (
        databases.clone(databases.built(trial.change.base, seeded=True)) as name,
        databases.connect(name) as connection,
    ):
        calls = _make_calls(Session(connection, alone=False), subjects)
        with _as_role(connection, databases.role):
            held = {number: call for number, call in calls.items() if _prepare(connection.pgconn, number, call)}
            migrate_pre(trial, name)
            results = {number: _execute(connection.pgconn, number, call) for number, call in held.items()}
    return [_stale(subjects[number], result) for number, result in results.items() if _is_stale(result)]


def _make_calls(session: Session, subjects: Sequence[Subject]) -> Mapping[int, Call]:
    """Return one call of each query, by its number: that of its first case which can be called."""
    made = {
        number: [
            call
            for case in subject.contract.cases
            if not isinstance(call := make_call(session, subject, case), Finding)
        ]
        for number, subject in enumerate(subjects)
    }
    return {number: calls[0] for number, calls in made.items() if calls}


@contextmanager
def _as_role(connection: Connection[Any], role: str) -> Iterator[None]:
    if role:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    yield


def _prepare(pgconn: PGconn, number: int, call: Call) -> bool:
    """Prepare a call and make it once, so that the server has it planned; whether it could be prepared."""
    if pgconn.prepare(_name(number), call.sql, call.oids).status != ExecStatus.COMMAND_OK:
        return False
    _execute(pgconn, number, call)
    return True


def _execute(pgconn: PGconn, number: int, call: Call) -> PGresult:
    """Make a call that leaves nothing behind."""
    pgconn.exec_(b"BEGIN")
    values = cast("Sequence[Buffer]", call.values)  # None is NULL, which psycopg's own stub forgets
    result = pgconn.exec_prepared(_name(number), values, call.formats)
    pgconn.exec_(b"ROLLBACK")
    return result


def _name(number: int) -> bytes:
    return b"held_%d" % number


def _is_stale(result: PGresult) -> bool:
    return (
        result.status == ExecStatus.FATAL_ERROR
        and (result.error_field(DiagnosticField.SQLSTATE) or b"").decode() == _CHANGED_RESULT
    )


def _stale(subject: Subject, result: PGresult) -> Broken:
    said = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
    return Broken(subject.query, "refused", (f"{said} ({_CHANGED_RESULT})",), sqlstate=_CHANGED_RESULT)
