"""metrics.show, metrics.status, metrics.verify: what the metrics say, and whether they are right."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Exit
from psycopg import errors

from pgproof.errors import Location, SettingsError
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from psycopg import Connection

    from pgproof.metrics.dashboard.dashboard import Dashboard, Series
    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.verifying.verify import Verdict
    from pgproof.tasks.task import Place

_MOST_DAYS = 3660


@place_task(
    help={
        "metric": "only this one; may be repeated",
        "days": "how many, with today (default: 14)",
        "today": "as if it were that day, such as 2026-03-08",
        "html": "write a page with plots to this file",
        "json": "for a script",
    },
    iterable=["metric"],
)
def show(
    place: Place,
    metric: list[str],
    days: str = "14",
    today: str = "",
    html: str = "",
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Show the metrics: in total, per day, and whether they grow.

    --json: {"now", "metrics": [{"name", "measure", "of", "by": [dimension, …], "zone", "total", "week", "week_before",
    "later", "days": [{"day", "value", "running", "over"}, …], "groups": [{"by": {dimension: text}, "value", "groups"},
    …]}, …], "tables": [{"name", "phase", "read_to", "problems", "letters"}, …], "uncounted": [name, …],
    "notes": [text, …]}; sums are text, for they have up to 38 digits and more; what nobody knows is null; a group by
    nothing is the rest of them.
    """
    from pgproof.metrics.mappings.mapping import read_mappings
    from pgproof.tasks.overview import show_dashboard

    dashboard = _fetch_dashboard(
        place, read_mappings(place.settings.metrics), metric, _read_days(days), _read_today(today)
    )
    if html:
        _write_page(place, dashboard, Path(html))
    elif json:
        place.screen.say(dumps(_as_dict(dashboard), indent=2, ensure_ascii=False))
    else:
        show_dashboard(place.screen, dashboard)


