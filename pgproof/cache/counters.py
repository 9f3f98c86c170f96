"""What happens in a cache in, how often out, by query."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Event = Literal[
    "hit",  # given from the backend
    "stale",  # given from the backend while a new result was fetched
    "miss",  # fetched from the database
    "joined",  # given what another caller of the same key got
    "waited",  # given what another process fetched
    "bypass",  # asked of the database because the cache could not be used
    "fresh",  # asked of the database because the caller wanted it so
    "kept",  # put into the backend
    "too large",  # not put there for its size
    "garbage",  # found, and not what was put there
    "bump",  # told to the backend after a write
    "lost bump",  # not told: the outbox has it
]


class Counters:
    """How often each event happened, and each failure of the backend; counts only ever grow."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter()

    def count(self, query: str, event: Event, many: int = 1) -> None:
        """Note that something happened to a query."""
        with self._lock:
            self._events[query, event] += many

    def fail(self, kind: str) -> None:
        """Note that the backend failed."""
        with self._lock:
            self._failures[kind] += 1

    @property
    def events(self) -> Mapping[tuple[str, str], int]:
        """How often what happened, by query and event."""
        with self._lock:
            return dict(self._events)

    def describe(self) -> dict[str, Any]:
        """Return all of it as JSON has it: `{"events": {"users.show": {"hit": 3}}, "failures": {"TIMEOUT_ERROR": 1}}`.

        The numbers are of one moment each, not all of the same.
        """
        events: dict[str, dict[str, int]] = {}
        for (query, event), many in self.events.items():
            events.setdefault(query, {})[event] = many
        return {"events": events, "failures": self.failures}

    @property
    def failures(self) -> Mapping[str, int]:
        """How often the backend failed, by kind."""
        with self._lock:
            return dict(self._failures)
