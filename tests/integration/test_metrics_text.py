"""The text of an item in Python is the text of its image in Postgres, so a digest of it may be taken on either side."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgproof.metrics.mirror.item import normalize, to_text
from pgproof.pg.database import connect
from tests.items import ITEMS, meaning, nest, restore

AS_POSTGRES_HAS_IT = """
SELECT image::text, image, octet_length(image::text)
FROM unnest(%s::text[]::jsonb[]) WITH ORDINALITY AS given (image, place) ORDER BY place
"""
patiently = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def connection(server: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(server) as connection:
        yield connection


def assert_kept(connection: psycopg.Connection[Any], items: list[dict[str, Any]]) -> None:
    """Postgres writes each as Python does, and from what it has the item can be made again."""
    texts = [to_text(normalize(item)) for item in items]
    found = connection.execute(AS_POSTGRES_HAS_IT, [texts]).fetchall()

    assert [(text, size) for text, _, size in found] == [(text, len(text.encode())) for text in texts]
    assert [meaning(restore(image)) for _, image, _ in found] == [meaning(item) for item in items]


@patiently
@given(items=st.lists(ITEMS, min_size=5, max_size=20))
def test_any_item_has_the_text_that_postgres_gives_and_is_kept_whole(
    connection: psycopg.Connection[Any], items: list[dict[str, Any]]
):
    assert_kept(connection, items)


def test_every_character_is_written_as_postgres_writes_it(connection: psycopg.Connection[Any]):
    characters = [chr(code) for code in (*range(0x3000), *range(0xD7F0, 0xD800), *range(0xE000, 0xE010), 0xFFFF)]
    planes = [chr(code) for code in range(0x10000, 0x110000, 0x1001)]

    assert_kept(connection, [{each: {"S": each}, "pk": {"S": f"a{each}b"}} for each in characters + planes])


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"a": nest({"S": "\0"}, 32)},
        {"a": nest({"N": "1"}, 100)},
        {"a": {"L": []}, "b": {"M": {}}, "c": {"S": ""}, "d": {"B": b""}, "e": {"NULL": True}},
        {"": {"S": "a"}, "\0": {"S": "b"}, "a\0": {"M": {"\0": {"SS": ["\0", ""]}}}},
        {"n": {"NS": ["1E125", "1E-130", "-0", "9" * 38]}, "b": {"BS": [b"\0", b"", b"\xff"]}},
        {"pk": {"S": "x" * 300_000}, "é" * 50_000: {"S": '"\\' * 1000}},
        {f"{number:x}": {"N": str(number)} for number in range(2000)},
    ],
    ids=["empty", "32 deep", "100 deep", "empty values", "U+0000", "extremes", "400 KB", "2000 attributes"],
)
def test_an_item_at_the_limits_is_kept_whole(connection: psycopg.Connection[Any], item: dict[str, Any]):
    assert_kept(connection, [item])
