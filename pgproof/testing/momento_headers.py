"""A call's metadata in, the fault that it asks for out: in the words of Momento Local, Momento's own server for tests.

    request-id, and return-error, error-rpcs, error-count, or delay-ms, delay-rpcs, delay-count

A middleware of the client adds them. Statuses and RPCs are written like `deadline-exceeded`, several RPCs with spaces
between them; without a count it is every call, else so many of a request id.
"""

from __future__ import annotations

import re
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

from grpc import StatusCode  # type: ignore[import-untyped]

from pgproof.testing.momento_faults import delay, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.testing.momento_faults import Fault


class Headers:
    """How often each request id was given what it asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._given: Counter[tuple[str, str, str]] = Counter()

    def take(self, rpc: str, metadata: Mapping[str, str]) -> Fault | None:
        """Return what a call asks for itself."""
        if self._is_due("error", rpc, metadata):
            return refuse(StatusCode[metadata["return-error"].replace("-", "_").upper()])
        if self._is_due("delay", rpc, metadata):
            return delay(int(metadata["delay-ms"]) / 1000)
        return None

    def _is_due(self, what: str, rpc: str, metadata: Mapping[str, str]) -> bool:
        if _dashed(rpc) not in metadata.get(f"{what}-rpcs", "").split():
            return False
        of = what, rpc, metadata.get("request-id", "")
        with self._lock:
            self._given[of] += 1
            return self._given[of] <= float(metadata.get(f"{what}-count", "inf"))


def _dashed(rpc: str) -> str:
    """Return `SetIfNotExists` as `set-if-not-exists`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", rpc).lower()
