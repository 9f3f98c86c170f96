"""What a query's `plan:` line promises, and what such a line may not say."""

from pathlib import Path

import pytest

from pgproof.contracts.planning.promise import Promise, read_promise
from pgproof.errors import Location, SqlFileError
from pgproof.queries import Query

PATH = Path("queries/activities/home.sql")


def query(line: str) -> Query:
    return Query("activities.home", PATH, f"-- The feed.\n-- returns: many\n{line}\nSELECT 1\n", "many")


def problems_of(line: str) -> list[tuple[int | None, str]]:
    with pytest.raises(SqlFileError) as caught:
        read_promise(query(line))
    return [(each.at.line, each.what) for each in caught.value.problems]


def test_a_line_promises_indexes_and_blocks():
    read = read_promise(query("-- plan: index_for=activities,audit.users buffers=40 rows=100000"))

    assert read == Promise(("activities", "audit.users"), 40, 100_000, Location(PATH, 3))


@pytest.mark.parametrize(
    ("line", "tables", "buffers"),
    [("-- plan: buffers=1", (), 1), ("-- plan:index_for=u", ("u",), None), ("-- plan: index_for=u\r", ("u",), None)],
)
def test_one_of_the_two_is_enough(line, tables, buffers):
    read = read_promise(query(line))

    assert read is not None
    assert (read.index_for, read.buffers, read.rows) == (tables, buffers, None)


@pytest.mark.parametrize("line", ["", "-- no plan", "SELECT '-- plan: buffers=1'"])
def test_a_query_without_the_line_promises_nothing(line):
    assert read_promise(query(line)) is None


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("-- plan:", "`plan:` promises nothing"),
        ("-- plan: rows=5", "`plan:` promises nothing"),
        ("-- plan: buffers=40 cost=3", "`plan:` does not know 'cost'"),
        ("-- plan: buffers=40 fast", "`plan:` does not know 'fast'"),
        ("-- plan: buffers=none", "buffers=none is not a whole number from 1 to 9999999"),
        ("-- plan: buffers=0", "buffers=0 is not a whole number from 1 to 9999999"),
        ("-- plan: buffers=4 rows=10000000", "rows=10000000 is not a whole number from 1 to 9999999"),
        ("-- plan: index_for=", "index_for= is not tables, with commas and no spaces between them"),
        ("-- plan: index_for=a,", "index_for=a, is not tables, with commas and no spaces between them"),
        ("-- plan: buffers=4 buffers=5", "buffers is written twice"),
        ("-- Plan: buffers=4", "`Plan:` is no word of ours"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(line, what):
    assert problems_of(line) == [(3, what)]


def test_all_that_is_wrong_is_told_at_once():
    assert problems_of("-- plan: buffers=x cost=1\n-- plan: rows=1") == [
        (3, "buffers=x is not a whole number from 1 to 9999999"),
        (3, "`plan:` does not know 'cost'"),
        (4, "`plan:` is written twice"),
    ]


def test_the_line_is_no_part_of_what_a_reader_is_told():
    assert query("-- plan: buffers=4").doc == "The feed."
