"""A script in, what is wrong after it was played out: a follower, a rival and Lambda bring one table to Postgres.

All is done in the thread that calls, so a seed says it all; others act whenever the follower asks AWS.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psycopg

from pgproof.errors import CloudError
from pgproof.metrics.feed import Feed, open_feeds
from pgproof.metrics.function.engine import Engine
from pgproof.metrics.mirror.source import EpochOver, Taken, fetch_source
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.follow import Follower
from pgproof.metrics.streams.stream import Pace, Trimmed, fetch_stream_shards
from pgproof.metrics.streams.sync import Sync
from tests.chaos.cutting import Fuse, connect_by
from tests.chaos.oracle import count
from tests.chaos.script import VERBS, dice, from_boto, make_script
from tests.chaos.stage import TABLE, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pgproof.metrics.aws import Aws
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.reading.segment import Segment
    from pgproof.settings import Settings
    from tests.chaos.script import Item

LENGTHS = (12, 16, 24, 60)
"""Events of scripts. Few, for what is lost in the midst of many is made right by what comes later."""

MOST = 800
"""Requests after which it is said that it does not come to an end."""

NO_PACE = Pace(interval=0, listing=0, rest=0, sleep=lambda _: None)

_list = partial(fetch_stream_shards, pace=NO_PACE)

# Without JIT: what is asked after each step is cheap, and estimated to be dear.
EMPTY = """
SET jit = off;
DELETE FROM pgproof_metrics.source;
DELETE FROM pgproof_metrics.daily;
DELETE FROM pgproof_metrics.member;
"""
_TIME_PASSES = """
UPDATE pgproof_metrics.shard SET since = since - %(by)s, listed_at = listed_at - %(by)s;
UPDATE pgproof_metrics.source SET scan_began_at = scan_began_at - %(by)s;
UPDATE pgproof_metrics.item SET changed_at = changed_at - %(by)s
"""
_DIFFERENCE = """
SELECT metric, day::text, dimensions::text FROM (
    (TABLE pgproof_metrics.from_scratch EXCEPT ALL TABLE pgproof_metrics.daily)
    UNION ALL
    (TABLE pgproof_metrics.daily EXCEPT ALL TABLE pgproof_metrics.from_scratch)
) AS differing
"""
_ITEMS = """
SELECT image FROM pgproof_metrics.item WHERE NOT deleted
ORDER BY image -> 'pk' ->> 'S' COLLATE "C", image -> 'sk' ->> 'S' COLLATE "C"
"""
_LETTERS = "SELECT record FROM pgproof_metrics.dead_letter"
_METRICS = "SELECT metric, day::text, dimensions, value FROM pgproof_metrics.daily"


_SPOILT: tuple[dict[str, Any], ...] = (
    {"Keys": {"pk": {"S": "MSG#1"}}},
    {"Keys": {"pk": {"S": "MSG#1"}, "sk": "a"}},
    {"Keys": {"pk": {"S": "MSG#1"}, "sk": {"S": "\ud800"}}},
    {"SequenceNumber": "1" * 50},
    {"SequenceNumber": "next"},
    {"NewImage": {"pk": {"N": "1e999"}}, "OldImage": {"pk": {"N": "1e999"}}, "Keys": {}},
)


class Over(Exception):
    """It is known what is wrong."""


@dataclass
class Player:
    """Plays scripts, one after the other, in one database with the tables of metrics.

    Attributes:
        settings: with the URL of that database.
        verbs: what happens, and how often.
    """

    settings: Settings
    mappings: Sequence[Mapping]
    verbs: dict[str, int] = field(default_factory=lambda: VERBS)

    def play(self, seed: int, *, by_lambda: bool = False) -> list[str]:
        """Return what is wrong at the end, or was on the way.

        Args:
            seed: of all that is random.
            by_lambda: whether Lambda does it, and the stream is read by nobody else.
        """
        with ExitStack() as stack:
            stack.enter_context(
                patch("pgproof.metrics.streams.sync.try_take", lambda *_: True)
            )  # not what safety rests on
            stack.enter_context(patch("pgproof.metrics.reading.scan.read_together", _read_one_by_one))
            game = stack.enter_context(closing(Game(self, seed)))
            with suppress(Over):
                game.run_by_lambda() if by_lambda else game.run()
            return game.wrong


class Game:
    """One script being played."""

    def __init__(self, player: Player, seed: int) -> None:
        url = player.settings.url or ""
        self.wrong: list[str] = []
        self._chance = dice(f"game/{seed}")
        self._watcher, self._rivals = connect_by(url), connect_by(url)
        self._watcher.execute(EMPTY)
        script = make_script(seed, self._chance.choice(LENGTHS), player.verbs)
        self.stage = Stage(script, seed, days=self._let_pass)
        self._fuse = Fuse()
        self._feed = open_feed(self.stage.aws, url, player.mappings, self._fuse)
        self._engine = Engine(player.settings, player.mappings)
        self._rival: Sync | None = None
        self._spoilt = set[str]()
        self._is_others = False
        self._others = self._chance.choice((0, 0.3))  # who is never alone is made right by others

    def run(self) -> None:
        """Play to the end, and look whether all is as it has to be; then all comes once more, and nothing changes."""
        self.stage.go_on(8)
        self.stage.on_call = self._meanwhile
        self._bring_up(cut=True)
        self.stage.finish()
        self._bring_up(cut=False)
        self.stage.on_call = lambda _: None
        self.compare("at the end")
        for _ in range(2):
            self._deliver(self._chance.sample(self.stage.records, len(self.stage.records)), news=False)
        self.compare("after all came again")

    def run_by_lambda(self) -> None:
        """Have the table read, and from then on every record come in no order, some late and some again."""
        bring_up(self._feed)
        done = set[str]()
        while not self.stage.is_over or len(done) < len(self.stage.records):
            self.stage.go_on(self._chance.randint(1, 6))
            records = self.stage.records
            if self.stage.is_over or self._chance.random() < 0.7:
                chosen = self._chance.sample(records, self._chance.randint(0, len(records)))
                self._deliver([*chosen, *self._spoil(chosen)])
                done |= {each["eventID"] for each in chosen}
                self._check("on the way")
        self.compare("at the end")
        self._deliver(records, news=False)
        if {json.loads(record)["eventID"] for (record,) in self._watcher.execute(_LETTERS)} != self._spoilt:
            self.wrong.append("what was malformed is not what was set aside")

    def _spoil(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return malformed ones beside these."""
        spoilt = []
        for record in filter(lambda _: self._chance.random() < 0.1, records):
            name = f"spoilt {len(self._spoilt)}"
            how = self._chance.choice(_SPOILT)
            spoilt.append({**record, "eventID": name, "dynamodb": {**record["dynamodb"], **how}})
            self._spoilt.add(name)
        return spoilt

    def close(self) -> None:
        for each in (self._watcher, self._rivals, self._engine):
            each.close()

    def compare(self, when: str) -> None:
        self._check(when)
        self.wrong += compare(self._watcher, self.stage.table, when)

    def _bring_up(self, *, cut: bool) -> None:
        while True:
            self._fuse.left = self._chance.randint(5, 150) if cut else None
            try:
                return bring_up(self._feed)
            except psycopg.OperationalError:
                assert cut
                self.stage.go_on(self._chance.choice((0, 0, 0, 12)))  # it may take a while until somebody goes on

    def _meanwhile(self, _: str) -> None:
        """What happens while the follower asks AWS."""
        if self._is_others:
            return
        if sum(self.stage.calls.values()) > MOST:
            self._is_wrong("it does not come to an end")
        self.stage.go_on(self._chance.choice((0, 0, 1, 2)))
        self._is_others = True
        try:
            if self._chance.random() < self._others:
                self._compete()
            if self._chance.random() < self._others and (records := self.stage.records):
                self._deliver(self._chance.choices(records, k=self._chance.randint(1, 4)))
        finally:
            self._is_others = False
        self._check("on the way")

    def _compete(self) -> None:
        """Let a rival read a page of each shard."""
        try:
            source = fetch_source(self._rivals, TABLE)
            if source.phase != "new":
                if self._rival is None:
                    self._rival = Sync(replace(self._feed, connect=lambda: self._rivals), self._rivals, source, NO_PACE)
                    self._rival.list_shards()
                self._rival.read_once()
        except (EpochOver, Trimmed):
            self._rival = None

    def _deliver(self, records: Sequence[dict[str, Any]], *, news: bool = True) -> None:
        """Bring records as Lambda does: any, any number of times."""
        try:
            taken = self._engine.take(self.stage.stream.arn, records)
        except CloudError as error:  # the table is not read yet, or is to be read anew, of another stream
            if "was never read" not in str(error) and "of another stream" not in str(error):
                raise
            return
        if taken.news and not news:
            self.wrong.append("what is known was news")

    def _let_pass(self, seconds: float) -> None:
        with self._watcher.transaction(), psycopg.ClientCursor(self._watcher) as cursor:
            cursor.execute(_TIME_PASSES, {"by": timedelta(seconds=seconds)})

    def _check(self, when: str) -> None:
        if found := self._watcher.execute(_DIFFERENCE).fetchone():
            self._is_wrong(f"{when}: not from scratch: {found}")

    def _is_wrong(self, what: str) -> None:
        self.wrong.append(what)
        raise Over


