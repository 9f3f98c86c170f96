"""A killer and a database in, what is wrong after deaths out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgproof.metrics.feed import open_feeds
from pgproof.metrics.mappings.mapping import read_mappings
from tests.chaos.killing import ALIVE, Killer, Outcome, Run
from tests.chaos.oracle import MAPPING
from tests.chaos.player import EMPTY, bring_up, compare
from tests.chaos.script import VERBS, dice, make_item, make_script, to_boto
from tests.chaos.stage import TABLE, Stage
from tests.dynamo import connect_aws, make_table
from tests.metrics import fetch_daily, fetch_from_scratch, write_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from pgproof.metrics.aws import Aws
    from tests.chaos.cutting import Lender

_WAIT_FOR_DEATH = f"SELECT pg_advisory_lock({ALIVE}), pg_advisory_unlock({ALIVE})"
# A session that ends gives its locks back one by one, and may be halted in between: on a busy machine, 7 in 1,000.
_IS_OVER = """
SELECT count(*) = 0 FROM pg_locks JOIN pg_database AS d ON d.oid = database
WHERE locktype = 'advisory' AND d.datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass
class Deaths:
    """Has whoever brings a table to Postgres be killed.

    Attributes:
        connection: of the database at that URL, which has the tables of metrics.
    """

    killer: Killer
    connection: psycopg.Connection[Any]
    url: str
    root: Path
    lender: Lender

    def count_steps(self, *, seed: int, length: int) -> int:
        """Return how many steps it takes if nobody is killed."""
        return self._run(self._begin(seed, length)).steps

    def at_each_step(self, steps: Iterable[int], *, seed: int, length: int) -> list[str]:
        """Kill once at each of these steps of the same loop; return what is wrong after somebody else has gone on."""
        wrong = []
        for step in steps:
            run = self._begin(seed, length)
            died = self._run(replace(run, kill_at=step))
            assert died.killed or died.steps < step
            wrong += self._rescue(run, f"killed at step {step}")
        return wrong

    def at_random(self, *, kills: int, seed: int) -> list[str]:
        """Kill so many times, up to four times in one history; return what is wrong."""
        chance, wrong, history = dice(seed), list[str](), seed * 1000
        while kills > 0:
            history += 1
            run = self._begin(history, 20)
            died = Outcome(0, 0, killed=False)
            for _ in range(chance.randint(1, 4)):
                died = self._run(replace(run, kill_at=chance.randint(1, 150), position=died.position))
                kills -= died.killed
            wrong += self._rescue(run, f"history {history}")
        return wrong

    def over_the_wire(self, aws: str, steps: Iterable[int]) -> list[str]:
        """Kill at each of these steps on its way with moto's server; an item is changed before the rescue."""
        cloud = connect_aws(aws)
        name = make_table(cloud, TABLE)
        write_mapping(self.root, "messages", MAPPING.format(table=name))
        chance, items, wrong = dice(1), dict[tuple[str, str], Any](), list[str]()
        for step in steps:
            self.connection.execute(EMPTY)
            run = Run(self.url, str(self.root / "metrics"), aws=aws)
            for event in make_script(step, 6, {"put": 1}):
                items[event.key] = event.item
                cloud.tables.put_item(TableName=name, Item=to_boto(event.item))
            self._run(replace(run, kill_at=step))
            key = chance.choice(sorted(items))
            items[key] = make_item(chance, key)
            cloud.tables.put_item(TableName=name, Item=to_boto(items[key]))
            self._go_on(run, cloud)
            wrong += self._compare([to_boto(items[each]) for each in sorted(items)], f"killed at step {step}")
        return wrong

    def _begin(self, seed: int, length: int) -> Run:
        write_mapping(self.root, "messages", MAPPING.format(table=TABLE))
        self.connection.execute(EMPTY)
        return Run(self.url, str(self.root / "metrics"), seed=seed, length=length)

    def _rescue(self, run: Run, when: str) -> list[str]:
        """Go on after the last death, when all has happened."""
        stage = Stage(make_script(run.seed, run.length, VERBS), run.seed, run.length)
        self._go_on(run, stage.aws)
        return self._compare(stage.table, when)

    def _go_on(self, run: Run, aws: Aws) -> None:
        (feed,) = open_feeds(aws, self.lender, read_mappings(Path(run.folder)))
        bring_up(feed)

    def _run(self, run: Run) -> Outcome:
        """Do a run, and wait until Postgres knows that it is over."""
        outcome = self.killer.run(run)
        self.connection.execute(_WAIT_FOR_DEATH)
        while self.connection.execute(_IS_OVER).fetchone() != (True,):
            pass
        return outcome

    def _compare(self, items: list[Any], when: str) -> list[str]:
        wrong = compare(self.connection, items, when)
        if fetch_daily(self.connection) != fetch_from_scratch(self.connection):
            wrong.append(f"{when}: not from scratch")
        return wrong
