"""What a query reads in, the versions of it that hold now out: or those of a moment ago, where that is promised."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import psycopg

from pgproof.cache.flights import Flights
from pgproof.cache.known import Known
from pgproof.cache.tokens import fetch_tokens, replace_token
from pgproof.cache.versions import fetch_versions
from pgproof.errors import PgproofError, QueryError
from pgproof.queries.steps import Select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pgproof.cache.access import Access
    from pgproof.cache.counters import Counters
    from pgproof.cache.declaration import Declaration
    from pgproof.queries import Query
    from pgproof.queries.steps import Steps

# What decides how the server reads names and writes values, and whose rights it looks at; and which database it is,
# because a copy that replaces it under the same name has other rows; and on which timeline, because a standby that took
# over may lack the last commits, of which something was kept already.
_SPACES = """
SELECT md5(ROW(own, current_user, current_setting('search_path'), current_setting('TimeZone'),
    current_setting('client_encoding'), current_setting('DateStyle'), current_setting('IntervalStyle'),
    current_setting('bytea_output'), current_setting('extra_float_digits'), current_setting('lc_monetary'),
    current_setting('lc_numeric'), current_setting('lc_time'), current_setting('default_text_search_config'),
    (SELECT array_agg(oid) FROM pg_class WHERE pg_my_temp_schema() <> 0 AND relnamespace = pg_my_temp_schema())
)::text), md5(own)
FROM (
    SELECT concat_ws('|', system_identifier, oid, left(pg_walfile_name(pg_current_wal_lsn()), 8))
    FROM pg_control_system(), pg_database
    WHERE datname = current_database() AND NOT pg_is_in_recovery()
) AS database (own)
"""
_REST = 10.0  # seconds after which another database may have taken the place of ours unnoticed


def fetch_spaces(name: str) -> Steps[tuple[str, str]]:
    """Ask what the keys of results begin with, and those of tokens, which do not depend on who asks.

    Raises:
        QueryError: it is a standby; of several, one may be behind the other that versions are read from.
        psycopg.Error, PgproofError: as the database does.
    """
    found = yield Select(_SPACES)
    if not found:
        raise QueryError("a standby's results are not kept", hint="give the cache's Database the URL of the primary")
    [(session, database)] = found
    return f"{name}{session}", f"{name}{database}"


class Current:
    """The versions of watched tables, as one process knows them."""

    def __init__(
        self, name: str, counters: Counters, clock: Callable[[], float], patience: float, *, in_tokens: bool
    ) -> None:
        """Know nothing yet.

        Args:
            name: what the keys of this cache begin with.
            counters: are told of bumps.
            clock: seconds that never go back.
            patience: seconds that a caller waits for another one who looks up the same.
            in_tokens: versions of bounded queries are tokens in the backend.
        """
        self._name = name
        self._counters = counters
        self._clock = clock
        self._in_tokens = in_tokens
        self._known = Known()
        self._lock = Lock()
        self._due: dict[str, _Due] = {}
        self._spaces: tuple[str, str] | None = None
        self._look_again_at = 0.0
        self._flights: Flights[Mapping[str, str]] = Flights(patience)
        self._spaces_flights: Flights[tuple[str, str]] = Flights(patience)

    def find(self, names: tuple[str, ...], declaration: Declaration, access: Access) -> Steps[Mapping[str, str] | None]:
        """Return the versions of all names; None where they cannot be known, and no result be shared by them.

        Raises:
            psycopg.Error, PgproofError: as the database does.
        """
        asked_at, mark = self._clock(), self._known.mark()
        known = self._known.recall(names, asked_at - declaration.lag) if declaration.lag else {}
        wanted = [name for name in names if name not in known]
        if not wanted:
            return known
        age = _age(wanted, declaration.lag, asked_at, mark)
        look_up = partial(self._look_up, wanted, declaration, access, asked_at, mark)
        look = self._flights.share(age, look_up) if age else look_up()
        found = yield from access.counted(look) if self._in_tokens and age else look
        versions = known | dict(found)
        if len(versions) == len(names):
            return versions
        access.works = False
        return versions | {"": age} if age else None

    def _look_up(
        self,
        names: Iterable[str],
        declaration: Declaration,
        access: Access,
        asked_at: float,
        mark: Mapping[str, int],
    ) -> Steps[Mapping[str, str]]:
        if self._in_tokens and declaration.mode == "bounded":
            found = yield from self._fetch_tokens(names, access)
        else:
            found = yield from fetch_versions(names)
        if not self._in_tokens or declaration.mode == "bounded":  # a version is no token
            self._known.keep(found, asked_at, mark)
        return found

    def bump(self, query: Query, names: Iterable[str] | None, access: Access) -> Steps[None]:
        """Have everybody look up the versions of what a query may have written; of all that is known if it is None."""
        names = self._known.names if names is None else names
        self._known.forget(names)
        if names and self._in_tokens:
            with self._lock:
                self._due.update({name: _Due(query) for name in names})
            yield from self._deliver(access)

    def find_spaces(self, *, anew: bool = False) -> Steps[tuple[str, str]]:
        """Return what the keys of results begin with, and those of tokens, which do not depend on who asks."""
        if anew or self._spaces is None or self._clock() >= self._look_again_at:
            self._look_again_at = self._clock() + _REST  # meanwhile others go on with what is known
            look = partial(fetch_spaces, self._name)
            self._spaces = yield from look() if anew else self._spaces_flights.share("", look)
        return self._spaces

    def _fetch_tokens(self, names: Iterable[str], access: Access) -> Steps[Mapping[str, str]]:
        """Read tokens, but none that this process has yet to replace."""
        if self._due:
            yield from self._deliver(access)
        if set(names) & set(self._due):
            return {}
        _, space = yield from self.find_spaces()
        return (yield from fetch_tokens(access, space, names))

    def _deliver(self, access: Access) -> Steps[None]:
        """Replace the tokens that are due; one that cannot be replaced is in the outbox, and due the next time."""
        try:
            _, space = yield from self.find_spaces()
        except (psycopg.Error, PgproofError) as error:
            self._counters.fail(type(error).__name__)
            return
        for name, due in list(self._due.items()):
            done = yield from replace_token(access, space, name)
            self._counters.count(due.query.name, "bump" if done else "lost bump")
            if not done:
                return
            self._known.forget([name])  # also what was read of it since
            with self._lock:
                if self._due.get(name) is due:  # else somebody wrote again while the token was on its way
                    del self._due[name]


class _Due:
    """A token that is to be replaced."""

    def __init__(self, query: Query) -> None:
        self.query = query


def _age(names: Iterable[str], lag: float, asked_at: float, mark: Mapping[str, int]) -> str:
    """Return the same text for all who may share what one of them finds: within the lag, and no own write between."""
    return f"{lag} {asked_at // lag} {[(name, mark.get(name)) for name in names]}" if lag else ""
