"""Calls in, what each costs out: asked of the database, put into the cache, found there by strict and by bounded mode.

A measurement, not a test: nothing depends on it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from pgproof.cache.cache import Cache
from pgproof.queries import Database, Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgproof.cache.backends.backend import Backend
    from pgproof.cache.declaration import Mode
    from pgproof.queries import Query

_ROUNDS = 20
_LINE = re.compile(r"^(\s*--\s*cache:)(.*)$", re.MULTILINE)
_OF_ONE_MODE = re.compile(r"\s(mode|lag|stale)=\S+")


@dataclass(frozen=True)
class Costs:
    """What a call costs, as medians.

    Attributes:
        bytes: that are kept of its result; 0 where nothing is.
        plain: milliseconds without a cache.
        miss: milliseconds of one that is kept, in strict mode.
        strict: milliseconds of one that is found in strict mode.
        bounded: the same in bounded mode.
    """

    bytes: int
    plain: float
    miss: float
    strict: float
    bounded: float


def measure(url: str, query: Query, parameters: Mapping[str, Any], backend: Backend) -> Costs:
    """Run a query sixty times and more, with these parameters.

    Raises:
        PgproofError: as `Database.run` does.
    """
    plain, miss, strict, size = _measure(url, query, parameters, backend, "strict")
    bounded = _measure(url, query, parameters, backend, "bounded")[2]
    return Costs(size, plain, miss, strict, bounded)


def _measure(
    url: str, query: Query, parameters: Mapping[str, Any], backend: Backend, mode: Mode
) -> tuple[float, float, float, int]:
    kept = _Forgetful(backend)
    asked = replace(query, text=_LINE.sub(lambda line: _in_mode(line, mode), query.text))
    queries = Queries(query.path.parent, {asked.name: asked})
    with Database(url, queries, cache=Cache(cast("Backend", kept))) as db:
        db.run(query.name, **parameters)  # what is looked up only once
        plain = _time(lambda: db.fresh().run(query.name, **parameters))
        miss = _time(lambda: db.run(query.name, **parameters), before=kept.forget)
        hit = _time(lambda: db.run(query.name, **parameters))
    return plain, miss, hit, kept.bytes


def _in_mode(line: re.Match[str], mode: Mode) -> str:
    return f"{line[1]}{_OF_ONE_MODE.sub('', line[2])} mode={mode}"


def _time(call: Callable[[], Any], before: Callable[[], None] = lambda: None) -> float:
    """Return the milliseconds of a call."""
    took = []
    for _ in range(_ROUNDS):
        before()
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


class _Forgetful:
    """A backend that can be made to find no result, as if all were new to it; a miss is then a call that it answers."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._times = 0
        self.bytes = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._backend, name)

    def forget(self) -> None:
        """Find nothing of what was kept so far."""
        self._times += 1

    def get(self, key: str) -> bytes | None:
        return self._backend.get(self._renamed(key))

    def set(self, key: str, value: bytes, ttl: float) -> None:
        self.bytes = len(value)
        self._backend.set(self._renamed(key), value, ttl)

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        return self._backend.add(self._renamed(key), value, ttl)

    def _renamed(self, key: str) -> str:
        return key if ":token:" in key else f"{key}:{self._times}"
