"""A backend's calls for one request in, what they gave out: within the request's time, and never an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pgproof.cache.backends.backend import BackendError
from pgproof.queries.steps import Do, Pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.cache.backends.backend import Backend
    from pgproof.cache.breaker import Breaker
    from pgproof.queries.steps import Steps

T = TypeVar("T")


@dataclass
class Access:
    """One request's use of a backend.

    Attributes:
        budget: seconds that all its waiting for the backend may take.
        note: is told the kind of each failure.
        works: false after the first failure, or where nothing was even tried: what was not read is then not known to
            be missing, and nothing is kept.
    """

    backend: Backend
    breaker: Breaker
    budget: float
    clock: Callable[[], float]
    note: Callable[[str], None]
    works: bool = True
    _spent: float = field(default=0.0, init=False)

    def get(self, key: str) -> Steps[bytes | None]:
        """Read; None where there is nothing, or nothing can be read."""
        value: bytes | None = yield from self._do("get", key)
        return value

    def set(self, key: str, value: bytes, ttl: float) -> Steps[bool]:
        """Keep; whether that was done."""
        yield from self._do("set", key, value, ttl)
        return self.works

    def add(self, key: str, value: bytes, ttl: float) -> Steps[bool]:
        """Keep it if there is nothing; whether that was done."""
        added = yield from self._do("add", key, value, ttl)
        return bool(added)

    def pause(self, seconds: float) -> Steps[bool]:
        """Wait; false where there is no time for it, and no waiting."""
        if self._spent + seconds + self.backend.timeout > self.budget:
            return False
        began = self.clock()
        yield Pause(seconds)
        self._spent += max(seconds, self.clock() - began)
        return True

    def counted(self, steps: Steps[T]) -> Steps[T]:
        """Perform steps in which another request may wait for the backend in our place; that is our time, too."""
        began, spent = self.clock(), self._spent
        given = yield from steps
        self._spent = max(self._spent, spent + self.clock() - began)
        return given

    def _do(self, method: str, *arguments: Any) -> Steps[Any]:  # noqa: ANN401
        if not self.works or not self._may():
            self.works = False
            return None
        began = self.clock()
        try:
            given = yield Do(self.backend, method, arguments)
        except Exception as error:  # noqa: BLE001  (whatever a backend raises, the answer is in the database)
            self.works = False
            self.breaker.failed(limited=isinstance(error, BackendError) and error.is_limited)
            self.note(error.kind if isinstance(error, BackendError) else type(error).__name__)
            return None
        finally:
            self._spent += self.clock() - began
        self.breaker.succeeded()
        return given

    def _may(self) -> bool:
        if self._spent + self.backend.timeout > self.budget:
            self.note("out of time")
            return False
        return self.breaker.admits()
