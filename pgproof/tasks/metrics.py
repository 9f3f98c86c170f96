"""metrics.sync: DynamoDB's streams in, the metrics table brought up to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgproof.metrics.feed import Feed
    from pgproof.tasks.task import Place


def open_project_feeds(place: Place, *, attempts: int | None = None) -> list[Feed]:
    """Return the feeds of the project's DynamoDB tables; `attempts` is how often a request is tried, None for ever."""
    from pgproof.metrics.aws import open_aws
    from pgproof.metrics.feed import open_feeds
    from pgproof.metrics.mapping import read_mappings

    mappings = read_mappings(place.settings.metrics)
    place.connect_if_up().close()  # a server that is down is told before AWS is asked
    aws = open_aws(place.settings, attempts=attempts, notify=place.screen.busy)
    return open_feeds(aws, place.connect_if_up, mappings)
