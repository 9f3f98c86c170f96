"""Tables of this database in, their metrics out: counted by one statement each, into the table where all metrics are.

Nobody tells us of their writes, so they are counted anew: whoever shows metrics has them counted first, at most once a
minute. Rows that are gone are not counted, as items that are gone are not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from decimal import Decimal

    from psycopg import Connection

    from pgproof.metrics.mappings.mapping import Mapping, Metric

Day = tuple[str, "date", dict[str, Any], "Decimal", int]
"""A row of `daily`: metric, day, dimensions, value, items."""

TIMES = ("timestamp with time zone", "timestamp without time zone", "date")
"""Types that a time may have."""

# Who counts a metric holds its row, and this is as much as nobody else may do meanwhile; rows of `daily` refer to it.
_HOLD = "SELECT true FROM pgproof_metrics.metric WHERE (name, definition) = (%s, %s) FOR NO KEY UPDATE"
_HOLD_IF_DUE = """
SELECT true FROM pgproof_metrics.metric
WHERE (name, definition) = (%s, %s) AND (refreshed_at IS NULL OR refreshed_at < now() - interval '1 minute')
FOR NO KEY UPDATE SKIP LOCKED
"""
_REFRESHED = "UPDATE pgproof_metrics.metric SET refreshed_at = now() WHERE name = %s"
_REPLACE = sql.SQL("""
WITH fresh AS MATERIALIZED ({counted}), gone AS (
    DELETE FROM pgproof_metrics.daily AS kept WHERE metric = {metric}
        AND NOT EXISTS (SELECT FROM fresh WHERE (fresh.day, fresh.dimensions) = (kept.day, kept.dimensions))
)
INSERT INTO pgproof_metrics.daily AS kept (metric, day, dimensions, value, items)
SELECT metric, day, dimensions, value, items FROM fresh ORDER BY day, dimensions
ON CONFLICT (metric, day, dimensions) DO UPDATE SET value = excluded.value, items = excluded.items
WHERE (kept.value, kept.items) IS DISTINCT FROM (excluded.value, excluded.items)
""")
_COUNT = sql.SQL("""
SELECT {metric}::text AS metric, {day} AS day, {dimensions} AS dimensions, {value} AS value, count(*) AS items
FROM {table} WHERE {conditions} GROUP BY 2, 3
""")
_DAYS = {
    "timestamp with time zone": sql.SQL("({time} AT TIME ZONE {days})::date"),
    "timestamp without time zone": sql.SQL("({time} AT TIME ZONE {zone} AT TIME ZONE {days})::date"),
    "date": sql.SQL("{time}::date"),
}
_VALUES = {"count": "count(*)::numeric", "sum": "sum({of}::numeric)", "distinct": "count(DISTINCT {of})::numeric"}
_LONGEST = 200  # characters of a dimension: it is a part of a key

# A domain is what is under it.
_COLUMNS = """
WITH RECURSIVE under (name, type) AS (
    SELECT attname::text, atttypid FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT under.name, t.typbasetype FROM under JOIN pg_type AS t ON t.oid = under.type WHERE t.typtype = 'd'
)
SELECT under.name, format_type(under.type, NULL) FROM under JOIN pg_type AS t ON t.oid = under.type
WHERE t.typtype <> 'd' ORDER BY 1
"""


def refresh_all(connection: Connection[Any], mappings: Iterable[Mapping]) -> None:
    """Count the metrics of tables of this database anew; those of DynamoDB's are left alone.

    A metric that the database knows otherwise, or not, is left alone too: `adopt` makes it known.

    Args:
        connection: in autocommit, for a transaction a metric; or in a transaction, which all of it is then a part of.
        mappings: of the project.

    Raises:
        SettingsError: Postgres refuses to count one; says which, and why.
    """
    _refresh(connection, mappings, _HOLD)


def refresh_due(connection: Connection[Any], mappings: Iterable[Mapping]) -> None:
    """The same for metrics that were not counted for a minute; what somebody else is counting is left to them."""
    _refresh(connection, mappings, _HOLD_IF_DUE)


def fetch_counted(connection: Connection[Any], mappings: Iterable[Mapping]) -> Iterator[Day]:
    """Yield the rows of `daily` as they follow from tables of this database now.

    Where they are compared with those that are there: `refresh_all` before, and a transaction of REPEATABLE READ.

    Raises:
        SettingsError: Postgres refuses to count one.
    """
    for mapping, metric in _relational(mappings):
        counted = _explaining(connection, metric, compile_count(connection, mapping, metric))
        yield from counted.fetchall()


def fetch_columns(connection: Connection[Any], table: str) -> dict[str, str]:
    """Return the columns of a table and their types; none where there is no such table."""
    name = identify(table).as_string(connection)
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(_COLUMNS, [name]).fetchall())


def define(mapping: Mapping, metric: Metric) -> str:
    """Return all that decides what is counted of rows, as the table of metrics keeps it."""
    calendar = mapping.calendar
    rows = [mapping.table, mapping.where, mapping.time, str(calendar.zone), str(calendar.days)]
    return json.dumps([*rows, metric.measure, metric.of, metric.by])


def identify(table: str) -> sql.Identifier:
    """Return the identifier of `users`, or of `schema.users`."""
    return sql.Identifier(*table.split(".", 1))


def compile_count(connection: Connection[Any], mapping: Mapping, metric: Metric) -> sql.Composed:
    """Return the query that counts a metric.

    Raises:
        SettingsError: the table has no such time.
    """
    time, of = sql.Identifier(mapping.time), sql.Identifier(metric.of or "")
    conditions = [sql.SQL("isfinite({})").format(time)]  # what is NULL or infinite falls on no day
    if metric.of:
        conditions.append(sql.SQL("{} IS NOT NULL").format(of))
    if mapping.where:
        conditions.append(sql.SQL("({})").format(sql.SQL(mapping.where)))
    zones = {"zone": sql.Literal(str(mapping.calendar.zone)), "days": sql.Literal(str(mapping.calendar.days))}
    return _COUNT.format(
        metric=sql.Literal(metric.name),
        day=_day(connection, mapping).format(time=time, **zones),
        dimensions=_dimensions(metric),
        value=sql.SQL(_VALUES[metric.measure]).format(of=of),
        table=identify(mapping.table),
        conditions=sql.SQL(" AND ").join(conditions),
    )


def _refresh(connection: Connection[Any], mappings: Iterable[Mapping], hold: str) -> None:
    for mapping, metric in _relational(mappings):
        with connection.transaction():
            if connection.execute(hold.encode(), [metric.name, define(mapping, metric)]).fetchone() is None:
                continue
            counted = compile_count(connection, mapping, metric)
            _explaining(connection, metric, _REPLACE.format(counted=counted, metric=sql.Literal(metric.name)))
            connection.execute(_REFRESHED, [metric.name])


def _relational(mappings: Iterable[Mapping]) -> list[tuple[Mapping, Metric]]:
    """Return metrics of tables of this database in the order of names, in which all lock them."""
    both = [(each, metric) for each in mappings if each.store == "postgres" for metric in each.metrics]
    return sorted(both, key=lambda pair: pair[1].name)


def _explaining(connection: Connection[Any], metric: Metric, query: sql.Composed) -> psycopg.Cursor[Any]:
    try:
        return connection.cursor(row_factory=tuple_row).execute(query)
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        what = f"Postgres refuses to count {metric.name}: {str(error).partition(chr(10))[0]}"
        raise SettingsError(what, at=metric.at, hint="`inv metrics.check` looks at all of them") from error


def _day(connection: Connection[Any], mapping: Mapping) -> sql.SQL:
    kind = fetch_columns(connection, mapping.table).get(mapping.time)
    if kind not in _DAYS:
        what = f"{mapping.table} has no {mapping.time}" if kind is None else f"{mapping.time} is no time, it is {kind}"
        raise SettingsError(what, at=mapping.part.at("time"), hint="`inv metrics.check` looks at all of them")
    return _DAYS[kind]


def _dimensions(metric: Metric) -> sql.Composed:
    said = sql.SQL("left({}::text, {})")
    pairs = [part for name in metric.by for part in (sql.Literal(name), said.format(sql.Identifier(name), _LONGEST))]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))
