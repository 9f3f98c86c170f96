"""An item in normal form: what is equal has one text, nothing is lost, and what is no item is told apart."""

import json
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgproof.metrics.mirror.item import Malformed, key_of, normalize, number_text, to_number, to_text
from pgproof.metrics.mirror.record import to_json
from tests.items import ITEMS, NUMBERS, SCALARS, meaning, nest, restore

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy


@patiently
@given(ITEMS)
def test_nothing_of_an_item_is_lost(item: dict[str, Any]):
    assert meaning(restore(normalize(item))) == meaning(item)


@patiently
@given(ITEMS)
def test_the_text_is_json_of_the_normal_form_and_has_no_line_ends(item: dict[str, Any]):
    image = normalize(item)
    text = to_text(image)

    assert json.loads(text) == image
    assert "\n" not in text


@patiently
@given(ITEMS, st.randoms(use_true_random=False))
def test_an_item_has_one_text_in_whatever_order_it_arrives(item: dict[str, Any], random: Any):
    names = list(item)
    random.shuffle(names)

    assert to_text(normalize({name: item[name] for name in names})) == to_text(normalize(item))


@patiently
@given(SCALARS)
def test_a_value_is_the_same_from_lambda_s_json_as_from_boto3(value: dict[str, Any]):
    assert normalize(json.loads(to_json({"a": value}))) == normalize({"a": value})


def test_names_stand_in_the_order_of_jsonb_shorter_ones_first_and_then_by_bytes():
    names = ["b", "a", "aa", "Z", "é", "ab", "😀", "aaaa", "\uffff", "zzz"]
    image = normalize({name: {"S": ""} for name in names})

    assert list(image) == ["Z", "a", "b", "aa", "ab", "é", "zzz", "\uffff", "aaaa", "😀"]
    assert list(normalize({"m": {"M": {name: {"S": ""} for name in names}}})["m"]["M"]) == list(image)


@pytest.mark.parametrize("same", [["1", "1.0", "+1", "1e0", "10E-1", "01", "1."], ["0", "-0", "0.0", "-0E-5", "0E200"]])
def test_a_number_has_one_text(same: list[str]):
    assert {number_text(each) for each in same} == {same[0]}


@given(NUMBERS)
def test_a_number_s_text_is_of_the_same_value_and_its_own(text: str):
    once = number_text(text)

    assert Decimal(once) == Decimal(text)
    assert number_text(once) == once


@pytest.mark.parametrize(
    "text",
    ["9" * 38, "-" + "9" * 38, "1E125", "9.9999999999999999999999999999999999999E+125", "1E-130", "1" + "0" * 125],
)
def test_numbers_up_to_the_limits_of_dynamodb_are_exact(text: str):
    assert to_number(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        *("1E126", "1E-131", "9" * 39, "1.5E-1000000", "1E9999999999999999999"),  # beyond its limits
        *("", " 1", "1 ", "1_0", "٣", "²", "NaN", "Infinity", "-inf", "0x1", "1,5", "1e", ".", "+", "1\n", "\0"),
        *(1, 1.5, True, None, (0, (1,), 0), Decimal(1), ["1"], b"1"),
    ],
    ids=ascii,
)
def test_what_is_no_number_of_dynamodb_s_is_malformed(text: Any):
    with pytest.raises(Malformed):
        to_number(text)
    with pytest.raises(Malformed):
        normalize({"a": {"N": text}})


@pytest.mark.parametrize("hidden", ["\0", "a\0b", "\0\0"])
def test_u_0000_is_kept_in_names_of_attributes_and_of_maps_in_texts_and_sets_at_any_depth(hidden: str):
    value = {"M": {hidden: {"S": hidden}, "": {"SS": [hidden, "x"]}, "plain": {"S": "x"}}}
    item = {hidden: value, "pk": {"S": hidden}, "deep": nest(value, 30)}
    text = to_text(normalize(item))

    assert "\0" not in text
    assert "\\u0000" not in text
    assert restore(json.loads(text)) == item


@pytest.mark.parametrize("name", ["S0", "SS0", "M0", "S", "M", "AA==", "dynamodb"])
def test_a_name_or_a_text_that_looks_like_a_disguise_is_none(name: str):
    hidden, seeming = {name: {"M": {"\0": {"S": name}}}}, {name: {"M": {name: {"S": "\0"}}}}

    assert restore(normalize(hidden)) == hidden
    assert restore(normalize(seeming)) == seeming


def test_a_name_that_is_empty_does_not_hide_another():
    item = {"": {"S": "a"}, "\0": {"S": "b"}, "pk": {"S": "c"}}

    assert restore(normalize(item)) == item


