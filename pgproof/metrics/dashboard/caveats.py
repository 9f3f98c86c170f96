"""A dashboard in, what has to be known before it is believed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.figures import many
from pgproof.metrics.dashboard.figures import ago, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.metrics.dashboard.dashboard import Dashboard

_HINTS = {
    "new": "was never read: `inv metrics.backfill` reads it",
    "scanning": "is being read, so its metrics are not complete",
}


def tell_freshness(dashboard: Dashboard) -> Iterator[str]:
    """Yield, for each DynamoDB table, of when the last change is that was read."""
    for each in dashboard.tables:
        if each.read_to:
            since = ago((dashboard.now - each.read_to).total_seconds())
            yield f"{each.name}: the last change that was read is of {each.read_to:%Y-%m-%d %H:%M:%S} UTC, {since} ago."


def warn(dashboard: Dashboard) -> Iterator[str]:
    """Yield what is missing in the metrics, or should not be in them."""
    for table in dashboard.tables:
        if table.phase in _HINTS:
            yield f"{table.name} {_HINTS[table.phase]}"
        if table.problems:
            yield f"{table.name}: {many(table.problems, 'item')} could not be counted: `inv metrics.status` says why"
        if table.letters:
            yield f"{table.name}: {many(table.letters, 'record')} could not be kept: `inv metrics.status` says why"
    for series in dashboard.series:
        if series.later:
            yield f"{series.name}: {number(series.later)} dated after today"
    for name in dashboard.uncounted:
        yield f"{name} is not counted yet: `inv metrics.sync` has it counted"
    yield from dashboard.notes
