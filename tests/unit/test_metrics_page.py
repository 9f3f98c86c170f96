"""The page of metrics: whole, the same for the same numbers, and nobody's script."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from pgproof.metrics.dashboard.dashboard import Dashboard, Day
from pgproof.metrics.dashboard.page import to_html
from pgproof.metrics.dashboard.plot import find_ticks, tick_texts
from tests.dashboards import HOSTILE, NOW, by_hand


class Elements(HTMLParser):
    """The elements of a page, with their attributes, in order; and what is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def test_what_a_customer_calls_himself_is_text_wherever_it_stands():
    series = [
        replace(each, name=HOSTILE, of=HOSTILE, by=[HOSTILE], zone=HOSTILE, measure=HOSTILE)
        for each in by_hand().series
    ]
    tables = [replace(each, name=HOSTILE) for each in by_hand().tables]
    page = to_html(Dashboard(NOW, series, tables, [HOSTILE]), HOSTILE)

    assert Elements(page).all("script") == []
    assert HOSTILE not in page
    assert {"\u202e", "\x1b"}.isdisjoint(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\u001b[2J" in page


def test_the_page_of_the_same_numbers_is_the_same():
    assert to_html(by_hand(), "Metrics") == to_html(by_hand(), "Metrics")


def test_the_page_is_whole_and_asks_nobody_for_anything():
    page = to_html(by_hand(), "Metrics")
    elements = Elements(page)

    assert elements.open == []
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|url\(|@import| on[a-z]+=", page)
    assert [each["href"] for each in elements.all("link")] == ["data:,"]


def test_each_drawing_has_a_title_a_description_and_the_numbers_below():
    elements = Elements(to_html(by_hand(), "Metrics"))
    drawings = [each for each in elements.all("svg") if each.get("role") == "img"]
    ids = [each["id"] for _, each in elements.found if each.get("id")]

    assert len(drawings) == 2 * len(by_hand().series)
    assert all(each["aria-labelledby"] in ids and each["aria-describedby"] in ids for each in drawings)
    assert len(ids) == len({*ids})
    assert len(elements.all("details")) == len(by_hand().series)


def test_every_day_is_in_the_table_and_today_is_not_over():
    page = to_html(by_hand(), "Metrics")

    for each in by_hand().series[0].days[:-1]:
        assert f'<th scope="row">{each.day}</th>' in page
    assert '<th scope="row">2026-01-20, not over</th>' in page
    assert page.count("bar today") == len(by_hand().series)


def test_what_has_to_be_known_before_it_is_believed_stands_first():
    page = to_html(by_hand(), "Metrics")
    warned = page.index('class="warnings"')

    assert warned < page.index('class="tiles"')
    for text in ("is being read, so its metrics are not complete", "3 items could not be counted", "1 record could"):
        assert warned < page.index(text) < page.index('class="tiles"')


def test_what_nobody_knows_is_not_drawn():
    [series, *_] = by_hand().series
    days = [replace(each, value=None, running=None) for each in series.days]
    page = to_html(replace(by_hand(), series=[replace(series, total=None, week=None, days=days)]), "Metrics")

    assert '<svg class="drawing"' not in page
    assert "<strong>-</strong>" in page


def test_a_page_without_metrics_says_so():
    assert "There is no metric yet." in to_html(Dashboard(NOW, [], [], []), "Metrics")


@pytest.mark.parametrize("days", [1, 2, 3660])
def test_any_number_of_days_is_drawn_inside_the_drawing(days: int):
    [series, *_] = by_hand().series
    many = [Day(NOW.date() - timedelta(days - each), Decimal(each), Decimal(each), over=True) for each in range(days)]
    page = to_html(replace(by_hand(), series=[replace(series, days=many)]), "Metrics")
    rects = [each for each in Elements(page).all("rect") if str(each.get("class")).startswith("bar")]

    assert all(0 <= float(each["x"] or 0) < 380 and 0 <= float(each["y"] or 0) < 190 for each in rects)
    assert all(float(each["height"] or 0) > 0 for each in rects)


@pytest.mark.parametrize(
    ("low", "high", "whole", "ticks"),
    [
        (0, 18, True, [0, 5, 10, 15, 20]),
        (0, 1, True, [0, 1]),
        (0, 0, True, [0, 1]),
        (-20, 512, True, [-200, 0, 200, 400, 600]),
        (0, 0.3, True, [0, 0.1, 0.2, 0.3]),
        (1208, 1327, False, [1200, 1250, 1300, 1350]),
    ],
)
def test_a_scale_has_a_few_round_values_and_no_half_people(low: float, high: float, *, whole: bool, ticks: list[float]):
    assert find_ticks(low, high, whole=whole) == pytest.approx(ticks)


def test_lines_of_a_scale_are_told_apart():
    assert tick_texts([48_310_000, 48_310_050]) == ["48,310,000", "48,310,050"]
