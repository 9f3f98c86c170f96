"""Where to run, which queries in, what `Database` and `AsyncDatabase` have in common out: all but the waiting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psycopg
from psycopg import AsyncConnection, BaseConnection, Connection
from psycopg.pq import TransactionStatus

from pgproof.errors import QueryError, SettingsError
from pgproof.queries.call import call_for_json, call_for_rows
from pgproof.queries.files import Queries, read_queries
from pgproof.queries.refusal import is_lost, lost, refused
from pgproof.settings import find_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgproof.queries.call import Call
    from pgproof.queries.files import Query
    from pgproof.queries.pool import Terms
    from pgproof.queries.steps import Cache, Steps

C = TypeVar("C", Connection[Any], AsyncConnection[Any])


class Asking(ABC):
    """What queries are asked by name."""

    queries: Queries

    def run(self, name: str, /, *, row: type[Any] | None = None, **parameters: object) -> Any:  # noqa: ANN401
        """Run a query; `db.activities.home(…)` is `db.run("activities.home", …)`. An AsyncDatabase is awaited for it.

        Returns:
            By its `-- returns:` line. many: a list of rows. one: a row. maybe: a row or None. value: the one column of
            the one row. affected: how many rows were written. A row is a dict, or a `row` made with its columns as
            keyword arguments, such as a dataclass.

        Raises:
            UnknownQuery: there is no such query.
            ParameterMismatch: parameters are missing, unknown or not to be sent.
            QueryFailed: the server refused; it says why and in which line of the file.
            NotOneRow: the query promises one row, and gave none or several.
            ServerUnavailable: the connection is lost, or none is to be had.
            SqlFileError: the file cannot be run.
        """
        return self._answer(call_for_rows(self.queries[name], row, parameters))

    def json(self, name: str, /, **parameters: object) -> Any:  # noqa: ANN401
        """Run a query and return its answer as JSON text that the server wrote. An AsyncDatabase is awaited for it.

        Returns:
            By its `-- returns:` line. many: an array of objects, `[]` if there are none. one: an object. maybe: an
            object, `{}` if there is none. value: the value alone.

        Raises:
            QueryError: the query returns affected, or the server cannot write it as JSON; and all that `run` raises.
        """
        return self._answer(call_for_json(self.queries[name], parameters))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):  # no query does, and Python asks for many, also before __init__
            raise AttributeError(name)
        return _reach(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *{query.name.partition(".")[0] for query in self.queries}]

    @abstractmethod
    def _answer(self, call: Call) -> Any:  # noqa: ANN401
        """Give what comes of a call, from the database or from its cache."""


class Adapter(Asking, Generic[C]):
    """Named queries on a pool's connections, or on one connection, which stays the caller's to open and to close.

    A call is a transaction of its own, unless it stands in `with db.transaction():`. On a connection that somebody
    else has begun a transaction on, as a test's fixture does, it is a savepoint of its own instead, so that a call
    that fails there undoes as much as it would in production: itself.

    What a transaction holds is known by context: another thread, or a task begun outside of it, has no part in it.
    """

    def __init__(
        self,
        url: str | Callable[[], str] | C,
        queries: Queries | Path | str | None = None,
        *,
        min_size: int = 1,
        max_size: int = 10,
        timeout: float = 10,
        cache: Cache | None = None,
    ) -> None:
        """Read the queries; nothing is connected before the first call.

        Args:
            url: of the database; or what says it anew for each connection, so that a password may change; or a
                connection in autocommit.
            queries: their folder; by default `queries/` of the project that the program runs in.
            min_size: how many connections the pool keeps open.
            max_size: how many it may have.
            timeout: how many seconds a call waits for one of them.
            cache: answers queries with a `-- cache:` line, such as a `pgproof.cache.Cache`.

        Raises:
            SettingsError: the URL cannot be read.
            SqlFileError: a file of the folder is not a named query.
            QueryError: there is no such folder, or nobody would commit on that connection.
        """
        self.queries = queries if isinstance(queries, Queries) else _read_folder(queries)
        self._held: ContextVar[_Held[C] | None] = ContextVar("pgproof transaction", default=None)
        self._given: C | None = None
        self._cache = cache
        self._untold: dict[str, Query] = {}
        if isinstance(url, BaseConnection):
            _check_autocommit(url)
            self._given = url
        if cache:
            cache.attach(self._given)
        if not isinstance(url, BaseConnection):
            from pgproof.queries.pool import Terms

            self._pool = self._make_pool(Terms(url, min_size, max_size, timeout))

    @abstractmethod
    def _make_pool(self, terms: Terms) -> Any:  # noqa: ANN401
        """Make the pool that connections are lent from; it opens itself."""

    def fresh(self) -> Fresh:
        """Ask the database itself, whatever the cache has: `db.fresh().activities.home(…)`."""
        return Fresh(self)

    @abstractmethod
    def _run_call(self, call: Call, steps: Callable[[Call], Steps[Any]] | None) -> Any:  # noqa: ANN401
        """Perform a cache's steps for a call that is now between transactions, or send it."""

    def _answer(self, call: Call) -> Any:  # noqa: ANN401
        return self._run_call(call, partial(self._after_others, self._cache.answer) if self._cache else None)

    def _answer_fresh(self, call: Call) -> Any:  # noqa: ANN401
        return self._run_call(call, partial(self._after_others, self._cache.fresh) if self._cache else None)

    def _after_others(self, answer: Callable[[Call], Steps[Any]], call: Call) -> Steps[Any]:
        """Answer, but tell first what ran in somebody else's transaction, which has ended without a word."""
        if self._untold and self._cache:
            queries, self._untold = self._untold, {}
            yield from self._cache.announce(list(queries.values()))
        return (yield from answer(call))

    def _is_between(self, call: Call) -> bool:
        """Whether a call stands between transactions: inside of one, what is read may never be for others to see."""
        held = self._held.get()
        if held is not None and held.connection is not None:
            self._note(call.query, held.queries)
            return False
        if self._given is None or self._given.pgconn.transaction_status == TransactionStatus.IDLE:
            return True
        self._note(call.query, self._untold)
        return False

    def _note(self, query: Query, queries: dict[str, Query]) -> None:
        """Note what the cache has to be told of once a transaction has ended; it would be late to refuse it then."""
        if self._cache and query.name not in queries:
            self._cache.check(query)
            queries[query.name] = query

    @property
    def _in_hand(self) -> C | None:
        """The connection that a call has to use: that of its transaction, or the only one there is."""
        held = self._held.get()
        return (held and held.connection) or self._given

    def _scope(self, connection: C) -> Any:  # noqa: ANN401
        """Give a call inside somebody else's transaction a savepoint; in autocommit it needs nothing."""
        if self._is_held() or connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return nullcontext()
        return connection.transaction()

    def _is_held(self) -> bool:
        held = self._held.get()
        return held is not None and held.connection is not None

    def _ended(self) -> Steps[None] | None:
        """Return what the cache has to do now that a transaction may have been the outermost one, and has ended."""
        held = self._held.get()
        if self._cache is None or held is None or held.connection is not None or not held.queries:
            return None
        queries, held.queries = held.queries, {}
        return self._cache.announce(list(queries.values()))

    @contextmanager
    def _hold(self, connection: C) -> Iterator[_Between]:
        """Hold a connection for all calls inside of its transaction, and tell what goes wrong at its begin and end."""
        between = _Between()
        held = _Held(connection)
        if not self._is_held():
            self._held.set(held)
        try:
            yield between
        except psycopg.Error as error:
            if error is between.error:
                raise
            raise (lost(error) if is_lost(error, connection) else refused(error)) from error
        finally:
            held.connection = None  # also for a task that was begun in here: it has a copy of the variable


