"""A column in, its odd values out, as SQL: those that a migration and its way back are likely to lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import quote

from pgproof.gate.rows.values import NUMBERS, TEXTS, few_values, is_few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.rows.facts import Field

# `{old}` is what is ordinary there: where a check wants a certain form, only something near it has a chance.
_TEXTS = (
    "''",
    "' '",
    "upper({old})",
    "initcap(lower({old}))",
    "{old} || ' '",
    "{old} || U&'\\0301'",
    "'MiXed Case'",
    "' both sides '",
    "'straße İstanbul ǅ'",
    "'שלום مرحبا'",
    "'👩‍👩‍👧 🏳️‍🌈'",
    """'it''s "quoted" \\ %s {x}'""",
    "E'two\\nlines\\tand a tab'",
    "'NULL'",
    "'007'",
)
_LONG = 3000
_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_FLOATS = ("-0.0", "0.1", "-1.5", "NaN", "Infinity", "-Infinity")
_TIMES = ("infinity", "-infinity", "0044-03-15 BC", "1969-12-31", "2024-02-29", "9999-12-31")
_MOMENTS = ("2024-02-29 23:59:59.999999", "2024-03-31 02:30:00.000001")
_JSON = ("{}", "null", "[]", '""', '{"b": 1.10, "a": [null], "b": 2}', '{"ä": "\\u00e9 \\ud83d\\ude00"}', "1e2")
_BY_BASE = {
    "real": (*_FLOATS, "1e-37", "3.4028235e38"),
    "double precision": (*_FLOATS, "1e-300", "1.7976931348623157e308", "0.30000000000000004"),
    "numeric": (
        "0",
        "-0.1",
        "1.10",
        "1.1000",
        "0.005",
        "12345678901234567890.123456789",
        "NaN",
        "Infinity",
        "-Infinity",
    ),
    "money": ("0", "-0.01", "92233720368547758.07"),
    "date": _TIMES,
    "timestamp without time zone": (*_TIMES, *_MOMENTS),
    "timestamp with time zone": (*_TIMES, *_MOMENTS, "2024-06-01 12:00:00+05:30"),
    "time without time zone": ("00:00", "23:59:59.999999", "24:00"),
    "time with time zone": ("00:00+00", "23:59:59.999999-12", "12:00+05:30"),
    "interval": ("0", "-1 month 1 day", "1 year 2 months 3 days 04:05:06.789", "100 years"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "json": (*_JSON, ' {"a" :1 } '),
    "jsonb": _JSON,
    "bytea": ("\\x", "\\x00ff27"),
    "inet": ("::1", "10.0.0.1/8", "0.0.0.0/0"),
    "cidr": ("::/0", "10.0.0.0/8"),
    "tsvector": ("", "'it''s':1A"),
    "point": ("(0,-0)", "(1e300,NaN)"),
    "xml": ("", "<a/>"),
}
_RANGES = ("empty", "(,)")


def odd_values(column: Field, old: str, constants: tuple[str, ...]) -> list[str]:
    """Return expressions for the odd values of a column, in an order that stays; its checks may refuse some.

    Args:
        column: any.
        old: an expression for an ordinary value.
        constants: what its checks name.
    """
    found = [*(["NULL"] if column.nullable else []), *map(quote, constants), *_by_type(column, old)]
    return list(dict.fromkeys(found))


def _by_type(column: Field, old: str) -> Iterator[str]:
    if is_few(column):
        yield from few_values(column)
    elif column.base in TEXTS:
        yield from (each.replace("{old}", f"({old})::text") for each in _TEXTS)
        yield f"repeat('x', {column.length or _LONG})"
    elif column.element:
        yield from _arrays(column)
    elif column.subtype:
        yield from map(quote, ("{}", *(f"{{{each}}}" for each in _RANGES[1:])) if column.range else _RANGES)
    elif column.base in ("bit", "bit varying"):
        yield f"repeat('1', {max(column.typmod, 1)})::bit varying"
        yield f"repeat('0', {max(column.typmod, 1)})::bit varying"
    else:
        yield from _numbers(column)
        yield from map(quote, _BY_BASE.get(column.base, ()))


def _numbers(column: Field) -> Iterator[str]:
    if end := _INTEGERS.get(column.base):
        yield from ("0", "-1", "7", quote(str(end - 1)), quote(str(-end)))
    if column.digits:
        precision, scale = column.digits
        yield from (f"{sign}{10**precision - 1}::numeric / 1e{scale}" for sign in ("", "-"))


def _arrays(column: Field) -> Iterator[str]:
    yield from map(quote, ("{}", "{NULL}", "{{NULL,NULL},{NULL,NULL}}"))
    if column.element in NUMBERS:
        yield from map(quote, ("{0,-1,NULL,0}", "{{1,2},{NULL,4}}", "[0:1]={1,2}"))
    elif column.element in TEXTS:
        yield from map(quote, ('{"",NULL,"NULL"," a,b ","\\"{}"}', "{{a,b},{NULL,d}}", "[0:1]={a,b}"))
    elif column.element_labels:
        yield f"ARRAY[{', '.join(map(quote, column.element_labels))}]"
