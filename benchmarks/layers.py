"""Which layers of a chain to keep: the rule of `pgproof.pg.layers` beside none at all and one every 100 migrations.

python benchmarks/layers.py --rounds 3 --size 300
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from places import add_place, describe, open_place
from reset_peers import make_changes, write_project
from reset_ways import Stage
from sidebyside import Costs, measure_call, rotate, show_cost, show_table, write_section

from pgproof.pg import layers
from pgproof.pg.database import connect
from pgproof.pg.kept import fetch_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

README = Path(__file__).with_name("README.md")
EVERY = 100  # migrations
EDITED = (10, 50, 90, 99)  # percent of the chain
PACKAGES = ("pgproof", "psycopg")
FIRST, ADDED = "first build", "one added"
WORKS = (FIRST, *(f"edited at {percent} %" for percent in EDITED), ADDED)


@dataclass(frozen=True)
class Rule:
    """A way to decide: `make` gives, for each build, what takes the place of `pays`."""

    name: str
    make: Callable[[], Callable[..., bool]]


@dataclass(frozen=True)
class Kept:
    """What a first build leaves on the server."""

    layers: int
    megabytes: float


def _one_every_hundred() -> Callable[..., bool]:
    """Between two migrations the question is about one migration more."""
    asked = count(1)
    return lambda *_, at_end: at_end or next(asked) % EVERY == 0


layers_pays = layers.pays
RULES = (
    Rule("the rule", lambda: layers_pays),
    Rule("no layers", lambda: lambda *_, **__: False),
    Rule(f"one every {EVERY}", _one_every_hundred),
)


def main() -> None:
    """Measure, and say or write what came out."""
    arguments = read_arguments()
    with open_place(arguments) as place, connect(place.conninfo) as connection:
        stage = Stage(place, place.project.parent / "files", arguments.size, connection)
        write_project(stage.folder / "pgproof", make_changes(stage.size))
        stage.enter()
        costs, kept = measure(stage, arguments.rounds)
        heading = describe(place, PACKAGES, f"{arguments.rounds} rounds; N = {arguments.size}")
    report = f"{heading}\n\n{show(costs, kept)}\n"
    print(report)
    if arguments.markdown:
        write_section(README, f"layers, {place.name}", report)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each rule is tried (default 5)")
    parser.add_argument("--size", type=int, default=1000, help="number of migrations (default 1000)")
    add_place(parser)
    parser.add_argument("--markdown", action="store_true", help="write the tables of README.md")
    return parser.parse_args()


def measure(stage: Stage, rounds: int) -> tuple[dict[tuple[str, str], Costs], dict[str, Kept]]:
    """Build everything once by each rule in each round, then after each kind of change from what that has left."""
    costs: dict[tuple[str, str], Costs] = defaultdict(dict)
    kept = {}
    for number in range(-1, rounds):
        for rule in rotate(RULES, max(number, 0)):
            stage.drop("template")
            for work in WORKS:
                print(f"round {number + 1} of {rounds}: {rule.name}, {work}", file=sys.stderr)
                before = {each.name for each in fetch_kept(stage.connection)}
                with changed(stage, work, number + 1), deciding(rule):
                    cost = measure_call(lambda: layers.ensure_template(stage.place.conninfo, stage.recipe))
                if number >= 0:
                    costs[rule.name, work][number] = cost
                if work == FIRST:
                    kept[rule.name] = weigh(stage)
                else:
                    drop_all_but(stage, before)
    return costs, kept


@contextmanager
def deciding(rule: Rule) -> Iterator[None]:
    """Let a rule decide for one build."""
    layers.pays = rule.make()
    try:
        yield
    finally:
        layers.pays = layers_pays


@contextmanager
def changed(stage: Stage, work: str, attempt: int) -> Iterator[None]:
    """Edit a migration for a while, or have another one at the end, or neither."""
    if work == FIRST:
        yield
    elif work == ADDED:
        with stage.one_more(attempt):
            yield
    else:
        number = max(1, stage.size * EDITED[WORKS.index(work) - 1] // 100)
        (path,) = (stage.place.project / "migrations").glob(f"{number:04}_*p.sql")
        text = path.read_text()
        path.write_text(f"{text}-- edited, attempt {attempt}\n")
        yield
        path.write_text(text)


def weigh(stage: Stage) -> Kept:
    """Return how many layers there are beside the finished template, and what all take."""
    templates = [each for each in fetch_kept(stage.connection) if each.kind == "template"]
    return Kept(len(templates) - 1, sum(each.bytes for each in templates) / 1_000_000)


def drop_all_but(stage: Stage, names: set[str]) -> None:
    """Drop what a build has added, so that the next one begins where it did."""
    for each in fetch_kept(stage.connection):
        if each.name not in names:
            stage.drop(each.kind, each.name)


def show(costs: dict[tuple[str, str], Costs], kept: dict[str, Kept]) -> str:
    """Return a table of rules and works; "no layers" is what the others are compared with."""
    base = RULES[1].name
    rows = [
        [
            rule.name,
            f"{kept[rule.name].layers} · {kept[rule.name].megabytes:.0f} MB",
            *(show_cost(costs[rule.name, work], costs[base, work]) for work in WORKS),
        ]
        for rule in RULES
    ]
    return show_table(["", "layers kept · all templates", *WORKS], rows)


if __name__ == "__main__":
    main()
