"""Random histories of a cache, many of them: how many calls, and how many answers that were older than promised.

python benchmarks/histories.py --operations 100000 --seed 1
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from pgproof.pg.database import drop, ensure_created
from pgproof.pg.server import throwaway_server
from pgproof.settings import read_settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.histories.broken import BROKEN, SCHEMA
from tests.histories.cells import Cells
from tests.histories.places import KINDS, open_places
from tests.histories.script import make_script
from tests.histories.story import CALLS, Player

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.histories.broken import Broken
    from tests.histories.history import Mode
    from tests.histories.places import Kind

MODES: tuple[Mode, ...] = ("strict", "bounded")
_DATABASE = "pgproof_histories"


def main() -> int:
    """Play; the exit code says whether every promise was kept, and every mistake found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=100_000, help="calls, all modes and places together")
    parser.add_argument("--seed", type=int, default=0, help="of the first script; the others follow")
    parser.add_argument("--broken", type=int, default=200, help="scripts for each protocol that makes a mistake")
    parser.add_argument("--only", choices=KINDS, action="append", help="only this place")
    arguments = parser.parse_args()
    logging.getLogger("pgproof.cache").setLevel(logging.ERROR)
    with _open_server() as server:
        kinds = arguments.only or KINDS
        share = arguments.operations // (len(kinds) * len(MODES))
        right = [_play(server, kind, mode, arguments.seed, share) for kind in kinds for mode in MODES]
        found = [_find_out(server, broken, arguments.seed, arguments.broken) for broken in BROKEN]
    return 0 if all(right) and all(found) else 1


def _play(server: str, kind: Kind, mode: Mode, seed: int, calls: int) -> bool:
    """Play until so many calls have begun; show what came of it."""
    began, wrong, seeds = time.monotonic(), list[int](), count(seed)
    with _open_cells(server) as cells, open_places(kind, cells) as places:
        player = Player(cells, places, mode)
        while player.calls < calls:
            if player.play(make_script(number := next(seeds), CALLS)):
                wrong.append(number)
        took = time.monotonic() - began
        events = ", ".join(f"{many} {event}" for event, many in player.events.most_common())
        print(f"{mode} on {kind}: {player.calls} calls, {took:.0f} s, {len(wrong)} scripts show something wrong")
        print(f"    {events}", flush=True)
        for number in wrong[:3]:
            print(player.tell(number), flush=True)
    return not wrong


def _find_out(server: str, broken: Broken, seed: int, many: int) -> bool:
    """Play as many scripts with a mistake; show how many of them show it."""
    began, shown, reads = time.monotonic(), Counter[bool](), 0
    with _open_cells(server) as cells, open_places(broken.kind, cells) as places:
        player = Player(cells, places, broken.mode, broken.protocol)
        for number in range(seed, seed + many):
            wrong = player.play(make_script(number, CALLS, broken.needs))
            shown[bool(wrong)] += 1
            reads += len(wrong)
    took = time.monotonic() - began
    what = f"{shown[True]} of {many} scripts show it, {reads} reads, {took:.0f} s"
    print(f"{broken.wrong} ({broken.mode}): {what}", flush=True)
    return shown[True] > 0


@contextmanager
def _open_server() -> Iterator[str]:
    with (
        TemporaryDirectory(prefix="pgproof-bench-") as folder,
        throwaway_server(read_settings(Path(folder), environ={}, server="embedded")) as server,
    ):
        yield server.conninfo


@contextmanager
def _open_cells(server: str) -> Iterator[Cells]:
    ensure_created(server, _DATABASE)
    try:
        with (
            TemporaryDirectory(prefix="pgproof-bench-") as folder,
            closing(Cells(make_conninfo(server, dbname=_DATABASE), Path(folder))) as cells,
        ):
            with cells.lend() as connection:
                connection.execute(SCHEMA)
            yield cells
    finally:
        drop(server, _DATABASE)


if __name__ == "__main__":
    sys.exit(main())
