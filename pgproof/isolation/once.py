"""How to make a thing in, that thing out: made when first asked for; where that failed, it fails alike each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from pgproof.errors import PgproofError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Once(Generic[T]):
    """A server, or a template: the first test waits for it, and if it cannot be had no other test tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._failed: PgproofError | None = None

    @property
    def if_made(self) -> T | None:
        """The thing, if anybody has asked for it."""
        return self._made[0] if self._made else None

    def get(self) -> T:
        """Return it.

        Raises:
            PgproofError: whatever making it raised, then and now.
        """
        if self._failed:
            raise self._failed
        if not self._made:
            try:
                self._made.append(self._make())
            except PgproofError as error:
                self._failed = error
                raise
        return self._made[0]
