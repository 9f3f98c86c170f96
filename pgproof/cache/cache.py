"""A call in, its answer out: kept, if nothing that it follows from was written since; else from the database.

Reading, in this order: versions of all tables that the query reads; what is kept under a key that holds them; else the
query itself, whose result is kept under that same key. A result may be newer than its key says, never older. So a
write only has to change a version, and need not know what is kept.
"""

from __future__ import annotations

import time
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.cache.access import Access
from pgproof.cache.backends.memory import Memory
from pgproof.cache.breaker import Breaker
from pgproof.cache.counters import Counters
from pgproof.cache.current import Current
from pgproof.cache.declaration import read_declaration
from pgproof.cache.footprint import Footprints
from pgproof.cache.kept import Kept, Limits, Wanted
from pgproof.cache.key import key_of
from pgproof.cache.outbox import store_name
from pgproof.cache.report import Reports
from pgproof.cache.versions import CATALOG
from pgproof.errors import PgproofError, QueryError, SettingsError
from pgproof.queries.steps import Do, Send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from psycopg.abc import AdaptContext

    from pgproof.cache.backends.backend import Backend
    from pgproof.cache.declaration import Declaration
    from pgproof.cache.footprint import Footprint
    from pgproof.queries import Query
    from pgproof.queries.call import Call
    from pgproof.queries.result import Result
    from pgproof.queries.steps import Steps