class _Held(Generic[C]):
    """A connection, as long as the transaction on it goes on."""

    def __init__(self, connection: C) -> None:
        self.connection: C | None = connection
        self.queries: dict[str, Query] = {}


class _Between:
    """Goes around what the caller does between begin and end of a transaction: an error from there is theirs."""

    error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.error = error


class Fresh(Asking):
    """A `Database` past its cache."""

    def __init__(self, adapter: Adapter[Any]) -> None:
        self.queries = adapter.queries
        self._adapter = adapter

    def _answer(self, call: Call) -> Any:  # noqa: ANN401
        return self._adapter._answer_fresh(call)  # noqa: SLF001


class Namespace:
    """A folder of queries, as an attribute of a `Database`."""

    def __init__(self, database: Asking, name: str) -> None:
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


def _reach(database: Asking, name: str) -> Any:  # noqa: ANN401
    """Return the query or the folder of a dotted name."""
    if name in database.queries.folders:
        return Namespace(database, name)
    return partial(database.run, database.queries[name].name)


def _check_autocommit(connection: BaseConnection[Any]) -> None:
    if not connection.autocommit:
        raise QueryError(
            "the connection is not in autocommit, so nobody would commit what a query writes",
            hint="psycopg.connect(…, autocommit=True); `with db.transaction():` holds calls together",
        )


def _read_folder(folder: Path | str | None) -> Queries:
    """Read the queries of a folder; without one, those of the project that we are in, or else of this folder."""
    if folder is None:
        with suppress(SettingsError):
            folder = find_root(Path.cwd()) / "queries"
    path = Path(folder or "queries").absolute()
    if not path.is_dir():
        raise QueryError(f"there is no folder {path}", hint='say where the queries are: Database(url, "app/queries")')
    return read_queries(path)
