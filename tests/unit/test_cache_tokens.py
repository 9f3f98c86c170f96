"""Tokens: random, made once, and never what somebody else put there."""

from typing import Any

from pgproof.cache import Memory
from pgproof.cache.access import Access
from pgproof.cache.breaker import Breaker
from pgproof.cache.key import token_key
from pgproof.cache.tokens import fetch_tokens, replace_token
from pgproof.queries.steps import Do, Step, drive

KEY = token_key("space", "note")


def perform(step: Step) -> Any:
    assert isinstance(step, Do)
    return getattr(step.backend, step.method)(*step.arguments)


def open_access(backend: Memory) -> Access:
    return Access(backend, Breaker(float), 1, float, lambda _: None)


def token_of(backend: Memory) -> str:
    return drive(fetch_tokens(open_access(backend), "space", ["note"]), perform)["note"]


def test_a_token_stays_until_it_is_replaced():
    backend = Memory()
    first = token_of(backend)
    assert first == token_of(backend)

    assert drive(replace_token(open_access(backend), "space", "note"), perform)
    assert first != token_of(backend)


def test_garbage_is_no_token_because_it_may_come_back():
    backend = Memory()
    backend.set(KEY, b"garbage", 60)
    first = token_of(backend)
    backend.set(KEY, b"garbage", 60)

    assert len({first, token_of(backend), b"garbage".hex()}) == 3


def test_a_token_of_another_table_is_none_of_ours():
    backend = Memory()
    token_of(backend)
    other = token_key("space", "tag")
    backend.set(other, backend.get(KEY) or b"", 60)

    assert drive(fetch_tokens(open_access(backend), "space", ["tag"]), perform)["tag"] != token_of(backend)


def test_no_token_is_given_where_garbage_cannot_be_replaced():
    backend = Memory()
    backend.set(KEY, b"garbage", 60)
    backend.set = lambda *_: backend.fails()  # type: ignore[method-assign, attr-defined]

    assert drive(fetch_tokens(open_access(backend), "space", ["note"]), perform) == {}
