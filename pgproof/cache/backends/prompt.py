"""A moment in, connections out that wait for no answer beyond it: the server may be slow, stopped or cut off."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import BaseConnection, OperationalError
from psycopg.pq import TransactionStatus

from pgproof.queries.pool import AsyncPoolConnection, PoolConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
Answer = Generator[Any, Any, T]

_INTERVAL = 0.005  # seconds between looks at the clock


class _Prompt(BaseConnection[Any]):
    _until = inf

    @contextmanager
    def prompt(self, until: float) -> Iterator[None]:
        """Wait no longer than until a moment of the monotonic clock; a connection that owes an answer is closed."""
        self._until = until
        try:
            yield
        finally:
            self._until = inf
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()


class PromptConnection(_Prompt, PoolConnection):
    """A connection for threads."""

    def wait(self, gen: Answer[T], *_: Any, **__: Any) -> T:  # noqa: ANN401
        """Wait as psycopg does.

        Raises:
            OperationalError: the moment has come and the answer has not.
        """
        return super().wait(_answer(gen, self._until), _INTERVAL)


class AsyncPromptConnection(_Prompt, AsyncPoolConnection):
    """A connection for the tasks of an event loop."""

    async def wait(self, gen: Answer[T], *_: Any, **__: Any) -> T:  # noqa: ANN401
        """See `PromptConnection.wait`."""
        return await super().wait(_answer(gen, self._until), _INTERVAL)


def _answer(steps: Answer[T], until: float) -> Answer[T]:
    """Stand between psycopg, which looks in at each interval, and the answer that it waits for."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and monotonic() >= until:
                raise OperationalError("no answer in time")
            wanted = steps.send(ready)
    except StopIteration as end:
        answer: T = end.value
        return answer
