"""Tables that were written to since a store was told in, new tokens in that store out: for every commit, whoever died.

A commit changes a table's version, and what the store was told up to is a version too: as long as the two differ, the
table is due. What is noted as told is the version that was read before the token was replaced. So a process may be
killed anywhere in here, and two may do the same at once: a token is replaced once more than needed, never once less.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from pgproof.cache.access import Access
from pgproof.cache.breaker import Breaker
from pgproof.cache.current import fetch_spaces
from pgproof.cache.tokens import replace_token
from pgproof.cache.versions import COMPACT, QUERY
from pgproof.queries.steps import Select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.cache.backends.backend import Backend
    from pgproof.queries.steps import Steps

_DUE = """
SELECT t.name, (t.version + coalesce(w.step, 0))::text
FROM pgproof_cache.tables AS t
LEFT JOIN (SELECT name, sum(step) AS step FROM pgproof_cache.writes GROUP BY name) AS w USING (name)
LEFT JOIN pgproof_cache.deliveries AS d ON d.store = $1 AND d.name = t.name
WHERE d.version IS DISTINCT FROM t.version + coalesce(w.step, 0)
ORDER BY t.name
"""
_NOTE = """
INSERT INTO pgproof_cache.deliveries (store, name, version)
SELECT $1, name, $3::numeric FROM pgproof_cache.tables WHERE name = $2
ON CONFLICT (store, name) DO UPDATE SET version = excluded.version
"""
_FLUSH = "SELECT pgproof_cache.flush($1)"
_FLUSH_ALL = "SELECT pgproof_cache.flush(array(SELECT name FROM pgproof_cache.tables ORDER BY name))"


def store_name(backend: Backend, name: str) -> str:
    """Return what a store is called, of a backend and what a `Cache(name=…)` is called there."""
    return f"{backend.name} {name}".rstrip()


def find_due(store: str) -> Steps[dict[str, str]]:
    """Return the tables that a store has yet to hear of, and their versions of now.

    Raises:
        psycopg.Error, PgproofError: as the database does.
    """
    return dict((yield Select(_DUE, [store])))


class Round(NamedTuple):
    """What came of delivering once.

    Attributes:
        delivered: names of tables whose tokens were replaced.
        due: those whose tokens were not; they are due the next time.
        failure: what the store failed with, if it did.
    """

    delivered: tuple[str, ...]
    due: tuple[str, ...]
    failure: str


class Outbox:
    """What one store has not been told of.

    Attributes:
        store: its name among `pgproof_cache.deliveries`.
        holds_tokens: it has any; else nothing is ever due.
    """

    def __init__(self, backend: Backend, name: str = "") -> None:
        """Take a store: a backend, and what a `Cache(name=…)` is called there."""
        self.store = store_name(backend, name)
        self.holds_tokens = backend.holds_tokens
        self._backend = backend
        self._name = name

    def deliver(self) -> Steps[Round]:
        """Replace the tokens of all that is due, as far as the store goes along; add up what was written.

        Raises:
            psycopg.Error, PgproofError: as the database does; what was delivered is then done again.
        """
        due = (yield from find_due(self.store)) if self.holds_tokens else {}
        delivered, failures = list[str](), list[str]()
        if due:
            _, space = yield from fetch_spaces(self._name)  # each time: another database may have taken the place
            access = self._open(failures)
            for name, version in due.items():
                if not (yield from replace_token(access, space, name)):
                    break
                yield Select(_NOTE, [self.store, name, version])
                delivered.append(name)
        yield Select(COMPACT)
        return Round(tuple(delivered), tuple(due)[len(delivered) :], "".join(failures))

    def flush(self, queries: Iterable[str] = ()) -> Steps[Round]:
        """Have nothing that is kept of these queries found any more, or nothing at all; tell the store at once.

        Raises:
            psycopg.Error, PgproofError: as the database does.
        """
        names = [f"{QUERY}{each}" for each in queries]
        yield Select(_FLUSH, [names]) if names else Select(_FLUSH_ALL)
        return (yield from self.deliver())

    def _open(self, failures: list[str]) -> Access:
        """Give access that ends with the first failure, and that no budget of a request ends."""
        return Access(self._backend, Breaker(time.monotonic), float("inf"), time.monotonic, failures.append)
