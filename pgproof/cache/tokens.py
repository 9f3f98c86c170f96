"""Watched tables in, a token of each out, which is replaced after a commit that writes to it: from the backend.

A token is random and is set once, by one call that is never repeated. So none comes back: not when it is evicted, not
when a call that seemed lost arrives late. One that expires costs what a bump costs.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING

from pgproof.cache.backends.backend import LONGEST
from pgproof.cache.key import token_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pgproof.cache.access import Access
    from pgproof.queries.steps import Steps

_RANDOM = 16


def fetch_tokens(access: Access, space: str, names: Iterable[str]) -> Steps[Mapping[str, str]]:
    """Read tokens, and make those that are not there; what cannot be had is not in it."""
    tokens = {}
    for name in names:
        key = token_key(space, name)
        token = yield from _fetch(access, key)
        if token is None:
            return {}
        tokens[name] = token.hex()
    return tokens


def replace_token(access: Access, space: str, name: str) -> Steps[bool]:
    """Replace a token; whether that is certain."""
    key = token_key(space, name)
    done = yield from access.set(key, _make(key), LONGEST)
    return done


def _fetch(access: Access, key: str) -> Steps[bytes | None]:
    token = yield from access.get(key)
    if token is not None and _is_ours(key, token):
        return token
    made = _make(key)
    if token is not None:  # garbage, which may have been there before, and be there again
        return made if (yield from access.set(key, made, LONGEST)) else None
    if (yield from access.add(key, made, LONGEST)):
        return made
    theirs = yield from access.get(key)  # another process was first
    return theirs if theirs is not None and _is_ours(key, theirs) else None


def _make(key: str) -> bytes:
    random = secrets.token_bytes(_RANDOM)
    return random + _checksum(key, random)


def _is_ours(key: str, token: bytes) -> bool:
    return token[_RANDOM:] == _checksum(key, token[:_RANDOM])


def _checksum(key: str, random: bytes) -> bytes:
    return blake2b(key.encode() + random, digest_size=8).digest()
