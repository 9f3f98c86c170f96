"""A result comes back from its bytes as it was; from any other bytes nothing does, and no error."""

import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pgproof.cache.entry import Entry, decode, encode
from pgproof.queries.result import Result

VALUES = st.one_of(st.none(), st.binary(), st.text().map(str.encode))
NAMES = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    columns = draw(st.integers(0, 4))
    names = draw(st.lists(NAMES, min_size=columns, max_size=columns))
    types = draw(st.lists(st.integers(0, 2**32 - 1), min_size=columns, max_size=columns))
    rows = draw(st.lists(st.lists(VALUES, min_size=columns, max_size=columns), max_size=4))
    return Entry(Result(tuple(names), tuple(types), rows), draw(st.floats(0, 1e11)))


ENTRY = Entry(Result(("id", "name"), (23, 25), [[b"1", b"Andr\xc3\xa9"], [b"2", None]]), 1_800_000_000.25)
KEPT = encode("key", ENTRY)


@given(KEYS, entries())
def test_an_entry_comes_back_as_it_was(key, entry):
    assert decode(key, encode(key, entry)) == entry


@pytest.mark.parametrize(
    "value",
    [None, b"", b"NULL", b"\x00", b'"\\\n\x1f', b"\xff\xfe", b"\xed\xb2\x80", b"\xc3", "\U0001f418".encode()],
)
def test_every_value_comes_back_as_it_was(value):
    entry = Entry(Result(("a", "b"), (25, 25), [[value, value]]), 0.0)

    assert decode("key", encode("key", entry)) == entry


@pytest.mark.parametrize(
    "result",
    [Result((), (), []), Result((), (), [[], []]), Result(("a",), (25,), []), Result(("", "?"), (0, 4294967295), [])],
)
def test_no_rows_and_no_columns_are_something_too(result):
    assert decode("key", encode("key", Entry(result, 0.0))) == Entry(result, 0.0)


@given(st.integers(0, len(KEPT) - 1), st.integers(1, 255))
def test_one_flipped_byte_is_nothing(place, change):
    flipped = bytearray(KEPT)
    flipped[place] ^= change

    assert decode("key", bytes(flipped)) is None


@pytest.mark.parametrize("length", range(len(KEPT)))
def test_half_of_it_is_nothing(length):
    assert decode("key", KEPT[:length]) is None


@given(st.binary(min_size=1))
def test_more_than_it_is_nothing(more):
    assert decode("key", KEPT + more) is None
    assert decode("key", more + KEPT) is None


@given(KEYS, KEYS, entries())
def test_what_another_key_has_is_nothing(one, other, entry):
    assume(one != other)

    assert decode(other, encode(one, entry)) is None


@given(entries(), entries(), st.data())
def test_two_entries_mixed_are_nothing(one, other, data):
    bytes_one, bytes_other = encode("key", one), encode("key", other)
    cut = data.draw(st.integers(0, min(len(bytes_one), len(bytes_other))))
    mixed = bytes_one[:cut] + bytes_other[cut:]
    assume(mixed not in (bytes_one, bytes_other))

    assert decode("key", mixed) is None


@given(st.binary(), st.sampled_from([b"", b"P1", b"P1" + bytes(16), b"P2"]))
def test_any_bytes_are_nothing(garbage, begin):
    assert decode("key", begin + garbage) is None


def test_an_older_time_does_not_pass_for_a_newer_one():
    later = KEPT[:18] + struct.pack(">d", ENTRY.fresh_until + 3600) + KEPT[26:]

    assert len(later) == len(KEPT)
    assert decode("key", later) is None
