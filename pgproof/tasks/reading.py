"""metrics.backfill, metrics.import-export: whole tables in."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError
from pgproof.tasks.metrics import open_project_feeds
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.reading.backfill import Reading
    from pgproof.metrics.reading.export import Store
    from pgproof.tasks.task import Place

_AGAIN = "read what was read already, or is being read otherwise"


@place_task(
    help={
        "table": "of DynamoDB's (default: all that metrics/*.toml name); may be repeated",
        "segments": "parts of a table that are read at the same time (default: 4)",
        "again": _AGAIN,
        "json": "for a script",
    },
    iterable=["table"],
)
def backfill(
    place: Place,
    table: list[str],
    segments: str = "4",
    again: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Read DynamoDB's tables as they are now, and their streams since; goes on where it was interrupted.

    --json: [{"table", "items", "swept", "records", "seconds", "exported_to", "live"}, …], one for each that was read.
    """
    from pgproof.aws import ATTEMPTS
    from pgproof.metrics.reading.backfill import backfill as read

    parts = count("--segments", segments)
    done = []
    for feed in choose_feeds(open_project_feeds(place, attempts=ATTEMPTS), table):
        if again or not _tell_live(place, feed, quiet=json):
            notify = _show(place, feed, feed.table.items)
            done.append(read(feed, segments=parts, again=again, notify=notify))
            _tell(place, done[-1], quiet=json)
    if json:
        place.screen.say(dumps([asdict(each) for each in done], indent=2))


@place_task(
    help={
        "path": "folder of one export: …/AWSDynamoDB/<id>, here or s3://bucket/…",
        "again": _AGAIN,
        "json": "for a script",
    }
)
def import_export(
    place: Place,
    path: str,
    again: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Read an export of a DynamoDB table, and its stream since; goes on where it was interrupted.

    An export of the whole table first; then, while its stream does not reach back to that moment, increments.
    --json: as `metrics.backfill` gives it.
    """
    from pgproof.aws import ATTEMPTS
    from pgproof.metrics.reading.backfill import import_export as read
    from pgproof.metrics.reading.export import open_export

    feeds = open_project_feeds(place, attempts=ATTEMPTS)
    export = open_export(_open_store(place, feeds, path))
    (feed,) = choose_feeds(feeds, [export.name])
    done = []
    if export.since or again or not _tell_live(place, feed, quiet=json):
        done.append(read(feed, export, again=again, notify=_show(place, feed, export.items)))
        _tell(place, done[-1], quiet=json)
    if json:
        place.screen.say(dumps([asdict(each) for each in done], indent=2))


def choose_feeds(feeds: Sequence[Feed], names: Sequence[str]) -> list[Feed]:
    """Return the feeds of these tables; all, if no name is given.

    Raises:
        SettingsError: no mapping names one of them.
    """
    known = {each.table.name: each for each in feeds}
    if unknown := sorted({*names} - known.keys()):
        what = f"no file of metrics/*.toml is about DynamoDB's table {', '.join(unknown)}"
        raise SettingsError(what, hint=f"they are about {', '.join(known) or 'none'}")
    return [known[name] for name in dict.fromkeys(names or known)]


def _open_store(place: Place, feeds: Sequence[Feed], path: str) -> Store:
    from pgproof.metrics.aws import open_s3
    from pgproof.metrics.reading.export import Bucket, Folder

    if not path.startswith("s3://"):
        return Folder(Path(path).expanduser())
    if not feeds:
        raise SettingsError("no file of metrics/*.toml is about a table of DynamoDB's")
    return Bucket(feeds[0].aws, open_s3(place.settings), path.rstrip("/"))


def _show(place: Place, feed: Feed, total: int) -> Callable[[int], None]:
    text = feed.table.name
    return lambda items: place.screen.progress(text, items, total)


def _tell_live(place: Place, feed: Feed, *, quiet: bool) -> bool:
    """Whether a table was read already; say so."""
    from pgproof.metrics.reading.backfill import fetch

    source = fetch(feed)
    live = source.phase == "live"
    if live and not quiet:
        since = f"{source.scan_ended_at:%F %T%z}" if source.scan_ended_at else "before"
        place.screen.say(
            f"{source.name} is live since {since}: `inv metrics.sync` reads its stream; --again reads it all"
        )
    return live


def _tell(place: Place, done: Reading, *, quiet: bool) -> None:
    if quiet:
        return
    items = _count(done.items, "item")
    if done.live:
        records = _count(done.records, "record")
        what = f"{items}, {done.swept:,} gone since before, {records} of its stream, {done.seconds} s"
        place.screen.say(f"{done.table}: {what}", "applied")
        return
    place.screen.say(f"{done.table}: {items} as of {done.exported_to}, {done.seconds} s", "applied")
    what = f"its stream does not reach back so far: import an incremental export from {done.exported_to} on"
    place.screen.say(f"{done.table} is not live yet: {what}", "waiting")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"
