"""What every place that results are kept in can do. It may forget, fail or be slow; nothing above relies on it."""

from __future__ import annotations

from typing import Protocol

LONGEST = 24 * 3600.0
"""Seconds that anything is kept at most, wherever: as long as Momento does."""


class BackendError(Exception):
    """A backend did not do what it was asked; nothing of what it was asked about is in it.

    Attributes:
        kind: what happened, as it is counted: `TIMEOUT_ERROR`.
        is_limited: it asks for fewer calls.
    """

    def __init__(self, kind: str, *, is_limited: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.is_limited = is_limited


class Backend(Protocol):
    """A place for results, shared by threads and tasks; each method twice, for threads and with `a` for asyncio.

    Attributes:
        name: as people know it: `momento`.
        holds_tokens: it outlives processes and is one for all of them, so that tokens may be kept in it.
        is_shared: processes find each other's results in it.
        timeout: seconds that a call takes at most.
        largest: bytes that a value may have.
    """

    name: str
    holds_tokens: bool
    is_shared: bool
    timeout: float
    largest: int

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a key, or None. Raises BackendError."""

    def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds at most. Raises BackendError; it may then be kept or not."""

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep a value unless there is one; whether it was kept. Raises BackendError."""

    def close(self) -> None:
        """Let go of connections; whoever calls again gets new ones, as another cache that shares the backend does."""

    async def aget(self, key: str) -> bytes | None:
        """See `get`."""

    async def aset(self, key: str, value: bytes, ttl: float) -> None:
        """See `set`."""

    async def aadd(self, key: str, value: bytes, ttl: float) -> bool:
        """See `add`."""

    async def aclose(self) -> None:
        """See `close`."""
