"""The cache side by side: hits and misses beside the bare SDK, cashews and dogpile.cache, and who reads what is old.

python benchmarks/cache.py --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cache_momento import serve
from cache_races import RACES, run_race
from cache_sides import open_sides
from cache_ways import ROWS, Remote, Tasks, Threads, prepare
from places import add_place, describe, open_place
from psycopg.conninfo import make_conninfo
from sidebyside import Costs, compare, judge, measure_call, rotate, show_table, write_section

from pgproof.pg.database import ensure_created

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

README = Path(__file__).with_name("README.md")
PACKAGES = ("pgproof", "psycopg", "psycopg-pool", "momento", "cashews", "dogpile.cache")
DELAYS = (0.0, 0.001)


@dataclass(frozen=True)
class Way:
    """A way to get the page so many times in a round; `base` is what it is compared with."""

    group: str
    name: str
    base: str
    times: int
    run: Callable[[int], object]


Results = dict[Way, Costs]


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with TemporaryDirectory(prefix="pgproof-bench-") as folder, open_place(arguments) as place, ExitStack() as stack:
        ensure_created(place.conninfo, "cache")
        url = make_conninfo(place.conninfo, dbname="cache")
        prepare(url, Path(folder))
        races = {name: run_all(side) for name, side in open_sides(url, Path(folder), stack).items()}
        results = measure(open_ways(url, Path(folder), stack), arguments.rounds)
        heading = describe(place, PACKAGES, f"{arguments.rounds} rounds")
    report = f"{heading}\n\n{show(results)}\n\n#### Races\n\n{show_races(races)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, "cache", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each way is gone (default 9)")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    add_place(parser)
    return parser.parse_args()


GET, VERSIONS, SET = (
    "the SDK's get of the same bytes",
    "the query for versions, then that get",
    "query and set, by hand",
)
BOUNDED, STRICT, MISS = "a bounded hit", "a strict hit", "a miss, bounded"


def open_ways(url: str, folder: Path, stack: ExitStack) -> list[Way]:
    """Connect everybody; what a library looks up only once is looked up before anything is measured."""
    ways = []
    for delay in DELAYS:
        remote = Remote(url, folder, stack.enter_context(serve(delay)), stack)
        group = f"Momento, {delay * 1000:g} ms away; {ROWS} rows, {remote.bytes} bytes"
        ways += [
            Way(group, name, base, 200, repeat(call))
            for name, base, call in (
                (GET, GET, remote.get),
                (BOUNDED, GET, remote.hit("bounded")),
                (VERSIONS, GET, remote.get_and_versions),
                (STRICT, VERSIONS, remote.hit("strict")),
                (SET, SET, remote.query_and_set),
                ("get, query and set, by hand", SET, remote.get_query_and_set),
                (MISS, SET, remote.miss("bounded")),
                ("a miss, strict", SET, remote.miss("strict")),
            )
        ]
    return ways + open_memory(url, folder, stack)


def open_memory(url: str, folder: Path, stack: ExitStack) -> list[Way]:
    """Connect those that keep in their own memory."""
    threads, tasks, runner = Threads(url, folder, stack), Tasks(), stack.enter_context(asyncio.Runner())
    runner.run(tasks.open(url, folder))
    stack.callback(lambda: runner.run(tasks.close()))
    ways = []
    for again, group, times in ((True, "Hits in memory", 1000), (False, "Misses in memory", 200)):
        ways += [
            Way(group, name, "pgproof", times, repeat(partial(call, again=again)))
            for name, call in (
                ("pgproof", threads.ours),
                ("dogpile.cache, memory_pickle", partial(threads.dogpile, "memory_pickle")),
                ("dogpile.cache, memory: the same objects to all", partial(threads.dogpile, "memory")),
            )
        ]
        ways += [
            Way(group, name, "pgproof, asyncio", times, repeat_in(runner, partial(call, again=again)))
            for name, call in (("pgproof, asyncio", tasks.ours), ("cashews: the same objects to all", tasks.cashews))
        ]
    return ways


def repeat(call: Callable[[], object]) -> Callable[[int], object]:
    """Return what calls so many times."""

    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


def repeat_in(runner: asyncio.Runner, call: Callable[[], Awaitable[object]]) -> Callable[[int], object]:
    """Return what waits so many times."""

    async def run(times: int) -> None:
        for _ in range(times):
            await call()

    return lambda times: runner.run(run(times))


def measure(ways: Sequence[Way], rounds: int) -> Results:
    """Go every way in every round; what runs before the first is not counted."""
    results: Results = defaultdict(dict)
    for number in range(-1, rounds):
        for way in rotate(ways, max(number, 0)):
            print(f"round {number + 1} of {rounds}: {way.group}: {way.name}", file=sys.stderr)
            cost = measure_call(partial(way.run, way.times))
            if number >= 0:
                results[way][number] = cost
    return results


def run_all(make: Callable[[], Any]) -> dict[str, str]:
    """Return what came of each race."""
    return {name: run_race(race, make) for name, race in RACES.items()}


# What issue 6 asks for: at most so many times what another way takes.
GOALS = ((BOUNDED, 1.15), (STRICT, 1.15), (MISS, 1.10))


def show(results: Results) -> str:
    """Return the report: goals first, then what every way takes."""
    named = {(way.group, way.name): way for way in results}
    goals = [
        [way.group, way.name, f"at most {most} times: {way.base}", *judge(ratios(results, named, way), most)]
        for name, most in GOALS
        for way in results
        if way.name == name
    ]
    parts = {"Goals": show_table(["", "", "goal", "ratio (middle half of the rounds)", ""], goals)}
    for group in dict.fromkeys(way.group for way in results):
        rows = [
            [
                way.name,
                way.base if way.base != way.name else "",
                f"**{median(ratios(results, named, way)):.2f}** · {each}",
            ]
            for way, costs in results.items()
            if way.group == group
            for each in [f"{median(cost.clock for cost in costs.values()) / way.times * 1e6:,.0f} µs"]
        ]
        parts[group] = show_table(["", "compared with", "ratio · time of one"], rows)
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


def ratios(results: Results, named: dict[tuple[str, str], Way], way: Way) -> list[float]:
    """Return how many times its base a way took in each round."""
    return compare(results[way], results[named[way.group, way.base]])


def show_races(races: dict[str, dict[str, str]]) -> str:
    """Return a row for each race, and how many of them end with an answer that is too old."""
    rows = [[race, *(verdicts[race] for verdicts in races.values())] for race in RACES]
    stale = [f"{sum('stale' in each for each in verdicts.values())} of {len(RACES)}" for verdicts in races.values()]
    return show_table(["", *races], [*rows, ["stale beyond what is promised", *stale]])


if __name__ == "__main__":
    main()
