"""A query's `-- cache:` line in, what it asks of the cache out: `-- cache: ttl=60s mode=bounded reads=users,likes`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pgproof.cache.backends.backend import LONGEST
from pgproof.errors import Problem
from pgproof.queries.line import TABLES, Form, Kind, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.errors import Location
    from pgproof.queries import Query

Mode = Literal["strict", "bounded"]

_DURATION = Kind(re.compile(r"(?P<number>\d{1,7})(?P<unit>ms|s|min|h)"), "a duration such as 500ms, 60s, 5min, 1h")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_MODE = Kind(re.compile(r"strict|bounded"), "strict or bounded")
_FORM = Form(
    "cache",
    {"ttl": _DURATION, "mode": _MODE, "lag": _DURATION, "stale": _DURATION, "reads": TABLES, "bumps": TABLES},
    "write `-- cache: ttl=60s mode=strict reads=table,other_table`, or `-- cache: bumps=table` where it writes",
)
_LAG = 1.0


@dataclass(frozen=True)
class Declaration:
    """What a query asks of the cache.

    Attributes:
        mode: strict is never older than the last commit; bounded may be, by `lag` and the outbox's delay.
        ttl: seconds that a result is kept, at most; 0 where the query is not cached but says what it writes.
        lag: seconds for which a process may rely on the versions that it has looked up.
        stale: seconds beyond `ttl` for which a result is still given while a new one is fetched.
        reads: tables that it names itself, with those behind views; None leaves them to the SQL.
        bumps: the same of the tables that it writes.
        at: the line that says it.
    """

    mode: Mode
    ttl: float
    lag: float
    stale: float
    reads: tuple[str, ...] | None
    bumps: tuple[str, ...] | None
    at: Location


def read_declaration(query: Query) -> Declaration | None:
    """Read what a query asks of the cache; None where it has no such line.

    Raises:
        SqlFileError: the line cannot be read, or promises what cannot be; all its problems at once.
    """
    line = read_line(query, _FORM, lambda at, words: _find_faults(query, at, words))
    if line is None:
        return None
    mode = cast("Mode", line.words.get("mode", "strict"))
    return Declaration(
        mode=mode,
        ttl=_seconds(line.words, "ttl"),
        lag=_seconds(line.words, "lag", _LAG) if mode == "bounded" else 0,
        stale=_seconds(line.words, "stale"),
        reads=line.tables("reads"),
        bumps=line.tables("bumps"),
        at=line.at,
    )


def _seconds(words: Mapping[str, str], word: str, otherwise: float = 0) -> float:
    found = _DURATION.pattern.fullmatch(words.get(word, ""))
    return int(found["number"]) * _SECONDS[found["unit"]] if found else otherwise


def _find_faults(query: Query, at: Location, words: Mapping[str, str]) -> Iterator[Problem]:
    ttl, lag, stale = (_seconds(words, word) for word in ("ttl", "lag", "stale"))
    if not {"ttl", "bumps"} & set(words):
        yield Problem(at, "`cache:` says neither how long a result is kept nor what is written", _FORM.hint)
    if "ttl" not in words and (extra := sorted({"mode", "lag", "stale", "reads"} & set(words))):
        yield Problem(at, f"{', '.join(extra)} without ttl", "a result that is kept says for how long: ttl=60s")
    if "ttl" in words and ttl == 0:
        yield Problem(at, "ttl=0 keeps nothing", "leave the line out")
    if {"ttl", "bumps"} <= set(words):
        yield Problem(at, "ttl with bumps: what was kept would not be written again", "keep it, or say what it writes")
    if "ttl" in words and query.returns == "affected":
        yield Problem(at, "it returns affected, of which there is nothing to keep", "say bumps=… only")
    if ttl + stale > LONGEST:
        yield Problem(at, "nothing is kept for more than a day", "ttl=24h at most, with stale")
    if words.get("mode", "strict") == "strict" and (extra := sorted({"lag", "stale"} & set(words))):
        yield Problem(at, f"{', '.join(extra)} where mode is strict, which waits for nothing", "add mode=bounded")
    if lag and lag > ttl:
        yield Problem(at, "lag is longer than ttl", "ttl is what a result is kept for at most")
