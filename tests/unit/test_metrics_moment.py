"""The day that a time falls on: as it is written, in the zone that counts days."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pgproof.metrics.mappings.moment import Calendar
from pgproof.metrics.mirror.item import Malformed

UTC, TORONTO, AUCKLAND = (ZoneInfo(name) for name in ("UTC", "America/Toronto", "Pacific/Auckland"))


def day(value: Any, **calendar: Any) -> str:
    typed = value if isinstance(value, dict) else {"S": value}
    return Calendar(**calendar).day(typed).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01T23:59:59", "2026-03-01"),
        ("2026-03-01 23:59:59", "2026-03-01"),
        ("2026-03-01T23:59:59Z", "2026-03-01"),
        ("2026-03-01T23:59:59.999999", "2026-03-01"),
        ("2026-03-01T23:59:59.9999999Z", "2026-03-01"),  # JavaScript's and .NET's have other lengths than Python's
        ("2026-03-01T23:59:59.9Z", "2026-03-01"),
        ("2026-03-01T23:59:59.999-00:30", "2026-03-02"),
        ("2026-03-01T00:00:00+00:01", "2026-02-28"),
        ("2024-02-29T12:00:00Z", "2024-02-29"),
        ("20260301T120000Z", "2026-03-01"),
        ("0001-01-01T00:00:00", "0001-01-01"),
        ("9999-12-31T23:59:59", "9999-12-31"),
    ],
)
def test_a_text_is_iso_8601_in_utc_where_it_names_no_zone(text: str, expected: str):
    assert day(text) == expected


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        ("0", "s", "1970-01-01"),
        ("-1", "s", "1969-12-31"),
        ("-0.5", "s", "1969-12-31"),
        ("86399", "s", "1970-01-01"),
        ("86399.999999999", "s", "1970-01-01"),
        ("86400", "s", "1970-01-02"),
        ("1E-130", "s", "1970-01-01"),
        ("253402300799", "s", "9999-12-31"),
        ("-62135596800", "s", "0001-01-01"),
        ("86399999", "ms", "1970-01-01"),
        ("86400000", "ms", "1970-01-02"),
        ("-1", "ms", "1969-12-31"),
        ("1767225600000", "ms", "2026-01-01"),
    ],
)
def test_a_number_is_seconds_or_milliseconds_since_1970(number: str, unit: str, expected: str):
    assert day({"N": number}, unit=unit) == expected


@pytest.mark.parametrize(
    ("text", "zone", "days", "expected"),
    [
        ("2026-01-01T04:59:59Z", UTC, TORONTO, "2025-12-31"),
        ("2026-01-01T05:00:00Z", UTC, TORONTO, "2026-01-01"),
        ("2026-07-01T03:59:59Z", UTC, TORONTO, "2026-06-30"),  # summer: midnight is an hour earlier
        ("2026-07-01T04:00:00Z", UTC, TORONTO, "2026-07-01"),
        ("2026-01-01T00:00:00", TORONTO, TORONTO, "2026-01-01"),
        ("2026-01-01T23:00:00", TORONTO, UTC, "2026-01-02"),
        ("2026-01-01T23:00:00Z", TORONTO, TORONTO, "2026-01-01"),  # it names one
        ("2026-11-01T01:30:00", TORONTO, UTC, "2026-11-01"),  # twice that night
        ("2026-03-08T02:30:00", TORONTO, UTC, "2026-03-08"),  # never that night
        ("2026-01-01T10:59:59Z", UTC, AUCKLAND, "2026-01-01"),
        ("2026-01-01T11:00:00Z", UTC, AUCKLAND, "2026-01-02"),
    ],
)
def test_midnight_is_where_days_says_and_a_time_without_a_zone_is_in_zone(
    text: str, zone: ZoneInfo, days: ZoneInfo, expected: str
):
    assert day(text, zone=zone, days=days) == expected


def test_midnight_is_where_days_says_for_a_number_too():
    assert day({"N": "17999"}, days=TORONTO) == "1969-12-31"
    assert day({"N": "18000"}, days=TORONTO) == "1970-01-01"


def test_what_stands_before_a_time_is_left_out_and_has_to_be_there():
    assert day("MSG#2026-01-01T10:00:00", prefix="MSG#") == "2026-01-01"
    assert day({"N": "0"}, prefix="MSG#") == "1970-01-01"
    with pytest.raises(Malformed, match="'2026-01-01' does not begin with 'MSG#'"):
        day("2026-01-01", prefix="MSG#")


@pytest.mark.parametrize(
    "value",
    [
        *("", "today", "2026", "2026-02-29", "2026-13-01", "2026-01-01T25:00", "2026-01-01Tx", "10000-01-01", " "),
        *({"N": "253402300800"}, {"N": "-62135596801"}, {"N": "1E125"}, {"N": "-1E125"}),
        *({"BOOL": True}, {"NULL": True}, {"S0": "AA=="}, {"L": []}, {"M": {}}, {"B": "AA=="}),
    ],
    ids=ascii,
)
def test_what_is_no_time_is_malformed(value: Any):
    with pytest.raises(Malformed, match="time"):
        day(value)


@pytest.mark.parametrize(("text", "days"), [("0001-01-01T00:00:00", TORONTO), ("9999-12-31T23:00:00", AUCKLAND)])
def test_a_time_whose_day_is_beyond_the_calendar_is_malformed(text: str, days: ZoneInfo):
    with pytest.raises(Malformed, match="not a time"):
        day(text, days=days)
