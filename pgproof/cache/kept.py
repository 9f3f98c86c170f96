"""What a caller wants in, the result that is kept of it out, else the database's, which is kept from then on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pgproof.cache.entry import Entry, decode, encode
from pgproof.cache.flights import Flights
from pgproof.cache.key import lease_key
from pgproof.cache.limit import Limit
from pgproof.queries.steps import Fetch, Spawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.cache.access import Access
    from pgproof.cache.counters import Counters, Event
    from pgproof.cache.declaration import Declaration
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


@dataclass(frozen=True)
class Wanted:
    """What one caller wants.

    Attributes:
        key: holds the versions of all that the result follows from.
        asked_at: when these began to be looked up; the time of what is kept runs from there.
    """

    call: Call
    declaration: Declaration
    key: str
    asked_at: float


class Kept:
    """The results in a backend."""

    def __init__(
        self,
        open_access: Callable[[], Access],
        limits: Limits,
        counters: Counters,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._open = open_access
        self._limits = limits
        self._counters = counters
        self._clock = clock
        self._wall_clock = wall_clock
        self._flights: Flights[Result] = Flights(limits.patience)
        self._fills = Limit(limits.max_fills, limits.patience)
        self._took: dict[str, float] = {}

    def find(self, wanted: Wanted, access: Access) -> Steps[Result]:
        """Return what is wanted; of many who want it at a time, one looks and fetches."""
        find = partial(self._look_or_fill, wanted, access)
        return self._flights.share(wanted.key, find, partial(self._count, wanted, "joined"))

    def fetch(self, call: Call) -> Steps[Result]:
        """Return what the database gives, when it is our turn to ask."""
        return self._fills.within(partial(_fetch, call))

    def _look_or_fill(self, wanted: Wanted, access: Access) -> Steps[Result]:
        entry = yield from self._look(wanted, access)
        if entry is None:
            return (yield from self._fill(wanted, access))
        if entry.fresh_until > self._wall_clock():
            self._count(wanted, "hit")
        elif wanted.declaration.stale:
            self._count(wanted, "stale")
            yield Spawn(self._renew(wanted))
        else:  # the backend's clock, or that of who kept it, goes wrong
            return (yield from self._fill(wanted, access))
        return entry.result

    def _look(self, wanted: Wanted, access: Access) -> Steps[Entry | None]:
        kept = yield from access.get(wanted.key)
        if kept is None:
            return None
        entry = decode(wanted.key, kept)
        if entry is None:
            self._count(wanted, "garbage")
        return entry

    def _fill(self, wanted: Wanted, access: Access) -> Steps[Result]:
        query = wanted.call.query.name
        if access.works and access.backend.is_shared and self._is_slow(query):
            entry = yield from self._await_other(wanted, access)
            if entry is not None:
                self._count(wanted, "waited")
                return entry.result
        self._count(wanted, "miss")
        began = self._clock()
        result = yield from self.fetch(wanted.call)
        self._took[query] = self._clock() - began
        yield from self._keep(wanted, result, access)
        return result

    def _is_slow(self, query: str) -> bool:
        """Whether a lease, which is a call of the backend, is worth it; nobody knows before the first time."""
        return self._took.get(query, float("inf")) > self._limits.lease_above

    def _await_other(self, wanted: Wanted, access: Access) -> Steps[Entry | None]:
        """Leave a miss to another process that fetches already, for a moment.

        The lease is only ever left to expire: who deleted it could not know that it is still their own.
        """
        if (yield from access.add(lease_key(wanted.key), b"1", _LEASE)):
            return None
        for seconds in _POLLS:
            if not (yield from access.pause(seconds)):
                return None
            entry = yield from self._look(wanted, access)
            if entry is not None:
                return entry
        return None

    def _keep(self, wanted: Wanted, result: Result, access: Access) -> Steps[None]:
        """Keep a result; its time runs from when its versions were looked up, however long the query took."""
        declaration = wanted.declaration
        ttl = declaration.ttl if result.rows else min(declaration.ttl, self._limits.empty_ttl)
        left = ttl * (1 - _JITTER * random.random()) - (self._clock() - wanted.asked_at)  # noqa: S311
        if left <= 0 or not access.works:
            return
        kept = encode(wanted.key, Entry(result, self._wall_clock() + left))
        if len(kept) > access.backend.largest:
            self._count(wanted, "too large")
        elif (yield from access.set(wanted.key, kept, left + declaration.stale)):
            self._count(wanted, "kept")

    def _renew(self, wanted: Wanted) -> Steps[Result]:
        """Fetch what is past its time, under the key that it was found under; a changed version has another one."""
        anew = Wanted(wanted.call, wanted.declaration, wanted.key, self._clock())
        return self._flights.share(f"{wanted.key}:renewed", partial(self._look_or_renew, anew, self._open()))

    def _look_or_renew(self, wanted: Wanted, access: Access) -> Steps[Result]:
        entry = yield from self._look(wanted, access)
        if entry and entry.fresh_until > self._wall_clock():  # another caller, or process, was faster
            return entry.result
        return (yield from self._fill(wanted, access))

    def _count(self, wanted: Wanted, event: Event) -> None:
        self._counters.count(wanted.call.query.name, event)


def _fetch(call: Call) -> Steps[Result]:
    result: Result = yield Fetch(call)
    return result
