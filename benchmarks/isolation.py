"""What isolation costs a test, side by side: pgproof, pytest-postgresql, and fixtures as one writes them by hand.

python benchmarks/isolation.py --rounds 3
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from isolation_peers import (
    BASE,
    CLONE,
    CLONE_READ,
    HANDWRITTEN_CLONE,
    ISOLATIONS,
    TRANSACTION,
    Isolation,
)
from places import Place, describe, open_place
from sidebyside import Cost, Costs, duration, judge, measure_process, rotate, show_table, write_section

import pgproof
from pgproof.pg.account import choose_account
from pgproof.pg.database import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.pg.account import Account

README = Path(__file__).with_name("README.md")
MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
PACKAGES = ("pgproof", "psycopg", "pytest", "pytest-xdist", "pytest-postgresql")
MANY, WORKERS = 500, 2
_LEFT = "SELECT datname FROM pg_database WHERE starts_with(datname, 'pgproof_test_')"


@dataclass(frozen=True)
class Workload:
    """How many tests there are, and how long each takes itself."""

    title: str
    count: int
    pause: float


INSTANT = Workload("Tests that take no time", count=200, pause=0)
SLOW = Workload("Tests that take 100 ms", count=40, pause=0.1)
WORKLOADS = (INSTANT, SLOW)


@dataclass
class Runs:
    """By round: the whole run, and how long its tests waited; the first one waits for the server as well."""

    costs: Costs = field(default_factory=dict)
    waits: dict[int, list[float]] = field(default_factory=dict)

    def medians(self) -> dict[int, float]:
        """Return what half of the tests of each round waited at most."""
        return {number: median(waits[1:]) for number, waits in self.waits.items()}


Results = dict[tuple[Isolation, Workload], Runs]


@dataclass(frozen=True)
class Goal:
    """What issue 3 asks for: a test waits at most so many milliseconds."""

    text: str
    isolation: Isolation
    workload: Workload
    most: float


GOALS = (
    Goal("a clone, tests that take 100 ms: under 5 ms", CLONE, SLOW, 5),
    Goal("a transaction, tests that take no time: under 2 ms", TRANSACTION, INSTANT, 2),
    Goal("a transaction, tests that take 100 ms: under 2 ms", TRANSACTION, SLOW, 2),
    Goal("a clone only read, tests that take no time: under 2 ms", CLONE_READ, INSTANT, 2),
    Goal("a clone only read, tests that take 100 ms: under 2 ms", CLONE_READ, SLOW, 2),
)


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    compile_ours()
    with open_place(argparse.Namespace(on_disk=False, server_url=None)) as place, open_bench(place) as bench:
        results = measure(bench, arguments.rounds)
        left = count_left(bench)
        heading = describe(place, PACKAGES, f"{arguments.rounds} rounds")
    report = f"{heading}\n\n{show(results, left)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, "isolation", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each suite runs (default 5)")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


def compile_ours() -> None:
    """Compile our files now: whom the suites run as may not write beside them."""
    for package in pgproof.__path__:
        compileall.compile_dir(package, quiet=1)


@dataclass(frozen=True)
class Bench:
    """Where the suites are, in memory as all servers here; run as the server's user, for no server starts as root."""

    place: Place
    folder: Path
    account: Account

    def run(self, isolation: Isolation, load: Workload, *more: str, **settings: str) -> tuple[Cost, list[float]]:
        """Run a suite; return what it cost, and how long each of its tests waited."""
        record, started = self.folder / "record.json", {}
        if self.account.other:
            started = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "PGPROOF_CACHE": str(self.folder / "cache"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COUNT": str(load.count),
            "PAUSE": str(load.pause),
            "RECORD": str(record),
            "SERVER": self.place.conninfo,
            "PG_CTL": str(self.place.programs / "pg_ctl"),
            "SOCKETS": str(self.folder),
        }
        command = isolation.command(sys.executable, f"--basetemp={self.folder / 'temp'}", *more)
        cost = measure_process(command, self.folder / isolation.name, environ | settings, **started)
        return cost, json.loads(record.read_text())


@contextmanager
def open_bench(place: Place) -> Iterator[Bench]:
    """Write all suites."""
    account = choose_account()
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="pgproof-bench-", dir=memory) as folder:
        Path(folder).chmod(0o755)
        for each in ISOLATIONS:
            each.write(Path(folder) / each.name)
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, account.uid, account.gid)
        yield Bench(place, Path(folder), account)


def measure(bench: Bench, rounds: int) -> Results:
    """Run every suite with every workload in every round; what runs before the first round is not counted."""
    results: Results = defaultdict(Runs)
    for number in range(-1, rounds):
        for load in WORKLOADS:
            for isolation in rotate(ISOLATIONS, max(number, 0)):
                print(f"round {number + 1} of {rounds}, {load.title}: {isolation.name}", file=sys.stderr)
                cost, waits = bench.run(isolation, load)
                if number >= 0:
                    results[isolation, load].costs[number] = cost
                    results[isolation, load].waits[number] = waits
    return results


def count_left(bench: Bench) -> int:
    """Run many tests on several workers, on a server that stays; return how many databases they leave there."""
    load = Workload("many", MANY, pause=0)
    bench.run(CLONE, load, "-p", "xdist.plugin", "-n", str(WORKERS), **bench.place.settings)
    with connect(bench.place.conninfo) as connection:
        return len(connection.execute(_LEFT).fetchall())


def show(results: Results, left: int) -> str:
    """Return the report: goals first, then what every way costs a test."""
    parts = {"Goals": show_goals(results, left)}
    for load in WORKLOADS:
        parts[f"{load.title} ({load.count} of them)"] = show_load(results, load)
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


def show_goals(results: Results, left: int) -> str:
    """Return which goals are met."""
    rows = []
    for goal in GOALS:
        waited = results[goal.isolation, goal.workload].medians().values()
        rows.append([goal.text, *judge([each * 1000 for each in waited], goal.most)])
    rows.append([f"{MANY} tests on {WORKERS} workers leave no database behind", str(left), *judge([left], 0)[1:]])
    return show_table(["goal", "ms, or databases (middle half of the rounds)", ""], rows)


def show_load(results: Results, load: Workload) -> str:
    """Return a table of ways; the one that a user would write by hand is what the others are compared with."""
    base, empty = results[HANDWRITTEN_CLONE, load], results[BASE, load]
    rows = []
    for isolation in ISOLATIONS:
        runs = results[isolation, load]
        ratio = median(wait / base.medians()[number] for number, wait in runs.medians().items())
        rows.append(
            [
                isolation.name,
                f"**{ratio:.2f}** · {duration(median(runs.medians().values()))}",
                duration(median(quantiles(waits[1:], n=10)[-1] for waits in runs.waits.values())),
                duration(median(waits[0] for waits in runs.waits.values())),
                duration(median(share(runs, empty, load))),
            ]
        )
    columns = ["", "a test waits", "nine of ten wait at most", "the first one waits", "whole run, a test's share"]
    return show_table(columns, rows)


def share(runs: Runs, empty: Runs, load: Workload) -> list[float]:
    """Return what a run took longer than one without a database, divided by its tests."""
    return [(cost.clock - empty.costs[number].clock) / load.count for number, cost in runs.costs.items()]


if __name__ == "__main__":
    main()
