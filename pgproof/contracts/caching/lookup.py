"""Steps of the cache in, what they come to on a connection out: those that ask the database, and no backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import RawCursor
from psycopg.rows import tuple_row

from pgproof.queries.steps import Select, drive

if TYPE_CHECKING:
    from psycopg import Connection

    from pgproof.queries.steps import Step, Steps

T = TypeVar("T")


def look_up(connection: Connection[Any], steps: Steps[T]) -> T:
    """Perform steps as an application's process would, whose intervals are as psycopg reads them."""

    def perform(step: Step) -> list[Any]:
        if not isinstance(step, Select):
            raise TypeError(step)
        return cursor.execute(step.sql.encode(), step.values).fetchall()

    with connection.transaction(force_rollback=True), RawCursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute("SET LOCAL IntervalStyle = 'postgres'")
        return drive(steps, perform)
