"""Mappings and a database in, what does not fit its tables out, each with its line; nothing is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from pgproof.metrics.mappings.relational import TIMES, compile_count, fetch_columns, identify
from pgproof.tomltext import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Map

    from psycopg import Connection

    from pgproof.errors import Location
    from pgproof.metrics.mappings.mapping import Mapping, Metric

_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
_ZONE = "SELECT now() AT TIME ZONE %s"
_WHERE = sql.SQL("EXPLAIN SELECT FROM {} WHERE ({})")
_EXPLAIN = sql.SQL("EXPLAIN {}")


@dataclass(frozen=True)
class Finding:
    """One thing about a mapping that does not fit.

    Attributes:
        warns: it fits some of the items, and is no fault of the file's.
    """

    at: Location
    what: str
    hint: str = ""
    warns: bool = False

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.at}: {'warning: ' if self.warns else ''}{self.what}{hint}"


def check_tables(connection: Connection[Any], mappings: Iterable[Mapping]) -> list[Finding]:
    """Look at the mappings of tables of this database.

    Args:
        connection: in autocommit.
        mappings: of the project.
    """
    return [found for each in mappings if each.store == "postgres" for found in _check(connection, each)]


def _check(connection: Connection[Any], mapping: Mapping) -> Iterator[Finding]:
    columns = fetch_columns(connection, mapping.table)
    if not columns:
        yield _no_table(connection, mapping)
        return
    found = [*_check_columns(mapping, columns), *_check_zones(connection, mapping)]
    if mapping.where and (refused := _refused(connection, _WHERE, identify(mapping.table), sql.SQL(mapping.where))):
        found.append(Finding(mapping.part.at("where"), f"Postgres refuses where: {refused}"))
    yield from found
    if not found:
        for metric in mapping.metrics:
            if refused := _refused(connection, _EXPLAIN, compile_count(connection, mapping, metric)):
                yield Finding(metric.at, f"Postgres refuses to count {metric.name}: {refused}")


def _no_table(connection: Connection[Any], mapping: Mapping) -> Finding:
    with connection.cursor(row_factory=tuple_row) as cursor:
        there = [name for (name,) in cursor.execute(_TABLES)]
    what = f"{connection.info.dbname} has no table {mapping.table}"
    return Finding(mapping.part.at("postgres"), what, did_you_mean(mapping.table, there))


def _check_columns(mapping: Mapping, columns: Map[str, str]) -> Iterator[Finding]:
    kind = columns.get(mapping.time)
    if kind is None:
        yield _no_column(mapping, mapping.time, mapping.part.at("time"), columns)
    elif kind not in TIMES:
        hint = "it takes timestamptz, timestamp or date"
        yield Finding(mapping.part.at("time"), f"{mapping.table}.{mapping.time} is no time, it is {kind}", hint)
    for metric in mapping.metrics:
        part = mapping.part.within("metric", metric.name)
        for word, name in named(metric):
            if name not in columns:
                yield _no_column(mapping, name, part.at(word), columns)
        if metric.measure == "sum" and columns.get(metric.of or "", _NUMBERS[0]) not in _NUMBERS:
            what = f"{mapping.table}.{metric.of} cannot be summed, it is {columns[metric.of or '']}"
            yield Finding(part.at("of"), what)


def named(metric: Metric) -> list[tuple[str, str]]:
    """Return the columns of a metric, each with the word that names it."""
    return [*(("of", name) for name in filter(None, [metric.of])), *(("by", name) for name in metric.by)]


def _no_column(mapping: Mapping, name: str, at: Location, columns: Iterable[str]) -> Finding:
    return Finding(at, f"{mapping.table} has no column {name}", did_you_mean(name, columns, _some(columns)))


def _some(names: Iterable[str]) -> str:
    return f"it has {', '.join(names)}"


def _check_zones(connection: Connection[Any], mapping: Mapping) -> Iterator[Finding]:
    for word, zone in (("zone", mapping.calendar.zone), ("days", mapping.calendar.days)):
        try:
            connection.execute(_ZONE, [str(zone)])
        except psycopg.DataError:
            yield Finding(mapping.part.at(word), f"this Postgres knows no zone {zone}", "its name in pg_timezone_names")


def _refused(connection: Connection[Any], query: sql.SQL, *parts: sql.Composable) -> str | None:
    """Return why Postgres does not take a query; it is planned, and not run."""
    try:
        connection.execute(query.format(*parts))
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        return str(error).partition("\n")[0]
    return None
