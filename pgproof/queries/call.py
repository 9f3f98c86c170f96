"""A query, parameters in, a call out: what is sent for it, and what its answer becomes. No I/O."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.pq import ExecStatus

from pgproof.errors import NotOneRow, QueryError
from pgproof.queries.refusal import ERRORS, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import AsyncRawCursor, BaseConnection, RawCursor
    from psycopg.abc import AdaptContext

    from pgproof.queries.command import Command
    from pgproof.queries.files import Query
    from pgproof.queries.result import Result

    # Makes a row of its values, and of the names of their columns.
    RowOf = Callable[[Sequence[str], Sequence[Any]], Any]

    Cursor = RawCursor[Any] | AsyncRawCursor[Any]


@dataclass(frozen=True)
class Call:
    """One call of a query; who does the I/O sends the command and fetches all rows if `fetches` says so.

    Attributes:
        row_of: makes a row of names and values.
        fetches: sees whether the answer is what the file promises, before any of it is read; False if only the
            number of rows counts.
        give: makes what the caller gets of the rows, or of their number.
    """

    query: Query
    command: Command
    values: list[object]
    row_of: RowOf
    fetches: Callable[[Cursor], bool]
    give: Callable[[Any], Any]

    def row_factory(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:  # noqa: ANN401
        """Make rows as psycopg's cursors want it."""
        return partial(self.row_of, _names(cursor))

    def load(self, result: Result, context: AdaptContext | None = None) -> Any:  # noqa: ANN401
        """Make of a result what the caller gets; one that was kept gives what the server would have given."""
        return self.give([self.row_of(result.names, values) for values in result.load(context)])

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
    return Call(query, command, values, _row_of(query, row), partial(_check, query), _GIVE[query.returns])


def call_for_json(query: Query, parameters: Mapping[str, object]) -> Call:
    """Make the call of `json`."""
    from pgproof.queries.jsontext import give_json

    command = query.json_command
    values = command.bind(parameters)
    return Call(query, command, values, _tuple_of, lambda _: True, partial(give_json, query))


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
    check_columns(query, _names(cursor))
    check_number(query, cursor.rowcount)
    return True


def _names(cursor: Any) -> list[str]:  # noqa: ANN401
    """Return the names of a cursor's columns; its `description` costs as much as the call."""
    answer = cursor.pgresult
    return [(answer.fname(number) or b"").decode(errors="replace") for number in range(answer.nfields)]


def _row_of(query: Query, row: type[Any] | None) -> RowOf:
    if row is None:
        return _value_of if query.returns == "value" else _dict_of
    if query.returns in ("value", "affected"):
        raise QueryError(f"{query.name} returns {query.returns}, of which no {row.__name__} is made")
    return partial(_object_of, query, row)


def _dict_of(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(names, values, strict=True))


def _value_of(_: Sequence[str], values: Sequence[Any]) -> Any:  # noqa: ANN401
    return values[0] if values else None


def _tuple_of(_: Sequence[str], values: Sequence[Any]) -> Sequence[Any]:
    return values


def _object_of(query: Query, row: type[Any], names: Sequence[str], values: Sequence[Any]) -> Any:  # noqa: ANN401
    try:
        return row(**dict(zip(names, values, strict=True)))
    except TypeError as error:
        raise QueryError(f"the columns do not make the row: {error}", at=query.command.at) from error