@place_task(help={"json": "for a script"})
def status(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show how DynamoDB's tables fare on their way here, as the database knows it; AWS is not asked.

    --json: [{"table", "phase", "epoch", "stream", "scan_began_at", "scan_ended_at", "exported_to", "segments",
    "segments_done", "scanned", "items", "tombstones", "problems", "examples": [{"item", "problem"}, …], "letters",
    "newest": [{"id", "arrived_at", "reason"}, …], "shards": [{"id", "parent", "sequence", "read_to", "closed", "ago",
    "reader"}, …]}, …]; ago is in seconds, reader a server process.
    """
    from pgproof.metrics.dashboard.status import fetch_statuses
    from pgproof.metrics.feed import need_metrics
    from pgproof.metrics.mappings.mapping import read_mappings
    from pgproof.tasks.overview import show_status

    mappings = read_mappings(place.settings.metrics)
    with place.connect_if_up() as connection:
        need_metrics(connection)
        found = fetch_statuses(connection, mappings)
    if json:
        place.screen.say(dumps([asdict(each) for each in found], indent=2, ensure_ascii=False, default=str))
        return
    for each in found:
        show_status(place.screen, each)
    if not found:
        place.screen.say("no DynamoDB table is known here")


@place_task(help={"table": "only this one, in DynamoDB", "json": "for a script"})
def verify(place: Place, table: str = "", json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Compare DynamoDB's tables with their mirrors, item by item, and the mirrors with the metrics; read the stream on.

    Exits with 1 where anything differs. Nothing is mended. It reads all of a table, which DynamoDB charges for.

    --json: [{"table", "items", "mirrored", "numbers", "busy", "problems", "letters", "differences": [{"kind", "where",
    "details"}, …]}, …]; table is null for what is counted in this database.
    """
    from pgproof.metrics.mappings.mapping import read_mappings
    from pgproof.metrics.verifying.verify import verify_counted
    from pgproof.tasks.overview import show_verdict

    mappings = read_mappings(place.settings.metrics)
    verdicts = [_verify(place, each) for each in _choose(place, mappings, table)]
    if not table and any(each.store == "postgres" for each in mappings):
        with place.connect_if_up() as connection:
            verdicts.append(verify_counted(connection, mappings))
    if json:
        place.screen.say(dumps([asdict(each) for each in verdicts], indent=2, ensure_ascii=False))
    for each in () if json else verdicts:
        show_verdict(place.screen, each)
    if many := sum(len(each.differences) for each in verdicts):
        raise Exit(f"error: {many:,} difference{'s' if many != 1 else ''}", code=1)


def _fetch_dashboard(
    place: Place, mappings: list[Mapping], names: Sequence[str], days: int, today: date | None
) -> Dashboard:
    """Have metrics of tables of this database counted, where they are old, and return all that are asked for."""
    from pgproof.metrics.dashboard.dashboard import fetch_dashboard
    from pgproof.metrics.feed import need_metrics

    with place.connect_if_up() as connection:
        need_metrics(connection)
        notes = list(_refresh(connection, mappings))
        now = datetime.now(UTC)
        dashboard = fetch_dashboard(connection, mappings, now=now, days=days, names=names, today=today)
    return replace(dashboard, notes=notes)


def _refresh(connection: Connection[Any], mappings: list[Mapping]) -> Iterator[str]:
    """Count what is old; who may only read sees it as it was, and is told."""
    from pgproof.metrics.mappings.relational import refresh_due

    try:
        refresh_due(connection, mappings)
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        yield f"tables of this database are not counted now: {str(error).partition(chr(10))[0]}"


def _read_days(text: str) -> int:
    days = count("--days", text)
    if days > _MOST_DAYS:
        raise SettingsError(f"--days {days:,} is more than {_MOST_DAYS:,}")
    return days


def _read_today(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise SettingsError(f"--today {text!r} is not a day", hint="such as 2026-03-08") from error


def _write_page(place: Place, dashboard: Dashboard, path: Path) -> None:
    from pgproof.metrics.dashboard.page import to_html

    try:
        path.write_text(to_html(dashboard, f"Metrics of {place.server.database}"), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"it cannot be written: {error.strerror}", at=Location(path)) from error
    place.screen.say(f"{path}: {len(dashboard.series)} metric{'s' if len(dashboard.series) != 1 else ''}", "applied")


def _as_dict(dashboard: Dashboard) -> dict[str, Any]:
    def written(value: Decimal | None, series: Series) -> Any:  # noqa: ANN401
        return value if value is None else f"{value:f}" if series.measure == "sum" else int(value)

    metrics = []
    for series in dashboard.series:
        said = asdict(series)
        said |= {name: written(said[name], series) for name in ("total", "week", "week_before", "later")}
        for each in (*said["days"], *said["groups"]):
            each |= {name: written(each[name], series) for name in ("value", "running") if name in each}
        metrics.append(said | {"days": [{**each, "day": each["day"].isoformat()} for each in said["days"]]})
    tables = [
        asdict(each) | {"read_to": each.read_to.isoformat() if each.read_to else None} for each in dashboard.tables
    ]
    return {
        "now": dashboard.now.isoformat(),
        "metrics": metrics,
        "tables": tables,
        "uncounted": list(dashboard.uncounted),
        "notes": list(dashboard.notes),
    }


def _choose(place: Place, mappings: Sequence[Mapping], table: str) -> list[Feed]:
    from pgproof.tasks.metrics import open_project_feeds
    from pgproof.tomltext import did_you_mean

    known = sorted({each.table for each in mappings if each.store == "dynamodb"})
    if table and table not in known:
        raise SettingsError(
            f"no mapping is of DynamoDB's table {table}", hint=did_you_mean(table, known, ", ".join(known))
        )
    if not known:
        return []
    return [each for each in open_project_feeds(place) if table in ("", each.table.name)]


def _verify(place: Place, feed: Feed) -> Verdict:
    from pgproof.metrics.streams.follow import Follower
    from pgproof.metrics.verifying.verify import verify_table

    follower = Follower(feed, tell=place.screen.say)
    place.screen.busy(f"comparing {feed.table.name}")
    with closing(follower), place.connect_if_up() as connection:
        return verify_table(feed, connection, follower.catch_up)
