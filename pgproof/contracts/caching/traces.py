"""A subject in, the names under which the writes of its cases were noted out: each case is run, and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import RawCursor
from psycopg.rows import tuple_row

from pgproof.errors import QueryError
from pgproof.queries.refusal import ERRORS, is_lost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from pgproof.contracts.cases import Case
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject
    from pgproof.queries import Query

_NOTED = "SELECT name, count(*) FROM pgproof_cache.writes GROUP BY name"


def fetch_traces(session: Session, subject: Subject) -> set[str]:
    """Return what the triggers noted of all cases together; one that the server refuses has written nothing.

    Raises:
        psycopg.OperationalError: the connection is lost.
    """
    return {name for case in subject.contract.cases for name in _fetch_trace(session, subject.query, case)}


def _fetch_trace(session: Session, query: Query, case: Case) -> set[str]:
    try:
        with session.undone() as connection:
            before = _fetch_noted(connection)
            with RawCursor(connection) as cursor:
                cursor.execute(query.command.sql.encode(), query.command.bind(case.params))
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            after = _fetch_noted(connection)
    except QueryError:  # it does not fit, which is told of the case
        return set()
    except ERRORS as error:
        if is_lost(error, session.connection):
            raise
        return set()
    return {name for name, many in after.items() if many > before.get(name, 0)}


def _fetch_noted(connection: Connection[Any]) -> Mapping[str, int]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(_NOTED).fetchall())
