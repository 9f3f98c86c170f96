"""Metrics of a database in, what an investor asks of them out: how much in total, how much a day, and is it growing.

A day is one of the zone that its mapping says. What is distinct does not add up: one who came on two days came, in
total, once; so totals, weeks and groups of such metrics are counted from who came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row, tuple_row

from pgproof.errors import SettingsError
from pgproof.metrics.dashboard.figures import add
from pgproof.metrics.mappings.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime, tzinfo

    from psycopg import Connection

    from pgproof.metrics.mappings.mapping import Mapping as MappingFile

_DAY, _WEEK = timedelta(1), timedelta(7)
_TOP = 10
"""Groups that are shown; the rest of them is one more."""

_METRICS = "SELECT name, mapping, measure, field, dimensions FROM pgproof_metrics.metric ORDER BY name"
_TABLES = """
SELECT s.name, s.phase,
    (SELECT max(read_to) FROM pgproof_metrics.shard WHERE source = s.id) AS read_to,
    (SELECT count(*) FROM pgproof_metrics.item WHERE source = s.id AND problem IS NOT NULL) AS problems,
    (SELECT count(*) FROM pgproof_metrics.dead_letter WHERE source = s.id) AS letters
FROM pgproof_metrics.source AS s ORDER BY s.name
"""
_DAYS = "SELECT day, sum(value) FROM pgproof_metrics.daily WHERE metric = %s GROUP BY day ORDER BY day"
_DISTINCT_DAYS = """
SELECT day, count(DISTINCT member)::numeric FROM pgproof_metrics.member WHERE metric = %s GROUP BY day ORDER BY day
"""
_FIRST_DAYS = """
SELECT day, count(*)::numeric
FROM (SELECT min(day) AS day FROM pgproof_metrics.member WHERE metric = %s GROUP BY member) AS first
GROUP BY day ORDER BY day
"""
_DISTINCT = """
SELECT count(DISTINCT member)::numeric FROM pgproof_metrics.member WHERE metric = %s AND day BETWEEN %s AND %s
"""
_GROUPS = """
WITH grouped AS (
    SELECT dimensions, sum(value) AS value, row_number() OVER (ORDER BY sum(value) DESC, dimensions) AS place
    FROM pgproof_metrics.daily WHERE metric = %(metric)s GROUP BY dimensions
)
SELECT CASE WHEN place <= %(top)s THEN dimensions END, sum(value), count(*)
FROM grouped GROUP BY least(place, %(top)s + 1), 1 ORDER BY least(place, %(top)s + 1)
"""
_DISTINCT_GROUPS = """
WITH grouped AS (
    SELECT dimensions, row_number() OVER (ORDER BY count(DISTINCT member) DESC, dimensions) AS place
    FROM pgproof_metrics.member WHERE metric = %(metric)s GROUP BY dimensions
)
SELECT CASE WHEN place <= %(top)s THEN dimensions END, count(DISTINCT member)::numeric, count(DISTINCT dimensions)
FROM pgproof_metrics.member JOIN grouped USING (dimensions) WHERE metric = %(metric)s
GROUP BY least(place, %(top)s + 1), 1 ORDER BY least(place, %(top)s + 1)
"""


@dataclass(frozen=True)
class Day:
    """A metric on a day.

    Attributes:
        value: of the day; None where nobody knows it.
        running: of all days up to it.
        over: the day is; today is not.
    """

    day: date
    value: Decimal | None
    running: Decimal | None
    over: bool


@dataclass(frozen=True)
class Group:
    """What a metric is, on all days, for some values of its dimensions.

    Attributes:
        by: dimension -> value; None: the item has none. Nothing at all: the rest.
        groups: how many there are in it; one, but for the rest.
    """

    by: Mapping[str, str | None]
    value: Decimal
    groups: int


@dataclass(frozen=True)
class Series:
    """A metric day by day, and what comes of it.

    Attributes:
        of: what is summed or distinct.
        by: dimensions.
        zone: where midnight is.
        total: of all days. Like all that is distinct in a table of this Postgres, None where nobody knows it.
        days: up to today, without a gap.
        week: of the seven days before today; what came before them was `week_before`.
        later: dated after today, and a part of the total.
        groups: those with the highest values first, then the rest.
    """

    name: str
    measure: str
    of: str | None
    by: Sequence[str]
    zone: str
    total: Decimal | None
    days: Sequence[Day]
    week: Decimal | None
    week_before: Decimal | None
    later: Decimal
    groups: Sequence[Group]

    @property
    def today(self) -> Day:
        """The day that is not over."""
        return self.days[-1]


@dataclass(frozen=True)
class Freshness:
    """A DynamoDB table that metrics come from, and what there is to say of it.

    Attributes:
        read_to: about when the last change that was read was written.
        problems: items that should be counted and could not.
        letters: records that could not be kept.
    """

    name: str
    phase: str
    read_to: datetime | None
    problems: int
    letters: int


@dataclass(frozen=True)
class Dashboard:
    """All of it.

    Attributes:
        uncounted: metrics of mapping files that the database does not know yet.
        notes: what else has to be known.
    """

    now: datetime
    series: Sequence[Series]
    tables: Sequence[Freshness]
    uncounted: Sequence[str]
    notes: Sequence[str] = ()


def fetch_dashboard(
    connection: Connection[Any],
    mappings: Iterable[MappingFile],
    *,
    now: datetime,
    days: int,
    names: Collection[str] = (),
    today: date | None = None,
) -> Dashboard:
    """Return what metrics say.

    Args:
        connection: not in a transaction; all numbers are of one moment.
        mappings: of the project; they say where midnight is.
        now: what time it is.
        days: how many of them, with today.
        names: of metrics; none: all.
        today: as if it were that day; None: it is what it is, where the metric's midnight is.

    Raises:
        SettingsError: there is no metric of that name.
    """
    zones = {each.name: each.calendar.days for each in mappings}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        metrics = cursor.execute(_METRICS).fetchall()
        _need([each["name"] for each in metrics], names)
        chosen = [each for each in metrics if not names or each["name"] in names]
        days_now = [today or now.astimezone(zones.get(each["mapping"], UTC)).date() for each in chosen]
        series = [
            _series(connection, each, day, zones.get(each["mapping"], UTC), days)
            for each, day in zip(chosen, days_now, strict=True)
        ]
        with connection.cursor(row_factory=class_row(Freshness)) as tables:
            found = tables.execute(_TABLES).fetchall()
    defined = {metric.name for each in mappings for metric in each.metrics}
    return Dashboard(now, series, found, sorted(defined - {each["name"] for each in metrics}))


def _need(known: Collection[str], names: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, f"there are {', '.join(known) or 'none'}")
            raise SettingsError(f"no metric is named {name}", hint=hint)


def _series(connection: Connection[Any], metric: dict[str, Any], today: date, zone: tzinfo, days: int) -> Series:
    name, by, distinct = metric["name"], metric["dimensions"], metric["measure"] == "distinct"
    values = _fetch_days(connection, _DISTINCT_DAYS if distinct and by else _DAYS, name)
    new = _fetch_days(connection, _FIRST_DAYS, name) if distinct else values
    known = not distinct or bool(new) or not _fetch_days(connection, _DAYS, name)
    count = partial(_fetch_distinct, connection, name) if distinct else partial(_between, values)
    return Series(
        name=name,
        measure=metric["measure"],
        of=metric["field"],
        by=by,
        zone=str(zone),
        total=add(new.values()) if known else None,
        days=list(_days(values, new, today, days, known=known, adds_up=known or not by)),
        week=count(today - _WEEK, today - _DAY) if known else None,
        week_before=count(today - 2 * _WEEK, today - _WEEK - _DAY) if known else None,
        later=add(value for day, value in values.items() if day > today),
        groups=_fetch_groups(connection, name, distinct=distinct) if by else [],
    )


def _days(
    values: Mapping[date, Decimal], new: Mapping[date, Decimal], today: date, days: int, *, known: bool, adds_up: bool
) -> Iterator[Day]:
    """Yield the days without a gap; one on which nothing was is zero.

    Args:
        values: of the days on which something was.
        new: by how much the total grew on them.
        today: the last day.
        days: how many.
        known: the total is.
        adds_up: the days are known.
    """
    first = today - timedelta(days - 1)
    running = add(value for day, value in new.items() if day < first)
    for day in (first + timedelta(each) for each in range(days)):
        running = add([running, new.get(day, Decimal())])
        value = values.get(day, Decimal()) if adds_up else None
        yield Day(day, value, running if known else None, over=day < today)


def _between(values: Mapping[date, Decimal], first: date, last: date) -> Decimal:
    return add(value for day, value in values.items() if first <= day <= last)


def _fetch_distinct(connection: Connection[Any], name: str, first: date, last: date) -> Decimal:
    with connection.cursor(row_factory=tuple_row) as cursor:
        (found,) = cursor.execute(_DISTINCT, [name, first, last]).fetchone() or (Decimal(),)
    return Decimal(found)


def _fetch_days(connection: Connection[Any], query: str, name: str) -> dict[date, Decimal]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(query.encode(), [name]).fetchall())


def _fetch_groups(connection: Connection[Any], name: str, *, distinct: bool) -> list[Group]:
    query = _DISTINCT_GROUPS if distinct else _GROUPS
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query.encode(), {"metric": name, "top": _TOP}).fetchall()
    return [Group(by or {}, value, groups) for by, value, groups in rows]
