"""A dashboard, a table's status or a verdict in, lines and tables on the screen out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pgproof.figures import many
from pgproof.markup import visible
from pgproof.metrics.dashboard.figures import BARS, PLAIN_BARS, ago, change, number, short, sparkline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from pgproof.metrics.dashboard.dashboard import Dashboard, Series
    from pgproof.metrics.dashboard.status import Status
    from pgproof.metrics.verifying.verify import Verdict
    from pgproof.tasks.screen import Screen

_SUMMARY = ("metric", "total", "today", "7 days", "before", "change", "day by day")
_SPARKS = 30  # days in a line of a table, at most
_ACROSS = 6  # metrics beside each other
_WIDE = 20  # characters of a number, at most
_SHOWN = 50  # differences; --json has all


def show_dashboard(screen: Screen, dashboard: Dashboard) -> None:
    """Write what metrics say, and what has to be known before it is believed."""
    from pgproof.metrics.dashboard.caveats import tell_freshness, warn

    if dashboard.series:
        _table(screen, _SUMMARY, [_summary(each) for each in dashboard.series], right=range(1, 6))
    for several in _beside(dashboard.series):
        screen.say("")
        columns = [f"day ({several[0].zone})", *(each.name for each in several)]
        _table(screen, columns, list(_day_rows(several)), right=range(1, len(columns)))
    for series in dashboard.series:
        if series.groups:
            _show_groups(screen, series)
    if not dashboard.series:
        screen.say("no metric is counted yet")
    for line in tell_freshness(dashboard):
        screen.say(line, "help")
    for line in warn(dashboard):
        screen.say(f"warning: {line}", "warning")


def _summary(series: Series) -> list[str]:
    values = (series.total, series.today.value, series.week, series.week_before)
    over = [each.value for each in series.days if each.over][-_SPARKS:]
    return [
        series.name,
        *map(_number, values),
        _encodable(change(series.week, series.week_before)),
        sparkline(over, bars=_bars()),
    ]


def _number(value: Decimal | None) -> str:
    """Return a number that leaves place for others; --json and --html have all its digits."""
    text = number(value)
    return text if len(text) <= _WIDE else short(float(value or 0))


def _beside(all_series: Sequence[Series]) -> Iterator[list[Series]]:
    """Yield as many metrics as have a place beside each other, whose days begin at the same time."""
    by_zone: dict[str, list[Series]] = {}
    for each in all_series:
        by_zone.setdefault(each.zone, []).append(each)
    for several in by_zone.values():
        yield from (several[first : first + _ACROSS] for first in range(0, len(several), _ACROSS))


def _day_rows(several: Sequence[Series]) -> Iterator[list[str]]:
    for days in zip(*(each.days for each in several), strict=True):
        yield [f"{days[0].day}{'' if days[0].over else ' (not over)'}", *(_number(each.value) for each in days)]


def _show_groups(screen: Screen, series: Series) -> None:
    rows = []
    for each in series.groups:
        values = [_said(each.by.get(name)) for name in series.by]
        others = [f"({each.groups:,} others)", *[""] * (len(series.by) - 1)]
        rows.append([*(values if each.by else others), _number(each.value)])
    screen.say("")
    _table(screen, [*series.by, series.name], rows, right=[len(series.by)])


def _said(value: str | None) -> str:
    return "(none)" if value is None else visible(value).replace("\n", " ").replace("\t", " ")


def _table(screen: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]) -> None:
    """Write a table with numbers under each other."""
    lines = [list(columns), *map(list, rows)]
    for place in right:
        width = max(len(line[place]) for line in lines)
        for line in lines:
            line[place] = line[place].rjust(width)
    screen.table(lines[0], lines[1:])


def _bars() -> str:
    return PLAIN_BARS if _encodable(BARS) != BARS else BARS


def _encodable(text: str) -> str:
    """Return text that the output takes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def show_status(screen: Screen, status: Status) -> None:
    """Write how a table fares."""
    screen.say(f"{status.table}: {_phase(status)}", "query")
    if status.phase == "new":
        screen.say("  `inv metrics.backfill` reads it", "waiting")
        return
    screen.say(f"  {many(status.items, 'item')}, {many(status.tombstones, 'tombstone')}; reading {status.epoch}")
    for line in _stream_lines(status):
        screen.say(f"  {line}")
    if status.problems:
        screen.say(f"  {many(status.problems, 'item')} could not be counted, and will be once mended:", "edited")
    for example in status.examples:
        where = ", ".join(f"{name} {value}" for name, value in example.item.items())
        screen.say(f"    {where}: {example.problem}")
    if status.letters:
        screen.say(
            f"  {many(status.letters, 'record')} could not be kept; `inv metrics.retry` tries them again:", "edited"
        )
    for letter in status.newest:
        screen.say(f"    {letter.id}, {letter.arrived_at:%Y-%m-%d %H:%M:%S}: {letter.reason}")


def _phase(status: Status) -> str:
    if status.phase == "scanning":
        return f"being read, {status.segments_done} of {status.segments} parts done, {status.scanned:,} items"
    since = f" since {status.scan_ended_at:%Y-%m-%d %H:%M:%S}" if status.scan_ended_at else ""
    return f"live{since}" if status.phase == "live" else "never read"


def _stream_lines(status: Status) -> Iterator[str]:
    closed = sum(each.closed for each in status.shards)
    read = [each for each in status.shards if each.reader]
    shards = many(len(status.shards) - closed, "open shard")
    yield f"{shards}, {len(read)} being read by metrics.sync; {closed} read to the end"
    if last := status.last:
        yield f"the last change that was read is of {last.read_to:%Y-%m-%d %H:%M:%S}, {ago(last.ago or 0)} ago"
    for each in status.shards:
        if not each.closed:
            since = f", {ago(each.ago)} ago" if each.ago is not None else ""
            yield f"  {each.id}: {f'read to {each.sequence}' if each.sequence else 'nothing read yet'}{since}"


def show_verdict(screen: Screen, verdict: Verdict) -> None:
    """Write whether a table is equal, and where it is not."""
    name = verdict.table or "tables of this database"
    for each in verdict.differences[:_SHOWN]:
        screen.say(f"{name}: {each}", "edited")
    if (more := len(verdict.differences) - _SHOWN) > 0:
        screen.say(f"{name}: {many(more, 'difference')} more, which --json has", "edited")
    items = f"{many(verdict.items, 'item')} in DynamoDB, {verdict.mirrored:,} in the mirror, " if verdict.table else ""
    right = "equal" if not verdict.differences else "not equal"
    screen.say(
        f"{name}: {items}{many(verdict.numbers, 'number')}: {right}", "applied" if right == "equal" else "edited"
    )
    if verdict.busy:
        screen.say(f"{name}: {many(verdict.busy, 'item')} written while we looked, and not compared", "waiting")
    if verdict.problems or verdict.letters:
        what = f"{many(verdict.problems, 'item')} could not be counted, {many(verdict.letters, 'record')} not be kept"
        screen.say(f"{name}: {what}: `inv metrics.status` says why", "waiting")
