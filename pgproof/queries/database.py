"""A connection and named queries in, what an application asks with out: rows in the shape that each file promises."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import RawCursor
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import class_row, dict_row, scalar_row

from pgproof.errors import NotOneRow, QueryError
from pgproof.queries.refusal import ERRORS, explain, is_lost, lost, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from psycopg import Connection
    from psycopg.rows import RowFactory

    from pgproof.queries.files import Queries, Query


class Database:
    """Named queries on one connection, which stays the caller's to open and to close.

    A call is a transaction of its own, unless it stands in `with db.transaction():`. On a connection that somebody
    else has begun a transaction on, as a test's fixture does, it is a savepoint of its own instead, so that a call
    that fails there undoes as much as it would in production: itself.

    Where the connection comes from is said in `_lend` alone: a pool would lend one for a call, and the same one for
    all calls of a transaction.
    """

    def __init__(self, connection: Connection[Any], queries: Queries) -> None:
        if not connection.autocommit:
            raise QueryError(
                "the connection is not in autocommit, so nobody would commit what a query writes",
                hint="psycopg.connect(…, autocommit=True); `with db.transaction():` holds calls together",
            )
        self.connection = connection
        self.queries = queries
        self._depth = 0

    def run(self, name: str, /, *, row: type[Any] | None = None, **parameters: object) -> Any:  # noqa: ANN401
        """Run a query; `db.activities.home(…)` is `db.run("activities.home", …)`.

        Returns:
            By its `-- returns:` line. many: a list of rows. one: a row. maybe: a row or None. value: the one column of
            the one row. affected: how many rows were written. A row is a dict, or a `row` made with its columns as
            keyword arguments, such as a dataclass.

        Raises:
            UnknownQuery: there is no such query.
            ParameterMismatch: parameters are missing, unknown or not to be sent.
            QueryFailed: the server refused; it says why and in which line of the file.
            NotOneRow: the query promises one row, and gave none or several.
            ServerUnavailable: the connection is lost.
            SqlFileError: the file cannot be run.
        """
        query = self.queries[name]
        values = query.command.bind(parameters)
        with self._lend() as connection:
            try:
                with RawCursor(connection, row_factory=_row_factory(query, row)) as cursor:
                    with self._scope(connection):
                        cursor.execute(query.command.sql, values)
                    return _take(query, cursor)
            except ERRORS as error:
                raise explain(error, connection, query.command, values) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that happens inside, or nothing of it; inside another one it is a savepoint.

        Raises:
            QueryFailed: the server refused to commit, as it does when a deferred constraint is violated.
            ServerUnavailable: the connection is lost.
        """
        begun = done = False
        self._depth += 1
        with self._lend() as connection:
            try:
                with connection.transaction():
                    begun = True
                    yield
                    done = True
            except psycopg.Error as error:
                if begun and not done:
                    raise  # from the caller's own use of the connection
                raise (lost(error) if is_lost(error, connection) else refused(error)) from error
            finally:
                self._depth -= 1

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):  # no query does, and Python asks for many, also before __init__
            raise AttributeError(name)
        return _reach(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *{query.name.partition(".")[0] for query in self.queries}]

    @contextmanager
    def _lend(self) -> Iterator[Connection[Any]]:
        """Give the connection for a call, or for a transaction."""
        yield self.connection

    def _scope(self, connection: Connection[Any]) -> AbstractContextManager[object]:
        """Give a call inside somebody else's transaction a savepoint; in autocommit it needs nothing."""
        if self._depth or connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return nullcontext()
        return connection.transaction()


class Namespace:
    """A folder of queries, as an attribute of a `Database`."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):
            raise AttributeError(name)
        return _reach(self._database, f"{self._name}.{name}")

    def __dir__(self) -> list[str]:
        before = f"{self._name}."
        names = (query.name for query in self._database.queries)
        return list({name.removeprefix(before).partition(".")[0] for name in names if name.startswith(before)})


def _reach(database: Database, name: str) -> Any:  # noqa: ANN401
    """Return the query or the folder of a dotted name."""
    if name in database.queries.folders:
        return Namespace(database, name)
    return partial(database.run, database.queries[name].name)


def _row_factory(query: Query, row: type[Any] | None) -> RowFactory[Any]:
    if row is None:
        return scalar_row if query.returns == "value" else dict_row
    if query.returns in ("value", "affected"):
        raise QueryError(f"{query.name} returns {query.returns}, of which no {row.__name__} is made")
    return class_row(row)


def _take(query: Query, cursor: RawCursor[Any]) -> Any:  # noqa: ANN401
    """Fetch what the file promises."""
    if query.returns == "affected":
        return max(cursor.rowcount, 0)
    _check(query, cursor)
    try:
        return cursor.fetchall() if query.returns == "many" else cursor.fetchone()
    except TypeError as error:
        raise QueryError(f"the columns do not make the row: {error}", at=query.command.at) from error


def _check(query: Query, cursor: RawCursor[Any]) -> None:
    """See whether the answer is what the file promises, before any of it is read."""
    answer, rows, at = cursor.pgresult, cursor.rowcount, query.command.at
    if answer is None or answer.status != ExecStatus.TUPLES_OK:
        raise QueryError(f"it returns {query.returns}, but the server gave no rows", at=at)
    columns = [answer.fname(number) for number in range(answer.nfields)]  # `description` costs as much as the call
    if len(columns) != len(set(columns)):
        twice = sorted({name.decode(errors="replace") for name in columns if name and columns.count(name) > 1})
        raise QueryError(f"two columns are named {', '.join(twice)}", at=at, hint="name one of them otherwise: AS …")
    if query.returns == "value" and len(columns) != 1:
        raise QueryError(f"a value is one column, and there are {len(columns)}", at=at)
    if query.returns != "many" and rows != 1 and not (query.returns == "maybe" and rows == 0):
        hint = "" if rows else "write `-- returns: maybe` where no row is an answer"
        raise NotOneRow(f"it returns {query.returns}, but the server gave {rows} rows", at=at, hint=hint, rows=rows)
