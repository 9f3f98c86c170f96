"""Lint side by side: `inv lint`, which also runs squawk and rules of its own, and sqlfluff alone on the same files.

python benchmarks/lint.py --rounds 3
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sidebyside import Cost, Costs, compare, judge, measure_process, rotate, show_cost, show_table, write_section

if TYPE_CHECKING:
    from collections.abc import Callable

README = Path(__file__).with_name("README.md")
PACKAGES = ("pgproof", "sqlfluff", "squawk-cli")
OURS = Path(__file__).parents[1]

# Sqlfluff alone takes parameters for columns; with the last two rules it would find fault with half of the files.
_PYPROJECT = """
[tool.sqlfluff.core]
dialect = "postgres"
templater = "placeholder"
max_line_length = 120
exclude_rules = [
    "references.keywords", "structure.column_order", "references.qualification", "aliasing.self_alias.column",
]

[tool.sqlfluff.templater.placeholder]
param_style = "pyformat"
"""


@dataclass(frozen=True)
class Bench:
    """A project of files without fault, and the shell that stands in it."""

    project: Path
    environ: dict[str, str]

    @property
    def cache(self) -> Path:
        """Where lint remembers."""
        return Path(self.environ["PGPROOF_CACHE"])

    def run(self, *words: str) -> Cost:
        """Run a program in the project."""
        return measure_process([str(Path(sys.executable).with_name(words[0])), *words[1:]], self.project, self.environ)


@dataclass(frozen=True)
class Way:
    """A way to lint all files; `measure` returns what it cost."""

    name: str
    measure: Callable[[Bench], Cost]


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with TemporaryDirectory(prefix="pgproof-bench-") as folder:
        bench = make_bench(Path(folder), arguments.files)
        results = measure(bench, arguments.rounds)
    report = f"{describe(arguments)}\n\n{show(results)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, "lint", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is gone (default 5)")
    parser.add_argument("--files", type=int, default=100, help="how many files (default 100)")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


def make_bench(folder: Path, files: int) -> Bench:
    """Copy this repository's queries as often as it takes; no two files are equal."""
    texts = [path.read_text() for path in sorted((OURS / "queries").rglob("*.sql"))]
    project = folder / "project"
    (project / "queries").mkdir(parents=True)
    (project / "pyproject.toml").write_text(_PYPROJECT)
    (project / "tasks.py").write_text("from pgproof.tasks import ns\n")
    for number in range(files):
        path = project / "queries" / f"query_{number}.sql"
        path.write_text(f"-- Number {number}.\n{texts[number % len(texts)]}")
    home = {"HOME": str(folder), "PATH": os.defpath, "PGPROOF_CACHE": str(folder / "cache")}
    return Bench(project, home)


def measure(bench: Bench, rounds: int) -> dict[Way, Costs]:
    """Go every way in every round; what runs before the first is not counted."""
    results: dict[Way, Costs] = defaultdict(dict)
    for number in range(-1, rounds):
        for way in rotate(WAYS, max(number, 0)):
            print(f"round {number + 1} of {rounds}: {way.name}", file=sys.stderr)
            cost = way.measure(bench)
            if number >= 0:
                results[way][number] = cost
    return results


def _cold(bench: Bench) -> Cost:
    shutil.rmtree(bench.cache, ignore_errors=True)
    return bench.run("inv", "lint")


def _warm(bench: Bench) -> Cost:
    bench.run("inv", "lint")
    return bench.run("inv", "lint")


def _edited(bench: Bench) -> Cost:
    bench.run("inv", "lint")
    path = bench.project / "queries" / "query_0.sql"
    path.write_text(f"-- Once more.\n{path.read_text()}")  # unlike any text before it
    return bench.run("inv", "lint")


def _sqlfluff(processes: int) -> Callable[[Bench], Cost]:
    return lambda bench: bench.run("sqlfluff", "lint", "--processes", str(processes), "queries")


SQLFLUFF = Way("sqlfluff lint --processes 2", _sqlfluff(2))
COLD = Way("inv lint, nothing known", _cold)
WARM = Way("inv lint, nothing changed", _warm)
WAYS = (
    SQLFLUFF,
    COLD,
    WARM,
    Way("inv lint, one file changed", _edited),
    Way("sqlfluff lint", _sqlfluff(1)),
)


def describe(arguments: argparse.Namespace) -> str:
    """Return what was measured with."""
    tools = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    return f"{python}; {arguments.files} files, {arguments.rounds} rounds.\n{tools}."


def show(results: dict[Way, Costs]) -> str:
    """Return the report: goals first, then what every way took."""
    limits = {COLD: ("not slower", 1.0), WARM: ("at most 5 % of the time", 0.05)}
    goals = [
        [way.name, goal, *judge(compare(results[way], results[SQLFLUFF]), most)] for way, (goal, most) in limits.items()
    ]
    rows = [[way.name, show_cost(results[way], results[SQLFLUFF])] for way in WAYS]
    parts = {
        "Goals": show_table(["", "goal", "ratio (middle half of the rounds)", ""], goals),
        "Lint": show_table(["", "ratio · time · processor time"], rows),
    }
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


if __name__ == "__main__":
    main()
