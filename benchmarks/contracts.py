"""Checks of 300 results side by side: pgproof, a bare loop of psycopg, and pytest as one would use it instead.

python benchmarks/contracts.py --rounds 3
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from contracts_peers import (
    BY_HAND,
    CALLS,
    DRIVER,
    NOTHING,
    SUITES,
    SYRUPY_AMBER,
    SYRUPY_JSON,
    make_calls,
    pytest_command,
    read_texts,
    run_limit,
    write_goldens,
    write_project,
)
from places import Place, describe, open_place
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

from pgproof.contracts.check import check, check_rows
from pgproof.contracts.proofs import read_proofs
from pgproof.contracts.subjects import find_strays, read_subjects
from pgproof.queries import read_queries
from pgproof.settings import read_settings
from pgproof.tasks.bench import open_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from contracts_peers import Call, Suite

    from pgproof.contracts.bench import Bench as Clones
    from pgproof.contracts.finding import Finding
    from pgproof.settings import Settings

README = Path(__file__).with_name("README.md")
PACKAGES = ("pgproof", "psycopg", "pytest", "syrupy")
_THRESHOLD = 5  # psycopg's own


@dataclass(frozen=True)
class Bench:
    """The same cases for everybody.

    Attributes:
        place: its database is seeded, and what the bare loop and the suites ask.
        texts: the queries, read before the clock runs.
        clones: pgproof's own.
    """

    place: Place
    calls: Sequence[Call]
    texts: dict[str, str]
    settings: Settings
    clones: Clones

    def folder(self, name: str) -> Path:
        """Where somebody's files are."""
        return self.place.project.with_name(name)

    def run(self, command: Sequence[str], folder: Path, **environ: str) -> Cost:
        """Run a program; only the plugins that it names are loaded."""
        return measure_process(command, folder, self.place.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environ)

    def inv(self, *words: str) -> Cost:
        """Run a task of the project."""
        return self.run([str(Path(sys.executable).with_name("inv")), *words], self.place.project)

    def forget(self) -> None:
        """Have nothing proved before."""
        shutil.rmtree(self.settings.cache / "projects", ignore_errors=True)


@dataclass(frozen=True)
class Way:
    """A way to check all cases; `measure` returns what it cost."""

    name: str
    measure: Callable[[Bench], Cost] = field(repr=False)


Results = dict[Way, Costs]


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with open_place(argparse.Namespace(on_disk=False, server_url=None)) as place, make_bench(place) as bench:
        results = measure(bench, arguments.rounds)
        heading = describe(place, PACKAGES, f"{arguments.rounds} rounds; {CALLS} cases of {len(bench.texts)} queries")
    report = f"{heading}\n\n{show(results)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, "contracts", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each way is gone (default 9)")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


@contextmanager
def make_bench(place: Place) -> Iterator[Bench]:
    """Write everybody's files, and have everybody accept what the queries give now."""
    cache = place.project.with_name("cache")
    place = replace(place, settings={**place.settings, "PGPROOF_CACHE": str(cache)})
    calls, texts = make_calls(), read_texts()
    write_project(place.project, calls)
    settings = read_settings(place.project, environ=place.settings)
    measure_process([str(Path(sys.executable).with_name("inv")), "db.reset"], place.project, place.environ)
    with open_bench(settings) as clones:
        bench = Bench(place, calls, texts, settings, clones)
        accept_all(bench)
        yield bench


def accept_all(bench: Bench) -> None:
    """Let everybody write goldens."""
    with psycopg.connect(bench.place.database) as connection:
        connection.execute("ANALYZE")  # as pgproof does with its own, to look at plans
        write_goldens(bench.folder("goldens"), connection, bench.calls)
    bench.inv("query.accept", "--all")
    for suite in SUITES:
        suite.write(bench.folder(suite.name), bench.calls)
        words, environ = suite.accept
        bench.run(pytest_command(suite.plugins, *words), bench.folder(suite.name), **environ)


def measure(bench: Bench, rounds: int) -> Results:
    """Go every way in every round; what runs before the first is not counted."""
    results: Results = defaultdict(dict)
    for number in range(-1, rounds):
        for way in (*rotate(IN_PROCESS, max(number, 0)), *rotate(PROCESSES, max(number, 0))):
            print(f"round {number + 1} of {rounds}: {way.name}", file=sys.stderr)
            cost = way.measure(bench)
            if number >= 0:
                results[way][number] = cost
    return results


