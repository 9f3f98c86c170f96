"""A dashboard made by hand, as an investor would like it, and a mirror of items whose numbers are known by heart."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from pgproof.metrics.dashboard.dashboard import Dashboard, Day, Freshness, Group, Series
from pgproof.metrics.dashboard.figures import add
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import Mapping, read_mappings
from pgproof.metrics.mirror.mirror import merge
from pgproof.metrics.mirror.record import read_item
from pgproof.metrics.mirror.source import Source, begin_epoch, end_scan, fetch_source
from tests.dynamo import typed
from tests.metrics import install, write_mapping

NOW = datetime(2026, 1, 20, 15, 30, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J"

ORDERS = """
dynamodb = "{table}"
items = {{ pk = "ORDER#*" }}
time = "sk"
days = "{days}"

[metric.orders]

[metric.turnover]
measure = "sum"
of = "price"

[metric.buyers]
measure = "distinct"
of = "who"

[metric.buyers_by_country]
measure = "distinct"
of = "who"
by = ["country"]

[metric.orders_by_country]
by = ["country"]
"""


def read_orders(root: Path, table: str = "orders", days: str = "UTC") -> list[Mapping]:
    """Return a mapping with all measures."""
    write_mapping(root, "orders", ORDERS.format(table=table, days=days))
    return read_mappings(root / "metrics")


def order(number: int, moment: str, who: str = "a", country: str | None = "ca", price: str = "1") -> dict[str, Any]:
    by = {} if country is None else {"country": country}
    return typed({"pk": f"ORDER#{number}", "sk": moment, "who": who, "price": {"N": price}, **by})


def mirror(connection: psycopg.Connection[Any], mappings: Sequence[Mapping], *items: dict[str, Any]) -> Source:
    """Make the tables of metrics, and have these items in the mirror of a table that is live."""
    install(connection)
    adopt(connection, mappings)
    source = fetch_source(connection, mappings[0].table)
    with connection.transaction():
        source = begin_epoch(connection, source, "arn:aws:dynamodb:stream")
        merge(connection, source, [read_item(each, ("pk", "sk"), mappings) for each in items])
        return end_scan(connection, source)


def by_hand() -> Dashboard:
    """Return a dashboard with all that a page may have to show."""
    users = [2, 3, 5, 4, 7, 6, 9, 8, 11, 13, 12, 15, 18, 6]
    return Dashboard(
        now=NOW,
        series=[
            _series("users", "count", users, before=1208),
            _series("messages", "count", [40, 52, 47, 61, 80, 75, 30, 28, 66, 71, 90, 84, 102, 37], before=48_310),
            _series("active_users", "distinct", [20, 21, 19, 25, 30, 28, 12, 11, 26, 27, 33, 31, 36, 17], before=410),
            _series(
                "turnover",
                "sum",
                ["12.5", "0", "99.99", "45", "-20", "310.25", "7", "0", "0", "64", "128", "256", "512", "20"],
                before="123456789012345678901234567890.12",
                groups=[
                    Group({"country": "Canada"}, Decimal(900), 1),
                    Group({"country": HOSTILE}, Decimal(300), 1),
                    Group({"country": None}, Decimal(120), 1),
                    Group({}, Decimal(80), 23),
                ],
            ),
        ],
        tables=[Freshness("cruddur-messages", "scanning", NOW - timedelta(minutes=4), 3, 1)],
        uncounted=["posts"],
    )


def _series(
    name: str, measure: str, values: Sequence[Any], before: Any, groups: Sequence[Group] = ()
) -> Series:  # `before`: the total until then
    numbers = [Decimal(each) for each in values]
    first = NOW.date() - timedelta(len(values) - 1)
    days = [
        Day(first + timedelta(place), each, add([Decimal(before), *numbers[: place + 1]]), over=place < len(values) - 1)
        for place, each in enumerate(numbers)
    ]
    return Series(
        name=name,
        measure=measure,
        of=None if measure == "count" else "price",
        by=["country"] if groups else [],
        zone="UTC",
        total=days[-1].running,
        days=days,
        week=sum(numbers[-8:-1], Decimal()),
        week_before=sum(numbers[:6], Decimal(30)),
        later=Decimal(0),
        groups=groups,
    )


def by_day(series: Series) -> dict[date, Decimal | None]:
    return {each.day: each.value for each in series.days if each.value}
