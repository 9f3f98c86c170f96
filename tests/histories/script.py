"""A seed in, what happens out: a list to be played, and to be shortened as long as it still shows something. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count as count_from
from itertools import islice
from random import Random
from typing import Literal, NamedTuple, TypeVar

from tests.histories.cells import LAG, TABLES, TTL

Job = Literal["read", "fresh", "write", "commit", "roll back", "psql", "deliver", "compact"]
Fault = Literal["", "fail", "lose", "late", "garble", "cancel", "interrupt"]
Kind = Literal["", "send", "fetch", "select", "set", "add", "act"]
Verb = Literal[Fault, "until", "step", "finish", "kill", "evict", "advance", "arrive"]

PROCESSES = 3
FAULTS: tuple[Fault, ...] = ("fail", "lose", "late", "garble", "cancel", "interrupt")
T = TypeVar("T")
_IDS = (1, 2)
_REACHES = ("both", *TABLES)
_RARE: tuple[Job, ...] = ("fresh", "commit", "roll back", "psql", "deliver", "compact")
_CHANCE = 0.5
_MISHAPS: tuple[Verb, ...] = ("kill", "evict", "advance", "arrive")
_READING: tuple[Kind, ...] = ("fetch", "fetch", "set", "add", "select")
_KINDS: dict[Job, tuple[Kind, ...]] = {
    "write": ("send", "set", "set", "set", "select"),
    "commit": ("act", "act", "set", "select"),
    "roll back": ("act", "act", "set"),
    "deliver": ("set", "set", "select"),
}


class Begin(NamedTuple):
    """A process begins to do something.

    Attributes:
        who: its number, which is its mark too.
        table: left, right, or both.
    """

    who: int
    process: int
    job: Job
    table: str = "both"
    id: int = 1


class Happen(NamedTuple):
    """Something happens: to what began as number `who`, to the process `who`, or to all.

    Attributes:
        amount: of steps, of seconds, or which part is evicted: 1 is everything.
        kind: of the step that comes next then, `fetch` for one.
    """

    verb: Verb
    who: int = 0
    amount: float = 1
    kind: Kind = ""


Event = Begin | Happen


class _Mood:
    """How often what happens in one script: each has another one, so that no fault hides another.

    Attributes:
        jobs: how often each is begun.
        faults: what goes wrong in it.
        parks: how often what begins is left alone after a few steps, while others finish.
        processes: how many of them do all this; what comes of it is seen by all.
        tables, ids: which cells are read and written.
    """

    def __init__(self, random: Random, needs: Sequence[Job | Verb] | None) -> None:
        self.jobs: dict[Job, int] = {"read": 10, "write": random.choice((1, 4, 8))}
        faults = (*FAULTS, *_MISHAPS)
        if needs is None:
            rare: list[Job | Verb] = [*random.sample(_RARE, random.choice((0, 1, 2, 3)))]
            needs = rare + random.sample(faults, random.choice((0, 1, 1, 2)))
        self.jobs |= {job: random.choice((3, 8)) for job in _RARE if job in needs}
        self.faults = [verb for verb in faults if verb in needs]
        self.parks = random.choice((0.2, 0.5, 0.8))
        self.processes = random.choice((1, 2, PROCESSES, PROCESSES))
        self.tables = random.choice((("left",), ("both",), ("both", "right"), _REACHES))
        self.ids = random.choice(((1,), (1,), (1,), (1, 2)))


def make_script(seed: int, count: int, needs: Sequence[Job | Verb] | None = None) -> list[Event]:
    """Return a script in which at least `count` calls begin, in rounds: all look, then a crowd, then rest.

    What is rare is chosen by the seed, unless it is known what a mistake needs to show.
    """
    random = Random(seed)  # noqa: S311
    mood, script = _Mood(random, needs), list[Event]()
    numbers = count_from(1)
    while sum(isinstance(event, Begin) for event in script) < count:
        script += _look(random, mood, numbers)
        script += _crowd(random, mood, islice(numbers, random.randint(2, 6)))
        script += _rest(random, next(numbers))
    return [*script, *_look(random, mood, numbers)]


def _crowd(random: Random, mood: _Mood, numbers: Iterator[int]) -> Iterator[Event]:
    """Have calls begin in the middle of others."""
    parked: list[Begin] = []
    for who in numbers:
        [job] = random.choices(list(mood.jobs), list(mood.jobs.values()))
        begin = Begin(who, random.randrange(mood.processes), job, random.choice(mood.tables), random.choice(mood.ids))
        yield begin
        if mood.faults and random.random() < _CHANCE:
            yield from _happen(random, random.choice(mood.faults), random.choice([begin, begin, *parked]))
        if random.random() < mood.parks:
            parked.append(begin)
            yield from _park(random, begin)
        else:
            yield Happen("finish", who)
        if parked and random.random() < 0.3:
            again = random.choice(parked)
            yield from _park(random, again) if random.random() < 0.5 else [Happen("finish", again.who)]


def _park(random: Random, begin: Begin) -> Iterator[Event]:
    """Leave a call right before or after a step of some kind."""
    yield Happen("until", begin.who, kind=random.choice(_KINDS.get(begin.job, _READING)))
    yield Happen("step", begin.who, random.choice((0, 1)))


def _happen(random: Random, verb: Verb, begin: Begin) -> Iterator[Event]:
    if verb == "kill":
        yield Happen(verb, random.randrange(PROCESSES))
    elif verb == "evict":
        yield Happen(verb, amount=random.choice((1, random.random(), random.random())))
    elif verb == "advance":
        yield Happen(verb, amount=random.choice((0.01, 0.3, LAG * 1.1, TTL * 0.6, TTL * 1.5)))
    else:
        yield Happen("until", begin.who, kind=random.choice(_KINDS.get(begin.job, _READING)))
        yield Happen(verb, begin.who)


def _rest(random: Random, who: int) -> Iterator[Event]:
    """Let all calls end; then, perhaps, let others be told, and time pass until they have to know."""
    yield from (Happen("finish", each) for each in range(who))
    yield Happen("arrive")
    if random.random() < 0.4:
        yield Begin(who, 0, "deliver")
        yield Happen("finish", who)
    yield Happen("advance", amount=random.choice((0, LAG * 1.1, LAG * 1.1, TTL * 1.6)))


def _look(random: Random, mood: _Mood, numbers: Iterator[int]) -> Iterator[Event]:
    for process in random.sample(range(PROCESSES), PROCESSES):
        yield Begin(who := next(numbers), process, "read", random.choice(mood.tables), random.choice(mood.ids))
        yield Happen("finish", who)


def shorten(script: Sequence[Event], shows: Callable[[Sequence[Event]], bool]) -> list[Event]:
    """Return the least of a script that still shows it: first whole calls are left out, then single events."""
    callers = sorted({event.who for event in script if isinstance(event, Begin)})
    kept = _shorten(callers, lambda some: shows(_about(script, set(some))))
    return _shorten(_about(script, set(kept)), shows)


def _about(script: Sequence[Event], callers: set[int]) -> list[Event]:
    return [event for event in script if _is_of_all(event) or event.who in callers]


def _is_of_all(event: Event) -> bool:
    return isinstance(event, Happen) and event.verb in ("kill", "evict", "advance", "arrive")


def _shorten(items: Sequence[T], shows: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave out ever smaller parts."""
    kept, size = list(items), len(items)
    while size:
        start = 0
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if shows(fewer):
                kept = fewer
            else:
                start += size
        size //= 2
    return kept
