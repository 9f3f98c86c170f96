"""Metrics, exactly once: deaths at random, random histories, and in how many of these each mistake shows.

python benchmarks/metrics_chaos.py --kills 200 --seed 1
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.server import throwaway_server
from pgproof.settings import read_settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.chaos.broken import BROKEN
from tests.chaos.cutting import Lender
from tests.chaos.deaths import Deaths
from tests.chaos.killing import start_killer
from tests.chaos.oracle import MAPPING
from tests.chaos.player import Player
from tests.chaos.script import LOSSES, VERBS
from tests.chaos.stage import TABLE
from tests.metrics import SCHEMA, write_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.settings import Settings
    from tests.chaos.broken import Broken

_DATABASE = "pgproof_chaos"
_LOOP = {"seed": 58, "length": 16}


@dataclass(frozen=True)
class Bench:
    """A server, and a folder with the mapping."""

    root: Path
    settings: Settings
    server: str

    @contextmanager
    def player(self, schema: str) -> Iterator[Player]:
        """Make a database with these tables of metrics."""
        ensure_created(self.server, _DATABASE)
        try:
            url = make_conninfo(self.server, dbname=_DATABASE)
            with connect(url) as connection:
                connection.execute(schema.encode())
            yield Player(replace(self.settings, url=url), read_mappings(self.root / "metrics"))
        finally:
            drop(self.server, _DATABASE)

    @contextmanager
    def deaths(self, schema: str) -> Iterator[Deaths]:
        """Make a database, and somebody who is killed over it."""
        with self.player(schema) as player:
            url = player.settings.url or ""
            with start_killer() as killer, connect(url) as connection, closing(Lender(url)) as lender:
                yield Deaths(killer, connection, url, self.root, lender)


def main() -> int:
    """Kill and play; the exit code says whether every end was right, and every mistake found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="at random, beside one at each step of a loop")
    parser.add_argument("--histories", type=int, default=200, help="of each kind")
    parser.add_argument("--broken", type=int, default=40, help="histories for each protocol that makes a mistake")
    parser.add_argument("--seed", type=int, default=1, help="of the first history; the others follow")
    asked = parser.parse_args()
    schema = SCHEMA.read_text(encoding="utf-8")
    with _open() as bench:
        right = [
            _kill(bench, schema, asked.kills, asked.seed),
            _play(bench, schema, "shards, cuts, rivals", VERBS, asked),
            _play(bench, schema, "records lost, stream off and on", LOSSES, asked),
            _play(bench, schema, "by Lambda, in any order", VERBS, asked, by_lambda=True),
        ]
        found = [_find_out(bench, schema, broken, asked) for broken in BROKEN]
    return 0 if all(right) and all(found) else 1


def _kill(bench: Bench, schema: str, kills: int, seed: int) -> bool:
    with bench.deaths(schema) as deaths:
        began, steps = time.monotonic(), deaths.count_steps(**_LOOP)
        wrong = deaths.at_each_step(range(1, steps + 1), **_LOOP)
        print(f"killed at each of {steps} steps of a loop: {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        wrong += (more := deaths.at_random(kills=kills, seed=seed))
        print(f"killed {kills} times at random: {len(more)} wrong, {time.monotonic() - began:.0f} s", flush=True)
    for each in wrong[:3]:
        print(f"    {each}")
    return not wrong


def _play(
    bench: Bench,
    schema: str,
    kind: str,
    verbs: dict[str, int],
    asked: argparse.Namespace,
    *,
    by_lambda: bool = False,
) -> bool:
    began, wrong = time.monotonic(), dict[int, list[str]]()
    with bench.player(schema) as player:
        for seed in range(asked.seed, asked.seed + asked.histories):
            if found := replace(player, verbs=verbs).play(seed, by_lambda=by_lambda):
                wrong[seed] = found
    took = time.monotonic() - began
    print(f"{kind}: {len(wrong)} of {asked.histories} histories end wrong, {took:.0f} s", flush=True)
    for seed, found in list(wrong.items())[:3]:
        print(f"    {seed}: {found[0]}")
    return not wrong


def _find_out(bench: Bench, schema: str, broken: Broken, asked: argparse.Namespace) -> bool:
    began, shown = time.monotonic(), Counter[bool]()
    verbs = VERBS if broken.by_lambda else broken.verbs
    with bench.player(broken.change(schema)) as player, broken.install():
        for seed in range(asked.seed, asked.seed + asked.broken):
            shown[bool(replace(player, verbs=verbs).play(seed, by_lambda=broken.by_lambda))] += 1
    took = time.monotonic() - began
    print(f"{broken.wrong}: {shown[True]} of {asked.broken} histories show it, {took:.0f} s", flush=True)
    return shown[True] > 0


@contextmanager
def _open() -> Iterator[Bench]:
    with TemporaryDirectory(prefix="pgproof-bench-") as folder:
        root = Path(folder)
        write_mapping(root, "messages", MAPPING.format(table=TABLE))
        settings = read_settings(root, environ={}, server="embedded")
        with throwaway_server(settings) as server:
            yield Bench(root, settings, server.conninfo)


if __name__ == "__main__":
    sys.exit(main())
