"""Mappings in, the database's metrics made to follow from them out: where they changed, all is counted anew.

What is counted follows from the mirror, so no item has to be read again.
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.metrics.mappings.facts import find_facts
from pgproof.metrics.mappings.mapping import fingerprint
from pgproof.metrics.mappings.relational import define, refresh_all
from pgproof.metrics.mirror.source import fetch_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from pgproof.metrics.mappings.mapping import Mapping, Metric
    from pgproof.metrics.mirror.source import Source

_PAGE = 2000

# Nobody changes an item meanwhile, and the trigger leaves the counting to us. Who writes items holds a source first.
_HOLD = "SELECT FROM pgproof_metrics.source ORDER BY id FOR UPDATE"
_PAUSE = "SET LOCAL pgproof_metrics.paused = 'on'; LOCK TABLE pgproof_metrics.item IN SHARE ROW EXCLUSIVE MODE"
_SOURCES = "SELECT name FROM pgproof_metrics.source"
_METRICS = "SELECT name, mapping, measure, field, dimensions, definition FROM pgproof_metrics.metric"
_FORGET = "DELETE FROM pgproof_metrics.metric WHERE name <> ALL(%s)"
_DEFINE = """
INSERT INTO pgproof_metrics.metric (name, mapping, measure, field, dimensions, definition)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET mapping = excluded.mapping, measure = excluded.measure, field = excluded.field,
    dimensions = excluded.dimensions, definition = excluded.definition, refreshed_at = NULL
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
    if not _changed(connection, mappings) and _defined(connection) == _rows(mappings):
        return False
    with connection.transaction():
        connection.execute(_HOLD)
        connection.execute(_PAUSE)
        for source in _changed(connection, mappings):  # again: somebody may have adopted others while we waited
            _follow(connection, source, _of(source, mappings))
        _define(connection, mappings)
        connection.execute(_RECOUNT)
        refresh_all(connection, mappings)
    return True


def _changed(connection: Connection[Any], mappings: Sequence[Mapping]) -> list[Source]:
    """Return the tables whose facts follow from other mappings."""
    sources = [fetch_source(connection, name) for name in sorted(_tables(connection, mappings))]
    return [each for each in sources if each.mappings != fingerprint(_of(each, mappings))]


def _tables(connection: Connection[Any], mappings: Iterable[Mapping]) -> set[str]:
    known = {row[0] for row in connection.execute(_SOURCES)}
    return known | {each.table for each in mappings if each.store == "dynamodb"}


def _of(source: Source, mappings: Iterable[Mapping]) -> list[Mapping]:
    return [each for each in mappings if each.store == "dynamodb" and each.table == source.name]


def _rows(mappings: Iterable[Mapping]) -> list[tuple[Any, ...]]:
    both = ((mapping, metric) for mapping in mappings for metric in mapping.metrics)
    return sorted(starmap(_row, both), key=_name)


def _row(mapping: Mapping, metric: Metric) -> tuple[Any, ...]:
    definition = define(mapping, metric) if mapping.store == "postgres" else ""
    return metric.name, mapping.name, metric.measure, metric.of, list(metric.by), definition


def _defined(connection: Connection[Any]) -> list[tuple[Any, ...]]:
    """Return what the database has, ordered here: each database has an order of names of its own."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return sorted(cursor.execute(_METRICS), key=_name)


def _name(row: tuple[Any, ...]) -> str:
    return str(row[0])


def _define(connection: Connection[Any], mappings: Iterable[Mapping]) -> None:
    rows = _rows(mappings)
    connection.execute(_FORGET, [[_name(each) for each in rows]])
    with connection.cursor() as cursor:
        cursor.executemany(_DEFINE, rows)


def _follow(connection: Connection[Any], source: Source, mappings: Sequence[Mapping]) -> None:
    """Find the facts of all items anew."""
    with connection.cursor("pgproof_images", row_factory=tuple_row) as images:
        images.itersize = _PAGE
        images.execute(_IMAGES, [source.id])
        while page := images.fetchmany(_PAGE):
            keys, found = [key for key, _, _ in page], [find_facts(each, mappings, gone=gone) for _, each, gone in page]
            facts, problems = [each.by_mapping for each in found], [each.problem for each in found]
            connection.execute(_REFACT, [keys, facts, problems, source.id])
    connection.execute(_FOLLOW, [fingerprint(mappings), source.id])
