"""The encoding loses nothing, whatever text the server wrote; what a server really writes is in tests/integration."""

import json
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from pgproof.contracts.encoding import encode, encode_row

# pg_type's numbers.
BOOL, INT8, INT2, INT4, TEXT, JSON, FLOAT4, FLOAT8, NUMERIC, JSONB = 16, 20, 21, 23, 25, 114, 700, 701, 1700, 3802
UNKNOWN_TO_US = 99999  # an enum, a composite, an extension's

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy

SPACES = st.text(" \t\n\r", max_size=2)
TEXTS = st.one_of(st.text(), st.text('"\\/\0\x1f\x7f\x85\xa0\u2028\u2029\u200b\u202e\ufeff,[]{}:\n\r\t é😀'))
NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,6})?", fullmatch=True),
)
STRINGS = st.tuples(TEXTS, st.booleans()).map(lambda each: json.dumps(each[0], ensure_ascii=each[1]))


def spaced(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of JSON with the white space that a json column keeps."""
    return st.tuples(*(part for each in parts for part in (SPACES, each)), SPACES).map("".join)


def joined(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(members, max_size=4).map(",".join)


# Keys may stand twice in an object, and in any order.
DOCUMENTS = st.recursive(
    spaced(st.one_of(NUMBERS, STRINGS, st.sampled_from(["null", "true", "false", '"null"', '"\\u2028"', '"\u2028"']))),
    lambda inner: st.one_of(
        spaced(st.just("["), joined(inner), st.just("]")),
        spaced(st.just("{"), joined(st.tuples(spaced(STRINGS), inner).map(":".join)), st.just("}")),
    ),
    max_leaves=6,
)
INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-4, 4).map((2**53).__add__)).map(str)


def written(number: float) -> str:
    """Return a float as the server writes it: `1e+20`, `-0`, `NaN`, `Infinity`."""
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return "NaN" if number != number else repr(number).removesuffix(".0")  # noqa: PLR0124


FLOATS = st.floats().map(written)
SINGLE_FLOATS = st.floats(width=32).map(written)

WRITTEN = {
    BOOL: st.sampled_from("tf"),
    INT2: st.integers(-(2**15), 2**15 - 1).map(str),
    INT4: st.integers(-(2**31), 2**31 - 1).map(str),
    INT8: INTEGERS,
    FLOAT4: SINGLE_FLOATS,
    FLOAT8: FLOATS,
    JSON: DOCUMENTS,
    JSONB: DOCUMENTS,
    NUMERIC: st.one_of(st.decimals().map(str), st.sampled_from(["1.50", "1.5", "NaN", "Infinity", "-Infinity"])),
    TEXT: TEXTS,
    UNKNOWN_TO_US: TEXTS,
}
BYTES = st.one_of([st.tuples(st.just(oid), texts.map(str.encode)) for oid, texts in WRITTEN.items()])


def one(oid: int, value: bytes | None) -> str:
    (text,) = encode_row([oid], [value])
    return text


def decode(oid: int, text: str) -> bytes | None:
    """Take a golden's text back to what the server wrote, by its type alone."""
    if text == "null":
        return None
    if text.startswith('"'):
        return str(json.loads(text)).encode(errors="surrogateescape")
    return {"true": b"t", "false": b"f"}[text] if oid == BOOL else text.encode()


@patiently
@given(BYTES)
def test_every_value_comes_back_as_the_server_wrote_it(value):
    oid, content = value

    assert decode(oid, one(oid, content)) == content


@patiently
@given(st.sampled_from([TEXT, UNKNOWN_TO_US, NUMERIC]), st.binary())
@example(TEXT, b"\x80")
@example(TEXT, "\ud800".encode(errors="surrogatepass"))
def test_bytes_that_are_no_text_come_back_too(oid, content):
    assert decode(oid, one(oid, content)) == content


@patiently
@given(st.sampled_from(sorted(WRITTEN)).flatmap(lambda oid: st.tuples(st.just(oid), WRITTEN[oid], WRITTEN[oid])))
@example((JSON, '{"a": "\u2028"}', '{"a": "\\u2028"}'))
@example((JSON, '{"a":1}', '{"a":\n1}'))
@example((JSON, "null", '"null"'))
@example((INT8, "9007199254740993", "9007199254740992"))
@example((FLOAT8, "0", "-0"))
@example((NUMERIC, "1.5", "1.50"))
def test_two_values_never_have_one_text(values):
    oid, one_text, another = values
    assume(one_text != another)

    assert one(oid, one_text.encode()) != one(oid, another.encode())


@patiently
@given(BYTES)
def test_no_value_is_taken_for_null(value):
    assert one(*value) != one(value[0], None) == "null"


@patiently
@given(st.lists(st.one_of(BYTES, st.tuples(st.just(TEXT), st.one_of(st.none(), st.binary())))))
def test_a_row_is_json_in_one_line(values):
    row = f"[{', '.join(encode_row([oid for oid, _ in values], [value for _, value in values]))}]"

    # as text: Python's own integers end at 4300 digits
    assert len(json.loads(row, parse_int=str, parse_float=str, parse_constant=pytest.fail)) == len(values)
    assert len(row.splitlines()) == 1
    assert row.encode().decode() == row


@patiently
@given(TEXTS)
@example("".join(map(chr, range(0x3000))))
def test_nothing_in_a_text_hides(text):
    shown = encode(text)

    assert not re.search(r"[\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff]", shown)
    assert not {unicodedata.bidirectional(each) for each in shown} & {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    assert json.loads(shown) == text


@pytest.mark.parametrize("text", ["Siobhán", "من اليمين", "👩\u200d👩\u200d👧", "☔️", "日本"])
def test_what_people_write_stays_readable(text):
    assert encode(text) == f'"{text}"'


@pytest.mark.parametrize(
    ("oid", "value", "text"),
    [
        (BOOL, b"t", "true"),
        (INT4, b"-1", "-1"),
        (INT8, b"9007199254740992", "9007199254740992"),
        (INT8, b"9007199254740993", '"9007199254740993"'),
        (INT8, b"-9007199254740993", '"-9007199254740993"'),
        (FLOAT8, b"1e+20", "1e+20"),
        (FLOAT8, b"-0", '"-0"'),  # a reader of JSON may take it for an integer
        (FLOAT4, b"-Infinity", '"-Infinity"'),
        (FLOAT8, b"NaN", '"NaN"'),
        (NUMERIC, b"1.50", '"1.50"'),
        (JSON, b'{"b": 1, "a": 1, "a": 2}', '{"b": 1, "a": 1, "a": 2}'),
        (JSONB, b"[1, 2]", "[1, 2]"),
        (JSON, b" [1]", '" [1]"'),
        (JSON, b"[1,\n2]", '"[1,\\n2]"'),
        (JSON, '["\u2028"]'.encode(), '"[\\"\\u2028\\"]"'),
        (JSONB, '["\u202e"]'.encode(), '"[\\"\\u202e\\"]"'),
        (JSONB, b"null", '"null"'),
        (JSONB, b"5", '"5"'),
        (TEXT, b"", '""'),
        (TEXT, b"5", '"5"'),
        (TEXT, b"(masked)", '"(masked)"'),
        (UNKNOWN_TO_US, b"{1,NULL}", '"{1,NULL}"'),
    ],
)
def test_values_look_as_people_expect(oid, value, text):
    assert one(oid, value) == text
