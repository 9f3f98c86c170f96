"""The mirror: a row is only ever replaced by a newer one, so order and number of deliveries do not matter."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgproof.metrics.mappings.facts import Facts
from pgproof.metrics.mirror.mirror import prune, sweep
from pgproof.metrics.mirror.record import Change
from pgproof.metrics.mirror.source import Source
from tests.counting import Order, add_source, change, daily, merge_all, open_mirror

KEPT = """
SELECT image -> 'pk' ->> 'S', epoch, sequence, deleted, expired, problem FROM pgproof_metrics.item
WHERE source = %s ORDER BY key
"""


def kept(connection: psycopg.Connection[Any], source: Source) -> list[tuple[Any, ...]]:
    return connection.execute(KEPT, [source.id]).fetchall()


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    random=st.randoms(use_true_random=False),
    stream=st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=15),
)
def test_in_any_order_and_any_number_of_times_the_mirror_ends_the_same(
    mirror: tuple[psycopg.Connection[Any], Source], random: Any, stream: list[tuple[int, bool]]
):
    connection, source = mirror
    changes = [change(item, place, None if gone else Order()) for place, (item, gone) in enumerate(stream, start=1)]
    ends = []
    for deliveries in (changes, changes + changes, changes[::-1], random.sample(changes * 3, len(changes) * 3)):
        connection.execute("DELETE FROM pgproof_metrics.item")
        size = random.randint(1, 5)
        for place in range(0, len(deliveries), size):
            merge_all(connection, source, deliveries[place : place + size])
        ends.append((kept(connection, source), daily(connection)))

    assert ends[1:] == ends[:1] * 3


@pytest.fixture
def mirror(database: str) -> Any:
    with open_mirror(database) as opened:
        yield opened


def test_only_news_is_counted_as_news(mirror: tuple[psycopg.Connection[Any], Source]):
    connection, source = mirror
    changes = [change("x", 2, Order()), change("y", 1, Order()), change("x", 1, Order()), change("x", 2, Order())]

    assert [merge_all(connection, source, each) for each in (changes, changes, [change("x", 3)], [])] == [2, 0, 1, 0]


def test_sequence_numbers_are_compared_as_numbers_up_to_40_digits(mirror: tuple[psycopg.Connection[Any], Source]):
    connection, source = mirror
    numbers = [9 * 10**20, 10**21, 10**39 + 1, 10**39, 9]
    for number in numbers:
        merge_all(connection, source, [change("x", number, Order())])

    assert [row[2] for row in kept(connection, source)] == [10**39 + 1]


def test_a_deleted_item_is_not_brought_back_by_what_is_late(mirror: tuple[psycopg.Connection[Any], Source]):
    connection, source = mirror
    merge_all(connection, source, [change("x", 3)])
    merge_all(connection, source, [change("x", 2, Order())])

    assert kept(connection, source) == [(None, 1, 3, True, False, None)]


def test_anything_of_a_newer_epoch_replaces_what_is_older(mirror: tuple[psycopg.Connection[Any], Source]):
    connection, source = mirror
    merge_all(connection, source, [change(each, 10**30, Order()) for each in "xyz"])
    newer = add_source(connection, "shop")
    merge_all(connection, newer, [change("x", 0, Order())])
    merge_all(connection, newer, [change("y", 5)])
    late = merge_all(connection, source, [change(each, 10**31, Order()) for each in "xy"])

    assert late == 0
    assert sweep(connection, newer) == 1
    assert sorted(row[1:4] for row in kept(connection, newer)) == [(2, -1, True), (2, 0, False), (2, 5, True)]


def test_two_tables_with_the_same_keys_do_not_meet(mirror: tuple[psycopg.Connection[Any], Source]):
    connection, source = mirror
    other = add_source(connection, "other")
    merge_all(connection, source, [change("x", 1, Order())])
    merge_all(connection, other, [change("x", 2)])

    assert [row[3] for each in (source, other) for row in kept(connection, each)] == [False, True]


def test_whatever_a_text_holds_it_is_kept_in_its_own_row(mirror: tuple[psycopg.Connection[Any], Source]):
    connection, source = mirror
    images = [r'{"a": {"S": "\\ \n \t \" \u0001 \\N \\."}}', '{"a": {"S": "\x85\u2028é😀,{}"}}', "{}", None]
    problem = "no time:\n\tat line 5\r\n"
    changes = [
        Change(bytes([place]) * 32, 1, image, Facts(None, problem if place % 2 else None), deleted=image is None)
        for place, image in enumerate(images)
    ]
    merge_all(connection, source, changes)
    rows = connection.execute("SELECT image::text, problem FROM pgproof_metrics.item ORDER BY key").fetchall()

    assert [image for image, _ in rows] == [images[0], images[1], "{}", None]
    assert [said for _, said in rows] == [None, "no time: at line 5"] * 2


@pytest.mark.parametrize(
    "odd",
    [
        Change(b"x" * 32, 1, "no json"),
        Change(b"x" * 32, 1, '{"a": {"S": "\\u0000"}}'),
        Change(b"x" * 32, 1, "{}", Facts('{"orders": {"day": "2026-02-30", "with": {"price": "1"}}}')),
        Change(b"x" * 32, 1, "{}", Facts('{"orders": {"day": "2026-02-03", "with": {"price": "much"}}}')),
        Change(b"x" * 32, 10**40, "{}"),
        Change(b"x" * 32, 1, "{}", Facts(None, "U+\0")),
    ],
    ids=["no JSON", "U+0000", "no day", "no number", "41 digits", "U+0000 in a problem"],
)
def test_of_changes_with_one_that_cannot_be_kept_none_is(mirror: tuple[psycopg.Connection[Any], Source], odd: Change):
    connection, source = mirror
    with pytest.raises(psycopg.DataError):
        merge_all(connection, source, [change("y", 1, Order()), odd, change("z", 1, Order())])

    assert kept(connection, source) == []
    assert daily(connection) == {}


def test_what_is_gone_is_forgotten_after_two_days_but_not_what_still_counts(
    mirror: tuple[psycopg.Connection[Any], Source],
):
    connection, source = mirror
    other = add_source(connection, "other")
    merge_all(connection, source, [change("old", 1), change("new", 1), change("stays", 1, Order())])
    merge_all(connection, source, [change("counts", 1, Order(), deleted=True, expired=True)])
    merge_all(connection, other, [change("old", 1)])
    connection.execute("""
        UPDATE pgproof_metrics.item SET changed_at = now() - interval '49 hours'
        WHERE key <> sha256('new'::bytea)
    """)

    assert prune(connection, source) == 1
    assert (len(kept(connection, source)), len(kept(connection, other))) == (3, 1)
