"""A query's `-- cache:` line in, what it asks of the cache out: `-- cache: ttl=60s mode=bounded reads=users,likes`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pgproof.cache.backends.backend import LONGEST
from pgproof.errors import Location, Problem, SqlFileError
from pgproof.sqltext import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.queries import Query
    from pgproof.sqltext import Directive

Mode = Literal["strict", "bounded"]

_TABLE = r"[^\s,.=]+(\.[^\s,.=]+)?"
_TABLES = re.compile(rf"{_TABLE}(,{_TABLE})*")
_DURATION = re.compile(r"(?P<number>\d{1,7})(?P<unit>ms|s|min|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_MODE = re.compile(r"strict|bounded")
_WORDS = {"ttl": _DURATION, "mode": _MODE, "lag": _DURATION, "stale": _DURATION, "reads": _TABLES, "bumps": _TABLES}
_SAID = {
    _TABLES: "tables, with commas and no spaces between them",
    _DURATION: "a duration such as 500ms, 60s, 5min, 1h",
    _MODE: "strict or bounded",
}
_HINT = "write `-- cache: ttl=60s mode=strict reads=table,other_table`, or `-- cache: bumps=table` where it writes"
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
    said = [each for each in read_header(query.text) if each.name.lower() == "cache"]
    if not said:
        return None
    problems = list(_problems(query, said))
    if problems:
        raise SqlFileError(problems)
    words = dict(_split(said[0]))
    mode = cast("Mode", words.get("mode", "strict"))
    return Declaration(
        mode=mode,
        ttl=_seconds(words, "ttl"),
        lag=_seconds(words, "lag", _LAG) if mode == "bounded" else 0,
        stale=_seconds(words, "stale"),
        reads=_tables(words, "reads"),
        bumps=_tables(words, "bumps"),
        at=Location(query.path, said[0].line),
    )


def _seconds(words: Mapping[str, str], word: str, otherwise: float = 0) -> float:
    found = _DURATION.fullmatch(words.get(word, ""))
    return int(found["number"]) * _SECONDS[found["unit"]] if found else otherwise


def _tables(words: Mapping[str, str], word: str) -> tuple[str, ...] | None:
    return tuple(words[word].split(",")) if word in words else None


def _split(said: Directive) -> list[tuple[str, str]]:
    return [(word, value) for word, _, value in (each.partition("=") for each in said.value.split())]


def _problems(query: Query, said: list[Directive]) -> Iterator[Problem]:
    at = Location(query.path, said[0].line)
    if said[0].name != "cache":
        yield Problem(at, f"`{said[0].name}:` is no word of ours", "write `cache:` in small letters")
    for each in said[1:]:
        yield Problem(Location(query.path, each.line), "`cache:` is written twice", "one line holds all of it")
    words = _split(said[0])
    spelling = list(_spelling_problems(at, words))
    yield from spelling or _meaning_problems(query, at, dict(words))


def _spelling_problems(at: Location, words: list[tuple[str, str]]) -> Iterator[Problem]:
    for number, (word, value) in enumerate(words):
        if word not in _WORDS:
            yield Problem(at, f"`cache:` does not know {word!r}", _HINT)
        elif not _WORDS[word].fullmatch(value):
            yield Problem(at, f"{word}={value} is not {_SAID[_WORDS[word]]}")
        elif word in dict(words[:number]):
            yield Problem(at, f"{word} is written twice", "once is enough")


def _meaning_problems(query: Query, at: Location, words: Mapping[str, str]) -> Iterator[Problem]:
    ttl, lag, stale = (_seconds(words, word) for word in ("ttl", "lag", "stale"))
    if not {"ttl", "bumps"} & set(words):
        yield Problem(at, "`cache:` says neither how long a result is kept nor what is written", _HINT)
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
