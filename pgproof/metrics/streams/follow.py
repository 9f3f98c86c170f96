"""A table's feed in, its mirror kept up to it out, whatever happens to the stream, to AWS or to Postgres meanwhile.

It needs no state of its own: how far it is, is in the database. Where the stream has lost records, or is another one,
the whole table is read anew.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.aws import is_transient
from pgproof.errors import CloudError, ServerUnavailable, SettingsError
from pgproof.metrics.mappings.mapping import fingerprint
from pgproof.metrics.mirror.mirror import prune
from pgproof.metrics.mirror.source import EpochOver, Taken, fetch_source, need_live
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.shard import leave_all
from pgproof.metrics.streams.stream import Pace, Trimmed
from pgproof.metrics.streams.sync import Sync
from pgproof.metrics.table import StreamOff, fetch_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from psycopg import Connection

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mirror.source import Source
    from pgproof.metrics.streams.sync import Progress

RELIST = 30.0
"""Seconds between two looks for new shards; a shard that is read to its end has one of its own."""

_OUTAGES = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, ServerUnavailable)
_TRY_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Follower:
    """Keeps the mirror of one table up to its stream."""

    def __init__(
        self,
        feed: Feed,
        notify: Callable[[Progress], None] = lambda _: None,
        pace: Pace = Pace(),  # noqa: B008 - it is frozen
        tell: Callable[[str, str], None] = lambda _text, _word: None,
    ) -> None:
        """Begin.

        Args:
            feed: of the table; its connections are asked for when they are needed.
            notify: is told what each page gave.
            pace: how often a shard is read.
            tell: is told in a line what happened, and by a word of what kind that is: applied or waiting.
        """
        self._feed = feed
        self._notify = notify
        self._pace = pace
        self._tell = tell
        self._connection: Connection[Any] | None = None
        self._source: Source | None = None
        self._lost: int | None = None
        self._reading: tuple[int, bool] | None = None
        self._failure = ""

    def close(self) -> None:
        """Hang up; shards that were read are left to others."""
        if self._connection:
            with suppress(psycopg.Error):
                leave_all(self._connection)
            self._connection.close()
        self._connection = None

    def catch_up(self) -> None:
        """Read until nothing more comes, and forget what nobody needs any more.

        Raises:
            CloudError: AWS refuses; the table has no stream, or was never read.
            SettingsError: the database follows other mappings than these.
            psycopg.Error, ServerUnavailable: Postgres does not go along.
        """
        while not self._attempt(_catch_up):
            pass

    def run(self) -> NoReturn:
        """Follow for ever. An outage is told once and waited for, and its end is told.

        Raises:
            CloudError: AWS refuses what waiting does not mend, such as credentials; or the table was never read.
            SettingsError: the database follows other mappings than these: somebody has changed them.
        """
        while True:
            try:
                self._attempt(self._follow)
            except _OUTAGES as error:
                self._wait(f"Postgres: {_why(error)}")
            except CloudError as error:
                if not _passes(error):
                    raise
                self._wait(_why(error))

    def _attempt(self, work: Callable[[Sync], None]) -> bool:
        """Do some work in the epoch as it is; return False where that is over, and the work is to be done again."""
        try:
            work(self._open())
        except (EpochOver, *_TRY_AGAIN):
            return False
        except Trimmed as error:
            self._lost = self._source.epoch if self._source else None
            self._tell(f"{self._feed.table.name}: records were lost before they were read: {error}", "waiting")
            return False
        return True

    def _open(self) -> Sync:
        """Begin with what the database and AWS say now; the table is read where its stream does not say it all."""
        self.close()
        self._connection = connection = self._feed.connect()
        self._source = source = fetch_source(connection, self._feed.table.name)
        self._check(source)
        table = fetch_table(self._feed.aws, source.name)
        feed = replace(self._feed, table=table)
        lost = source.epoch == self._lost or source.stream != table.need_stream()
        if lost or source.phase != "live":
            self._source = source = self._read_whole(feed, source, again=lost)
        return Sync(feed, connection, source, self._pace, self._notify)

    def _check(self, source: Source) -> None:
        if source.mappings != fingerprint(self._feed.mappings):
            what = f"metrics of DynamoDB's table {source.name} follow other mappings now than when this began"
            raise SettingsError(
                what, hint="somebody has changed metrics/*.toml: start again with the files as they are"
            )
        if source.phase == "new" or source.exported_to:
            need_live(source)  # what a person has not begun, or is in the midst of, is not for us to begin

    def _read_whole(self, feed: Feed, source: Source, *, again: bool) -> Source:
        if self._reading != (source.epoch, again):  # each try would say the same
            self._reading = source.epoch, again
            self._tell(f"{source.name}: reading the whole table{' anew' if again else ' on'}", "waiting")
        live = Scan(feed).run(source, again=again)
        self._tell(f"{source.name}: read the whole table", "applied")
        return live

    def _follow(self, sync: Sync) -> None:
        """Read until the stream is at its end: it was turned off, and may have been turned on again."""
        due_at = self._pace.clock()
        while True:
            if self._pace.clock() >= due_at:
                sync.list_shards()
                due_at = self._pace.clock() + RELIST
            came = sync.read_once()
            self._go_on()
            if not came:
                self._pace.sleep(self._pace.rest)
                if sync.is_over():
                    return

    def _wait(self, failure: str) -> None:
        """Tell what is waited for, once."""
        if failure != self._failure:
            self._failure = failure
            self._tell(f"{self._feed.table.name}: waiting: {failure}", "waiting")
        self.close()
        self._pace.sleep(self._pace.patience)

    def _go_on(self) -> None:
        if self._failure:
            self._failure = ""
            self._tell(f"{self._feed.table.name}: going on", "applied")


def _catch_up(sync: Sync) -> None:
    sync.catch_up()
    prune(sync.connection, sync.source)


def _passes(error: CloudError) -> bool:
    """Whether somebody else mends it: it is no refusal of what we ask."""
    if isinstance(error, StreamOff | Taken):
        return True
    return error.__cause__ is not None and is_transient(error.__cause__)


def _why(error: Exception) -> str:
    """Return the first line of an error; psycopg's have no password in them."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
