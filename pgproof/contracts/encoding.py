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

# By type: pg_type.dat's numbers, which no server changes.
_BOOL, _INT8, _INT2, _INT4, _FLOAT4, _FLOAT8, _JSON, _JSONB = 16, 20, 21, 23, 700, 701, 114, 3802


def encode_row(oids: Sequence[int], values: Sequence[bytes | None]) -> list[str]:
    """Return the JSON text of each value.

    Args:
        oids: types of the columns.
        values: the server's text, in UTF-8; None is SQL's NULL.

    Raises:
        UnicodeDecodeError: a database in SQL_ASCII holds what is no UTF-8.
    """
    return [
        "null" if value is None else _ENCODERS.get(oid, _quote)(value.decode())
        for oid, value in zip(oids, values, strict=True)
    ]


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _boolean(text: str) -> str:
    return "true" if text == "t" else "false"


def _integer(text: str) -> str:
    return text if abs(int(text)) <= _LARGEST else _quote(text)


def _float(text: str) -> str:
    return text if _NUMBER.fullmatch(text) else _quote(text)  # NaN and the infinities


def _json(text: str) -> str:
    """Objects and arrays as they are; the rest, a null that is not SQL's among it, in quotes.

    A document that was stored with line ends is quoted too: a row is a line.
    """
    return text if text[0] in "{[" and "\n" not in text and "\r" not in text else _quote(text)


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
