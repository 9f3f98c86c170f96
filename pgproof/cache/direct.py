"""Steps in, what they give out: performed on one connection, for who has no `Database` and need not have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import Connection, RawCursor
from psycopg.rows import tuple_row

from pgproof.queries.steps import Do, Select, Spawn, drive

if TYPE_CHECKING:
    from pgproof.queries.steps import Step, Steps

T = TypeVar("T")


def perform(connection: Connection[Any], steps: Steps[T]) -> T:
    """Perform steps that ask the database and a backend; what else nobody would wait for is performed at once.

    Raises:
        psycopg.Error: the database refused, or is gone.
    """

    def perform_one(step: Step) -> Any:  # noqa: ANN401
        match step:
            case Do(backend, method, arguments):
                return getattr(backend, method)(*arguments)
            case Select(text, values):
                with RawCursor(connection, row_factory=tuple_row) as cursor:
                    cursor.execute(text, values)
                    return cursor.fetchall() if cursor.description else []
            case Spawn(aside):
                return drive(aside, perform_one)
        raise TypeError(step)

    return drive(steps, perform_one)
