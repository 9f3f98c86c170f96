"""Processes of an application as a simulation has them, and what they do: steps, of which the next one is known."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pgproof.cache import Backend, Cache, Limits
from pgproof.cache.outbox import Outbox, Round
from pgproof.queries import steps
from pgproof.queries.steps import Do, Fetch, Join, Pause, Select, Send, Spawn, Steps
from tests.histories.cells import TTL
from tests.histories.places import Place
from tests.histories.script import Begin

T = TypeVar("T")


class Interrupted(BaseException):
    """What is raised in a task that is cancelled, and in a thread by Ctrl-C."""


@dataclass(frozen=True)
class Act:
    """A step of a simulation's own; one that `writes` waits until no transaction holds its cells."""

    said: str
    act: Callable[[], object]
    writes: bool = False


class Process:
    """One process: its clocks, which are those of no other, its backend and its cache."""

    def __init__(self, name: str, place: Place, now: Callable[[], float], offset: float, skew: float) -> None:
        self.name = name
        self._now = now
        self._offset = offset
        self._skew = skew
        self.backend = place.backend(self.clock)
        self.cache: steps.Cache

    def clock(self) -> float:
        return self._now() + self._offset

    def wall_clock(self) -> float:
        return self._now() + self._skew


@dataclass(frozen=True)
class Protocol:
    """How results are kept.

    Attributes:
        deliver: what the outbox's worker does once; it gives whether all was delivered.
        fills_inside: calls inside of transactions are answered by it too.
    """

    make: Callable[[Process], steps.Cache]
    deliver: Callable[[Backend], Steps[bool]]
    fills_inside: bool = False


def limits_of(process: Process) -> Limits:
    """Return limits that are met now and then."""
    return Limits(budget=2 * process.backend.timeout + 0.06, max_fills=2, lease_above=0.002, empty_ttl=TTL / 2)


def _make(process: Process) -> Cache:
    return Cache(process.backend, limits=limits_of(process), clock=process.clock, wall_clock=process.wall_clock)


def _deliver(backend: Backend) -> Steps[bool]:
    done: Round = yield from Outbox(backend).deliver()
    return not done.due


OURS = Protocol(_make, _deliver)
"""The cache that all of this is about."""


class Run:
    """What a process does on one account.

    Attributes:
        since: when its next step came up.
        replaced: the tables whose tokens it has replaced.
        children: what it has others do that nobody waits for.
    """

    def __init__(self, begin: Begin, process: Process, work: Generator[Any, Any, Any], now: float) -> None:
        self.begin = begin
        self.process = process
        self.began = now
        self.children: list[Run] = []
        self.replaced = set[str]()
        self.answer: Any = None
        self.error: BaseException | None = None
        self._work = work
        self.go(now)

    def __str__(self) -> str:
        begin = self.begin
        return f"{begin.who} in {self.process.name}: {begin.job} {begin.table} {begin.id}"

    @property
    def current(self) -> "Run":
        """Itself, or what it has left behind."""
        left = [child.current for child in self.children]
        return next((run for run in (self, *left) if run.next is not None), self) if left else self

    def go(self, now: float, given: Any = None, error: BaseException | None = None) -> None:
        """Let it have what came of its step."""
        self.since = now
        self.next: Any = None
        try:
            self.next = self._work.throw(error) if error else self._work.send(given)
        except StopIteration as end:
            self.answer = end.value
        except (Exception, Interrupted) as raised:  # noqa: BLE001  (whatever its caller would get)
            self.error = raised

    def kill(self) -> None:
        """Do nothing more; what it has open is closed, as Postgres does it for who is gone."""
        self.next = None
        self._work.close()
        for child in self.children:
            child.kill()


def change_steps(work: Steps[T], change: Callable[[Any], Steps[Any]]) -> Steps[T]:
    """Perform work with each of its steps changed."""
    go = partial(next, work)
    while True:
        try:
            step = go()
        except StopIteration as end:
            done: T = end.value
            return done
        try:
            go = partial(work.send, (yield from change(step)))
        except (Exception, Interrupted) as error:  # noqa: BLE001  (the work's to handle)
            go = partial(work.throw, error)


def kind_of(step: object) -> str:
    """Return what a script calls such a step."""
    return step.method if isinstance(step, Do) else type(step).__name__.lower()


def say(step: object) -> str:
    """Name a step in a few words."""
    match step:
        case Do(_, method, (str(key), *_)):
            return f"{method} {key[-24:]}"
        case Send(call) | Fetch(call):
            return f"{type(step).__name__.lower()} {call.query.name}"
        case Select(text, values):
            return f"{' '.join(text.split())[:40]} … {values}"
        case Join() | Pause() | Spawn():
            return type(step).__name__.lower()
        case Act(said):
            return said
    return repr(step)
