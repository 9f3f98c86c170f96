"""Caches as one writes them in an afternoon: most of them make a mistake, each another one.

What they delete and count has the names of tables in its key, by which a simulation knows that others are told.
"""

from collections.abc import Sequence
from math import inf
from secrets import token_bytes
from typing import Any

from psycopg.abc import AdaptContext

from pgproof.cache import BackendError
from pgproof.cache.entry import Entry, decode, encode
from pgproof.cache.flights import Flights
from pgproof.cache.versions import fetch_versions
from pgproof.queries import Query
from pgproof.queries.call import Call
from pgproof.queries.result import Result
from pgproof.queries.steps import Do, Fetch, Select, Send, Steps
from tests.histories.cells import TABLES, TTL
from tests.histories.runs import Process

DAY = 24 * 3600.0
_AT_ONCE = 1e-6  # seconds to live of what is deleted


def tables_of(query: Query) -> tuple[str, ...]:
    """Return the tables of a query, by what it is called."""
    _, name = query.name.split(".")
    return tuple(f"{table}_cell" for table in TABLES if name in (table, "both"))


class Naive:
    """It keeps a result under the name of its call, and deletes it after a write."""

    method = "set"

    def __init__(self, process: Process) -> None:
        self.backend = process.backend

    def answer(self, call: Call) -> Steps[Any]:
        if not call.query.name.startswith("write."):
            return call.load((yield from self.read(call)))
        answer = yield from self.write(call)
        return answer

    def fresh(self, call: Call) -> Steps[Any]:
        return (yield Send(call))

    def announce(self, queries: Sequence[Query]) -> Steps[None]:
        for query in queries:
            yield from self.after(tables_of(query))

    def check(self, query: Query) -> None:
        pass

    def end(self) -> Steps[None]:
        yield from ()

    def attach(self, _: AdaptContext | None) -> None:
        pass

    def read(self, call: Call) -> Steps[Result]:
        key = yield from self.key(call)
        if entry := decode(key, (yield from self.do("get", key)) or b""):
            return entry.result
        result: Result = yield Fetch(call)
        key = yield from self.key_to_fill(call, key)
        yield from self.do(self.method, key, encode(key, Entry(result, inf)), TTL)
        return result

    def write(self, call: Call) -> Steps[Any]:
        answer = yield Send(call)
        yield from self.after(tables_of(call.query))
        return answer

    def after(self, tables: Sequence[str]) -> Steps[None]:
        """Have others notice a write."""
        for name in (*tables, "left_cell right_cell"):
            for id in (1, 2):
                yield from self.do("set", f"{name} {[id]}", b"", _AT_ONCE)

    def key(self, call: Call) -> Steps[str]:
        yield from ()
        return f"{' '.join(tables_of(call.query))} {call.values[:1]}"

    def key_to_fill(self, call: Call, key: str) -> Steps[str]:
        """Return the key that a result is kept under."""
        assert call
        yield from ()
        return key

    def do(self, method: str, *arguments: object) -> Steps[Any]:
        try:
            return (yield Do(self.backend, method, arguments))
        except BackendError:
            return None


class AddOnly(Naive):
    """It fills only where there is nothing."""

    method = "add"


class Tokens(Naive):
    """It has a token of each table in its keys, as ours has; but it counts on a bump to succeed."""

    def key(self, call: Call) -> Steps[str]:
        tokens = []
        for table in tables_of(call.query):
            yield from self.do("add", f"token {table}", token_bytes(8), DAY)
            tokens.append((yield from self.do("get", f"token {table}")))
        return f"{call.query.name} {call.values} {tokens}"

    def after(self, tables: Sequence[str]) -> Steps[None]:
        for table in tables:
            yield from self.do("set", f"token {table}", token_bytes(8), DAY)


class TokenAtFill(Tokens):
    """It reads the tokens when it fills, so after the query."""

    def key_to_fill(self, call: Call, key: str) -> Steps[str]:
        assert key
        return (yield from self.key(call))


class TokenBeforeCommit(Tokens):
    """It replaces the token before the commit, and not after it."""

    def write(self, call: Call) -> Steps[Any]:
        yield from self.after(tables_of(call.query))
        return (yield Send(call))


class Generations(Tokens):
    """Its tokens are numbers, which begin at 1 again when they are evicted."""

    def key(self, call: Call) -> Steps[str]:
        generations = []
        for table in tables_of(call.query):
            yield from self.do("add", f"token {table}", b"1", DAY)
            generations.append((yield from self.do("get", f"token {table}")))
        return f"{call.query.name} {call.values} {generations}"

    def after(self, tables: Sequence[str]) -> Steps[None]:
        for table in tables:
            generation = int((yield from self.do("get", f"token {table}")) or b"0")
            yield from self.do("set", f"token {table}", str(generation + 1).encode(), DAY)


class Versioned(Naive):
    """It has the versions of Postgres in its keys, rightly; for others to get wrong."""

    def key(self, call: Call) -> Steps[str]:
        versions = yield from fetch_versions([f"public.{table}" for table in self.watched(call)])
        return f"{call.query.name} {call.values} {sorted(versions.items())}"

    def watched(self, call: Call) -> Sequence[str]:
        return tables_of(call.query)

    def after(self, _: Sequence[str]) -> Steps[None]:
        yield from ()


class VersionAtFill(Versioned):
    """It asks for the versions when it fills."""

    def key_to_fill(self, call: Call, key: str) -> Steps[str]:
        assert key
        return (yield from self.key(call))


class OneTable(Versioned):
    """It watches only one of the tables that it reads."""

    def watched(self, call: Call) -> Sequence[str]:
        return tables_of(call.query)[:1]


class SharedByCall(Versioned):
    """Who asks the same waits for the one who asks already, whatever was written since he began."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._flights: Flights[Result] = Flights(10)

    def read(self, call: Call) -> Steps[Result]:
        whole = super().read
        return (yield from self._flights.share(f"{call.query.name} {call.values}", lambda: whole(call)))


class Sequences(Versioned):
    """Its versions are sequences, which everybody sees before the commit."""

    def key(self, call: Call) -> Steps[str]:
        versions = []
        for table in tables_of(call.query):
            versions += yield Select(f"SELECT last_value, is_called FROM {table}_version")  # noqa: S608
        return f"{call.query.name} {call.values} {versions}"
