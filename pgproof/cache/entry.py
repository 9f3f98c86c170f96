"""A result in, the bytes that a backend keeps out, and the result again: or nothing, where the bytes are not those.

    P1 · checksum of key and rest (16) · fresh until (float64, seconds since 1970) · JSON: names, types, rows

The checksum covers the key, so neither half a value nor another key's value is ever taken for the result.
"""

from __future__ import annotations

import json
import struct
from hashlib import blake2b
from typing import NamedTuple

from pgproof.queries.result import Result

_MAGIC = b"P1"
_UNTIL = struct.Struct(">d")
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
    texts = [[None if value is None else value.decode(*_ANY) for value in row] for row in rows]
    body = json.dumps([names, types, texts], ensure_ascii=False, separators=(",", ":")).encode(*_ANY)
    rest = _UNTIL.pack(entry.fresh_until) + body
    return _MAGIC + _checksum(key, rest) + rest


def decode(key: str, kept: bytes) -> Entry | None:
    """Return the entry of a key; None for bytes that are not what was kept under it."""
    rest = kept[_HEAD:]
    if kept[: len(_MAGIC)] != _MAGIC or kept[len(_MAGIC) : _HEAD] != _checksum(key, rest):
        return None
    names, types, texts = json.loads(rest[_UNTIL.size :].decode(*_ANY))
    rows = [[None if text is None else text.encode(*_ANY) for text in row] for row in texts]
    return Entry(Result(tuple(names), tuple(types), rows), _UNTIL.unpack_from(rest)[0])


def _checksum(key: str, rest: bytes) -> bytes:
    return blake2b(rest, digest_size=_SUM, key=blake2b(key.encode()).digest()).digest()
