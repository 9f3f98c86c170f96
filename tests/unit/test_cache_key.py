"""What decides an answer decides its key, and nothing that decides it is left out."""

import datetime as dt
import uuid
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.json import Json, Jsonb
from psycopg.types.range import Range

from pgproof.cache.key import key_of, lease_key, token_key
from pgproof.queries.call import call_for_json, call_for_rows
from pgproof.queries.files import Query, Returns

VERSIONS = {"public.note": "1"}


def query(text: str = "SELECT %(a)s, %(b)s", returns: Returns = "many", name: str = "notes.asked") -> Query:
    return Query(name, Path("/queries/notes/asked.sql"), f"-- returns: {returns}\n{text}", returns)


def key(a: object = 1, b: object = 2, *, of: Query | None = None, space: str = "space", versions: Any = None) -> str:
    return key_of(call_for_rows(of or query(), None, {"a": a, "b": b}), space, versions or VERSIONS)


def sent(value: object) -> tuple[Any, ...]:
    """Return a value as psycopg sends it: bytes, type, format."""
    transformer = Transformer()
    [dumped] = transformer.dump_sequence([value], [PyFormat.AUTO])
    return None if dumped is None else bytes(dumped), transformer.types, transformer.formats


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.integers(-3, 3), st.floats(), st.decimals(places=2) | st.just(0))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    TEXTS,
    st.binary(max_size=4),
    st.uuids(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(dt.UTC)),
    st.times(),
    st.timedeltas(),
    st.builds(Json, TEXTS | st.integers()),
    st.builds(Jsonb, TEXTS | st.integers()),
    st.builds(Range, st.integers(0, 3), st.integers(4, 6)),
)
VALUES = SCALARS | st.lists(st.integers(-3, 3), max_size=3) | st.lists(TEXTS | st.none(), max_size=3)


@given(VALUES, VALUES)
def test_values_share_a_key_only_where_the_same_is_sent(one: object, other: object):
    assert (key(one) == key(other)) == (sent(one) == sent(other))


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_what_one_parameter_ends_with_is_not_what_the_next_begins_with(a: str, b: str, c: str, d: str):
    assert (key(a, b) == key(c, d)) == ((a, b) == (c, d))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (1, Decimal(1)),
        (1, 1.0),
        (1, 100_000),
        (0.0, -0.0),
        ("a", b"a"),
        (None, "None"),
        (None, ""),
        ([], [""]),
        ([None], ["None"]),
        ("2026-01-01", dt.date(2026, 1, 1)),
        (dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),  # noqa: DTZ001
        (Json({}), Jsonb({})),
        ("::1", ip_address("::1")),
        (str(uuid.UUID(int=1)), uuid.UUID(int=1)),
    ],
)
def test_values_that_are_alike_have_keys_of_their_own(one: object, other: object):
    assert key(one) != key(other)


@pytest.mark.parametrize(
    "other",
    [
        key(of=query("SELECT %(a)s,  %(b)s")),
        key(of=query(returns="one")),
        key(of=query(name="notes.other")),
        key(space="elsewhere"),
        key(versions={"public.note": "2"}),
        key(versions={"public.tag": "1"}),
        key(versions={"public.note": "1", "public.tag": "1"}),
        key(2, 1),
        key_of(call_for_json(query(), {"a": 1, "b": 2}), "space", VERSIONS),
    ],
)
def test_what_else_decides_an_answer_is_in_its_key(other: str):
    assert key() != other


def test_the_same_has_the_same_key_whoever_asks_for_which_row():
    class Row:
        pass

    as_row = call_for_rows(query(), Row, {"b": 2, "a": 1})

    assert key() == key_of(as_row, "space", dict(reversed(VERSIONS.items())))


def test_adapters_of_the_connection_decide_what_is_sent():
    class Loud(psycopg.adapt.Dumper):
        def dump(self, obj: str) -> bytes:
            return obj.upper().encode()

    adapters = psycopg.adapt.AdaptersMap(psycopg.adapters)
    adapters.register_dumper(str, Loud)
    context = _Context(adapters)
    call = call_for_rows(query(), None, {"a": "a", "b": "A"})

    assert key_of(call, "space", VERSIONS, context) != key("a", "A")
    assert key_of(call, "space", VERSIONS, context) == key_of(
        call_for_rows(query(), None, {"a": "A", "b": "a"}), "space", VERSIONS, context
    )


class _Context:
    connection = None

    def __init__(self, adapters: psycopg.adapt.AdaptersMap) -> None:
        self.adapters = adapters


@pytest.mark.parametrize("value", [object(), "\ud800", [1, "a"], "a\0b"])
def test_what_cannot_be_sent_has_no_key(value: object):
    with pytest.raises((psycopg.Error, UnicodeError)):
        key(value)


def test_a_key_says_nothing_of_its_parameters_and_has_a_length_that_backends_take():
    assert "secret" not in key("secret" * 1000)
    assert len(key("secret" * 1000)) < 120


def test_results_tokens_and_leases_never_share_a_key():
    assert (
        len({key(), lease_key(key()), token_key("space", "public.note"), token_key("space", "query:notes.asked")}) == 4
    )
