"""A value as the server writes it in, JSON text out: two values of a type never give the same text.

Nothing passes through a float or a Python object on its way. The server's settings are pinned by `session`, and the
type of each column stands in the golden, so a number in quotes and a text of digits are never confused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MASKED = '"(masked)"'
"""What a golden has for a value of no account."""

_LARGEST = 2**53  # what every reader of JSON holds exactly
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?")

_TO_JSON = json.JSONEncoder(ensure_ascii=False).encode
# What ends a line for some editors, cannot be seen, or turns the text around it; and bytes that are no UTF-8.
_UNSEEN = re.compile("[\x7f-\xa0\xad\u061c\u200b\u200e\u200f\u2028-\u202f\u2060-\u206f\ufeff\udc80-\udcff]")
_LINE_END = re.compile(f"[\n\r]|{_UNSEEN.pattern}")

# By type: pg_type.dat's numbers, which no server changes.
_BOOL, _INT8, _INT2, _INT4, _FLOAT4, _FLOAT8, _JSON, _JSONB = 16, 20, 21, 23, 700, 701, 114, 3802


def encode_row(oids: Sequence[int], values: Sequence[bytes | None]) -> list[str]:
    """Return the JSON text of each value, in which nothing hides: it is one line for every editor.

    Args:
        oids: types of the columns.
        values: the server's text, in UTF-8 (a database in SQL_ASCII may hold other bytes); None is SQL's NULL.
    """
    return [
        "null" if value is None else _ENCODERS.get(oid, encode)(value.decode(errors="surrogateescape"))
        for oid, value in zip(oids, values, strict=True)
    ]


def encode(value: object) -> str:
    """Return JSON text in one line, in which nothing hides."""
    text = _TO_JSON(value)
    return text if text.isprintable() else _UNSEEN.sub(_escape, text)  # what is unseen is not printable


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _boolean(text: str) -> str:
    return "true" if text == "t" else "false"


def _integer(text: str) -> str:
    return text if abs(int(text)) <= _LARGEST else encode(text)


def _float(text: str) -> str:
    return text if _NUMBER.fullmatch(text) and text != "-0" else encode(text)  # and NaN, and the infinities


def _json(text: str) -> str:
    """Objects and arrays as they are; the rest, a null that is not SQL's among it, in quotes.

    A document with line ends, or anything else that would have to be escaped, is quoted too: escaped it could be
    another document, because a json column keeps the way in which its text was written.
    """
    return text if text.startswith(("{", "[")) and not _LINE_END.search(text) else encode(text)


_ENCODERS: dict[int, Callable[[str], str]] = {
    _BOOL: _boolean,
    _INT2: str,
    _INT4: str,
    _INT8: _integer,
    _FLOAT4: _float,
    _FLOAT8: _float,
    _JSON: _json,
    _JSONB: _json,
}
