"""Changes to a mirror, made up; and the metrics they have to end in, counted by Python from the newest of each item."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Context, Decimal
from hashlib import sha256
from json import dumps
from typing import Any

import psycopg

from pgproof.metrics.mappings.facts import Facts
from pgproof.metrics.mirror.mirror import merge
from pgproof.metrics.mirror.record import Change
from pgproof.metrics.mirror.source import Source, fetch_source
from pgproof.pg.database import connect
from tests.metrics import install

_EXACT = Context(prec=1000)

DAYS = ("2026-01-01", "2026-01-02", "2025-12-31")
_METRICS = """
INSERT INTO pgproof_metrics.metric (name, mapping, measure, field, dimensions) VALUES
    ('orders', 'orders', 'count', NULL, '{}'),
    ('orders_by_place', 'orders', 'count', NULL, '{country,city}'),
    ('turnover', 'orders', 'sum', 'price', '{country}'),
    ('customers', 'orders', 'distinct', 'customer', '{}'),
    ('customers_by_country', 'orders', 'distinct', 'customer', '{country}'),
    ('events', 'events', 'count', NULL, '{}'),
    ('visitors', 'events', 'distinct', 'customer', '{}')
"""
_LIVE = "UPDATE pgproof_metrics.source SET epoch = epoch + 1, phase = 'live' WHERE name = %s"

Daily = dict[tuple[str, str, str], tuple[Decimal | int, int]]
"""(metric, day, dimensions) -> value, items."""


@contextmanager
def open_mirror(database: str, name: str = "shop") -> Iterator[tuple[psycopg.Connection[Any], Source]]:
    """Make a mirror that is live, with metrics of every kind."""
    with connect(database) as connection:
        install(connection)
        connection.execute(_METRICS)
        yield connection, add_source(connection, name)


def add_source(connection: psycopg.Connection[Any], name: str) -> Source:
    """Make a table known, and live; or begin its next epoch."""
    fetch_source(connection, name)
    connection.execute(_LIVE, [name])
    return fetch_source(connection, name)


@dataclass(frozen=True)
class Order:
    """What one item is counted as: where `day` is None, it is not."""

    day: str | None = DAYS[0]
    customer: str | None = "a"
    country: str | None = "CA"
    city: str | None = None
    price: str = "1"
    seen: str | None = None

    def facts(self) -> str | None:
        """Return JSON as `contributions` reads it."""
        said = {"customer": self.customer, "country": self.country, "city": self.city, "price": self.price}
        given = {name: text for name, text in said.items() if text is not None}
        days = {"orders": self.day, "events": self.seen}
        found = {mapping: {"day": day, "with": given} for mapping, day in days.items() if day}
        return dumps(found, ensure_ascii=False) if found else None


def change(item: object, sequence: int, order: Order | None = None, **said: Any) -> Change:
    """Return what becomes of an item; without an order it is gone."""
    image = dumps({"pk": {"S": f"{item} {sequence}"}})
    key = sha256(str(item).encode()).digest()
    if order is None:
        return Change(key, sequence, None, deleted=True, **said)
    return Change(key, sequence, image, Facts(order.facts()), **said)


@dataclass
class Model:
    """The newest of each item, and what metrics follow from that."""

    items: dict[bytes, tuple[int, Order | None]] = field(default_factory=dict)

    def merge(self, item: object, sequence: int, order: Order | None) -> None:
        key = sha256(str(item).encode()).digest()
        if key not in self.items or self.items[key][0] < sequence:
            self.items[key] = sequence, order

    def daily(self) -> Daily:
        rows = [row for _, order in self.items.values() if order for row in _contributions(order)]
        amounts: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        members: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        items: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        for place, member, amount in rows:
            items[place] += 1
            amounts[place] = _EXACT.add(amounts[place], amount)
            members[place] |= {member} - {""}
        return {place: (Decimal(len(members[place])) or amounts[place], items[place]) for place in items}


def merge_all(connection: psycopg.Connection[Any], source: Source, changes: Iterable[Change]) -> int:
    with connection.transaction():
        return merge(connection, source, changes)


def daily(connection: psycopg.Connection[Any]) -> Daily:
    return _fetch(connection, "SELECT metric, day::text, dimensions::text, value, items FROM pgproof_metrics.daily")


def assert_exact(connection: psycopg.Connection[Any]) -> None:
    """The metrics, and what they rest on, are those that follow from all items."""
    scratch = "SELECT metric, day::text, dimensions::text, value, items FROM pgproof_metrics.from_scratch"

    assert daily(connection) == _fetch(connection, scratch)
    assert _rows(connection, _MEMBERS) == _rows(connection, _MEMBERS_FROM_SCRATCH)


_MEMBERS = "SELECT metric, day, dimensions::text, member, items FROM pgproof_metrics.member ORDER BY 1, 2, 3, 4"
_MEMBERS_FROM_SCRATCH = """
SELECT c.metric, c.day, c.dimensions::text, c.member, count(*)
FROM pgproof_metrics.item AS i CROSS JOIN LATERAL pgproof_metrics.contributions(i.facts) AS c
WHERE i.facts IS NOT NULL AND c.member IS NOT NULL
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def _fetch(connection: psycopg.Connection[Any], query: str) -> Daily:
    rows = _rows(connection, query)
    return {(metric, day, by): (value, items) for metric, day, by, value, items in rows}


def _rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def _contributions(order: Order) -> Iterator[tuple[tuple[str, str, str], str, Decimal]]:
    place = dumps({"city": order.city, "country": order.country}, ensure_ascii=False)
    country = dumps({"country": order.country}, ensure_ascii=False)
    if order.day:
        yield ("orders", order.day, "{}"), "", Decimal(1)
        yield ("orders_by_place", order.day, place), "", Decimal(1)
        yield ("turnover", order.day, country), "", Decimal(order.price)
        if order.customer is not None:
            yield ("customers", order.day, "{}"), order.customer or " ", Decimal(1)
            yield ("customers_by_country", order.day, country), order.customer or " ", Decimal(1)
    if order.seen:
        yield ("events", order.seen, "{}"), "", Decimal(1)
        if order.customer is not None:
            yield ("visitors", order.seen, "{}"), order.customer or " ", Decimal(1)
