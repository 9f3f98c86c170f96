"""A database with head's schema in, the same after head's contracts have written to it out: for good, once a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgproof.contracts.asking import make_call
from pgproof.contracts.finding import Finding
from pgproof.contracts.impact.writes import read_writes
from pgproof.contracts.session import Session
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from pgproof.contracts.impact.writes import Write
    from pgproof.contracts.subjects import Subject


def find_writers(subjects: Iterable[Subject]) -> list[Subject]:
    """Return those whose statement writes."""
    return [each for each in subjects if _writes(each)]


def is_written(subjects: Iterable[Subject], table: str, column: str) -> bool:
    """Whether one of them gives a column a value: by its name, or to a row as a whole."""
    writes = [write for each in subjects for write in _writes(each) if write.table[-1] == table]
    return any(write.every or column in write.columns for write in writes)


def write_for_good(connection: Connection[Any], subjects: Sequence[Subject], role: str) -> None:
    """Call each case once, in a transaction of its own that is committed; a refusal is an answer, too."""
    session = Session(connection, alone=False)
    if role:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    made = [make_call(session, subject, case) for subject in subjects for case in subject.contract.cases]
    for call in (each for each in made if not isinstance(each, Finding)):
        connection.pgconn.exec_params(call.sql, call.values, call.oids, call.formats)
    connection.execute("RESET ROLE")


def _writes(subject: Subject) -> list[Write]:
    return read_writes(parse(subject.query.command.sql)[0])
