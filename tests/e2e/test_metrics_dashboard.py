"""metrics.show, metrics.status and metrics.verify, as a person types them; and the page in a real browser."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pgproof.metrics.aws import Aws
from pgproof.metrics.dashboard.page import to_html
from pgproof.metrics.feed import open_feeds
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mirror.source import fetch_source
from pgproof.metrics.reading.scan import Scan
from tests.browser import Browser
from tests.dashboards import HOSTILE, by_hand, mirror, order, read_orders
from tests.dynamo import KEYS, connect_aws, make_table, moto_server, put
from tests.e2e.conftest import Project
from tests.metrics import install, write_mapping

PHONE, DESK = 360, 1200


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as url:
        yield connect_aws(url)


@pytest.fixture
def dashboard(full_shop: Project) -> Project:
    """A shop with orders of yesterday and today in its mirror, one of which has no time."""
    now = datetime.now(UTC)
    yesterday = f"{now - timedelta(days=1):%Y-%m-%d}T00:00:00"
    with full_shop.connect() as connection:
        items = [order(1, yesterday, "a", "ca", "2.50"), order(2, yesterday, "a", HOSTILE), order(3, "never")]
        mirror(connection, read_orders(full_shop.root), *items)
    return full_shop


def test_show_has_totals_days_groups_and_what_is_wrong_in_plain_lines(dashboard: Project):
    today = datetime.now(UTC).date()
    lines = dashboard.inv(
        "metrics.show", "--days", "2", "--metric", "orders", "--metric", "orders_by_country"
    ).splitlines()

    assert lines == [
        "metric             total  today  7 days  before  change  day by day",
        "orders                 2      0       2       0          █",
        "orders_by_country      2      0       2       0          █",
        "",
        "day (UTC)              orders  orders_by_country",
        f"{today - timedelta(days=1)}                  2                  2",
        f"{today} (not over)       0                  0",
        "",
        "country                                   orders_by_country",
        "<script>alert(1)</script>\\u202e\\u001b[2J                  1",
        "ca                                                        1",
        "warning: orders: 1 item could not be counted: `inv metrics.status` says why",
    ]


def test_a_terminal_without_bars_is_shown_others(dashboard: Project):
    shown = dashboard.inv("metrics.show", PYTHONIOENCODING="ascii")

    assert shown.isascii()
    assert "____________#" in shown


def test_show_is_for_scripts_too_without_losing_a_digit(dashboard: Project):
    shown = json.loads(dashboard.inv("metrics.show", "--json", "--days", "2"))
    metrics = {each["name"]: each for each in shown["metrics"]}

    assert (metrics["turnover"]["total"], metrics["orders"]["total"]) == ("3.5", 2)
    assert [each["value"] for each in metrics["orders"]["days"]] == [2, 0]
    assert [each["over"] for each in metrics["orders"]["days"]] == [True, False]
    assert {"by": {"country": HOSTILE}, "value": 1, "groups": 1} in metrics["orders_by_country"]["groups"]
    assert (shown["tables"][0]["name"], shown["tables"][0]["problems"]) == ("orders", 1)


def test_the_page_is_written_where_one_says(dashboard: Project):
    assert dashboard.inv("metrics.show", "--html", "metrics.html") == "metrics.html: 5 metrics\n"
    page = (dashboard.root / "metrics.html").read_text()

    assert "Metrics of shop" in page
    assert HOSTILE not in page
    assert "cannot be written" in dashboard.refuse("metrics.show", "--html", "nowhere/metrics.html")


def test_who_may_only_read_sees_what_was_counted_before_and_is_told(dashboard: Project):
    write_mapping(dashboard.root, "users", 'postgres = "users"\ntime = "born"\n[metric.users]\n')
    with dashboard.connect() as connection:
        connection.execute("ALTER TABLE users ADD born date DEFAULT '2026-01-01'")
        adopt(connection, read_mappings(dashboard.root / "metrics"))
    dashboard.execute("UPDATE pgproof_metrics.metric SET refreshed_at = NULL")
    dashboard.execute("ALTER DATABASE shop SET default_transaction_read_only = on")
    shown = dashboard.inv("metrics.show", "--metric", "users")

    assert "users       2      0       0       0" in shown
    assert "warning: tables of this database are not counted now: cannot execute" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--days", "0"], "--days '0' is not a number from 1 on"),
        (["--days", "9999"], "--days 9,999 is more than 3,660"),
        (["--metric", "order"], "no metric is named order\n  hint: did you mean orders?"),
    ],
)
def test_what_show_cannot_do_is_one_line(dashboard: Project, words: list[str], why: str):
    assert why in dashboard.refuse("metrics.show", *words)


@pytest.mark.parametrize("task", ["metrics.show", "metrics.status"])
def test_a_database_without_metrics_is_told_what_to_do(full_shop: Project, task: str):
    read_orders(full_shop.root)

    assert "`inv metrics.init` writes the migration" in full_shop.refuse(task)


def test_status_says_where_each_table_is_and_which_items_are_not_counted(dashboard: Project):
    lines = dashboard.inv("metrics.status").splitlines()
    told = json.loads(dashboard.inv("metrics.status", "--json"))

    assert lines[0].startswith("orders: live since ")
    assert lines[1:4] == [
        "  3 items, 0 tombstones; reading 1",
        "  0 open shards, 0 being read by metrics.sync; 0 read to the end",
        "  1 item could not be counted, and will be once mended:",
    ]
    assert lines[4].endswith(": orders: 'never' is not a time")
    assert [(each["table"], each["items"], each["problems"], each["letters"]) for each in told] == [("orders", 3, 1, 0)]


def test_verify_says_equal_or_exits_with_what_is_not(full_shop: Project, aws: Aws):
    table = make_table(aws)
    put(aws, table, order(1, "2026-01-17T10:00:00"))
    with full_shop.connect() as connection:
        install(connection)
        mappings = read_orders(full_shop.root, table)
        [feed] = open_feeds(aws, full_shop.connect, mappings)
        Scan(feed).run(fetch_source(connection, table))
    environ = {
        "AWS_ENDPOINT_URL": aws.tables.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": KEYS["region_name"],
    }

    assert full_shop.inv("metrics.verify", **environ) == (
        f"{table}: 1 item in DynamoDB, 1 in the mirror, 5 numbers: equal\n"
    )

    full_shop.execute("UPDATE pgproof_metrics.daily SET value = 7 WHERE metric = 'orders'")
    done = full_shop.run("metrics.verify", "--table", table, "--json", **environ)
    [told] = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "error: 1 difference\n")
    assert told["differences"] == [
        {
            "kind": "metric",
            "where": {"of": "orders", "on": "2026-01-17"},
            "details": ["it says 7 over 1 item", "and 1 over 1 item is right"],
        }
    ]
    assert "did you mean" in full_shop.refuse("metrics.verify", "--table", table[:-1], **environ)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "metrics.html"
    path.write_text(to_html(by_hand(), "Metrics of cruddur"), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_the_page_and_asks_nobody_for_anything(browser: Browser, page: Path, scheme: Any):
    browser.open(page, width=PHONE, scheme=scheme)

    assert browser.ask("document.documentElement.scrollWidth") <= PHONE
    assert [each["request"]["url"] for each in browser.seen("Network.requestWillBeSent")] == [page.as_uri()]
    said: list[dict[str, Any]] = browser.seen("Log.entryAdded") + browser.seen("Runtime.consoleAPICalled")
    assert said == []
    dark = {"light": "rgb(246, 247, 249)", "dark": "rgb(18, 21, 26)"}
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == dark[scheme]


def test_no_label_of_a_plot_lies_on_another(browser: Browser, page: Path):
    browser.open(page, width=PHONE)
    crossing = """[...document.querySelectorAll("svg[role=img]")].flatMap(svg => {
        const boxes = [...svg.querySelectorAll("text")].map(each => each.getBoundingClientRect());
        return boxes.filter((a, place) => boxes.slice(place + 1).some(b =>
            a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom));
    }).length"""

    assert browser.ask(crossing) == 0


def test_who_does_not_see_the_page_hears_what_each_plot_is_and_its_numbers(browser: Browser, page: Path):
    browser.open(page, width=DESK)
    browser.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    heard = [(each["role"]["value"], each.get("name", {}).get("value", "")) for each in nodes if not each["ignored"]]

    assert {name for role, name in heard if role in ("image", "img")} == {
        f"{each.name} {what}" for each in by_hand().series for what in ("per day", "in total")
    }
    assert ("heading", "active users") in heard
    assert ("rowheader", "2026-01-20, not over") in heard
