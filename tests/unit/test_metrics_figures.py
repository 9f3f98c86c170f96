"""Numbers as a person reads them: no digit is made up, and none is lost."""

from decimal import Decimal

import pytest

from pgproof.metrics.dashboard.figures import BARS, PLAIN_BARS, add, ago, change, number, short, sparkline


def test_a_sum_of_numbers_of_38_digits_has_all_of_them():
    long = Decimal(12345678901234567890123456789012345678)

    assert add([long, Decimal("0.01")]) == Decimal("12345678901234567890123456789012345678.01")
    assert number(add([long, long])) == "24,691,357,802,469,135,780,246,913,578,024,691,356"


@pytest.mark.parametrize(
    ("value", "text"), [("1234", "1,234"), ("12.50", "12.5"), ("100", "100"), ("1E+3", "1,000"), ("-0.010", "-0.01")]
)
def test_a_number_is_written_out_without_zeros_that_say_nothing(value: str, text: str):
    assert number(Decimal(value)) == text


def test_what_nobody_knows_is_a_dash_and_not_a_zero():
    assert (number(None), number(Decimal(0))) == ("-", "0")


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (112, 100, "+12 %"),
        (97, 100, "-3 %"),
        (100, 100, "0 %"),
        (3000, 100, "+2,900 %"),
        (5, 0, ""),
        (5, -5, ""),
        (None, 100, ""),
        (5, None, ""),
    ],
)
def test_growth_is_told_only_where_there_was_something_to_grow_from(now: int | None, before: int | None, text: str):
    assert change(*(None if each is None else Decimal(each) for each in (now, before))) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1200, "1.2k"), (2.5e6, "2.5M"), (1.5e29, "1.5e+29"), (-1500, "-1.5k")]
)
def test_an_axis_has_short_numbers(value: float, text: str):
    assert short(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(-3, "0 s"), (90, "90 s"), (150, "2 min"), (7200, "2 h"), (2e5, "2 d")])
def test_how_long_ago_something_was_is_told_in_one_unit(seconds: float, text: str):
    assert ago(seconds) == text


def test_the_lowest_bar_is_for_zero_and_what_is_a_little_more_is_seen():
    assert sparkline([Decimal(each) for each in (0, 1, 50, 100)]) == "▁▂▅█"
    assert sparkline([Decimal(0), None, Decimal(0)]) == "▁▁▁"
    assert sparkline([Decimal(-10), Decimal(0), Decimal(10)]) == "▁▅█"
    assert sparkline([]) == ""


def test_a_terminal_without_bars_has_as_many_heights():
    values = [Decimal(each) for each in range(9)]

    assert len(BARS) == len(PLAIN_BARS)
    assert [BARS.index(each) for each in sparkline(values)] == [
        PLAIN_BARS.index(each) for each in sparkline(values, bars=PLAIN_BARS)
    ]
    assert PLAIN_BARS.isascii()
