"""A cache in, its numbers as metrics of OpenTelemetry out: read when somebody collects them, so at no cost before.

    pgproof.cache.events    {event}    by pgproof.query.name and pgproof.cache.event: hit, miss, …
    pgproof.cache.failures  {failure}  of the backend, by error.type
    pgproof.cache.breaker   1          for the pgproof.cache.breaker.state that holds, 0 for the others

All of them by pgproof.cache.backend, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pgproof.cache.breaker import State
from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from pgproof.cache.cache import Cache


def export(cache: Cache, meter: Meter | None = None) -> None:
    """Register a cache's numbers as observable instruments; once for each cache.

    Args:
        cache: is counted for as long as the process lives.
        meter: by default one of the global meter provider, named `pgproof`.

    Raises:
        SettingsError: OpenTelemetry's API is not installed.
    """
    try:
        from opentelemetry.metrics import get_meter
    except ImportError as error:
        raise SettingsError("OpenTelemetry is not installed", hint="pip install opentelemetry-api") from error
    numbers = _Numbers(cache)
    meter = meter or get_meter("pgproof")
    meter.create_observable_counter(
        "pgproof.cache.events", [numbers.events], "{event}", "What happened to calls of queries, and after writes."
    )
    meter.create_observable_counter(
        "pgproof.cache.failures", [numbers.failures], "{failure}", "Calls of the backend that failed or were not made."
    )
    meter.create_observable_up_down_counter(
        "pgproof.cache.breaker", [numbers.breaker], "1", "Whether the backend is used: 1 for the state that holds."
    )


class _Numbers:
    """A cache's numbers, as its instruments ask for them."""

    def __init__(self, cache: Cache) -> None:
        from opentelemetry.metrics import Observation

        self._cache = cache
        self._observe = Observation
        self._all = {"pgproof.cache.backend": cache.backend.name}

    def events(self, _: CallbackOptions) -> Iterator[Observation]:
        for (query, event), many in self._cache.counters.events.items():
            yield self._observe(many, {**self._all, "pgproof.query.name": query, "pgproof.cache.event": event})

    def failures(self, _: CallbackOptions) -> Iterator[Observation]:
        for kind, many in self._cache.counters.failures.items():
            yield self._observe(many, {**self._all, "error.type": kind})

    def breaker(self, _: CallbackOptions) -> Iterator[Observation]:
        now = self._cache.breaker.state
        for state in get_args(State):
            yield self._observe(int(state == now), {**self._all, "pgproof.cache.breaker.state": state})
