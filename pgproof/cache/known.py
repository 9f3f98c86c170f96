"""Versions that were looked up in, the same out again, for as long as a promise allows."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _Version(NamedTuple):
    version: str
    asked_at: float


class Known:
    """What a process knows of versions. What it writes itself it forgets, also out of answers that are on their way."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._versions: dict[str, _Version] = {}
        self._forgotten: dict[str, int] = {}

    def recall(self, names: Iterable[str], since: float) -> dict[str, str]:
        """Return the versions that were asked for at `since` or later."""
        with self._lock:
            found = {name: self._versions.get(name) for name in names}
        return {name: each.version for name, each in found.items() if each and each.asked_at >= since}

    @property
    def names(self) -> tuple[str, ...]:
        """All whose versions are known."""
        with self._lock:
            return tuple(self._versions)

    def mark(self) -> Mapping[str, int]:
        """Note, before versions are asked for, what was forgotten so far."""
        with self._lock:
            return dict(self._forgotten)

    def keep(self, versions: Mapping[str, str], asked_at: float, mark: Mapping[str, int]) -> None:
        """Keep what came of asking, but for what was forgotten since."""
        with self._lock:
            for name, version in versions.items():
                held = self._versions.get(name)
                if self._forgotten.get(name, 0) == mark.get(name, 0) and not (held and held.asked_at > asked_at):
                    self._versions[name] = _Version(version, asked_at)

    def forget(self, names: Iterable[str]) -> None:
        """Have versions looked up anew."""
        with self._lock:
            for name in names:
                self._versions.pop(name, None)
                self._forgotten[name] = self._forgotten.get(name, 0) + 1
