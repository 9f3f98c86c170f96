"""Who should notice a change is who can: what a query touches decides it, and what the change is."""

from collections.abc import Set as AbstractSet

import pytest

from pgproof.contracts.impact.dependencies import Place, Uses
from pgproof.contracts.impact.mutants import Kind, Mutant
from pgproof.contracts.impact.witness import advise, is_followed, may_notice_rows, may_notice_shape, should_notice

NAME, AGE = Place("people", "name"), Place("people", "age")
PEOPLE, TEAMS = Place("people"), Place("teams")


def uses(
    *, reads: AbstractSet[Place] = frozenset(), writes: AbstractSet[Place] = frozenset(), inserts: bool = False
) -> Uses:
    direct = frozenset(reads | writes)
    return Uses(frozenset(reads), frozenset(writes), direct, frozenset({"people"} if inserts else ()))


READER = uses(reads={PEOPLE, NAME})
WRITER = uses(writes={PEOPLE, NAME}, inserts=True)
ADDER = uses(writes={PEOPLE, AGE}, inserts=True)
STRANGER = uses(reads={TEAMS})


def mutant(kind: Kind) -> Mutant:
    """Make a mutant of people.name, or of what is about it alone."""
    column = "" if kind in ("unique", "exclusion", "foreign key", "check", "index", "row") else "name"
    return Mutant(kind, "people", column, "it", ("name",), "teams" if kind == "foreign key" else "", "")


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        ("drop", [READER, WRITER]),
        ("rename", [READER, WRITER]),
        ("retype", [READER, WRITER]),
        ("not null", [WRITER]),
        ("default", [ADDER]),
        ("unique", [WRITER]),
        ("exclusion", [WRITER]),
        ("foreign key", [WRITER]),
        ("check", [WRITER]),
        ("index", [READER]),
        ("value", [READER]),
        ("row", [READER]),
    ],
)
def test_who_should_notice_is_who_does_what_the_change_is_about(kind: Kind, who: list[Uses]):
    assert [each for each in (READER, WRITER, ADDER, STRANGER) if should_notice(mutant(kind), each)] == who


def test_who_reads_through_views_alone_does_not_see_a_new_name():
    viewer = Uses(frozenset({PEOPLE, NAME}), frozenset(), frozenset({Place("named")}), frozenset())

    assert is_followed(mutant("rename"), viewer)
    assert not should_notice(mutant("rename"), viewer)
    assert not is_followed(mutant("drop"), viewer)
    assert not is_followed(mutant("rename"), READER)


@pytest.mark.parametrize("kind", ["drop", "rename", "retype", "value"])
def test_who_writes_a_table_runs_its_triggers_whatever_the_column(kind: Kind):
    assert may_notice_rows(mutant(kind), ADDER)
    assert not may_notice_rows(mutant(kind), STRANGER)


def test_rows_tell_nothing_of_a_constraint_to_who_only_reads_and_nothing_of_an_index_to_anybody():
    assert not may_notice_rows(mutant("check"), READER)
    assert not may_notice_rows(mutant("index"), WRITER)


def test_who_writes_the_other_side_of_a_foreign_key_may_notice_that_it_is_gone():
    assert may_notice_rows(mutant("foreign key"), uses(writes={TEAMS}))


def test_the_shape_of_a_query_does_not_hang_on_rows():
    assert may_notice_shape(mutant("drop"), READER)
    assert not may_notice_shape(mutant("drop"), STRANGER)
    assert not may_notice_shape(mutant("row"), READER)


def test_a_long_list_of_queries_stays_short():
    said = advise(mutant("value"), ["a", "b", "c", "d", "e"])

    assert said == "read by a, b, c and 2 more: add a case whose rows depend on this value"
