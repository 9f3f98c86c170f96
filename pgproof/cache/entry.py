"""A result in, the bytes that a backend keeps out, and the result again: or nothing, where the bytes are not those.

    P1 · checksum of key and rest (16) · fresh until (float64, seconds since 1970) · length of JSON (uint32) ·
    JSON: names, types, number of rows, layout of values, which of them are NULL · values

The checksum covers the key, so neither half a value nor another key's value is ever taken for the result. The values
are beside the JSON, and their layout is `struct`'s, because a hit spends most of its time here.
"""

from __future__ import annotations

import json
import struct
from hashlib import blake2b
from typing import NamedTuple

from pgproof.queries.result import Result

_MAGIC = b"P1"
_SIZES = struct.Struct(">dI")
_SUM = 16
_ANY = ("utf-8", "surrogateescape")  # a database may hold what is no UTF-8; it comes out as it went in
_HEAD = len(_MAGIC) + _SUM


class Entry(NamedTuple):
    """A result that is kept.

    Attributes:
        fresh_until: by the clock of who kept it, in seconds since 1970; later it is given only while it is renewed.
    """

    result: Result
    fresh_until: float


def encode(key: str, entry: Entry) -> bytes:
    """Return an entry as bytes."""
    names, types, rows = entry.result.names, entry.result.types, entry.result.rows
    values = [value for row in rows for value in row]
    layout = "".join(f"{len(value or b'')}s" for value in values)
    nulls = [place for place, value in enumerate(values) if value is None]
    said = json.dumps([names, types, len(rows), layout, nulls], ensure_ascii=False, separators=(",", ":")).encode(*_ANY)
    rest = _SIZES.pack(entry.fresh_until, len(said)) + said + b"".join(filter(None, values))
    return _MAGIC + _checksum(key, rest) + rest


def decode(key: str, kept: bytes) -> Entry | None:
    """Return the entry of a key; None for bytes that are not what was kept under it."""
    rest = kept[_HEAD:]
    if kept[: len(_MAGIC)] != _MAGIC or kept[len(_MAGIC) : _HEAD] != _checksum(key, rest):
        return None
    until, length = _SIZES.unpack_from(rest)
    begin = _SIZES.size + length
    names, types, many, layout, nulls = json.loads(rest[_SIZES.size : begin].decode(*_ANY))
    values: list[bytes | None] = list(struct.unpack(layout, rest[begin:]))
    for place in nulls:
        values[place] = None
    width = len(names)
    rows = [values[row * width : (row + 1) * width] for row in range(many)]
    return Entry(Result(tuple(names), tuple(types), rows), until)


def _checksum(key: str, rest: bytes) -> bytes:
    return blake2b(rest, digest_size=_SUM, key=blake2b(key.encode()).digest()).digest()
