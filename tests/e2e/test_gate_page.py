"""The gate's page in a real browser: on a phone, in the dark, with nothing asked of anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pgproof.gate.formats.page.document import to_html
from pgproof.gate.formats.rooted import seen_from
from tests.gate_reports import REPORT, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser import Browser

PHONE, DESK = 360, 1200
_READABLE = """(() => {
    const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const parse = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([red, green, blue]) =>
        0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const poor = [];
    for (const element of document.querySelectorAll("h1, h2, h3, h4, p, code, th, td, span, summary, pre, li")) {
        if (!element.textContent.trim()) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(element.outerHTML.slice(0, 80));
    }
    return poor;
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(seen_from(ROOT, REPORT)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_only_what_is_wide_moves_sideways(browser: Browser, page: Path, width: int):
    browser.open(page, width=width)

    assert browser.ask("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('.scroll, pre')].some(each => each.scrollWidth > each.clientWidth)"
    assert browser.ask(wide) == (width == PHONE)
    assert browser.ask("[...document.querySelectorAll('svg')].every(each => each.closest('.scroll'))")


def test_it_asks_nobody_for_anything_and_the_browser_has_nothing_to_say(browser: Browser, page: Path):
    browser.open(page, width=DESK)

    assert [each["request"]["url"] for each in browser.seen("Network.requestWillBeSent")] == [page.as_uri()]
    said: list[dict[str, Any]] = browser.seen("Log.entryAdded") + browser.seen("Runtime.consoleAPICalled")
    assert said == []


def test_a_script_that_gets_into_it_is_not_run(browser: Browser, page: Path, tmp_path: Path):
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text().replace("</main>", "<script>document.title = 'run'</script></main>"))
    browser.open(broken, width=DESK)

    assert "pgproof gate" in browser.ask("document.title")
    assert "script-src" in browser.seen("Log.entryAdded")[0]["entry"]["text"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, page: Path, scheme: Any):
    browser.open(page, width=PHONE, scheme=scheme)

    assert browser.ask(_READABLE) == []


def test_it_is_dark_for_who_wants_it_dark(browser: Browser, page: Path):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(page, width=PHONE, scheme="dark")
    dark = browser.ask(ground)
    browser.open(page, width=PHONE, scheme="light")

    assert (dark, browser.ask(ground)) == ("rgb(18, 21, 26)", "rgb(246, 247, 249)")


def test_who_does_not_see_it_hears_headings_tables_and_what_a_drawing_shows(browser: Browser, page: Path):
    browser.open(page, width=DESK)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    heard = [(each["role"]["value"], each.get("name", {}).get("value", "")) for each in nodes if not each["ignored"]]

    assert ("heading", "Findings") in heard
    assert ("columnheader", "what was seen") in heard
    assert ("rowheader", "a live server goes on") in heard
    assert {name for role, name in heard if role in ("image", "img")} == {
        "The tables that this change touches",
        "Locks and waits while the migrations ran",
    }


def test_no_label_of_a_drawing_leaves_it(browser: Browser, page: Path):
    browser.open(page, width=DESK)
    outside = """[...document.querySelectorAll("svg text")].filter(text => {
        const [own, all] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
        return own.left < all.left - 1 || own.right > all.right + 1 || own.bottom > all.bottom + 1;
    }).map(text => text.textContent)"""

    assert browser.ask(outside) == []


def test_no_text_of_a_table_leaves_its_box(browser: Browser, page: Path):
    browser.open(page, width=DESK)
    outside = """[...document.querySelectorAll("svg .table")].flatMap(table => {
        const box = table.querySelector(".box").getBoundingClientRect();
        return [...table.querySelectorAll("text")].filter(text => {
            const own = text.getBoundingClientRect();
            return own.right > box.right || own.bottom > box.bottom;
        }).map(text => text.textContent);
    })"""

    assert browser.ask(outside) == []
