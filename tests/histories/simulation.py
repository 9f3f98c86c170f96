"""A script in, what is wrong with what its reads answered out: one step of one process at a time, in virtual time.

Nothing waits in here, and only steps and jumps move the clock; so a script that is played again happens again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from math import inf
from typing import Any

from pgproof.cache import BackendError, Cache
from pgproof.errors import ServerUnavailable
from pgproof.queries.steps import Do, Fetch, Join, Pause, Select, Send, Spawn, Step
from tests.histories.cells import TABLES, Cells, cells_of
from tests.histories.history import Mode
from tests.histories.jobs import Jobs
from tests.histories.places import Place
from tests.histories.record import Record
from tests.histories.runs import OURS, Act, Interrupted, Process, Protocol, Run, kind_of, say
from tests.histories.script import PROCESSES, Begin, Event, Fault, Happen

TICK = 0.001  # seconds that a step takes
_CLOCKS = ((0.0, 0.0), (1e6 / 3, -3600.0), (5e-4, 3600.0))  # how far off each process's clocks are
_EXPECTED = (ServerUnavailable, Interrupted)  # what we have raised ourselves, or a caller who has waited for too long


class Simulation:
    """Processes that share cells and a place, from nothing to the end of one script."""

    def __init__(
        self,
        cells: Cells,
        place: Place,
        mode: Mode,
        protocol: Protocol = OURS,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Clear the cells; `tell` is given each step, for a person."""
        cells.clear()
        self._db = cells.db
        self._place = place
        self._protocol = protocol
        self._tell = tell
        self._now = 0.0
        self._record = Record(mode, in_tokens=place.holds_tokens)
        self._jobs = Jobs(cells, mode, protocol, self._note)
        self._births = count(1)
        self._caches: list[object] = []
        self._processes = [self._bear(number) for number in range(PROCESSES)]
        self._runs: dict[int, Run] = {}

    @property
    def events(self) -> Counter[str]:
        """How calls were answered, as our caches count it."""
        counted = Counter[str]()
        for cache in self._caches:
            if isinstance(cache, Cache):
                for (_, event), many in cache.counters.events.items():
                    counted[event] += many
        return counted

    def play(self, script: Sequence[Event]) -> list[str]:
        """Play all of it; return what is wrong."""
        for event in script:
            if isinstance(event, Begin):
                self._begin(event)
            else:
                self._happen(event)
        self._come_to_rest()
        return self._record.judge()

    def _say(self, said: str) -> None:
        self._tell(f"{self._now:9.3f} {said}")

    def _bear(self, number: int) -> Process:
        name = f"{'ABC'[number]}{next(self._births)}"
        process = Process(name, self._place, lambda: self._now, *_CLOCKS[number])
        process.cache = self._protocol.make(process)
        self._caches.append(process.cache)
        return process

    def _begin(self, begin: Begin) -> None:
        self._pass(TICK)
        process = self._processes[begin.process]
        self._say(f"{begin.who} in {process.name}: {begin.job} {begin.table} {begin.id}")
        self._runs[begin.who] = run = Run(begin, process, self._jobs.start(begin, process), self._now)
        self._record.begin(run)
        self._look_at_end(run)

    def _happen(self, event: Happen) -> None:
        match event.verb:
            case "kill":
                self._kill(event.who)
            case "evict":
                self._say("everything is evicted" if event.amount == 1 else "a key is evicted")
                self._place.evict(event.amount)
            case "advance":
                self._pass(event.amount)
                self._say("is the time now")
            case "arrive":
                self._arrive()
            case _:
                if run := self._runs.get(event.who):
                    self._go_on(run, event)

    def _go_on(self, run: Run, event: Happen) -> None:
        match event.verb:
            case "step":
                for _ in range(int(event.amount)):
                    self._step(run.current)
            case "until":
                while kind_of(run.current.next) != event.kind and self._step(run.current):
                    pass
            case "finish":
                while self._step(run.current):
                    pass
            case "fail" | "lose" | "late" | "garble" | "cancel" | "interrupt":
                self._step(run.current, event.verb)

    def _pass(self, seconds: float) -> None:
        self._now += seconds
        self._place.advance(seconds)

    def _step(self, run: Run, fault: Fault = "") -> bool:
        """Perform a step; whether there was one that need not wait."""
        if run.next is None or not (self._is_ready(run) or fault == "cancel"):
            return False
        self._pass(TICK)
        said = f"{run.begin.who} in {run.process.name}: {say(run.next)} {fault}"
        try:
            given = self._perform(run, run.next, fault)
        except (Exception, Interrupted) as error:  # noqa: BLE001  (the protocol's to handle)
            self._say(f"{said} → {error!r}")
            run.go(self._now, error=error)
        else:
            self._say(f"{said} → {given!r}"[:140])
            run.go(self._now, given)
        self._look_at_end(run)
        return True

    def _is_ready(self, run: Run) -> bool:
        match run.next:
            case Join(future):
                return future.done() or self._now >= _waits_until(run)
            case Pause():
                return self._now >= _waits_until(run)
            case Act(writes=writes):
                return not (writes and self._is_locked(run.begin))
            case Send(call):
                return not (call.query.name.startswith("write.") and self._is_locked(run.begin))
        return True

    def _is_locked(self, begin: Begin) -> bool:
        return not self._jobs.locked.isdisjoint(cells_of(begin.table, begin.id))

    def _perform(self, run: Run, step: Step | Act, fault: Fault) -> Any:
        if fault == "cancel":
            raise Interrupted
        given = None
        match step:
            case Do():
                given = self._do(run, step, fault)
            case Join(future):
                given = future.result(0)
            case Spawn(work):
                run.children.append(Run(run.begin._replace(job="compact"), run.process, work, self._now))
            case Act(_, act):
                given = act()
            case Send() | Fetch() | Select():
                given = self._ask(run, step, fault)
        if fault == "interrupt":
            raise Interrupted
        return given

    def _do(self, run: Run, step: Do, fault: Fault) -> Any:
        self._record.longest = max(self._record.longest, self._now - run.began)
        try:
            given = self._place.perform(step, fault)
        except BackendError:
            if fault == "lose":
                run.replaced |= self._note_token(step)
            raise
        run.replaced |= self._note_token(step)
        return given

    def _arrive(self) -> None:
        for step in self._place.arrive():
            self._say(f"{say(step)} arrives late")
            self._note_token(step)

    def _note_token(self, step: Do) -> set[str]:
        """Take note that a token was replaced, if that is what was done: no result has the names of tables in its key,
        unless what is set there is nothing.
        """
        if step.method != "set" or step.arguments[1].startswith(b"P1"):
            return set()
        replaced = {table for table in TABLES if f"{table}_cell" in step.arguments[0]}
        for table in replaced:
            self._record.tell(table, self._now, self._now)
        return replaced

    def _ask(self, run: Run, step: Send | Fetch | Select, fault: Fault) -> Any:
        if fault in ("fail", "late"):
            raise ServerUnavailable("it is gone")
        given = self._db._perform(step)  # noqa: SLF001
        if isinstance(step, Send) and step.call.query.name.startswith("write."):
            self._note(given, run.process.name)
        if fault == "lose":
            raise ServerUnavailable("it is gone, and has done it")
        return given

    def _note(self, rows: Sequence[dict[str, Any]], process: str) -> None:
        self._record.commit(rows, process, self._now)

    def _look_at_end(self, run: Run) -> None:
        if run.next is not None:
            return
        if run.error and not isinstance(run.error, _EXPECTED):
            self._record.errors.append(f"{run} raised {run.error!r}")
        if run.begin.job == "deliver" and run.answer:
            for table in TABLES:
                self._record.tell(table, run.began, self._now)
        if self._runs.get(run.begin.who) is run:
            self._record.end(run, self._now)

    def _kill(self, number: int) -> None:
        process = self._processes[number]
        self._say(f"{process.name} is killed")
        for run in self._runs.values():
            if run.process is process:
                run.kill()
        self._processes[number] = self._bear(number)

    def _come_to_rest(self) -> None:
        """Perform all that is left; where everybody waits, time passes until the first one has waited enough."""
        while True:
            left = [run.current for run in self._runs.values() if run.current.next is not None]
            if not left:
                return
            if not sum(self._step(run) for run in left):
                self._pass(min(map(_waits_until, left)) - self._now)


def _waits_until(run: Run) -> float:
    match run.next:
        case Join(_, seconds) | Pause(seconds):
            return run.since + seconds
    return inf
