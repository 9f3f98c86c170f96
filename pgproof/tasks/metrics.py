"""metrics.sync: DynamoDB's streams in, the metrics table brought up to them."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import replace
from json import dumps
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.errors import ServerUnavailable, SettingsError
from pgproof.tasks.screen import PlainScreen
from pgproof.tasks.task import place_task, until_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.streams.tally import Tally
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

_QUICK = 4  # attempts of who follows: that AWS is down is told after some seconds, and then waited for
_TICK = 0.5  # seconds between two looks at how it goes
_SAY = 10.0  # seconds between two lines in a log
_REFRESH = 60.0  # seconds between two counts of this database's own tables


@place_task(help={"follow": "go on until interrupted", "json": "for a script"})
def sync(place: Place, follow: bool = False, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Read DynamoDB's streams up to the present, and bring metrics up to them.

    --json: [{"table", "records", "news", "read_to"}, …]; news are records that said what was not known yet, and
    read_to is about when the latest record was written: null if there was none.
    """
    if follow and json:
        raise SettingsError("--follow has no --json", hint="`inv metrics.status --json` says how it goes")
    mappings = _read_mappings(place)
    feeds = open_project_feeds(place, attempts=_QUICK if follow else None)
    if follow:
        _follow(place, feeds, mappings)
        return
    tallies = {each.table.name: _catch_up(place, each, quiet=json) for each in feeds}
    _refresh(place, mappings)
    if json:
        place.screen.say(dumps([_as_json(*each) for each in tallies.items()], indent=2))
    elif counted := sorted({each.table for each in mappings if each.store == "postgres"}):
        place.screen.say(f"{', '.join(counted)}: counted", "applied")


def open_project_feeds(place: Place, *, attempts: int | None = None) -> list[Feed]:
    """Return the feeds of the project's DynamoDB tables; none where its metrics are all of tables of Postgres.

    Args:
        place: with the project.
        attempts: how often a request to AWS is tried; None: as often as is usual.
    """
    from pgproof.aws import ATTEMPTS
    from pgproof.metrics.aws import open_aws
    from pgproof.metrics.feed import need_metrics, open_feeds
    from pgproof.metrics.mappings.adopt import adopt

    mappings = _read_mappings(place)
    with closing(place.connect_if_up()) as connection:  # a server that is down is told before AWS is asked
        need_metrics(connection)
        if all(each.store == "postgres" for each in mappings):
            adopt(connection, mappings)
            return []
    aws = open_aws(place.settings, attempts=attempts or ATTEMPTS, notify=place.screen.busy)
    return open_feeds(aws, lambda: _connect(place), mappings)


def _read_mappings(place: Place) -> list[Mapping]:
    from pgproof.metrics.mappings.mapping import read_mappings

    return read_mappings(place.settings.metrics)


def _connect(place: Place) -> Connection[Any]:
    return replace(place).connect_if_up()  # a server that was started anew may be elsewhere


def _catch_up(place: Place, feed: Feed, *, quiet: bool) -> Tally:
    from pgproof.metrics.streams.follow import Follower
    from pgproof.metrics.streams.tally import Tally

    tally, name, screen = Tally(), feed.table.name, place.screen
    tell: Callable[[str, str], None] = (lambda text, _: screen.busy(text)) if quiet else screen.say
    screen.busy(f"{name}: reading its stream")
    with closing(Follower(feed, tally.count, tell=tell)) as follower:
        follower.catch_up()
    if not quiet:
        until = f", up to {tally.read_to:%F %T} UTC" if tally.read_to else ""
        screen.say(f"{name}: {tally.records:,} records, {tally.news:,} news{until}", "applied")
    return tally


def _follow(place: Place, feeds: Sequence[Feed], mappings: Sequence[Mapping]) -> None:
    from pgproof.metrics.streams.crew import Crew

    names = ", ".join(each.table.name for each in feeds) or "no table of DynamoDB's"
    with until_interrupted(place.screen):
        place.screen.say(f"following {names}")
        with closing(Crew(feeds, place.screen.say)) as crew:
            refresh_at, reporter = time.monotonic(), Reporter(place.screen, crew.tallies)
            while True:
                if time.monotonic() >= refresh_at:
                    refresh_at = time.monotonic() + _REFRESH
                    with suppress(psycopg.OperationalError, ServerUnavailable):  # who follows tells of that
                        _refresh(place, mappings)
                crew.wait(_TICK)
                reporter.report()


class Reporter:
    """Shows how it goes: at every look to who watches, and now and then, if something came, in a log."""

    def __init__(self, screen: Screen, tallies: dict[str, Tally], clock: Callable[[], float] = time.monotonic) -> None:
        self._screen, self._tallies, self._clock = screen, tallies, clock
        self._said = dict.fromkeys(tallies, 0)
        self._due_at = 0.0

    def report(self) -> None:
        """Show it, if it is time to."""
        if not isinstance(self._screen, PlainScreen):
            self._screen.busy("; ".join(f"{name}: {each.words()}" for name, each in self._tallies.items()))
            return
        came = {name: each for name, each in self._tallies.items() if each.records > self._said[name]}
        if came and self._clock() >= self._due_at:
            self._due_at = self._clock() + _SAY
            for name, each in came.items():
                self._said[name] = each.records
                self._screen.say(f"{name}: {each.words()}", "applied")


def _refresh(place: Place, mappings: Sequence[Mapping]) -> None:
    """Count this database's own tables."""
    from pgproof.metrics.mappings.relational import refresh_all

    if any(each.store == "postgres" for each in mappings):
        with closing(_connect(place)) as connection:
            refresh_all(connection, mappings)


def _as_json(name: str, tally: Tally) -> dict[str, Any]:
    read_to = f"{tally.read_to:%FT%TZ}" if tally.read_to else None
    return {"table": name, "records": tally.records, "news": tally.news, "read_to": read_to}