def check_all(bench: Bench) -> None:
    """Do what `inv query.check` does once it has a bench."""
    queries = read_queries(bench.settings.queries)
    subjects = read_subjects(queries, bench.settings.contracts)
    proofs = read_proofs(bench.settings, bench.clones.session)
    hold([*find_strays(queries, bench.settings.contracts), *check(bench.clones, subjects, proofs)])
    proofs.save(whole=True)


def hold(found: Iterable[Finding]) -> None:
    """Let nothing be found: a time without the work is none."""
    told = "\n".join(map(str, found))
    assert not told, told


def _limit(bench: Bench) -> Cost:
    """Loop on a connection that has read its catalog, as ours has, and that psycopg has prepared nothing on yet."""
    with psycopg.connect(bench.place.database, autocommit=True, prepare_threshold=None) as connection:
        run = partial(run_limit, bench.folder("goldens"), connection, bench.texts, bench.calls)
        run()
        connection.prepare_threshold = _THRESHOLD
        return measure_call(run)


def _known(bench: Bench) -> Cost:
    check_all(bench)
    return measure_call(lambda: check_all(bench))


def _unknown(bench: Bench) -> Cost:
    bench.forget()
    return measure_call(lambda: check_all(bench))


def _reading(bench: Bench) -> Cost:
    return measure_call(lambda: read_subjects(read_queries(bench.settings.queries), bench.settings.contracts))


def _rows(bench: Bench) -> Cost:
    subjects = read_subjects(read_queries(bench.settings.queries), bench.settings.contracts)
    return measure_call(lambda: hold(check_rows(bench.clones, subjects)))


def _inv_known(bench: Bench) -> Cost:
    bench.inv("query.check")
    return bench.inv("query.check")


def _inv_unknown(bench: Bench) -> Cost:
    bench.forget()
    return bench.inv("query.check")


_OURS = pytest_command(("pgproof.plugin",), "tests/contracts")


def _pytest_known(bench: Bench) -> Cost:
    bench.run(_OURS, bench.place.project)
    return bench.run(_OURS, bench.place.project)


def _pytest_unknown(bench: Bench) -> Cost:
    return bench.run(_OURS, bench.place.project, CI="true")


def _way(suite: Suite) -> Way:
    command = pytest_command(suite.plugins)
    return Way(suite.name, lambda bench: bench.run(command, bench.folder(suite.name)))


LIMIT = Way("psycopg, the limit", _limit)
KNOWN = Way("query.check, everything known", _known)
IN_PROCESS = (
    LIMIT,
    KNOWN,
    Way("of that, reading the files", _reading),
    Way("of that, the rows alone", _rows),
    Way("query.check, nothing known", _unknown),
)
EMPTY = _way(NOTHING)
PYTEST_KNOWN = Way("pytest, pgproof's items, everything known", _pytest_known)
PYTEST_UNKNOWN = Way("the same, nothing known, as in CI", _pytest_unknown)
PROCESSES = (
    EMPTY,
    _way(DRIVER),
    PYTEST_KNOWN,
    PYTEST_UNKNOWN,
    _way(BY_HAND),
    _way(SYRUPY_AMBER),
    _way(SYRUPY_JSON),
    Way("inv query.check, everything known", _inv_known),
    Way("inv query.check, nothing known", _inv_unknown),
)

# What issue 4 asks for: at most so many times what another way takes.
GOALS = ((KNOWN, LIMIT, 1.5), (PYTEST_KNOWN, EMPTY, 1.3), (PYTEST_UNKNOWN, EMPTY, 1.3))


def show(results: Results) -> str:
    """Return the report: goals first, then what every way took."""
    goals = [
        [way.name, f"at most {most} times: {base.name}", *judge(compare(results[way], results[base]), most)]
        for way, base, most in GOALS
    ]
    columns = ["", "ratio · time · client's processor time"]
    parts = {
        "Goals": show_table(["", "goal", "ratio (middle half of the rounds)", ""], goals),
        "In process": show_table(
            columns, [[each.name, show_cost(results[each], results[LIMIT])] for each in IN_PROCESS]
        ),
        "Whole process": show_table(
            columns, [[each.name, show_cost(results[each], results[EMPTY])] for each in PROCESSES]
        ),
    }
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


if __name__ == "__main__":
    main()
