"""Metrics follow their items in the statement that changes these: whatever is done to `item`, `daily` is exact."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from pgproof.metrics.mirror.mirror import sweep
from pgproof.pg.database import connect, drop, ensure_created
from tests.counting import DAYS, Model, Order, add_source, assert_exact, change, daily, merge_all, open_mirror

ORDERS = st.builds(
    Order,
    day=st.sampled_from([*DAYS, None]),
    customer=st.sampled_from(["a", "b", "", None, "x" * 5000, 'quoted "\\é😀']),
    country=st.sampled_from(["CA", "É", None, ""]),
    city=st.sampled_from([None, "Hull"]),
    price=st.sampled_from(["1", "-1", "0", "9" * 38, "1E+125", "1E-130", "0." + "3" * 38]),
    seen=st.sampled_from([None, None, *DAYS[:2]]),
)
CHANGES = st.tuples(st.integers(1, 6), st.integers(1, 9), st.one_of(st.none(), ORDERS, ORDERS, ORDERS))
PAGES = st.lists(st.lists(CHANGES, max_size=6, unique_by=lambda each: each[:2]), max_size=8)
patiently = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def shared(server: str) -> Iterator[str]:
    """Conninfo of one mirror for all examples, a source each."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with open_mirror(make_conninfo(server, dbname=name)):
        yield make_conninfo(server, dbname=name)
    drop(server, name)


@patiently
@given(pages=PAGES)
def test_metrics_are_those_of_the_newest_items_after_every_page(shared: str, pages: list[list[Any]]):
    model = Model()
    said: dict[tuple[int, int], Order | None] = {}
    with connect(shared) as connection:
        connection.execute("TRUNCATE pgproof_metrics.item")
        source = add_source(connection, "shop")
        for page in pages:
            told = [(item, sequence, said.setdefault((item, sequence), order)) for item, sequence, order in page]
            merge_all(connection, source, [change(*each) for each in told])
            for each in told:
                model.merge(*each)

            assert daily(connection) == model.daily()
            assert_exact(connection)


def test_an_item_that_moves_to_another_day_customer_or_place_is_counted_there_only(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change("x", 1, Order(DAYS[0], "a", "CA", "Hull", "5", DAYS[0]))])
        merge_all(connection, source, [change("x", 2, Order(DAYS[1], "b", "FR", None, "7"))])

        assert daily(connection) == {
            ("orders", DAYS[1], "{}"): (1, 1),
            ("orders_by_place", DAYS[1], '{"city": null, "country": "FR"}'): (1, 1),
            ("turnover", DAYS[1], '{"country": "FR"}'): (7, 1),
            ("customers", DAYS[1], "{}"): (1, 1),
            ("customers_by_country", DAYS[1], '{"country": "FR"}'): (1, 1),
        }
        assert_exact(connection)


def test_a_customer_counts_as_long_as_one_order_is_left(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change(each, 1, Order(customer="a")) for each in range(3)])
        counted = []
        for each in range(3):
            merge_all(connection, source, [change(each, 2)])
            counted.append(daily(connection).get(("customers", DAYS[0], "{}")))

        assert counted == [(1, 2), (1, 1), None]
        assert_exact(connection)


def test_sums_of_38_digits_lose_nothing(database: str):
    with open_mirror(database) as (connection, source):
        prices = ["9" * 38, "1E-130", "1E+125", "-1"]
        merge_all(connection, source, [change(each, 1, Order(price=price)) for each, price in enumerate(prices)])
        merge_all(connection, source, [change(2, 2)])
        kept = [Order(price=price) for price in (prices[0], prices[1], prices[3])]

        value, items = daily(connection)["turnover", DAYS[0], '{"country": "CA"}']
        assert (str(value), items) == ("9" * 37 + "8." + "0" * 129 + "1", len(kept))


def test_a_price_that_changes_is_summed_as_it_is_now(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change("x", 1, Order(price="5")), change("y", 1, Order(price="1.5"))])
        merge_all(connection, source, [change("x", 2, Order(price="7"))])

        assert daily(connection)["turnover", DAYS[0], '{"country": "CA"}'] == (Decimal("8.5"), 2)


def test_a_sum_that_comes_to_nothing_is_a_row_as_long_as_it_has_items(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change("x", 1, Order(price="5")), change("y", 1, Order(price="-5"))])

        assert daily(connection)["turnover", DAYS[0], '{"country": "CA"}'] == (0, 2)


