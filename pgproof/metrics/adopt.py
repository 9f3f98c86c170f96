"""Mappings in, the database's metrics made to follow from them out: where they changed, all is counted anew.

What is counted follows from the mirror, so no item has to be read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.metrics.facts import NO_FACTS, Facts, find_facts
from pgproof.metrics.mapping import fingerprint
from pgproof.metrics.source import fetch_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from pgproof.metrics.mapping import Mapping, Metric
    from pgproof.metrics.source import Source

_PAGE = 2000

# Nobody changes an item meanwhile, and the trigger leaves the counting to us.
_PAUSE = "SET LOCAL pgproof_metrics.paused = 'on'; LOCK TABLE pgproof_metrics.item IN SHARE ROW EXCLUSIVE MODE"
_SOURCES = "SELECT name FROM pgproof_metrics.source"
_METRICS = "SELECT name, mapping, measure, field, dimensions FROM pgproof_metrics.metric ORDER BY name"
_FORGET = "DELETE FROM pgproof_metrics.metric WHERE name <> ALL(%s)"
_DEFINE = """
INSERT INTO pgproof_metrics.metric (name, mapping, measure, field, dimensions) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET mapping = excluded.mapping, measure = excluded.measure, field = excluded.field,
    dimensions = excluded.dimensions, refreshed_at = NULL
"""
_IMAGES = "SELECT key, image, deleted FROM pgproof_metrics.item WHERE source = %s AND image IS NOT NULL"
_REFACT = """
UPDATE pgproof_metrics.item SET facts = new.facts, problem = new.problem
FROM unnest(%s::bytea[], %s::jsonb[], %s::text[]) AS new (key, facts, problem)
WHERE source = %s AND item.key = new.key
    AND (item.facts, item.problem) IS DISTINCT FROM (new.facts, new.problem)
"""
_FOLLOW = "UPDATE pgproof_metrics.source SET mappings = %s WHERE id = %s"
_RECOUNT = """
DELETE FROM pgproof_metrics.member;
DELETE FROM pgproof_metrics.daily;
INSERT INTO pgproof_metrics.member (metric, day, dimensions, member, items)
SELECT c.metric, c.day, c.dimensions, c.member, count(*)
FROM pgproof_metrics.item AS i CROSS JOIN LATERAL pgproof_metrics.contributions(i.facts) AS c
WHERE i.facts IS NOT NULL AND c.member IS NOT NULL
GROUP BY 1, 2, 3, 4;
INSERT INTO pgproof_metrics.daily (metric, day, dimensions, value, items)
SELECT metric, day, dimensions, value, items FROM pgproof_metrics.from_scratch;
"""


def adopt(connection: Connection[Any], mappings: Sequence[Mapping]) -> bool:
    """Have metrics follow from these mappings; return whether anything had to be counted anew.

    Args:
        connection: in autocommit.
        mappings: all of the project.
    """
    sources = {name: fetch_source(connection, name) for name in _tables(connection, mappings)}
    changed = [each for each in sources.values() if each.mappings != fingerprint(_of(each, mappings))]
    if not changed and _defined(connection) == [_row(*each) for each in _metrics(mappings)]:
        return False
    with connection.transaction():
        connection.execute(_PAUSE)
        for source in changed:
            _follow(connection, source, _of(source, mappings))
        _define(connection, _metrics(mappings))
        connection.execute(_RECOUNT)
    return True


def _tables(connection: Connection[Any], mappings: Iterable[Mapping]) -> set[str]:
    known = {row[0] for row in connection.execute(_SOURCES)}
    return known | {each.table for each in mappings if each.store == "dynamodb"}


def _of(source: Source, mappings: Iterable[Mapping]) -> list[Mapping]:
    return [each for each in mappings if each.store == "dynamodb" and each.table == source.name]


def _metrics(mappings: Iterable[Mapping]) -> list[tuple[Mapping, Metric]]:
    both = ((mapping, metric) for mapping in mappings for metric in mapping.metrics)
    return sorted(both, key=lambda each: each[1].name)


def _row(mapping: Mapping, metric: Metric) -> tuple[Any, ...]:
    return metric.name, mapping.name, metric.measure, metric.of, list(metric.by)


def _defined(connection: Connection[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(_METRICS).fetchall()


def _define(connection: Connection[Any], metrics: Sequence[tuple[Mapping, Metric]]) -> None:
    connection.execute(_FORGET, [[metric.name for _, metric in metrics]])
    with connection.cursor() as cursor:
        cursor.executemany(_DEFINE, [_row(*each) for each in metrics])


def _follow(connection: Connection[Any], source: Source, mappings: Sequence[Mapping]) -> None:
    """Find the facts of all items anew."""
    with connection.cursor("pgproof_images", row_factory=tuple_row) as images:
        images.itersize = _PAGE
        images.execute(_IMAGES, [source.id])
        while page := images.fetchmany(_PAGE):
            keys, found = [key for key, _, _ in page], [_facts(image, gone, mappings) for _, image, gone in page]
            facts, problems = [each.by_mapping for each in found], [each.problem for each in found]
            connection.execute(_REFACT, [keys, facts, problems, source.id])
    connection.execute(_FOLLOW, [fingerprint(mappings), source.id])


def _facts(image: dict[str, Any], gone: bool, mappings: Sequence[Mapping]) -> Facts:  # noqa: FBT001
    counting = [each for each in mappings if each.counts_expired or not gone]
    return find_facts(image, counting) if counting else NO_FACTS
