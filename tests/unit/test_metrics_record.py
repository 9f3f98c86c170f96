"""Records of a stream: what is one is read without loss, and whatever else comes is Malformed, never another error."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgproof.metrics.mirror.intake import plain
from pgproof.metrics.mirror.item import Malformed
from pgproof.metrics.mirror.record import Change, moment_of, read_item, read_record, sequence_of, to_json
from tests.lambdas import arn, message, record

KEYS = ("pk", "sk")
GONE = object()
SOUND = record(arn("t"), 7, message(1))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NESTED = {"M": {"a": {"L": [{"S": "x"}]}}}


def changed(path: str, value: Any) -> Any:
    """Return a sound record with another value at a path, or none there."""
    copy = json.loads(json.dumps(SOUND))
    *outer, last = path.split(".")
    inside = copy
    for name in outer:
        inside = inside[name]
    if value is GONE:
        del inside[last]
    else:
        inside[last] = value
    return copy


def deep(levels: int) -> Any:
    """Return a value in so many lists."""
    value: Any = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("dynamodb", GONE, "it has no 'dynamodb'"),
        ("dynamodb", [], "list indices"),
        ("dynamodb", None, "not subscriptable"),
        ("eventName", GONE, "it has no 'eventName'"),
        ("eventName", "RENAME", "unknown event 'RENAME'"),
        ("eventName", ["INSERT"], "unknown event"),
        ("dynamodb.Keys", GONE, "it has no 'Keys'"),
        ("dynamodb.Keys", "pk", "an item is a map"),
        ("dynamodb.Keys.sk", GONE, "no sk, which is a part of the key"),
        ("dynamodb.Keys.pk", {"S": "a", "N": "1"}, "not a typed value"),
        ("dynamodb.Keys.pk", {"S": "another"}, "its NewImage has another key"),
        ("dynamodb.NewImage", GONE, "no NewImage: the stream has to have"),
        ("dynamodb.NewImage", [1], "an item is a map"),
        ("dynamodb.NewImage.pk", GONE, "its NewImage has another key"),
        ("dynamodb.NewImage.n", {"N": "1e999"}, "not a number of DynamoDB's"),
        ("dynamodb.NewImage.n", {"N": {"a": 1}}, "not a number of DynamoDB's"),
        ("dynamodb.NewImage.n", {"B": "no base64!"}, "not base64"),
        ("dynamodb.NewImage.n", {"SS": 5}, "is not a set"),
        ("dynamodb.NewImage.n", {"S": "half of \ud83d"}, "surrogates not allowed"),
        ("dynamodb.NewImage.n", {"M": {"\udc00": {"S": "x"}}}, "surrogates not allowed"),
        ("dynamodb.NewImage.n", deep(2000), "nested too deeply"),
        ("dynamodb.SequenceNumber", GONE, "it has no 'SequenceNumber'"),
        *[
            ("dynamodb.SequenceNumber", odd, "is not a sequence number")
            for odd in ("", "0", "-5", "+5", " 5", "1_000", "1.5", "٣", "x", 5, 5.0, None, True, ["5"], "9" * 41)
        ],
        ("dynamodb.SequenceNumber", "9" * 5000, "is not a sequence number"),
    ],
)
def test_what_is_no_record_is_malformed_and_says_why(path: str, value: Any, reason: str):
    with pytest.raises(Malformed) as caught:
        read_record(changed(path, value), KEYS, [])

    assert reason in str(caught.value)


@pytest.mark.parametrize("whole", [None, [], "text", 5, {}, {"dynamodb": {}}, {"Records": []}])
def test_what_is_not_even_like_a_record_is_malformed(whole: Any):
    with pytest.raises(Malformed):
        read_record(whole, KEYS, [])
    with pytest.raises(Malformed):
        read_item(whole, KEYS, [])
    assert moment_of(whole) is None


@given(
    st.sampled_from(
        [
            "eventName", "dynamodb", "userIdentity", "dynamodb.Keys", "dynamodb.Keys.pk", "dynamodb.NewImage",
            "dynamodb.NewImage.n", "dynamodb.SequenceNumber", "dynamodb.ApproximateCreationDateTime",
        ]
    ),
    JSON | st.dictionaries(st.sampled_from(["S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"]), JSON),
)  # fmt: skip
@example("dynamodb.NewImage.n", {"SS": ["a\0", 5]})
@example("dynamodb.NewImage.n", {"N": True})
@example("dynamodb.ApproximateCreationDateTime", float("nan"))
def test_any_json_in_any_place_is_a_change_or_malformed_and_can_be_kept(path: str, value: Any):
    odd = changed(path, value)
    try:
        assert isinstance(read_record(odd, KEYS, []), Change)
    except Malformed as error:
        plain(str(error)).encode()
    assert moment_of(odd) is None or isinstance(moment_of(odd), datetime)
    text = to_json(odd)
    assert text.isascii()
    assert to_json(json.loads(text)) == text


@given(JSON)
def test_any_json_is_a_change_or_malformed(value: Any):
    for read in (read_record, read_item):
        try:
            assert isinstance(read(value, KEYS, []), Change)
        except Malformed as error:
            plain(str(error)).encode()


@pytest.mark.parametrize(
    "item",
    [
        message(1),
        message(1, photo={"B": b"\x00\xff"}, photos={"BS": [b"b", b"a"]}),
        message(1, n={"N": "12345678901234567890123456789012345678"}, s={"SS": ["b", "a"]}, m=NESTED),
        message(1, zero="U+0000 is \0", quote='"\\\n\t', star="⭐ 𝄞"),
        {"pk": {"B": b"\x01"}, "sk": {"N": "7"}},
    ],
    ids=["plain", "binary", "numbers", "texts", "binary key"],
)
@pytest.mark.parametrize("name", ["INSERT", "REMOVE"])
def test_a_record_that_was_kept_as_json_reads_as_it_did(item: dict[str, Any], name: str):
    ttl = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    given_by_boto3 = record(arn("t"), 21 * 10**20, item, name=name, userIdentity=ttl)
    given_by_boto3["dynamodb"]["ApproximateCreationDateTime"] = datetime(2026, 1, 1, tzinfo=UTC)

    kept = json.loads(to_json(given_by_boto3))

    assert without_record(read_record(kept, KEYS, [])) == without_record(read_record(given_by_boto3, KEYS, []))
    assert moment_of(kept) == moment_of(given_by_boto3)


@pytest.mark.parametrize("case", [str, str.lower], ids=["as GetRecords has it", "lower case"])
def test_an_item_whose_time_is_over_is_told_from_one_that_somebody_deleted(case: Any):
    who = {"principalId": "dynamodb.amazonaws.com", "type": "Service"}
    identity = {case(name): value for name, value in who.items()}

    assert read_record(record(arn("t"), 1, message(1), name="REMOVE", userIdentity=identity), KEYS, []).expired
    others: list[Any] = [None, [], "Service", {"type": "Service"}, who | {"type": "User"}]
    for other in others:
        change = read_record(record(arn("t"), 1, message(1), name="REMOVE", userIdentity=other), KEYS, [])
        assert (change.deleted, change.expired) == (True, False)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        (1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
        (1767225600.5, datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01", None),
        (1e300, None),
        (float("nan"), None),
    ],
)
def test_when_a_record_was_written_is_told_where_it_says_so(said: Any, moment: datetime | None):
    assert moment_of(changed("dynamodb.ApproximateCreationDateTime", GONE)) is None
    odd = json.loads(json.dumps(SOUND))
    odd["dynamodb"]["ApproximateCreationDateTime"] = said

    assert moment_of(odd) == moment


def test_a_sequence_number_is_exact_and_as_it_was_said():
    assert sequence_of(record(arn("t"), 10**39 + 1, message(1))) == str(10**39 + 1)
    assert read_record(record(arn("t"), 10**39 + 1, message(1)), KEYS, []).sequence == 10**39 + 1


def test_a_reason_is_text_that_postgres_takes():
    assert plain("zero \0, half \ud83d, " + "x" * 5000) == "zero \\0, half \\ud83d, " + "x" * 978


def test_an_item_as_large_as_dynamodb_holds_is_read_whole():
    change = read_record(record(arn("t"), 1, message(1, body="ü" * 200_000)), KEYS, [])

    assert change.image
    assert "ü" * 200_000 in change.image


def without_record(change: Change) -> tuple[Any, ...]:
    return change.key, change.sequence, change.image, change.facts, change.deleted, change.expired
