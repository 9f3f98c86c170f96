"""What can be waited for while a query is answered, as values: a cache decides what to do, and `Database` does it.

A protocol is a generator of steps, and so it is written once: `drive` performs it for threads, `drive_async` for
asyncio, and a test step by step, in whichever order shows a race.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Future

    from psycopg.abc import AdaptContext

    from pgproof.queries.call import Call
    from pgproof.queries.files import Query

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Ask the database; gives what the caller of the query gets."""

    call: Call


@dataclass(frozen=True)
class Fetch:
    """Ask the database; gives the `Result`, after its shape was looked at."""

    call: Call


@dataclass(frozen=True)
class Select:
    """Ask the database something of our own, with `$1` for parameters; gives its rows as tuples."""

    sql: str
    values: Sequence[object] = ()


@dataclass(frozen=True)
class Do:
    """Call a method of a backend: `get`, or `aget` in asyncio; gives what it returns."""

    backend: Any
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Join:
    """Wait for what another caller does; TimeoutError when it takes longer than `timeout` seconds."""

    future: Future[Any]
    timeout: float


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Spawn:
    """Perform other steps, which nobody waits for, and whose end nobody asks for."""

    steps: Steps[Any]


Step = Send | Fetch | Select | Do | Join | Pause | Spawn
Steps = Generator[Step, Any, T]


class Cache(Protocol):
    """What an adapter asks to answer its calls, so that it need not know how."""

    def answer(self, call: Call) -> Steps[Any]:
        """Answer a call that stands in no transaction."""

    def fresh(self, call: Call) -> Steps[Any]:
        """Answer it from the database, whatever is kept."""

    def check(self, query: Query) -> None:
        """See whether what its file says of the cache can be read; SqlFileError if not."""

    def announce(self, queries: Sequence[Query]) -> Steps[None]:
        """Tell that a transaction in which these were run has ended, whichever way; no backend's error is raised."""

    def end(self) -> Steps[None]:
        """Do what is left to do before the adapter closes; nothing is raised."""

    def attach(self, context: AdaptContext | None) -> None:
        """Take note that an adapter asks from now on, with these adapters of values; QueryError if another one does."""


def drive(steps: Steps[T], perform: Callable[[Step], Any]) -> T:
    """Perform steps one after the other; what one raises is raised where it was asked for."""
    try:
        step = next(steps)
        while True:
            try:
                given = perform(step)
            except BaseException as error:  # noqa: BLE001  (also an interruption is the protocol's to tidy up after)
                step = steps.throw(error)
            else:
                step = steps.send(given)
    except StopIteration as end:
        value: T = end.value
        return value


async def drive_async(steps: Steps[T], perform: Callable[[Step], Awaitable[Any]]) -> T:
    """Do as `drive` does, in asyncio."""
    try:
        step = next(steps)
        while True:
            try:
                given = await perform(step)
            except BaseException as error:  # noqa: BLE001  (see `drive`; a cancelled task is one)
                step = steps.throw(error)
            else:
                step = steps.send(given)
    except StopIteration as end:
        value: T = end.value
        return value