class Cache:
    """A read-through cache for one `Database` or `AsyncDatabase`: it answers queries that have a `-- cache:` line.

    Attributes:
        backend: where results are kept.
        counters: what happened so far.
        breaker: whether the backend is at rest.
    """

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        name: str = "",
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a cache; nothing is asked before the first call.

        Args:
            backend: by default the memory of this process.
            name: tells copies of one database apart that share a backend, such as production and its copy for tests.
            limits: how far it may go.
            clock: seconds that never go back.
            wall_clock: seconds since 1970.

        Raises:
            SettingsError: the budget of a request has no room for a look and for keeping what is fetched.
        """
        self.backend: Backend = backend or Memory()
        self.counters = Counters()
        self.breaker = Breaker(clock, rest=max(1.0, 2 * self.backend.timeout))
        self._limits = limits or Limits()
        if 2 * self.backend.timeout > self._limits.budget:
            raise SettingsError(
                f"a call of the backend may take {self.backend.timeout:g} s, and all those of one request "
                f"{self._limits.budget:g} s: nothing would ever be kept",
                hint=f"Cache(…, limits=Limits(budget={4 * self.backend.timeout:g})), or a shorter timeout",
            )
        self._clock = clock
        self._footprints = Footprints(clock, self._limits.patience, self._find_catalog)
        self._current = Current(name, self.counters, clock, self._limits.patience, in_tokens=self.backend.holds_tokens)
        self._kept = Kept(self._open, self._limits, self.counters, clock, wall_clock)
        self._lock = Lock()
        self._untold: dict[str, _Written] = {}
        self._attached = False
        self._context: AdaptContext | None = None
        self._store = store_name(self.backend, name)
        self._reports = Reports(self.describe, clock)

    def attach(self, context: AdaptContext | None) -> None:
        """See `pgproof.queries.steps.Cache`."""
        if self._attached:
            raise QueryError("a cache is for one database", hint="make a Cache for each; they may share a backend")
        self._attached, self._context = True, context
        if context:  # its owner may set a search_path, a role or a time zone between two calls
            self._footprints.follow(partial(self._current.find_spaces, anew=True))

    def describe(self) -> dict[str, Any]:
        """Return what happened so far, and how the backend stands, as JSON has it."""
        tokens = self.backend.holds_tokens
        return {"store": self._store, "tokens": tokens, "breaker": self.breaker.state, **self.counters.describe()}

    def answer(self, call: Call) -> Steps[Any]:
        """See `pgproof.queries.steps.Cache`."""
        if self._context is None:  # a connection that was given may be in a transaction by the time of the report
            yield from self._reports.spawn()
        access = self._open()
        footprint = yield from self._footprints.of(call.query, access)
        if footprint.is_cached:
            return call.load((yield from self._read(call, footprint, access)), self._context)
        if footprint.declaration and footprint.declaration.ttl:
            self.counters.count(call.query.name, "bypass")
        return (yield from self._send(call))

    def fresh(self, call: Call) -> Steps[Any]:
        """See `pgproof.queries.steps.Cache`."""
        yield from self._footprints.of(call.query, self._open())  # a file that says nonsense is refused first
        self.counters.count(call.query.name, "fresh")
        return (yield from self._send(call))

    def check(self, query: Query) -> None:
        """See `pgproof.queries.steps.Cache`."""
        read_declaration(query)

    def announce(self, queries: Sequence[Query]) -> Steps[None]:
        """See `pgproof.queries.steps.Cache`."""
        self._untold.update({query.name: _Written(query) for query in queries})
        yield from self._tell(self._open())

    def end(self) -> Steps[None]:
        """See `pgproof.queries.steps.Cache`."""
        if self._context is None:
            yield from self._reports.send()
        yield Do(self.backend, "close", ())

    def _send(self, call: Call) -> Steps[Any]:
        """Ask the database; a write is told of also where it failed, because it may have been done nevertheless."""
        try:
            answer = yield Send(call)
        except GeneratorExit:
            raise
        except BaseException:
            yield from self.announce([call.query])
            raise
        yield from self.announce([call.query])
        return answer

    def _tell(self, access: Access) -> Steps[None]:
        """Tell what was written, as the catalog is now, or has been when it was last looked at.

        That may have to be looked up first; where it cannot be, or is broken off, it is left to who reads next.
        """
        for name, written in list(self._untold.items()):
            footprint = yield from self._footprints.of(written.query, access)
            with self._lock:
                if footprint.is_known and self._untold.get(name) is written:  # else it was run again meanwhile
                    del self._untold[name]
            yield from self._current.bump(written.query, footprint.writes if footprint.is_known else None, access)

    def _read(self, call: Call, footprint: Footprint, access: Access) -> Steps[Result]:
        asked_at = self._clock()
        key = yield from self._find_key(call, footprint, access)
        if key is None:
            self.counters.count(call.query.name, "bypass")
            return (yield from self._kept.fetch(call))
        wanted = Wanted(call, _declared(footprint), key, asked_at)
        return (yield from self._kept.find(wanted, access))

    def _find_key(self, call: Call, footprint: Footprint, access: Access) -> Steps[str | None]:
        """Return the key at the versions of now, or as near to it as is promised; None where they are not known."""
        try:
            if self._untold and _declared(footprint).mode == "bounded":
                yield from self._tell(access)
                if self._untold:
                    return None
            versions = yield from self._find_versions(call.query, footprint, access)
            space, _ = yield from self._current.find_spaces()
            return key_of(call, space, versions, self._context) if versions else None
        except (psycopg.Error, PgproofError, UnicodeError) as error:
            self.counters.fail(type(error).__name__)
            return None

    def _find_versions(self, query: Query, footprint: Footprint, access: Access) -> Steps[Mapping[str, str] | None]:
        """Return the versions of all that a query reads; which is looked up anew where the catalog has changed."""
        for _ in range(2):
            if not footprint.is_cached:
                return None
            versions = yield from self._current.find((*footprint.reads, CATALOG), _declared(footprint), access)
            if versions is None or versions.get(CATALOG, footprint.catalog) == footprint.catalog:
                return versions
            footprint = yield from self._footprints.renew(query, access)
        return None

    def _find_catalog(self, declaration: Declaration, access: Access) -> Steps[str]:
        versions = yield from self._current.find((CATALOG,), declaration, access)
        return (versions or {}).get(CATALOG, "")

    def _open(self) -> Access:
        return Access(self.backend, self.breaker, self._limits.budget, self._clock, self.counters.fail)


class _Written:
    """A query that was run, and nobody was told of what it may have written."""

    def __init__(self, query: Query) -> None:
        self.query = query


def _declared(footprint: Footprint) -> Declaration:
    if footprint.declaration is None:
        raise ValueError(footprint)
    return footprint.declaration
