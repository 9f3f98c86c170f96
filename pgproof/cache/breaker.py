"""How calls of a backend went in, whether to make another one out."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Lets a backend that fails rest: open when half of the latest calls failed, then one call at a time as a probe."""

    def __init__(self, clock: Callable[[], float], *, window: int = 20, least: int = 5, rest: float = 1.0) -> None:
        """Close it.

        Args:
            clock: seconds, never backwards.
            window: how many of the latest calls count.
            least: how many failures it takes at least.
            rest: seconds before a probe, and before another one; longer than a call takes.
        """
        self._clock = clock
        self._least = least
        self._rest = rest
        self._lock = Lock()
        self._failures: deque[bool] = deque(maxlen=window)
        self._opened_at: float | None = None
        self._probe_at: float | None = None

    @property
    def state(self) -> State:
        """How it stands now."""
        with self._lock:
            if self._opened_at is None:
                return "closed"
            return "open" if self._rests() else "half-open"

    def admits(self) -> bool:
        """Whether a call may be made now; it then has to be told how that went."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._rests():
                return False
            self._probe_at = self._clock()  # a probe that is never heard of again gives way to the next one
            return True

    def succeeded(self) -> None:
        """Take note of a call that was answered."""
        with self._lock:
            if self._opened_at is not None:
                if self._probe_at is None:
                    return  # it began before the others failed, and says nothing of now
                self._failures.clear()
            self._opened_at = self._probe_at = None
            self._failures.append(False)

    def failed(self, *, limited: bool = False) -> None:
        """Take note of a call that was not; `limited` says that the backend wants fewer of them."""
        with self._lock:
            self._failures.append(True)
            many = sum(self._failures) >= max(self._least, len(self._failures) / 2)
            if limited or many or self._opened_at is not None:
                self._opened_at = self._clock()
                self._probe_at = None

    def _rests(self) -> bool:
        since = max(each for each in (self._opened_at, self._probe_at) if each is not None)
        return self._clock() - since < self._rest
