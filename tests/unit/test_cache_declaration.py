"""What a query's `cache:` line asks for, and what such a line may not say."""

from pathlib import Path

import pytest

from pgproof.cache.declaration import Declaration, read_declaration
from pgproof.errors import Location, SqlFileError
from pgproof.queries.files import Query, Returns

PATH = Path("queries/activities/home.sql")
AT = Location(PATH, 3)


def query(*lines: str, returns: Returns = "many") -> Query:
    text = "\n".join(["-- The feed.", f"-- returns: {returns}", *lines, "SELECT 1"])
    return Query("activities.home", PATH, text, returns)


def read(line: str) -> Declaration | None:
    return read_declaration(query(f"-- cache: {line}"))


def problems_of(*lines: str, returns: Returns = "many") -> list[tuple[int | None, str]]:
    with pytest.raises(SqlFileError) as caught:
        read_declaration(query(*lines, returns=returns))
    return [(each.at.line, each.what) for each in caught.value.problems]


def test_a_query_without_a_line_asks_for_nothing():
    assert read_declaration(query("-- the cache: is full")) is None
    assert read_declaration(query("SELECT '-- cache: nonsense';")) is None


def test_strict_is_what_a_line_means_that_says_no_mode():
    assert read("ttl=60s") == Declaration("strict", 60, 0, 0, None, None, AT) == read("mode=strict ttl=1min")


def test_a_line_says_all_of_it():
    said = read("ttl=5min mode=bounded lag=500ms stale=1h reads=users,audit.Likes")

    assert said == Declaration("bounded", 300, 0.5, 3600, ("users", "audit.Likes"), None, AT)


def test_bounded_relies_on_what_it_knows_for_a_second_unless_it_says_otherwise():
    assert [each.lag for each in (read("ttl=60s mode=bounded"), read("ttl=60s mode=bounded lag=0s")) if each] == [1, 0]


def test_a_write_says_what_it_bumps_and_is_not_kept():
    said = read_declaration(query("-- cache: bumps=users,likes", returns="affected"))

    assert said == Declaration("strict", 0, 0, 0, None, ("users", "likes"), AT)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("ttl=1ms", 0.001), ("ttl=1s", 1), ("ttl=2min", 120), ("ttl=24h", 86400), ("ttl=1s\r", 1), ("  ttl=1s  ", 1)],
)
def test_a_duration_has_a_unit(line: str, seconds: float):
    said = read(line)

    assert said is not None
    assert said.ttl == seconds


SPELLING = {
    "ttl=60": "ttl=60 is not a duration such as 500ms, 60s, 5min, 1h",
    "ttl=1.5s": "ttl=1.5s is not a duration such as 500ms, 60s, 5min, 1h",
    "ttl=-1s": "ttl=-1s is not a duration such as 500ms, 60s, 5min, 1h",
    "ttl=": "ttl= is not a duration such as 500ms, 60s, 5min, 1h",
    "ttl": "ttl= is not a duration such as 500ms, 60s, 5min, 1h",
    "ttl=1s mode=eventual": "mode=eventual is not strict or bounded",
    "ttl=1s mode=Strict": "mode=Strict is not strict or bounded",
    "ttl=1s reads=": "reads= is not tables, with commas and no spaces between them",
    "ttl=1s reads=a,,b": "reads=a,,b is not tables, with commas and no spaces between them",
    "ttl=1s reads=a.b.c": "reads=a.b.c is not tables, with commas and no spaces between them",
    "ttl=1s for=ever": "`cache:` does not know 'for'",
    "TTL=1s": "`cache:` does not know 'TTL'",
    "ttl=1s ttl=2s": "ttl is written twice",
}


@pytest.mark.parametrize(("line", "what"), SPELLING.items())
def test_a_word_that_cannot_be_read_is_named(line: str, what: str):
    assert problems_of(f"-- cache: {line}") == [(3, what)]


def test_a_space_after_a_comma_is_a_word_of_its_own():
    assert problems_of("-- cache: ttl=1s reads=a, b") == [
        (3, "reads=a, is not tables, with commas and no spaces between them"),
        (3, "`cache:` does not know 'b'"),
    ]


CONTRADICTIONS = {
    "": "`cache:` says neither how long a result is kept nor what is written",
    "bumps=a reads=b mode=strict": "mode, reads without ttl",
    "bumps=a lag=1s": "lag without ttl",
    "ttl=0s": "ttl=0 keeps nothing",
    "ttl=1s bumps=a": "ttl with bumps: what was kept would not be written again",
    "ttl=25h": "nothing is kept for more than a day",
    "ttl=23h mode=bounded stale=2h": "nothing is kept for more than a day",
    "ttl=60s stale=1s": "stale where mode is strict, which waits for nothing",
    "ttl=60s mode=strict lag=1s stale=1s": "lag, stale where mode is strict, which waits for nothing",
    "ttl=1s mode=bounded lag=2s": "lag is longer than ttl",
}


@pytest.mark.parametrize(("line", "what"), CONTRADICTIONS.items())
def test_what_cannot_be_kept_as_a_promise_is_none(line: str, what: str):
    assert what in [found for at, found in problems_of(f"-- cache: {line}") if at == 3]


def test_a_number_of_rows_is_nothing_to_keep():
    what = "it returns affected, of which there is nothing to keep"

    assert problems_of("-- cache: ttl=1s", returns="affected") == [(3, what)]


def test_one_line_in_small_letters_is_the_line():
    assert problems_of("-- Cache: ttl=1s", "-- cache: ttl=2s") == [
        (3, "`Cache:` is no word of ours"),
        (4, "`cache:` is written twice"),
    ]


def test_all_problems_are_told_at_once_with_file_and_line_and_hint():
    with pytest.raises(SqlFileError) as caught:
        read("for=ever mode=wild")

    said = str(caught.value)
    assert "queries/activities/home.sql:3: `cache:` does not know 'for'" in said
    assert "queries/activities/home.sql:3: mode=wild is not strict or bounded" in said
    assert "write `-- cache: ttl=60s mode=strict reads=table,other_table`" in said
