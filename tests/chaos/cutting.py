"""A URL in, a connection out that is cut before, or after, the n-th thing that Postgres was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Fuse:
    """What cuts connections.

    Attributes:
        left: how many exchanges, each with two ends, they still have; None: they are not cut.
    """

    left: int | None = None

    def burn(self) -> bool:
        """Whether it is now."""
        if self.left is not None:
            self.left -= 1
        return self.left == 0


class Stepping(psycopg.Connection[Any]):
    """A connection that tells when an exchange is about to begin, and when it is over."""

    step: Callable[[], None] = staticmethod(lambda: None)
    over: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if "enter" in gen.__name__:  # a pipeline begins: nothing is sent
            return super().wait(gen, *args, **kwargs)
        self.step()
        said = super().wait(gen, *args, **kwargs)
        self.over()
        return said


def connect_stepping(url: str, step: Callable[[], None]) -> Stepping:
    """Connect as the product does."""
    connection = Stepping.connect(url, autocommit=True, prepare_threshold=None)
    connection.step = step
    return connection


def connect_by(url: str, fuse: Fuse | None = None) -> psycopg.Connection[Any]:
    """Connect as the product does, by a fuse."""

    def burn() -> None:
        if fuse and fuse.burn():
            connection.close()
            raise psycopg.OperationalError("cut off")

    connection = connect_stepping(url, burn)
    connection.over = burn
    return connection


class Lent(psycopg.Connection[Any]):
    """A connection that is given back instead of closed."""

    idle: list[Lent]

    def close(self) -> None:
        """Be as good as new: there is a session's worth of time in each one that is opened."""
        self.rollback()
        self.execute("SELECT pg_advisory_unlock_all()")
        self.idle.append(self)


class Lender:
    """Gives connections, as the product does, and gives them again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[Lent] = []

    def __call__(self) -> Lent:
        """Lend one."""
        if self._idle:
            return self._idle.pop()
        lent = Lent.connect(self._url, autocommit=True, prepare_threshold=None)
        lent.idle = self._idle
        return lent

    def close(self) -> None:
        """Close those that came back."""
        for each in self._idle:
            super(Lent, each).close()
