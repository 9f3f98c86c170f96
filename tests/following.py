"""A table in memory, its mirror in a real Postgres, and those who bring one up to the other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import EndpointConnectionError

from pgproof.metrics.feed import Feed, open_feeds
from pgproof.metrics.mirror.item import normalize, to_text
from pgproof.metrics.mirror.source import Source, fetch_source
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.follow import Follower
from pgproof.metrics.streams.stream import Pace
from pgproof.metrics.streams.sync import Progress, Sync
from pgproof.pg.database import connect
from tests.metrics import fetch_daily, fetch_from_scratch, install, read_messages
from tests.streams import Dynamo


class Desk:
    """One table, one database, and what was told."""

    def __init__(self, database: str, root: Path, dynamo: Dynamo, stack: ExitStack) -> None:
        self.database, self.dynamo, self._stack = database, dynamo, stack
        self.connection = self.connect()
        install(self.connection)
        (self.feed,) = open_feeds(dynamo.aws, self.connect, read_messages(root, dynamo.name))
        self.told: list[str] = []
        self.progress: list[Progress] = []

    def connect(self) -> psycopg.Connection[Any]:
        return self._stack.enter_context(closing(connect(self.database)))

    def source(self) -> Source:
        return fetch_source(self.connection, self.dynamo.name)

    def read_all(self) -> Source:
        """Read the whole table once, from where on its stream is followed."""
        return Scan(self.feed).run(self.source())

    def sync(self) -> Sync:
        """Somebody who reads the stream, with a session of its own."""
        return Sync(self.feed, self.connect(), self.source(), self.dynamo.pace, self.progress.append)

    def catch_up(self) -> None:
        with closing(self.follower()) as follower:
            follower.catch_up()

    def follower(self, *, feed: Feed | None = None, pace: Pace | None = None) -> Follower:
        tell = self.told.append
        return Follower(feed or self.feed, self.progress.append, pace or self.dynamo.pace, lambda text, _: tell(text))

    def mirror(self) -> list[str]:
        """The items of the mirror, as text."""
        rows = self.connection.execute("SELECT image::text FROM pgproof_metrics.item WHERE NOT deleted ORDER BY 1")
        return [row[0] for row in rows]

    def shards(self) -> dict[str, bool]:
        """Which shards are known, and whether they are read to their end."""
        return dict(self.connection.execute("SELECT id, closed FROM pgproof_metrics.shard").fetchall())

    def epoch(self) -> int:
        return self.source().epoch

    def check(self) -> None:
        """The mirror is the table, and the metrics are what they would be if they were counted now."""
        assert self.mirror() == sorted(to_text(normalize(each)) for each in self.dynamo.items.values())
        assert fetch_daily(self.connection) == fetch_from_scratch(self.connection)


class Enough(Exception):
    """The test has seen what it waits for."""


def until(pace: Pace, *acts: Callable[[], object]) -> Pace:
    """A pace whose waits, one after the other, let something happen; what is left then is to stop."""
    left = iter(acts)

    def sleep(seconds: float) -> None:
        if seconds < pace.rest:  # between two reads of a shard nothing happens
            return pace.sleep(seconds)
        act = next(left, None)
        if act is None:
            raise Enough
        pace.sleep(seconds)
        act()
        return None

    return Pace(clock=pace.clock, sleep=sleep)


def messages(dynamo: Dynamo, *numbers: int, day: str = "2026-01-01") -> None:
    """Put messages, one a number, each of one of three users."""
    for number in numbers:
        dynamo.put(pk=f"MSG#{number}", sk=f"{day}T10:00:00", user_uuid=f"user {number % 3}")


def at_desk(database: str, root: Path, dynamo: Dynamo) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(database, root, dynamo, stack)


def follow(desk: Desk, pace: Pace) -> None:
    """Follow until the pace has had enough."""
    with closing(desk.follower(pace=pace)) as follower, pytest.raises(Enough):
        follower.run()


def down(dynamo: Dynamo) -> EndpointConnectionError:
    """What boto3 says where nobody answers."""
    return EndpointConnectionError(endpoint_url=f"https://{dynamo.name}")
