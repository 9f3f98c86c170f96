"""A mirror in, where facts, members or metrics are not what follows from it out."""

from __future__ import annotations

from json import dumps, loads
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.figures import many
from pgproof.metrics.dashboard.figures import number
from pgproof.metrics.mappings.facts import NO_FACTS, find_facts
from pgproof.metrics.mappings.relational import fetch_counted, refresh_all
from pgproof.metrics.verifying.difference import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.mirror.source import Source

_PAGE = 1000

# Page by page, so that no snapshot is held for as long as it takes to look at all of it.
_ITEMS = """
SELECT key, image, deleted, facts, problem FROM pgproof_metrics.item
WHERE source = %s AND key > %s AND (image IS NOT NULL OR facts IS NOT NULL) ORDER BY key LIMIT %s
"""
_METRICS = "SELECT name FROM pgproof_metrics.metric WHERE mapping = ANY(%s)"
_DAILY = """
SELECT metric, day::text, dimensions, kept.value, kept.items, right_.value, right_.items
FROM (SELECT * FROM pgproof_metrics.daily WHERE metric = ANY(%(metrics)s)) AS kept
FULL JOIN (SELECT * FROM pgproof_metrics.from_scratch WHERE metric = ANY(%(metrics)s)) AS right_
    USING (metric, day, dimensions)
WHERE (kept.value, kept.items) IS DISTINCT FROM (right_.value, right_.items)
ORDER BY metric, day, dimensions
"""
_MEMBERS = """
SELECT metric, day::text, dimensions, count(*)
FROM (SELECT * FROM pgproof_metrics.member WHERE metric = ANY(%(metrics)s)) AS kept
FULL JOIN (
    SELECT c.metric, c.day, c.dimensions, c.member, count(*) AS items
    FROM pgproof_metrics.item AS i CROSS JOIN LATERAL pgproof_metrics.contributions(i.facts) AS c
    WHERE i.facts IS NOT NULL AND c.member IS NOT NULL AND c.metric = ANY(%(metrics)s)
    GROUP BY c.metric, c.day, c.dimensions, c.member
) AS right_ USING (metric, day, dimensions, member)
WHERE kept.items IS DISTINCT FROM right_.items
GROUP BY metric, day, dimensions ORDER BY metric, day, dimensions
"""
_COUNTED = "SELECT metric, day::text, dimensions, value, items FROM pgproof_metrics.daily WHERE metric = ANY(%s)"
_DAYS = "SELECT count(*) FROM pgproof_metrics.daily WHERE metric = ANY(%s)"


def check_facts(connection: Connection[Any], source: Source, feed: Feed) -> Iterator[Difference]:
    """Yield items of which other facts are known than their mappings say."""
    after = b""
    with connection.cursor(row_factory=tuple_row) as cursor:
        while page := cursor.execute(_ITEMS, [source.id, after, _PAGE]).fetchall():
            for key, image, gone, facts, problem in page:
                if (facts, problem) != _facts(image, feed.mappings, gone=gone):
                    yield Difference("facts", _name(key, image, feed.table.keys))
            after = page[-1][0]


def check_metrics(connection: Connection[Any], mappings: Iterable[Mapping]) -> Iterator[Difference]:
    """Yield days on which a metric of a DynamoDB table, or who is distinct in it, does not follow from the mirror."""
    metrics = {"metrics": _fetch_metrics(connection, mappings, "dynamodb")}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for metric, day, by, *both in cursor.execute(_DAILY, metrics).fetchall():
            yield Difference("metric", _place(metric, day, by), _says(*both))
        for metric, day, by, many in cursor.execute(_MEMBERS, metrics).fetchall():
            yield Difference("members", _place(metric, day, by), (f"{many:,} of them",))


def check_counted(connection: Connection[Any], mappings: Sequence[Mapping]) -> Iterator[Difference]:
    """Yield days on which a metric of a table of this database is not what counting it gives; it is counted first."""
    names = _fetch_metrics(connection, mappings, "postgres")
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        refresh_all(connection, mappings)
        kept = {_key(*row[:3]): row[3:] for row in cursor.execute(_COUNTED, [names])}
        right = {_key(metric, str(day), by): rest for metric, day, by, *rest in fetch_counted(connection, mappings)}
    for key in sorted({*kept, *right}):
        ours, theirs = kept.get(key, (None, None)), right.get(key, (None, None))
        if tuple(ours) != tuple(theirs):
            yield Difference("metric", _place(key[0], key[1], loads(key[2])), _says(*ours, *theirs))


def count_days(connection: Connection[Any], mappings: Iterable[Mapping]) -> int:
    """Return how many numbers the metrics of these mappings are."""
    names = [metric.name for each in mappings for metric in each.metrics]
    row = connection.execute(_DAYS, [names]).fetchone()
    return row[0] if row else 0


def _facts(image: dict[str, Any] | None, mappings: Sequence[Mapping], *, gone: bool) -> tuple[Any, str | None]:
    found = NO_FACTS if image is None else find_facts(image, mappings, gone=gone)
    return found.by_mapping and loads(found.by_mapping), found.problem


def _fetch_metrics(connection: Connection[Any], mappings: Iterable[Mapping], store: str) -> list[str]:
    names = [each.name for each in mappings if each.store == store]
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [row[0] for row in cursor.execute(_METRICS, [names])]


def _key(metric: str, day: str, by: dict[str, Any]) -> tuple[str, str, str]:
    return metric, day, dumps(by, sort_keys=True)


def _name(key: bytes, image: dict[str, Any] | None, names: Iterable[str]) -> dict[str, object]:
    said = {name: next(iter(image[name].values())) for name in names if image and name in image}
    return said or {"sha256 of its key": key.hex()}


def _place(metric: str, day: str, by: dict[str, Any]) -> dict[str, object]:
    return {"of": metric, "on": day, **by}


def _says(value: Any, items: Any, right: Any, right_items: Any) -> tuple[str, ...]:  # noqa: ANN401 - numbers, or None
    told = [
        "nothing" if each is None else f"{number(each)} over {many(items_, 'item')}"
        for each, items_ in ((value, items), (right, right_items))
    ]
    return (f"it says {told[0]}", f"and {told[1]} is right")
