"""Results kept in the process itself: no account, no network, and gone with it."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from cachetools import TLRUCache

from pgproof.cache.backends.backend import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable


class _Kept(NamedTuple):
    value: bytes
    ttl: float


def _size(kept: _Kept) -> int:
    return len(kept.value) + 650  # with its key, and what Python needs to remember it by


class Memory:
    """A share of the process's memory; what was not used for longest makes room."""

    name = "memory"
    holds_tokens = False
    is_shared = False
    timeout = 0.0

    def __init__(self, max_bytes: int = 64_000_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.largest = max_bytes // 4
        self._lock = Lock()
        self._kept: TLRUCache[str, _Kept] = TLRUCache(
            max_bytes,
            ttu=lambda _, kept, now: now + kept.ttl,
            timer=clock,
            getsizeof=_size,
        )

    def get(self, key: str) -> bytes | None:
        """See `Backend`."""
        with self._lock:
            kept = self._kept.get(key)
        return kept.value if kept else None

    def set(self, key: str, value: bytes, ttl: float) -> None:
        """See `Backend`."""
        with self._lock:
            self._keep(key, value, ttl)

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """See `Backend`."""
        with self._lock:
            if key in self._kept:
                return False
            self._keep(key, value, ttl)
            return True

    def close(self) -> None:
        """See `Backend`; there are no connections, and what is kept stays."""

    async def aget(self, key: str) -> bytes | None:
        """See `Backend`."""
        return self.get(key)

    async def aset(self, key: str, value: bytes, ttl: float) -> None:
        """See `Backend`."""
        self.set(key, value, ttl)

    async def aadd(self, key: str, value: bytes, ttl: float) -> bool:
        """See `Backend`."""
        return self.add(key, value, ttl)

    async def aclose(self) -> None:
        """See `Backend`."""

    def _keep(self, key: str, value: bytes, ttl: float) -> None:
        if len(value) > self.largest:
            raise BackendError("TOO_LARGE")
        self._kept[key] = _Kept(value, ttl)
