"""A column in, SQL expressions out that give it a value for each number: pure text, by type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.gate.rows.facts import Field

# `{n}` is a bigint from 1 on. Another number gives another value, except where a type has only a few.
_BY_TYPE = {
    "smallint": "{n}",
    "integer": "{n}",
    "bigint": "{n}",
    "numeric": "{n}",
    "real": "{n}",
    "double precision": "{n}",
    "money": "{n}::numeric::money",
    "oid": "{n}",
    "boolean": "({n}) % 2 = 0",
    "text": "'text ' || ({n})",
    "name": "'name ' || ({n})",
    "citext": "'text ' || ({n})",
    '"char"': "chr((97 + ({n}) % 26)::int)",
    "date": "date '2020-01-01' + ({n})::int",
    "timestamp without time zone": "timestamp '2024-01-01' + ({n}) * interval '1 minute'",
    "timestamp with time zone": "timestamptz '2024-01-01 00:00+00' + ({n}) * interval '1 minute'",
    "time without time zone": "time '00:00' + ({n}) * interval '1 second'",
    "time with time zone": "timetz '00:00+00' + ({n}) * interval '1 second'",
    "interval": "({n}) * interval '1 second'",
    "uuid": "md5({seed} || ({n}))::uuid",
    "json": "json_build_object('n', {n})",
    "jsonb": "jsonb_build_object('n', {n})",
    "jsonpath": "'$.n' || ({n})",
    "bytea": "decode(md5({seed} || ({n})), 'hex')",
    "inet": "inet '10.0.0.0' + ({n})",
    "cidr": "host(inet '10.0.0.0' + ({n})) || '/32'",
    "macaddr": "lpad(to_hex({n}), 12, '0')",
    "macaddr8": "lpad(to_hex({n}), 16, '0')",
    "tsvector": "'word' || ({n})",
    "tsquery": "'word' || ({n})",
    "xml": "'<n>' || ({n}) || '</n>'",
    "point": "point({n}, {n})",
    "line": "line(point(0, {n}), point(1, {n}))",
    "lseg": "lseg(point(0, 0), point({n}, {n}))",
    "box": "box(point(0, 0), point({n}, {n}))",
    "path": "path(polygon(box(point(0, 0), point({n}, {n}))))",
    "polygon": "polygon(box(point(0, 0), point({n}, {n})))",
    "circle": "circle(point(0, 0), {n})",
    "pg_lsn": "pg_lsn '0/0' + ({n})::numeric",
    "hstore": "'n=>' || ({n})",
    "ltree": "'n' || ({n})",
}

# Where a check wants something: `{d}` are the digits of the number, always as many, so that no two are the same, and
# `{old}` is what another row has there.
_REWORDED = (
    "CASE WHEN strpos({old}, '@') > 0 THEN replace({old}, '@', {d} || '@') ELSE {old} || {d} END",
    "{old} || {d}",
    "{old} || '_' || {d}",
    "left({old}, greatest(0, char_length({old}) - {width})) || {d}",
    "{d} || substr({old}, {width} + 1)",
    "{d} || {old}",
)
_WORDED = (
    "'text ' || {d}",
    "'t' || {d}",
    "{d}",
    "'T' || {d}",
    "translate({d}, '0123456789', 'abcdefghij')",
    "upper(translate({d}, '0123456789', 'abcdefghij'))",
    "initcap(translate({d}, '0123456789', 'abcdefghij'))",
    "'t' || {d} || '@example.com'",
    "'https://example.com/' || {d}",
    "'t' || {d} || '.example.com'",
    "'/' || {d}",
    "'#' || {d}",
    "'+1' || lpad({d}, 10, '0')",
    "md5({seed} || {d})",
    "md5({seed} || {d})::uuid::text",
    "upper(md5({seed} || {d}))",
    "encode(sha256(convert_to({seed} || {d}, 'UTF8')), 'hex')",
    "'T-' || {d}",
    "'v1.' || ({n}) || '.0'",
    "'10.0.0.0'::inet + ({n})",
    *(f"lpad({{d}}, {size}, '0')" for size in range(8, 21)),
    *(f"rpad('t' || {{d}}, {size}, 't')" for size in (16, 24, 32, 40, 64)),
)
_FEW_WORDS = (
    "chr((97 + ({n}) % 26)::int)",
    "chr((65 + ({n}) % 26)::int)",
    "(({n}) % 10)::text",
    *(f"right({{d}}, {size})" for size in range(2, 6)),
    *(f"right(translate({{d}}, '0123456789', 'abcdefghij'), {size})" for size in range(2, 6)),
    *(f"upper(right(translate({{d}}, '0123456789', 'abcdefghij'), {size}))" for size in range(2, 6)),
)
_NUMBERS = ("{n}", "-({n})", "{n} * 2", "{n} * 2 + 1", "{n} * 10", "{n} * 100", "{n} * 1000")
_FEW_NUMBERS = (
    *(f"1 + ({{n}}) % {size}" for size in (100, 10, 5, 2)),
    *(f"({{n}}) % {size}" for size in (1000, 100, 10, 2)),
    "(({n}) % 100)::numeric / 100",
    "-1 - ({n}) % 10",
    "1900 + ({n}) % 120",
)
_TIMES = {
    "date": ("date '1950-01-01' - ({n})::int % 7000", "date '2999-01-01' + ({n})::int"),
    "timestamp without time zone": ("timestamp '2999-01-01' + ({n}) * interval '1 minute'",),
    "timestamp with time zone": ("timestamptz '2999-01-01 00:00+00' + ({n}) * interval '1 minute'",),
    "interval": ("interval '1 hour'", "-({n}) * interval '1 second'"),
}
_JSON = ("'{}'", "'[]'", "'\"text\"'", "'1'", "'true'", "json_build_array({n})", "to_json('text ' || ({n}))")

TEXTS = frozenset(("text", "character varying", "bpchar", "citext", "name"))
NUMBERS = frozenset(("smallint", "integer", "bigint", "numeric", "real", "double precision"))
_RANGE_END = {"smallint": 32_767, "integer": 2**31 - 1, "bigint": 2**63 - 1}


def is_few(column: Field) -> bool:
    """Whether its type has only so few values that they can be counted."""
    return bool(column.labels) or column.base == "boolean"


def few_values(column: Field) -> tuple[str, ...]:
    """Return all values of such a type, as SQL."""
    return tuple(map(quote, column.labels)) or ("false", "true")


def largest(column: Field) -> int | None:
    """Return the largest whole number that it takes; None where there is no such limit that matters."""
    if column.digits:
        precision, scale = column.digits
        return int(10 ** max(0, precision - scale)) - 1
    return _RANGE_END.get(column.base)


def pick(column: Field, values: Sequence[str], place: str) -> str:
    """Return an expression for one of several values; `place` is a number from 0 on."""
    return f"(ARRAY[{', '.join(values)}]::{column.type}[])[1 + {place}]"


def make_value(column: Field, n: str, seed: str) -> str | None:
    """Return an expression for the n-th value of a column; None for a type that we have none for.

    Args:
        column: any.
        n: an expression for a number from 1 on.
        seed: text that is another for each column, as SQL.
    """
    if column.labels:
        return _pick(column.labels, n)
    if column.element:
        inner = _of_type(column.element, n, seed) if not column.element_labels else _pick(column.element_labels, n)
        return inner and f"ARRAY[{inner}]"
    if column.subtype:
        ends = (_of_type(column.subtype, each, seed) for each in (f"{n}", f"{n} + 1"))
        made = f"{column.range or column.base}({', '.join(f'({end})::{column.subtype}' for end in ends)})"
        return f"{column.base}({made})" if column.range else made
    return _sized(column, n, seed)


def reworded(column: Field, *, old: str, unique: bool) -> list[str]:
    """Return expressions for the n-th value of a column, in the order of our liking, which its checks may refuse.

    They have `{n}`, `{d}`, `{width}` and `{seed}` in them.

    Args:
        column: any.
        old: an expression for what another row has there; empty where there is none.
        unique: another number gives another value.
    """
    ordinary = make_value(column, "{n}", "{seed}")
    found = [ordinary] if ordinary else []
    if column.base in TEXTS:
        old = old and f"({old})::text"
        found = [each.replace("{old}", old) for each in _REWORDED] if old else []
        return [*found, *_WORDED, *(() if unique else _FEW_WORDS)]
    if column.base in NUMBERS:
        return [*found, *_NUMBERS, *(() if unique else _FEW_NUMBERS)]
    if column.base in ("json", "jsonb"):
        return [*found, *(() if unique else _JSON)]
    return [*found, *_TIMES.get(column.base, ())]


def _pick(labels: tuple[str, ...], n: str) -> str:
    return f"(ARRAY[{', '.join(map(quote, labels))}])[1 + ({n}) % {len(labels)}]"


def _of_type(type_: str, n: str, seed: str) -> str | None:
    pattern = _BY_TYPE.get(type_, _BY_TYPE["text"] if type_ in TEXTS else None)
    return pattern and f"({pattern.replace('{n}', n).replace('{seed}', seed)})::{type_}"


def _sized(column: Field, n: str, seed: str) -> str | None:
    if column.length is not None:
        return f"right('text ' || lpad(({n})::text, 8, '0'), {column.length})"
    if column.base in ("bit", "bit varying"):
        return f"({n})::bigint::bit({column.typmod if column.typmod > 0 else 64})"
    end = largest(column)
    if end is not None and end < _RANGE_END["integer"]:
        return f"({n}) % {end + 1}"
    pattern = _BY_TYPE.get(column.base)
    return pattern and pattern.replace("{n}", n).replace("{seed}", seed)
