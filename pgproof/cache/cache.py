"""A call in, its answer out: kept, if nothing that it follows from was written since; else from the database.

Reading, in this order: versions of all tables that the query reads; what is kept under a key that holds them; else the
query itself, whose result is kept under that same key. A result may be newer than its key says, never older. So a
write only has to change a version, and need not know what is kept.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.cache.access import Access
from pgproof.cache.backends.memory import Memory
from pgproof.cache.breaker import Breaker
from pgproof.cache.counters import Counters
from pgproof.cache.current import Current
from pgproof.cache.entry import Entry, decode, encode
from pgproof.cache.flights import Flights
from pgproof.cache.footprint import Footprints
from pgproof.cache.key import key_of, lease_key
from pgproof.cache.limit import Limit
from pgproof.errors import PgproofError, QueryError
from pgproof.queries.steps import Fetch, Send, Spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.abc import AdaptContext

    from pgproof.cache.backends.backend import Backend
    from pgproof.cache.declaration import Declaration
    from pgproof.cache.footprint import Footprint
    from pgproof.queries import Query
    from pgproof.queries.call import Call
    from pgproof.queries.result import Result
    from pgproof.queries.steps import Steps

_JITTER = 0.1  # of the ttl, so that what was kept together does not expire together
_LEASE = 2.0  # seconds for which other processes leave it to the one that fetches
_POLLS = (0.01, 0.02, 0.03, 0.04)  # seconds between looks at what it fetched


@dataclass(frozen=True)
class Limits:
    """How far a cache may go.

    Attributes:
        budget: seconds that one request waits for the backend, all its calls together.
        max_fills: how many queries may fill the cache at a time; fewer than the pool has connections.
        lease_above: seconds that a query takes from which on processes leave each other's misses to one of them.
        empty_ttl: seconds that a result without rows is kept, at most.
        patience: seconds that a caller waits for another one's result, or for a place among those who fill.
    """

    budget: float = 0.15
    max_fills: int = 8
    lease_above: float = 0.02
    empty_ttl: float = 10
    patience: float = 10


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
        """
        self.backend: Backend = backend or Memory()
        self.counters = Counters()
        self.breaker = Breaker(clock)
        self._limits = limits or Limits()
        self._clock = clock
        self._wall_clock = wall_clock
        self._footprints = Footprints(clock, self._limits.patience)
        self._current = Current(name, self.counters, clock, self._limits.patience, in_tokens=self.backend.holds_tokens)
        self._flights: Flights[Result] = Flights(self._limits.patience)
        self._fills = Limit(self._limits.max_fills, self._limits.patience)
        self._took: dict[str, float] = {}
        self._attached = False
        self._context: AdaptContext | None = None

    def attach(self, context: AdaptContext | None) -> None:
        """See `pgproof.queries.steps.Cache`."""
        if self._attached:
            raise QueryError("a cache is for one database", hint="make a Cache for each; they may share a backend")
        self._attached, self._context = True, context

    def answer(self, call: Call) -> Steps[Any]:
        """See `pgproof.queries.steps.Cache`."""
        footprint = yield from self._footprints.of(call.query)
        if footprint.is_cached:
            return call.load((yield from self._read(call, footprint)), self._context)
        if footprint.declaration and footprint.declaration.ttl:
            self.counters.count(call.query.name, "bypass")
        return (yield from self._send(call, footprint))

    def fresh(self, call: Call) -> Steps[Any]:
        """See `pgproof.queries.steps.Cache`."""
        footprint = yield from self._footprints.of(call.query)
        self.counters.count(call.query.name, "fresh")
        return (yield from self._send(call, footprint))

    def announce(self, queries: Sequence[Query]) -> Steps[None]:
        """See `pgproof.queries.steps.Cache`."""
        for query in queries:
            footprint = yield from self._footprints.of(query)
            yield from self._current.bump(query, footprint.writes, self._open())

    def _send(self, call: Call, footprint: Footprint) -> Steps[Any]:
        """Ask the database; a write is told of also where it failed, because it may have been done nevertheless."""
        try:
            answer = yield Send(call)
        except GeneratorExit:
            raise
        except BaseException:
            yield from self._current.bump(call.query, footprint.writes, self._open())
            raise
        yield from self._current.bump(call.query, footprint.writes, self._open())
        return answer

    def _read(self, call: Call, footprint: Footprint) -> Steps[Result]:
        asked_at = self._clock()
        access = self._open()
        key = yield from self._find_key(call, footprint, access)
        if key is None:
            self.counters.count(call.query.name, "bypass")
            return (yield from self._fills.within(lambda: _fetch(call)))
        return (
            yield from self._flights.share(
                key,
                lambda: self._look_or_fill(call, _declared(footprint), key, access, asked_at),
                lambda: self.counters.count(call.query.name, "joined"),
            )
        )

    def _find_key(self, call: Call, footprint: Footprint, access: Access) -> Steps[str | None]:
        """Return the key at the versions of now, or as near to it as is promised; None where they are not known."""
        try:
            versions = yield from self._current.find(footprint.reads, _declared(footprint), access)
            space, _ = yield from self._current.find_spaces()
            return key_of(call, space, versions, self._context) if versions else None
        except (psycopg.Error, PgproofError, UnicodeError) as error:
            self.counters.fail(type(error).__name__)
            return None

    def _look_or_fill(
        self, call: Call, declaration: Declaration, key: str, access: Access, asked_at: float
    ) -> Steps[Result]:
        entry = yield from self._look(call, key, access)
        if entry is None:
            return (yield from self._fill(call, declaration, key, access, asked_at))
        if entry.fresh_until > self._wall_clock():
            self.counters.count(call.query.name, "hit")
        else:
            self.counters.count(call.query.name, "stale")
            yield Spawn(self._renew(call, declaration, key))
        return entry.result

    def _look(self, call: Call, key: str, access: Access) -> Steps[Entry | None]:
        kept = yield from access.get(key)
        if kept is None:
            return None
        entry = decode(key, kept)
        if entry is None:
            self.counters.count(call.query.name, "garbage")
        return entry

    def _fill(self, call: Call, declaration: Declaration, key: str, access: Access, asked_at: float) -> Steps[Result]:
        if access.works and self.backend.is_shared and self._is_slow(call.query):
            entry = yield from self._await_other(call, key, access)
            if entry is not None:
                self.counters.count(call.query.name, "waited")
                return entry.result
        self.counters.count(call.query.name, "miss")
        began = self._clock()
        result = yield from self._fills.within(lambda: _fetch(call))
        self._took[call.query.name] = self._clock() - began
        yield from self._keep(call, declaration, key, result, access, asked_at)
        return result

    def _is_slow(self, query: Query) -> bool:
        """Whether a lease, which is a call of the backend, is worth it; nobody knows before the first time."""
        return self._took.get(query.name, float("inf")) > self._limits.lease_above

    def _await_other(self, call: Call, key: str, access: Access) -> Steps[Entry | None]:
        """Leave a miss to another process that fetches already, for a moment.

        The lease is only ever left to expire: who deleted it could not know that it is still their own.
        """
        if (yield from access.add(lease_key(key), b"1", _LEASE)):
            return None
        for seconds in _POLLS:
            if not (yield from access.pause(seconds)):
                return None
            entry = yield from self._look(call, key, access)
            if entry is not None:
                return entry
        return None

    def _keep(
        self, call: Call, declaration: Declaration, key: str, result: Result, access: Access, asked_at: float
    ) -> Steps[None]:
        """Keep a result; its time runs from when its versions were looked up, however long the query took."""
        ttl = min(declaration.ttl, self._limits.empty_ttl) if not result.rows else declaration.ttl
        left = ttl * (1 - _JITTER * random.random()) - (self._clock() - asked_at)  # noqa: S311
        if left <= 0 or not access.works:
            return
        kept = encode(key, Entry(result, self._wall_clock() + left))
        if len(kept) > self.backend.largest:
            self.counters.count(call.query.name, "too large")
        elif (yield from access.set(key, kept, left + declaration.stale)):
            self.counters.count(call.query.name, "kept")

    def _renew(self, call: Call, declaration: Declaration, key: str) -> Steps[Result]:
        """Fetch what is past its time, under the key that it was found under; a changed version has another one."""
        asked_at, access = self._clock(), self._open()
        return self._flights.share(f"{key}:renewed", lambda: self._fill(call, declaration, key, access, asked_at))

    def _open(self) -> Access:
        budget = max(self._limits.budget, self.backend.timeout)
        return Access(self.backend, self.breaker, budget, self._clock, self.counters.fail)


def _declared(footprint: Footprint) -> Declaration:
    if footprint.declaration is None:
        raise ValueError(footprint)
    return footprint.declaration


def _fetch(call: Call) -> Steps[Result]:
    result: Result = yield Fetch(call)
    return result
