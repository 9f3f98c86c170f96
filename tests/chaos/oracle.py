"""A table's items in, its metrics out: in plain Python, of nothing that the product has."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from tests.chaos.script import Item

_EXACT = Context(prec=400)

MAPPING = """
dynamodb = "{table}"
items = {{ pk = "MSG#*" }}
time = "at"

[metric.messages]

[metric.messages_of_city]
by = ["city"]

[metric.likes]
measure = "sum"
of = "likes"
by = ["city"]

[metric.people]
measure = "distinct"
of = "who"

[metric.people_of_city]
measure = "distinct"
of = "who"
by = ["city", "who"]
"""

Metrics = dict[tuple[str, str, str], Decimal]
"""(metric, day, dimensions as JSON) -> value"""


def count(items: Iterable[Item]) -> Metrics:
    """Return the metrics that these items have."""
    found: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    people = defaultdict[tuple[str, str, str], set[str]](set)
    for item in items:
        day, likes = _day(item.get("at")), item.get("likes", {}).get("N")
        if not item["pk"]["S"].startswith("MSG#") or day is None or likes is None:
            continue
        city, who = _text(item.get("city")), _text(item.get("who"))
        found["messages", f"{day}", "{}"] += 1
        found["messages_of_city", f"{day}", _by(city=city)] += 1
        place = ("likes", f"{day}", _by(city=city))
        found[place] = _EXACT.add(found[place], Decimal(likes))
        if who is not None:
            people["people", f"{day}", "{}"].add(who)
            people["people_of_city", f"{day}", _by(who=who, city=city)].add(who)
    return {**found, **{place: Decimal(len(who)) for place, who in people.items()}}


def _day(time: dict[str, Any] | None) -> date | None:
    if time and "N" in time:
        return datetime.fromtimestamp(int(time["N"]), UTC).date()
    try:
        moment = datetime.fromisoformat((time or {}).get("S", ""))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()


def _text(value: dict[str, Any] | None) -> str | None:
    return None if value is None or "NULL" in value else str(next(iter(value.values())))


def _by(**dimensions: str | None) -> str:
    return json.dumps(dimensions, sort_keys=True)
