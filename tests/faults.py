"""Queries over three tables, a backend that does what a test says, and what is asked of both to compare them."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgproof import Database
from pgproof.cache import BackendError, Memory
from tests.caches import Run, watch_tables
from tests.clock import Clock

TIMEOUT, BUDGET = 0.05, 0.15
TABLES = ("note", "tag", "word")
VERBS = ("add", "put", "insert")
THREE = "SELECT (SELECT count(*) FROM {}) AS notes, (SELECT count(*) FROM tag), (SELECT count(*) FROM word) AS words"
FILES = {
    "strict": f"-- returns: one\n-- cache: ttl=60s mode=strict\n{THREE.format('note')}",
    "bounded": f"-- returns: one\n-- cache: ttl=60s mode=bounded\n{THREE.format('note')}",
    "both": "-- returns: one\n-- cache: ttl=60s mode=bounded\n"
    "SELECT (SELECT count(*) FROM note) AS notes, (SELECT count(*) FROM tag) AS tags",
    "notes": "-- returns: value\n-- cache: ttl=60s mode=bounded\nSELECT count(*) FROM note",
    "tags": "-- returns: value\n-- cache: ttl=60s mode=bounded\nSELECT count(*) FROM tag",
    **{
        f"{verb}/{table}": f"-- returns: affected\nINSERT INTO {table} VALUES (1)" for verb in VERBS for table in TABLES
    },
}
ADDS = tuple(f"add.{table}" for table in TABLES)
MODES = pytest.mark.parametrize("mode", ["strict", "bounded"])


def _nothing(*_: str) -> None:
    pass


class Faulty(Memory):
    """A backend that outlives processes, and does what a test says."""

    name = "faulty"
    holds_tokens = True
    is_shared = True
    timeout = TIMEOUT

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.calls: list[tuple[str, str]] = []
        self.befalls: Callable[[str, str], None] = _nothing

    def get(self, key: str) -> bytes | None:
        self._receive("get", key)
        return super().get(key)

    def set(self, key: str, value: bytes, ttl: float) -> None:
        self._receive("set", key)
        super().set(key, value, ttl)

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        self._receive("add", key)
        return super().add(key, value, ttl)

    def _receive(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        self.befalls(method, key)

    def fail(self, kind: str = "SERVER_UNAVAILABLE", takes: float = 0.0, *, is_limited: bool = False) -> None:
        def befall(*_: str) -> None:
            self.clock.now += takes
            raise BackendError(kind, is_limited=is_limited)

        self.befalls = befall

    def slow_down(self, takes: float) -> None:
        def befall(*_: str) -> None:
            self.clock.now += takes

        self.befalls = befall

    def forget(self, part: str) -> None:
        for key in [key for key in self._kept if part in key]:
            del self._kept[key]

    def heal(self) -> None:
        self.befalls = _nothing


def prepare(connection: psycopg.Connection[Any]) -> None:
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} (id int)".encode())
    watch_tables(connection, TABLES)


def fail_for(end: str) -> Callable[[str, str], None]:
    """Fail calls for keys with this end."""

    def befall(_: str, key: str) -> None:
        if key.endswith(end):
            raise BackendError("SERVER_UNAVAILABLE")

    return befall


def refusal_of(db: Any, name: str, kind: type[Exception]) -> str:
    """Return what an error says for people."""
    with pytest.raises(kind) as raised:
        db.run(name)
    return str(raised.value)


def perform(db: Database, run: Run[Any]) -> Any:
    """Perform a step whose outcome is yet to be heard of."""
    assert run.next is not None
    return db._perform(run.next)  # noqa: SLF001  (as the database itself does)


def same(db: Any, plain: Database, mode: str) -> bool:
    """Whether a cached query gives what it gives without a cache, the first time and again."""
    expected = plain.run(mode)
    return bool([db.run(mode), db.run(mode)] == [expected, expected])