def test_an_expired_item_that_still_counts_is_counted_and_one_that_does_not_is_gone(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change("x", 1, Order()), change("y", 1, Order())])
        expired = [change("x", 2, Order(), deleted=True, expired=True), change("y", 2, expired=True)]
        merge_all(connection, source, expired)

        assert daily(connection)["orders", DAYS[0], "{}"] == (1, 1)
        assert_exact(connection)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM pgproof_metrics.item WHERE image::text LIKE '%%1 1%%'",
        "DELETE FROM pgproof_metrics.item",
        "DELETE FROM pgproof_metrics.source WHERE name = 'shop'",
        "DELETE FROM pgproof_metrics.source",
        "UPDATE pgproof_metrics.item SET facts = NULL",
        "UPDATE pgproof_metrics.item SET facts = facts - 'events'",
        "UPDATE pgproof_metrics.item SET source = 2, key = key || '\\x00' WHERE source = 1",
        "INSERT INTO pgproof_metrics.item (source, key, epoch, sequence, facts) SELECT 3, key, 1, 1, facts FROM i",
        "TRUNCATE pgproof_metrics.item",
        "TRUNCATE pgproof_metrics.source CASCADE",
    ],
)
def test_metrics_follow_whatever_is_done_to_items_by_hand(database: str, statement: str):
    with open_mirror(database) as (connection, source):
        other = add_source(connection, "other")
        for each in (source, other):
            merge_all(
                connection, each, [change(item, 1, Order(customer="ab"[item % 2], seen=DAYS[1])) for item in range(5)]
            )
        connection.execute(
            statement.replace("FROM i", "FROM (SELECT * FROM pgproof_metrics.item WHERE source = 1) AS i").encode()
        )

        assert_exact(connection)


@pytest.mark.parametrize("statement", ["DELETE FROM pgproof_metrics.source", "TRUNCATE pgproof_metrics.source CASCADE"])
def test_a_table_that_is_forgotten_takes_its_items_and_what_they_counted_along(database: str, statement: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change("x", 1, Order())])
        connection.execute(statement.encode())

        assert connection.execute("SELECT count(*) FROM pgproof_metrics.item").fetchone() == (0,)
        assert daily(connection) == {}


def test_emptying_items_leaves_metrics_that_are_counted_from_elsewhere(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change("x", 1, Order())])
        connection.execute("""
            INSERT INTO pgproof_metrics.metric (name, mapping, measure, definition)
            VALUES ('users', 'users', 'count', 'SELECT …');
            INSERT INTO pgproof_metrics.daily VALUES ('users', '2026-01-01', '{}', 5, 5);
            TRUNCATE pgproof_metrics.item;
        """)

        assert daily(connection) == {("users", "2026-01-01", "{}"): (5, 5)}


def test_who_pauses_the_trigger_counts_alone(database: str):
    with open_mirror(database) as (connection, source):
        with connection.transaction():
            connection.execute("SET LOCAL pgproof_metrics.paused = 'on'")
            merge_all(connection, source, [change("x", 1, Order())])
        merge_all(connection, source, [change("y", 1, Order(day=DAYS[1]))])

        assert {day for _, day, _ in daily(connection)} == {DAYS[1]}


@pytest.mark.parametrize("same", [4, 50])
def test_writers_at_the_same_items_and_days_neither_wait_for_each_other_for_ever_nor_lose_an_update(
    database: str, same: int
):
    """A page that both adds and updates counts twice in one statement: in no order of rows would that be safe."""
    writers, pages = 4, 20
    start = Barrier(writers)
    with open_mirror(database) as (connection, source):

        def write(writer: int) -> None:
            random = Random(writer)  # noqa: S311 - it draws changes
            with connect(database) as mine:
                start.wait()
                for page in range(pages):
                    items = [f"{writer} adds {page} {each}" for each in range(4)] + random.sample(
                        range(same + 10), same
                    )
                    orders = [Order(random.choice(DAYS), random.choice("abcdefgh")) for _ in items]
                    sequence = page * writers + writer + 1
                    changes = [change(item, sequence, order) for item, order in zip(items, orders, strict=True)]
                    merge_all(mine, source, changes)

        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(write, range(writers)))

        assert_exact(connection)


def test_one_change_does_not_read_all_that_is_counted(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change(each, 1, Order(customer=f"user {each}")) for each in range(3000)])
        connection.execute("ANALYZE pgproof_metrics.member, pgproof_metrics.daily, pgproof_metrics.item")
        with connection.transaction():
            before = [_count(connection, "numscans", table) for table in ("member", "item", "daily")]
            merge_all(connection, source, [change(7, 2, Order(customer="user 8")), change(9, 2)])

            assert [_count(connection, "numscans", table) for table in ("member", "item", "daily")] == before


def test_an_update_of_an_item_that_stays_touches_no_index(database: str):
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change(each, 1, Order()) for each in range(5)])
        with connection.transaction():
            before = _count(connection, "tuples_hot_updated", "item")
            merge_all(connection, source, [change(each, 2, Order(price="7")) for each in range(5)])

            assert _count(connection, "tuples_hot_updated", "item") - before == 5


def test_more_items_than_one_step_sweeps_are_all_gone(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pgproof.metrics.mirror.mirror._STEP", 3)
    with open_mirror(database) as (connection, source):
        merge_all(connection, source, [change(each, 1, Order(customer=str(each))) for each in range(10)])
        newer = add_source(connection, "shop")
        merge_all(connection, newer, [change(4, 0, Order(customer="4"))])

        assert sweep(connection, newer) == 9
        assert daily(connection)["customers", DAYS[0], "{}"] == (Decimal(1), 1)
        assert_exact(connection)


def _count(connection: psycopg.Connection[Any], what: str, table: str) -> int:
    """Return what this session has done to a table: whole readings of it, or updates that touched no index."""
    query = f"SELECT pg_stat_get_xact_{what}('pgproof_metrics.{table}'::regclass)"
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else -1
