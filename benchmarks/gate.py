"""The gate on one added migration of Cruddur: what each proof takes, beside squawk and the work that measuring needs.

python benchmarks/gate.py --rounds 3
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sidebyside import Costs, duration, measure_call, measure_process, show_cost, show_table, write_section

from pgproof.gate.change import Change, read_change
from pgproof.gate.databases import open_databases
from pgproof.gate.judge import judge
from pgproof.gate.trial import Options, Trial
from pgproof.settings import Settings, read_settings

README = Path(__file__).with_name("README.md")
OURS = Path(__file__).parents[1]
PACKAGES = ("pgproof", "squawk-cli")
GOAL = 20.0  # seconds, on two cores

GATE, FLOOR, SQUAWK = (
    "the gate, every proof",
    "of that, what measuring needs: server, base, rows",
    "squawk, the text alone",
)

# A column with a check, as the tenth migration has one: rows to verify, something to roll back, contracts to keep.
_ID = "9001_add_website_to_users"
_FORWARD = """-- A page of one's own.

ALTER TABLE users
    ADD COLUMN website text,
    ADD CONSTRAINT users_website_check CHECK (website <> '') NOT VALID;
"""
_BACK = """-- Takes the column away, with what was written into it.

ALTER TABLE users DROP COLUMN website;
"""

_QUIET = ("--exclude=require-lock-timeout,require-statement-timeout,prefer-robust-stmts",)  # it would fail for these


@dataclass
class Results:
    """What each way cost, by round; and what each proof took in each round, in seconds."""

    costs: dict[str, Costs] = field(default_factory=lambda: defaultdict(dict))
    proofs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with TemporaryDirectory(prefix="pgproof-bench-") as folder:
        settings = make_project(Path(folder))
        results = measure(settings, arguments.rounds, arguments.rows)
    report = f"{describe(arguments)}\n\n{show(results)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, "gate", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is gone (default 3)")
    parser.add_argument("--rows", type=int, default=200_000, help="how many a table is filled up to (default 200000)")
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


def make_project(folder: Path) -> Settings:
    """Clone this repository as it was committed last, and add a migration to it."""
    folder.chmod(0o755)  # the server may run as another user
    root = folder / "project"
    subprocess.run(["git", "clone", "--quiet", str(OURS), str(root)], check=True)
    (root / "migrations" / f"{_ID}.sql").write_text(_FORWARD)
    (root / "migrations" / f"{_ID}.rollback.sql").write_text(_BACK)
    (root / "migrations" / "HEAD").write_text(f"{_ID}\n")
    return read_settings(root, environ={"PGPROOF_CACHE": str(folder / "cache")})


def measure(settings: Settings, rounds: int, rows: int) -> Results:
    """Go every way in every round; what runs before the first is not counted."""
    results, change = Results(), read_change(settings, "HEAD")
    options = Options(rows=rows)
    for number in range(-1, rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        costs = {
            FLOOR: measure_call(lambda: _prepare(settings, change, options)),
            SQUAWK: measure_process([_squawk(), *_QUIET, str(change.new[0].path)], settings.root, dict(os.environ)),
        }
        took: dict[str, float] = {}
        costs[GATE] = measure_call(lambda: took.update(_judge(settings, options)))  # noqa: B023  (called at once)
        if number >= 0:
            for name, cost in costs.items():
                results.costs[name][number] = cost
            for title, seconds in took.items():
                results.proofs[title].append(seconds)
    return results


def _prepare(settings: Settings, change: Change, options: Options) -> None:
    with open_databases(settings) as databases:
        _ = Trial(change, databases, options).large


def _judge(settings: Settings, options: Options) -> dict[str, float]:
    with open_databases(settings) as databases:
        report = judge(Trial(read_change(settings, "HEAD"), databases, options))
    return {proof.title: proof.took for proof in report.proofs}


def _squawk() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "squawk")


def describe(arguments: argparse.Namespace) -> str:
    """Return what was measured with."""
    tools = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    return f"{python}; {arguments.rows:,} rows a table, {arguments.rounds} rounds.\n{tools}."


def show(results: Results) -> str:
    """Return the report: the goal, the ways, and the proofs."""
    gate = results.costs[GATE]
    whole = median(cost.clock for cost in gate.values())
    goal = [GATE, f"under {GOAL:.0f} s", duration(whole), "met" if whole < GOAL else "**missed**"]
    ways = [[name, show_cost(results.costs[name], results.costs[FLOOR])] for name in (FLOOR, GATE, SQUAWK)]
    proofs = [
        [title, duration(median(seconds)), f"{median(seconds) / whole:.0%}"]
        for title, seconds in results.proofs.items()
    ]
    parts = {
        "Goal": show_table(["", "goal", "median", ""], [goal]),
        "Ways": show_table(["", "ratio · time · processor time of Python"], ways),
        "Proofs": show_table(["", "median", "of the whole"], proofs),
    }
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items())


if __name__ == "__main__":
    main()
