"""A call, versions, a space in, the key that its result is kept under out.

What decides the answer is in the key: the SQL, how many rows its file promises, the parameters in the very form in
which they are sent, the session's settings, and the versions of all that is read. So what is found under a key is never
of another version.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from psycopg.adapt import PyFormat, Transformer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.abc import AdaptContext

    from pgproof.queries.call import Call

_WORDS = "pgproof1"


def key_of(call: Call, space: str, versions: Mapping[str, str], context: AdaptContext | None = None) -> str:
    """Return the key for a call at these versions; `context` has the adapters that its parameters are sent with.

    Raises:
        psycopg.Error, UnicodeError: a parameter cannot be sent.
    """
    transformer = Transformer(context)
    sent = transformer.dump_sequence(call.values, [PyFormat.AUTO] * len(call.values))
    parameters = [None if each is None else bytes(each) for each in sent]
    types, formats = transformer.types, transformer.formats
    said = (call.command.sql, call.query.returns, parameters, types, formats, sorted(versions.items()))
    return f"{_WORDS}:{space}:{call.query.name}:{sha256(repr(said).encode()).hexdigest()[:40]}"


def token_key(space: str, name: str) -> str:
    """Return the key of a table's token."""
    return f"{_WORDS}:{space}:token:{name}"


def lease_key(key: str) -> str:
    """Return the key under which one process tells the others that it fetches."""
    return f"{key}:lease"
