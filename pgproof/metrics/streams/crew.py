"""Feeds in, each followed by a thread of its own out, until one of them fails or all are told to stop."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from queue import Empty, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING

from pgproof.metrics.streams.follow import Follower
from pgproof.metrics.streams.stream import Pace
from pgproof.metrics.streams.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.streams.sync import Progress

_GRACE = 5.0  # seconds for a page to be taken in; what is cut off is undone by Postgres


class Stopped(Exception):
    """All were told to stop."""


class Crew:
    """Those who follow.

    Attributes:
        tallies: table -> what it gave.
    """

    def __init__(self, feeds: Sequence[Feed], tell: Callable[[str, str], None]) -> None:
        """Begin.

        Args:
            feeds: one a table.
            tell: is told in a line what happened, and by a word of what kind that is; from several threads.
        """
        self.tallies = {each.table.name: Tally() for each in feeds}
        self._tell = tell
        self._stop = Event()
        self._failures: Queue[BaseException] = Queue()
        # As daemons: who is told to stop does not wait for an answer of AWS, or of a lock.
        self._threads = [Thread(target=self._follow, args=[each], daemon=True) for each in feeds]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> None:
        """Let them work for so long.

        Raises:
            Exception: what one of them could not go on after.
        """
        try:
            raise self._failures.get(timeout=seconds)
        except Empty:
            return

    def close(self) -> None:
        """Stop all, each after the page that it is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_GRACE)

    def _follow(self, feed: Feed) -> None:
        notify = partial(self._count, self.tallies[feed.table.name])
        try:
            with closing(Follower(feed, notify, Pace(sleep=self._sleep), self._tell)) as follower:
                follower.run()
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - whatever it is, `wait` raises it
            self._failures.put(error)

    def _count(self, tally: Tally, progress: Progress) -> None:
        tally.count(progress)
        self._sleep(0)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
