"""Protocols of caches that look right and are not, as steps, so that a test performs them in the order that shows why.

Numbers are those of the races in `tests/integration/test_cache_races.py`.
"""

import secrets
from typing import Any

from pgproof import Database
from pgproof.queries.call import Call, call_for_rows
from pgproof.queries.steps import Do, Fetch, Select, Send, Steps
from tests.caches import Run


class Store(dict[str, Any]):
    """A place that all processes share, with what the protocols ask of it."""

    def set(self, key: str, value: object) -> None:
        self[key] = value

    def add(self, key: str, value: object) -> bool:
        return self.setdefault(key, value) is value

    def delete(self, key: str) -> None:
        self.pop(key, None)

    def increment(self, key: str) -> None:
        self[key] = self.get(key, 1) + 1


class Naive:
    """1: a read sets what it found, a write deletes it after its commit."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.store = Store()
        self._query = db.queries["tally.strict"]

    def read(self) -> Run[Any]:
        return Run(self.db, self._answer(call_for_rows(self._query, None, {})))

    def add(self) -> Run[Any]:
        return Run(self.db, self._write(call_for_rows(self.db.queries["tally.add"], None, {})))

    def _answer(self, call: Call) -> Steps[Any]:
        version = yield from self._version()
        kept = yield self._do("get", f"result {version}")
        if kept is None:
            kept = yield Fetch(call)
            yield from self._keep(version, kept)
        return call.load(kept)

    def _write(self, call: Call) -> Steps[Any]:
        yield Send(call)
        yield from self._tell()

    def _version(self) -> Steps[Any]:
        return ""
        yield

    def _keep(self, version: Any, result: object) -> Steps[None]:
        yield self._do("set", f"result {version}", result)

    def _tell(self) -> Steps[None]:
        yield self._do("delete", "result ")

    def _do(self, method: str, *arguments: object) -> Do:
        return Do(self.store, method, arguments)


class AddOnly(Naive):
    """2: a read only adds."""

    def _keep(self, version: Any, result: object) -> Steps[None]:
        yield self._do("add", f"result {version}", result)


class Token(Naive):
    """8: a random token in the key, read first, replaced after the commit; right, as long as nobody dies."""

    def _version(self) -> Steps[Any]:
        yield self._do("add", "version", secrets.token_hex())
        return (yield self._do("get", "version"))

    def _tell(self) -> Steps[None]:
        yield self._do("set", "version", secrets.token_hex())


class TokenAtFill(Token):
    """4: the token of the key is the one of when the result is kept."""

    def _keep(self, version: Any, result: object) -> Steps[None]:
        version = yield self._do("get", "version")
        yield from super()._keep(version, result)


class TokenBefore(Token):
    """5: the token is replaced before the commit, and not after it."""

    def _write(self, call: Call) -> Steps[Any]:
        yield from self._tell()
        yield Send(call)


class Generation(Token):
    """6: the token is a number that is counted up."""

    def _version(self) -> Steps[Any]:
        return (yield self._do("get", "version")) or 1

    def _tell(self) -> Steps[None]:
        yield self._do("increment", "version")


class Sequence(Naive):
    """10: the version is that of a sequence in Postgres, counted up in the transaction that writes."""

    def _version(self) -> Steps[Any]:
        return (yield Select("SELECT last_value FROM tally_version"))

    def _tell(self) -> Steps[None]:
        return
        yield


class Lease(Naive):
    """12: who misses takes a lease, which ends by itself, and deletes it when the result is kept."""

    def _answer(self, call: Call) -> Steps[Any]:
        kept = yield self._do("get", "result ")
        if kept is None and (yield self._do("add", "lease", object())):
            kept = yield Fetch(call)
            yield self._do("set", "result ", kept)
            yield self._do("delete", "lease")
        return kept and call.load(kept)
