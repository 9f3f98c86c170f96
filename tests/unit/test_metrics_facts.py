"""What is counted of an item: its day and its values as text; or why it cannot be counted, and is kept all the same."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pgproof.metrics.mappings.facts import NO_FACTS, dig, find_facts
from pgproof.metrics.mappings.mapping import Mapping, read_mappings
from pgproof.metrics.mirror.item import normalize
from tests.items import ITEMS
from tests.metrics import write_mapping

ORDERS = """
dynamodb = "shop"
items = { pk = "ORDER#*" }
time = "at"

[metric.orders]
by = ["country", "address.city"]

[metric.turnover]
measure = "sum"
of = "price"
by = ["country"]

[metric.customers]
measure = "distinct"
of = "customer"
"""
EVENTS = """
dynamodb = "shop"
time = "seen.at"
unit = "ms"

[metric.events]
"""


@pytest.fixture(scope="module")
def mappings(tmp_path_factory: pytest.TempPathFactory) -> list[Mapping]:
    root = tmp_path_factory.mktemp("project")
    write_mapping(root, "orders", ORDERS)
    write_mapping(root, "events", EVENTS)
    return read_mappings(root / "metrics")


def order(**attributes: Any) -> dict[str, Any]:
    item = {"pk": {"S": "ORDER#1"}, "at": {"S": "2026-01-01T10:00:00"}, "price": {"N": "1"}, **attributes}
    return normalize({name: value for name, value in item.items() if value is not None})


def facts(item: dict[str, Any], mappings: list[Mapping]) -> tuple[dict[str, Any], str]:
    found = find_facts(item, mappings)
    return json.loads(found.by_mapping or "{}"), found.problem or ""


def said(mappings: list[Mapping], **attributes: Any) -> dict[str, str]:
    """Return what is said of an order with these attributes."""
    found, _ = facts(order(**attributes), mappings[1:])
    return found["orders"]["with"]  # type: ignore[no-any-return]


def test_facts_are_the_day_and_the_values_that_metrics_need_of_each_mapping_that_takes_an_item(mappings: list[Mapping]):
    item = order(
        country={"S": "CA"},
        customer={"S": "a"},
        address={"M": {"city": {"S": "Hull"}}},
        seen={"M": {"at": {"N": "86400000"}}},
        other={"S": "x"},
    )
    expected = {
        "orders": {
            "day": "2026-01-01",
            "with": {"country": "CA", "address.city": "Hull", "price": "1", "customer": "a"},
        },
        "events": {"day": "1970-01-02", "with": {}},
    }

    assert facts(item, mappings) == (expected, "")


def test_an_item_that_no_mapping_takes_has_no_facts(mappings: list[Mapping]):
    assert find_facts(order(pk={"S": "USER#1"}), mappings[1:]) is NO_FACTS
    assert find_facts(order(pk={"N": "1"}), mappings[1:]) is NO_FACTS
    assert find_facts(order(pk=None), mappings[1:]) is NO_FACTS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"S": "Hull"}, "Hull"),
        ({"S": ""}, ""),
        ({"S": 'a "quoted"\\ one\n\x01é😀'}, 'a "quoted"\\ one\n\x01é😀'),
        ({"S": "a\0b"}, '{"S0": "YQBi"}'),
        ({"N": "1.50"}, "1.5"),
        ({"N": "1E-7"}, "0.0000001"),
        ({"BOOL": True}, '{"BOOL": true}'),
        ({"L": [{"S": "a"}]}, '{"L": [{"S": "a"}]}'),
    ],
)
def test_a_value_is_text_and_values_of_other_types_are_others(mappings: list[Mapping], value: Any, text: str):
    assert said(mappings, country=value, customer=value) == {"country": text, "customer": text, "price": "1"}


def test_null_and_what_is_missing_are_no_value(mappings: list[Mapping]):
    assert said(mappings, country={"NULL": True}) == {"price": "1"}
    assert said(mappings, address={"S": "no map"}) == {"price": "1"}


@pytest.mark.parametrize("price", ["9" * 38, "1E125", "-1E-130", "0"])
def test_a_number_that_is_summed_is_exact(mappings: list[Mapping], price: str):
    assert said(mappings, price={"N": price})["price"] == price.replace("E", "E+").replace("+-", "-")


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"at": None}, "orders: no at"),
        ({"at": {"S": "today"}}, "orders: 'today' is not a time"),
        ({"at": {"NULL": True}}, "orders: a time is text or a number, not NULL"),
        ({"price": None}, "orders: no price, which is summed"),
        ({"price": {"NULL": True}}, "orders: no price, which is summed"),
        ({"price": {"S": "5"}}, "orders: price is summed, and is S"),
        ({"country": {"S": "x" * 201}}, "orders: country is a dimension of 201 characters: 200 is the most"),
        (
            {"country": {"S": "😀" * 200}, "address": {"M": {"city": {"S": "😀" * 200}}}},
            "orders: dimensions of 1600 bytes: 1500 are the most",
        ),
    ],
)
def test_an_item_that_cannot_be_counted_has_no_facts_and_says_why(
    mappings: list[Mapping], attributes: dict[str, Any], problem: str
):
    assert facts(order(**attributes), mappings[1:]) == ({}, problem)


def test_what_one_mapping_cannot_count_another_counts(mappings: list[Mapping]):
    item = order(at=None, seen={"M": {"at": {"N": "0"}}})

    assert facts(item, mappings) == ({"events": {"day": "1970-01-01", "with": {}}}, "orders: no at")


def test_the_longest_value_that_is_only_counted_is_kept_whole(mappings: list[Mapping]):
    assert said(mappings, customer={"S": "x" * 400_000})["customer"] == "x" * 400_000


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(ITEMS)
def test_facts_of_any_item_are_json_or_a_problem(mappings: list[Mapping], item: dict[str, Any]):
    found = find_facts(normalize({**item, "pk": {"S": "ORDER#1"}}), mappings)

    assert found.problem or found.by_mapping
    assert json.loads(found.by_mapping or "{}").keys() <= {"orders", "events"}


def test_an_attribute_is_found_by_its_own_name_before_it_is_looked_for_in_maps():
    image = normalize({"a.b": {"S": "1"}, "a": {"M": {"b": {"S": "2"}, "c.d": {"S": "3"}}}, "\0": {"S": "4"}})

    assert dig(image, "a.b") == {"S": "1"}
    assert dig(image, "a.c.d") == {"S": "3"}
    assert [dig(image, path) for path in ("a.x", "a.b.c", "b", "a.", ".a", ".")] == [None] * 6