def open_feed(aws: Aws, url: str, mappings: Sequence[Mapping], fuse: Fuse) -> Feed:
    """Return the feed of the one table."""
    (feed,) = open_feeds(aws, partial(connect_by, url), mappings)
    return replace(feed, connect=partial(connect_by, url, fuse))


def bring_up(feed: Feed, *, segments: int = 1) -> None:
    """Read a table, or go on with that, and follow its stream to the end; as often as it takes."""
    with (
        closing(Follower(feed, pace=NO_PACE)) as follower,
        patch("pgproof.metrics.reading.scan.fetch_stream_shards", _list),
    ):
        while True:
            try:
                with closing(feed.connect()) as connection:
                    source = fetch_source(connection, feed.table.name)
                if source.phase != "live":
                    Scan(feed).run(source, segments=segments)
                return follower.catch_up()
            except (EpochOver, Taken):
                pass
            except CloudError as error:
                if "longer than a day" not in str(error) and "no stream" not in str(error):
                    raise


def compare(connection: psycopg.Connection[Any], items: Sequence[Item], when: str) -> list[str]:
    """Return in what the mirror is not the table, and the metrics not those of the table."""
    items = [from_boto(each) for each in items]
    mirror = [image for (image,) in connection.execute(_ITEMS)]
    wrong = [] if mirror == items else [f"{when}: the mirror is {mirror}, the table {items}"]
    expected = count(items)
    daily = {(metric, day, _text(by)): value for metric, day, by, value in connection.execute(_METRICS)}
    places = [each for each in {*daily, *expected} if daily.get(each) != expected.get(each)]
    if places:
        wrong.append(f"{when}: {[(each, daily.get(each), expected.get(each)) for each in places]}")
    return wrong


def _read_one_by_one(segments: Iterable[Segment], read: Callable[[Segment, Event], None], *, at_once: int) -> None:
    """Read as `read_together` does, in the order of segments and in no other thread."""
    assert at_once
    for each in segments:
        if not each.done:
            read(each, Event())


def _text(by: dict[str, Any]) -> str:
    return json.dumps(by, sort_keys=True)
