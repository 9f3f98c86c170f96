"""Caches by name, with a clock that stands still until it is moved. No I/O."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Item(NamedTuple):
    value: bytes
    until: float


class Store:
    """What a Momento keeps; LookupError for a cache that there is none of by that name."""

    def __init__(self, caches: Iterable[str]) -> None:
        self._lock = Lock()
        self._now = 0.0
        self._caches: dict[str, dict[bytes, _Item]] = {name: {} for name in caches}

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds

    def create(self, cache: str) -> bool:
        """Add a cache; whether there was none yet."""
        with self._lock:
            if cache in self._caches:
                return False
            self._caches[cache] = {}
            return True

    def drop(self, cache: str) -> None:
        """Remove a cache with all that is in it."""
        with self._lock:
            del self._caches[cache]

    def names(self) -> list[str]:
        """Return the names of all caches."""
        with self._lock:
            return list(self._caches)

    def items(self, cache: str) -> dict[bytes, bytes]:
        """Return what is alive."""
        with self._lock:
            return {key: item.value for key, item in self._caches[cache].items() if item.until > self._now}

    def get(self, cache: str, key: bytes) -> bytes | None:
        """Return what is kept under a key, if it is alive."""
        with self._lock:
            return self._get(cache, key)

    def set(self, cache: str, key: bytes, value: bytes, ttl: float) -> None:
        """Keep a value for so many seconds."""
        with self._lock:
            self._caches[cache][key] = _Item(value, self._now + ttl)

    def add(self, cache: str, key: bytes, value: bytes, ttl: float) -> bool:
        """Keep a value unless there is one; whether that was done."""
        with self._lock:
            if self._get(cache, key) is not None:
                return False
            self._caches[cache][key] = _Item(value, self._now + ttl)
            return True

    def increment(self, cache: str, key: bytes, amount: int, ttl: float) -> int:
        """Add to a number, which begins at 0, and return it; ValueError where there is something else."""
        with self._lock:
            number = int(self._get(cache, key) or b"0") + amount
            self._caches[cache][key] = _Item(str(number).encode(), self._now + ttl)
            return number

    def remove(self, cache: str, key: bytes | None = None) -> None:
        """Forget what is kept under a key, or all of a cache."""
        with self._lock:
            items = self._caches[cache]
            if key is None:
                items.clear()
            else:
                items.pop(key, None)

    def _get(self, cache: str, key: bytes) -> bytes | None:
        item = self._caches[cache].get(key)
        return item.value if item and item.until > self._now else None
