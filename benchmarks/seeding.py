"""A large seed side by side: pgproof, psql's copy of the same file into the same table, and the driver's usual ways.

python benchmarks/seeding.py --rounds 3 --rows 100000
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from pgproof.seeds import load, read_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from places import Place
    from psycopg import Connection

README = Path(__file__).with_name("README.md")
PACKAGES = ("pgproof", "psycopg")
SLOW_ROWS = 100_000  # of the ways that take many times as long; their time is then multiplied

_TABLE = """
CREATE TABLE activity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author int NOT NULL,
    message text NOT NULL,
    likes int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""
_COLUMNS = "id,author,message,likes,created_at"
_COPY = f"COPY activity ({_COLUMNS}) FROM STDIN (FORMAT csv, HEADER true)"
_INSERT = f"INSERT INTO activity ({_COLUMNS}) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s)"  # noqa: S608  (ours)


@dataclass(frozen=True)
class Bench:
    """A server, the seeds' folder, and a connection to a database whose table is empty."""

    place: Place
    seeds: Path
    rows: int
    connection: Connection[Any]

    @property
    def file(self) -> Path:
        """The one seed."""
        (path,) = self.seeds.iterdir()
        return path


@dataclass(frozen=True)
class Way:
    """A way to load the file; `measure` returns what all rows cost."""

    name: str
    measure: Callable[[Bench], Cost]


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with open_place(arguments) as place:
        seeds = place.project / "seeds"
        write_seed(seeds, arguments.rows)
        results = measure(place, seeds, arguments)
        heading = describe(place, PACKAGES, f"{arguments.rounds} rounds; {arguments.rows:,} rows")
    report = f"{heading}\n\n{show(results)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, f"seeding, {place.name}", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each way is gone (default 9)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file (default 1,000,000)")
    add_place(parser)
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


def write_seed(folder: Path, rows: int) -> None:
    """Write one CSV file."""
    folder.mkdir()
    with (folder / "010_activity.csv").open("w") as file:
        file.write(f"{_COLUMNS}\n")
        for row in range(1, rows + 1):
            time = f"2026-01-{row % 28 + 1:02}T00:00:{row % 60:02}Z"
            file.write(f'{row},{row % 1000},"Message {row}, said in a few words",{row % 17},{time}\n')


def measure(place: Place, seeds: Path, arguments: argparse.Namespace) -> dict[Way, Costs]:
    """Go every way in every round, into a table that was just made; what runs before the first is not counted."""
    results: dict[Way, Costs] = defaultdict(dict)
    for number in range(-1, arguments.rounds):
        for way in rotate(WAYS, max(number, 0)):
            print(f"round {number + 1} of {arguments.rounds}: {way.name}", file=sys.stderr)
            cost = measure_once(place, seeds, arguments.rows, way)
            if number >= 0:
                results[way][number] = cost
    return results


def measure_once(place: Place, seeds: Path, rows: int, way: Way) -> Cost:
    """Go one way in a database of its own."""
    ensure_created(place.conninfo, DATABASE)
    try:
        with connect(place.database) as connection:
            connection.execute(_TABLE)
            return way.measure(Bench(place, seeds, rows, connection))
    finally:
        drop(place.conninfo, DATABASE)


def _psql(bench: Bench) -> Cost:
    copy = f"\\copy activity ({_COLUMNS}) FROM '{bench.file}' (FORMAT csv, HEADER true)"
    environ = bench.place.environ
    command = ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", environ["PSQL_DATABASE"], "-c", copy)
    return measure_process(command, bench.seeds, environ)


def _load(bench: Bench) -> Cost:
    return measure_call(partial(load, bench.connection, read_seeds(bench.seeds)))


def _read_and_load(bench: Bench) -> Cost:
    return measure_call(lambda: load(bench.connection, read_seeds(bench.seeds)))


def _load_again(bench: Bench) -> Cost:
    seeds = read_seeds(bench.seeds)
    load(bench.connection, seeds)
    return measure_call(partial(load, bench.connection, seeds))


def _copy(bench: Bench) -> Cost:
    content = bench.file.read_bytes()

    def work() -> None:
        with bench.connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(content)

    return measure_call(work)


def _executemany(bench: Bench) -> Cost:
    """Insert some of the rows, and multiply: who had a million would wait for minutes."""
    with bench.file.open(newline="") as file:
        rows = list(csv.reader(file))[1 : SLOW_ROWS + 1]
    with bench.connection.transaction(), bench.connection.cursor() as cursor:
        cost = measure_call(lambda: cursor.executemany(_INSERT, rows))
    times = bench.rows / len(rows)
    return Cost(cost.clock * times, cost.cpu * times)


PSQL = Way("psql \\copy, whole process", _psql)
LOAD = Way("pgproof.seeds.load, into an empty table", _load)
READ_AND_LOAD = Way("the same, the file read and checked as well", _read_and_load)
WAYS = (
    PSQL,
    LOAD,
    READ_AND_LOAD,
    Way("pgproof.seeds.load once more: nothing changes", _load_again),
    Way("psycopg, COPY of the file in memory", _copy),
    Way(f"psycopg, executemany (of {SLOW_ROWS:,} rows, multiplied)", _executemany),
)


def show(results: dict[Way, Costs]) -> str:
    """Return the report: goals first, then what every way took."""
    goal = "at least 0.9 times the speed of psql: at most 1.11 times its time"
    goals = [[way.name, goal, *judge(compare(results[way], results[PSQL]), 1 / 0.9)] for way in (LOAD, READ_AND_LOAD)]
    rows = [[way.name, show_cost(results[way], results[PSQL])] for way in WAYS]
    parts = {
        "Goals": show_table(["", "goal", "ratio (middle half of the rounds)", ""], goals),
        "Loading": show_table(["", "ratio · time · client's processor time"], rows),
    }
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


if __name__ == "__main__":
    main()
