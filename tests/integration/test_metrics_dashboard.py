"""What the dashboard and the status say of a database, whose numbers are known by heart."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.errors import SettingsError
from pgproof.metrics.dashboard.dashboard import fetch_dashboard
from pgproof.metrics.dashboard.status import fetch_statuses
from pgproof.metrics.mappings.mapping import Mapping, read_mappings
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.keys import keep_keys
from pgproof.metrics.mirror.record import read_item
from pgproof.metrics.mirror.source import begin_epoch
from pgproof.metrics.streams.shard import Shard, add_shards, advance, try_take
from pgproof.metrics.table import Table
from pgproof.pg.database import connect
from tests.dashboards import NOW, by_day, mirror, order, read_orders
from tests.dynamo import typed
from tests.metrics import write_mapping

Connection = psycopg.Connection[Any]


def look(
    connection: Connection, mappings: list[Mapping], *, days: int = 14, now: datetime = NOW
) -> Any:  # numbers are Decimals there, and ints here
    return fetch_dashboard(connection, mappings, now=now, days=days)


def test_totals_are_of_all_days_and_days_without_anything_are_zero(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    with connect(database) as connection:
        mirror(
            connection,
            mappings,
            order(1, "2025-03-01T10:00:00", price="0.5"),
            order(2, "2026-01-18T10:00:00", price="12345678901234567890123456789012345678"),
            order(3, "2026-01-18T11:00:00", price="2"),
            order(4, "2026-01-20T11:00:00", price="3"),
        )
        series = {each.name: each for each in look(connection, mappings, days=4).series}

    orders, turnover = series["orders"], series["turnover"]
    assert [(str(each.day), each.value, each.running, each.over) for each in orders.days] == [
        ("2026-01-17", 0, 1, True),
        ("2026-01-18", 2, 3, True),
        ("2026-01-19", 0, 3, True),
        ("2026-01-20", 1, 4, False),
    ]
    assert (orders.total, turnover.total) == (4, Decimal("12345678901234567890123456789012345683.5"))


def test_weeks_are_seven_whole_days_each_and_today_is_in_neither(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    days = ["2026-01-05", "2026-01-06", "2026-01-12", "2026-01-13", "2026-01-19", "2026-01-20"]
    with connect(database) as connection:
        mirror(connection, mappings, *(order(each, f"{day}T10:00:00") for each, day in enumerate(days)))
        series = {each.name: each for each in look(connection, mappings, days=1).series}

    assert (series["orders"].week, series["orders"].week_before) == (2, 2)


def test_who_came_twice_is_one_in_total_in_a_week_and_in_all_countries(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    with connect(database) as connection:
        mirror(
            connection,
            mappings,
            order(1, "2026-01-17T10:00:00", "a", "ca"),
            order(2, "2026-01-18T10:00:00", "a", "ca"),
            order(3, "2026-01-18T11:00:00", "a", "us"),
            order(4, "2026-01-18T11:00:00", "b", "us"),
        )
        found = {each.name: each for each in look(connection, mappings).series}

    for name in ("buyers", "buyers_by_country"):
        assert (found[name].total, found[name].week) == (2, 2)
        assert by_day(found[name]) == {date(2026, 1, 17): 1, date(2026, 1, 18): 2}
        assert [each.running for each in found[name].days][-4:] == [1, 2, 2, 2]
    assert [({**each.by}, each.value) for each in found["buyers_by_country"].groups] == [
        ({"country": "us"}, 2),
        ({"country": "ca"}, 1),
    ]


def test_the_ten_largest_groups_are_told_and_the_rest_is_one_more(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    items = [
        order(100 * group + each, "2026-01-18T10:00:00", "a" if group > 9 else f"{group}", f"c{group:02}")
        for group in range(12)
        for each in range(20 - group)
    ]
    with connect(database) as connection:
        mirror(connection, mappings, *items, order(9999, "2026-01-18T10:00:00", country=None))
        found = {each.name: each for each in look(connection, mappings).series}

    groups = found["orders_by_country"].groups
    assert [(each.by, each.value) for each in groups[:-1]] == [
        ({"country": f"c{group:02}"}, 20 - group) for group in range(10)
    ]
    assert (groups[-1].by, groups[-1].value, groups[-1].groups) == ({}, 10 + 9 + 1, 3)
    assert (found["buyers_by_country"].groups[-1].by, found["buyers_by_country"].groups[-1].groups) == ({}, 3)
    assert found["buyers_by_country"].groups[-1].value == 2  # "a" is in two of the rest, and counts once


def test_a_day_is_one_of_the_mappings_zone_and_so_is_today(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path, days="America/Toronto")
    night = datetime(2026, 1, 20, 3, tzinfo=UTC)  # in Toronto it is the 19th, ten in the evening
    with connect(database) as connection:
        mirror(connection, mappings, order(1, "2026-01-20T02:00:00"))
        series = next(each for each in look(connection, mappings, now=night).series if each.name == "orders")

    assert (series.zone, series.today.day, series.today.value) == ("America/Toronto", date(2026, 1, 19), 1)


def test_what_is_dated_after_today_is_told(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    with connect(database) as connection:
        mirror(connection, mappings, order(1, "2062-01-20T10:00:00"), order(2, "2026-01-20T10:00:00"))
        series = next(each for each in look(connection, mappings).series if each.name == "orders")

    assert (series.total, series.later, series.today.running) == (2, 1, 1)


def test_a_metric_that_is_not_there_is_refused_with_what_was_meant(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    with connect(database) as connection:
        mirror(connection, mappings)

        with pytest.raises(SettingsError, match=r"no metric is named ordres\n.*did you mean orders"):
            fetch_dashboard(connection, mappings, now=NOW, days=14, names=["ordres"])
        chosen: Any = fetch_dashboard(connection, mappings, now=NOW, days=14, names=["orders"])

    assert [(each.name, each.total) for each in chosen.series] == [("orders", 0)]


def test_a_metric_of_a_file_that_the_database_does_not_know_is_told(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    write_mapping(tmp_path, "users", 'postgres = "users"\ntime = "created_at"\n[metric.users]\n')
    with connect(database) as connection:
        mirror(connection, mappings)

        assert look(connection, read_mappings(tmp_path / "metrics")).uncounted == ["users"]


def test_status_tells_how_a_table_fares(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    read_to = datetime(2026, 1, 20, 15, tzinfo=UTC)
    with connect(database) as connection, connect(database) as other:
        source = mirror(connection, mappings, order(1, "2026-01-20T10:00:00"), order(2, "never"))
        keep_keys(connection, Table("orders", ("pk", "sk"), None, None, 0))
        with connection.transaction():
            add_shards(connection, source, [Shard("first", None), Shard("second", "first")])
            advance(connection, source, Shard("first", None, 7, read_to, closed=True))
            advance(connection, source, Shard("second", "first", 9, read_to - timedelta(hours=1)))
            take_in(
                connection, source, [typed({"pk": "ORDER#3"})], lambda each: read_item(each, ("pk", "sk"), mappings)
            )
        assert try_take(other, source, "second")
        [status] = fetch_statuses(connection, mappings)
        pid = other.info.backend_pid

    assert (status.table, status.phase, status.epoch) == ("orders", "live", 1)
    assert (status.items, status.tombstones, status.problems, status.letters) == (2, 0, 1, 1)
    assert [(each.item, each.problem) for each in status.examples] == [
        ({"pk": "ORDER#2", "sk": "never"}, "orders: 'never' is not a time")
    ]
    assert [each.reason for each in status.newest] == ["no sk, which is a part of the key"]
    assert [(each.id, each.sequence, each.closed, each.reader) for each in status.shards] == [
        ("first", "7", True, None),
        ("second", "9", False, pid),
    ]
    assert status.last == status.shards[0]


def test_what_must_be_known_of_a_table_is_on_the_dashboard(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    with connect(database) as connection:
        source = mirror(connection, mappings, order(1, "never"))
        with connection.transaction():
            begin_epoch(connection, source, "arn:aws:dynamodb:another")
        [table] = look(connection, mappings).tables

    assert (table.name, table.phase, table.problems, table.letters) == ("orders", "scanning", 1, 0)


def test_a_table_that_only_a_mapping_knows_was_never_read(database: str, tmp_path: Path):
    mappings = read_orders(tmp_path)
    with connect(database) as connection:
        mirror(connection, mappings)
        statuses = fetch_statuses(connection, read_orders(tmp_path, "another"))

    assert [(each.table, each.phase) for each in statuses] == [("another", "new"), ("orders", "live")]
