"""A query, parameters in, a call out: what is sent for it, and what its answer becomes. No I/O."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.pq import ExecStatus

from pgproof.errors import NotOneRow, QueryError, QueryFailed
from pgproof.queries.refusal import ERRORS, explain
from pgproof.queries.result import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import AsyncRawCursor, BaseConnection, RawCursor
    from psycopg.abc import AdaptContext

    from pgproof.queries.command import Command
    from pgproof.queries.files import Query
    from pgproof.queries.result import Result

    # Of the names of columns, what makes rows of values.
    RowsOf = Callable[[Sequence[str]], Callable[[Sequence[Any]], Any]]

    Cursor = RawCursor[Any] | AsyncRawCursor[Any]


@dataclass(frozen=True)
class Call:
    """One call of a query; who does the I/O sends the command and fetches all rows if `fetches` says so.

    Attributes:
        rows_of: makes, of the names of columns, what makes rows of values.
        fetches: sees whether the answer is what the file promises, before any of it is read; False if only the
            number of rows counts.
        give: makes what the caller gets of the rows, or of their number.
    """

    query: Query
    command: Command
    values: list[object]
    rows_of: RowsOf
    fetches: Callable[[Cursor], bool]
    give: Callable[[Any], Any]

    def row_factory(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:  # noqa: ANN401
        """Make rows as psycopg's cursors want it."""
        return self.rows_of(names_of(cursor.pgresult))

    def load(self, result: Result, context: AdaptContext | None = None) -> Any:  # noqa: ANN401
        """Make of a result what the caller gets; one that was kept gives what the server would have given.

        Raises:
            QueryFailed: psycopg cannot make a value of what the server wrote.
            QueryError: the columns do not make the row.
        """
        try:
            make = self.rows_of(result.names)
            return self.give([make(values) for values in result.load(context)])
        except ERRORS as error:
            raise QueryFailed(str(error), at=self.command.at) from error

    @contextmanager
    def explained(self, connection: BaseConnection[Any]) -> Iterator[None]:
        """Let what psycopg or the server says against this call lead home."""
        try:
            yield
        except ERRORS as error:
            raise explain(error, connection, self.command, self.values) from error


def call_for_rows(query: Query, row: type[Any] | None, parameters: Mapping[str, object]) -> Call:
    """Make the call of `run`."""
    command = query.command
    values = command.bind(parameters)
    return Call(query, command, values, _rows_of(query, row), partial(_check, query), _GIVE[query.returns])


def call_for_json(query: Query, parameters: Mapping[str, object]) -> Call:
    """Make the call of `json`."""
    from pgproof.queries.jsontext import give_json

    command = query.json_command
    values = command.bind(parameters)
    return Call(query, command, values, _tuples_of, partial(_check_json, query), partial(give_json, query))


def gives_too_many_or_few(query: Query, rows: int) -> bool:
    """Whether so many rows are not what a query's file promises, which is one, or one at most."""
    return query.returns in ("one", "value", "maybe") and rows != 1 and not (query.returns == "maybe" and rows == 0)


def check_number(query: Query, rows: int) -> None:
    """See whether a query gave as many rows as its file promises."""
    if gives_too_many_or_few(query, rows):
        hint = "" if rows else "write `-- returns: maybe` where no row is an answer"
        what = f"it returns {query.returns}, but the server gave {rows} rows"
        raise NotOneRow(what, at=query.command.at, hint=hint, rows=rows)


def check_columns(query: Query, names: Sequence[str]) -> None:
    """See whether columns can be told apart by their names, and whether a value is one."""
    if len(names) != len(set(names)):
        twice = sorted({name for name in names if names.count(name) > 1})
        what = f"two columns are named {', '.join(twice)}"
        raise QueryError(what, at=query.command.at, hint="name one of them otherwise: AS …")
    if query.returns == "value" and len(names) != 1:
        raise QueryError(f"a value is one column, and there are {len(names)}", at=query.command.at)


def _first(rows: Sequence[Any]) -> Any:  # noqa: ANN401
    return rows[0] if rows else None


_GIVE: dict[str, Callable[[Any], Any]] = {
    "many": lambda rows: rows,
    "one": _first,
    "maybe": _first,
    "value": _first,
    "affected": lambda number: max(number, 0),
}


def _check(query: Query, cursor: Cursor) -> bool:
    if query.returns == "affected":
        return False
    answer = cursor.pgresult
    if answer is None or answer.status != ExecStatus.TUPLES_OK:
        raise QueryError(f"it returns {query.returns}, but the server gave no rows", at=query.command.at)
    check_columns(query, names_of(answer))
    check_number(query, cursor.rowcount)
    return True


def _check_json(query: Query, cursor: Cursor) -> bool:
    if answer := cursor.pgresult:
        check_number(query, int(answer.get_value(0, 1) or 0))
    return True


def _rows_of(query: Query, row: type[Any] | None) -> RowsOf:
    if row is None:
        return _values_of if query.returns == "value" else _dicts_of
    if query.returns in ("value", "affected"):
        raise QueryError(f"{query.name} returns {query.returns}, of which no {row.__name__} is made")
    return partial(_objects_of, query, row)


def _dicts_of(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    return lambda values: dict(zip(names, values))  # noqa: B905  (for each row, and saying so costs a third of it)


def _values_of(_: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    return lambda values: values[0] if values else None


def _tuples_of(_: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    return tuple


def _objects_of(query: Query, row: type[Any], names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    def make(values: Sequence[Any]) -> Any:  # noqa: ANN401
        try:
            return row(**dict(zip(names, values)))  # noqa: B905
        except TypeError as error:
            raise QueryError(f"the columns do not make the row: {error}", at=query.command.at) from error

    return make
