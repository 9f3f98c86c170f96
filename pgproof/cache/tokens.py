"""Watched tables in, a token of each out, which is replaced after a commit that writes to it: from the backend.

A token is random and is set once, by one call that is never repeated. So none comes back: not when it is evicted, not
when a call that seemed lost arrives late.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pgproof.cache.key import token_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pgproof.cache.access import Access
    from pgproof.queries.steps import Steps

_TTL = 24 * 3600.0  # as long as Momento keeps anything; one that expires costs what a bump costs


def fetch_tokens(access: Access, space: str, names: Iterable[str]) -> Steps[Mapping[str, str]]:
    """Read tokens, and make those that are not there; what cannot be had is not in it."""
    tokens = {}
    for name in names:
        key = token_key(space, name)
        token = yield from access.get(key)
        if token is None:
            token = yield from _make(access, key)
        if token is None:
            return {}
        tokens[name] = token.hex()
    return tokens


def replace_token(access: Access, space: str, name: str) -> Steps[bool]:
    """Replace a token; whether that is certain."""
    done = yield from access.set(token_key(space, name), secrets.token_bytes(16), _TTL)
    return done


def _make(access: Access, key: str) -> Steps[bytes | None]:
    token = secrets.token_bytes(16)
    if (yield from access.add(key, token, _TTL)):
        return token
    return (yield from access.get(key))  # another process was first