@pytest.mark.parametrize("levels", [32, 100])
def test_what_is_nested_as_deep_as_dynamodb_allows_and_deeper_is_kept(levels: int):
    item = {"a": nest({"S": "\0"}, levels)}

    assert restore(json.loads(to_text(normalize(item)))) == item


def test_an_item_of_400_kb_is_kept():
    item = {"pk": {"S": "x" * 200_000}, "é" * 60_000: {"B": b"\xff" * 80_000}}

    assert restore(json.loads(to_text(normalize(item)))) == item


@pytest.mark.parametrize(
    "value",
    [
        *(None, 5, "text", [], {}, {"S": "a", "N": "1"}, {"X": "a"}, {"S0": "YQ=="}, {"M0": []}, {1: "a"}, {None: 1}),
        *({"S": None}, {"S": 5}, {"S": b"a"}, {"S": ["a"]}, {"S": "half of \ud83d"}, {"S": "\0\udc00"}),
        *({"N": 5}, {"N": True}, {"N": None}, {"N": "x"}, {"N": {"a": 1}}),
        *({"B": None}, {"B": "no base64!"}, {"B": "YQ"}, {"B": "é"}, {"B": 5}, {"B": bytearray(b"a")}),
        *(
            {"BOOL": "true"},
            {"BOOL": 1},
            {"BOOL": None},
            {"NULL": False},
            {"NULL": None},
            {"NULL": "true"},
            {"NULL": 1},
        ),
        *({"L": None}, {"L": "ab"}, {"L": {"a": 1}}, {"L": [None]}, {"L": [{"N": 1}]}, {"L": [[{"S": "a"}]]}),
        *({"M": None}, {"M": []}, {"M": {"a": "b"}}, {"M": {5: {"S": "a"}}}, {"M": {"\ud83d": {"S": "a"}}}),
        *({"M": {"\0": None}}, {"M": {"\0": {"S": "a"}, 5: {"S": "a"}}}, {"M": {"\0\ud83d": {"S": "a"}}}),
        *({"SS": None}, {"SS": 5}, {"SS": "ab"}, {"SS": {"a": 1}}, {"SS": [5]}, {"SS": ["\0", 5]}, {"SS": ["\ud83d"]}),
        *({"NS": ["x"]}, {"NS": [1]}, {"NS": None}, {"BS": [5]}, {"BS": ["é"]}, {"BS": "YQ=="}),
    ],
)
def test_what_is_no_typed_value_is_malformed(value: Any):
    with pytest.raises(Malformed):
        normalize({"pk": {"S": "a"}, "a": value})
    with pytest.raises(Malformed):
        normalize({"a": {"L": [{"M": {"b": value}}]}})


@pytest.mark.parametrize("item", [None, 5, "pk", [], [("pk", {"S": "a"})], {5: {"S": "a"}}, {"\ud83d": {"S": "a"}}])
def test_what_is_no_item_is_malformed(item: Any):
    with pytest.raises(Malformed):
        normalize(item)


def test_what_is_nested_without_an_end_is_malformed():
    with pytest.raises(Malformed, match="nested too deeply"):
        normalize({"a": nest({"S": "a"}, sys.getrecursionlimit())})


KINDS = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"]
GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(), max_size=2) | st.integers(), inner, max_size=3),
        st.dictionaries(st.sampled_from(KINDS), inner, min_size=1, max_size=1),
    ),
    max_leaves=8,
)


@patiently
@given(GARBAGE)
def test_of_garbage_an_item_is_made_that_postgres_takes_or_it_is_malformed(garbage: Any):
    try:
        text = to_text(normalize(garbage))
    except Malformed:
        pass
    else:
        assert "\0" not in json.dumps(json.loads(text.encode()), ensure_ascii=False)


def test_a_key_is_that_of_its_values_whatever_else_an_item_has():
    item = normalize({"sk": {"N": "1.0"}, "pk": {"S": "a"}, "other": {"S": "x"}})

    assert key_of(("pk", "sk"), item) == key_of(("pk", "sk"), normalize({"pk": {"S": "a"}, "sk": {"N": "1"}}))
    assert key_of(("pk", "sk"), item) != key_of(("pk", "sk"), normalize({"pk": {"S": "a"}, "sk": {"S": "1"}}))
    assert key_of(("pk",), item) != key_of(("sk",), item)


def test_an_item_without_its_key_is_malformed_and_says_what_is_missing():
    with pytest.raises(Malformed, match="no pk and no sk, which is a part of the key"):
        key_of(("pk", "sk"), {})
