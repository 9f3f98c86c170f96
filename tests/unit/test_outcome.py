"""What a golden has for an answer, and what a case or a query's shape has against one."""

from pathlib import Path
from typing import Any

import pytest

from pgproof.contracts.answer import Answer, Refusal
from pgproof.contracts.cases import Case
from pgproof.contracts.golden import Column, Shape
from pgproof.contracts.outcome import complain, make_outcome
from pgproof.errors import Location
from pgproof.queries import Query, Returns

INT4, TEXT = 23, 25
REFUSAL = Refusal("23505", "duplicate key", "Key (a)=(1) exists.", "users_key", "40")


def case(**words: Any) -> Case:
    said = {"params": {}, "masks": frozenset(), "expect": None, "error": None, **words}
    return Case("a", at=Location(Path("a.toml"), 1), **said)


def query(returns: Returns) -> Query:
    return Query(
        "users.list", Path("queries/users/list.sql"), f"-- returns: {returns}\n\nSELECT a,\n  b FROM c\n", returns
    )


def answer(*rows: tuple[bytes | None, ...], affected: int | None = None) -> Answer:
    return Answer(("id", "name"), (INT4, TEXT), rows, len(rows) if affected is None else affected)


def outcome(answered: Answer, returns: str = "many", *, ordered: bool = True, **words: Any) -> object:
    columns = (Column("id", "integer", "not null"), Column("name", "text", "null"))
    return make_outcome(case(**words), answered, Shape(returns, (), columns, ordered))


ROWS = ((b"2", b"b"), (b"10", None), (b"1", b"a"))

# What a golden has


def test_a_row_is_a_line_in_the_order_of_the_server():
    assert outcome(answer(*ROWS)) == ('[2, "b"]', "[10, null]", '[1, "a"]')


def test_rows_without_a_promised_order_are_sorted():
    same = answer(*reversed(ROWS))

    assert (
        outcome(answer(*ROWS), ordered=False) == outcome(same, ordered=False) == ('[1, "a"]', "[10, null]", '[2, "b"]')
    )


def test_the_same_row_twice_is_there_twice():
    assert outcome(answer((b"1", b"a"), (b"1", b"a")), ordered=False) == ('[1, "a"]', '[1, "a"]')


def test_no_rows_are_an_outcome():
    assert outcome(answer()) == ()


def test_a_mask_hides_a_value_and_not_that_it_is_null():
    assert outcome(answer(*ROWS), masks=frozenset({"name"})) == ('[2, "(masked)"]', "[10, null]", '[1, "(masked)"]')


def test_masked_values_do_not_decide_an_order_that_nobody_promised():
    one, another = answer((b"1", b"x"), (b"2", b"y")), answer((b"2", b"x"), (b"1", b"y"))
    masks = frozenset({"name"})

    assert outcome(one, ordered=False, masks=masks) == outcome(another, ordered=False, masks=masks)


def test_a_mask_counts_for_every_column_of_its_name():
    twice = Answer(("id", "id"), (INT4, INT4), ((b"1", b"2"),), 1)

    assert outcome(twice) == ("[1, 2]",)
    assert outcome(twice, masks=frozenset({"id"})) == ('["(masked)", "(masked)"]',)


def test_what_is_returned_is_of_no_account_where_a_number_is_promised():
    assert outcome(answer(*ROWS, affected=3), "affected") == '{"affected": 3}'


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        ("users_key", '{"error": "23505", "constraint": "users_key"}'),
        ("", '{"error": "23505"}'),
        ("schlüssel\u2028", '{"error": "23505", "constraint": "schlüssel\\u2028"}'),
    ],
)
def test_a_refusal_is_its_code_and_its_constraint(constraint, said):
    assert outcome(Answer(refusal=Refusal("23505", "in any language", "any", constraint, "1"))) == said


# What speaks against it

ONE, TWO = ROWS[:1], ROWS[:2]
KEPT: list[tuple[Returns, tuple[Any, ...], str | None]] = [
    ("many", (), None),
    ("many", (), "no_rows"),
    ("many", TWO, None),
    ("many", TWO, "rows"),
    ("one", ONE, None),
    ("one", ONE, "rows"),
    ("one", (), "not_one_row"),
    ("one", TWO, "not_one_row"),
    ("value", ONE, None),
    ("value", (), "not_one_row"),
    ("maybe", (), None),
    ("maybe", (), "no_rows"),
    ("maybe", ONE, "rows"),
    ("maybe", TWO, "not_one_row"),
]
GAVE = "the server gave"
BROKEN: list[tuple[Returns, tuple[Any, ...], str | None, str]] = [
    ("many", (), "rows", f"it expects rows, and {GAVE} 0 rows"),
    ("many", ONE, "no_rows", f"it expects no_rows, and {GAVE} 1 rows"),
    ("many", TWO, "not_one_row", f"it expects not_one_row, users.list returns many, and {GAVE} 2 rows"),
    ("one", (), None, f"users.list returns one, and {GAVE} 0 rows"),
    ("one", TWO, None, f"users.list returns one, and {GAVE} 2 rows"),
    ("one", (), "no_rows", f"users.list returns one, and {GAVE} 0 rows"),
    ("one", ONE, "no_rows", f"it expects no_rows, and {GAVE} 1 rows"),
    ("one", ONE, "not_one_row", f"it expects not_one_row, users.list returns one, and {GAVE} 1 rows"),
    ("value", (), None, f"users.list returns value, and {GAVE} 0 rows"),
    ("maybe", TWO, "rows", f"users.list returns maybe, and {GAVE} 2 rows"),
    ("maybe", (), "rows", f"it expects rows, and {GAVE} 0 rows"),
    # the adapter gives None here
    ("maybe", (), "not_one_row", f"it expects not_one_row, users.list returns maybe, and {GAVE} 0 rows"),
]


@pytest.mark.parametrize(("returns", "rows", "expect"), KEPT)
def test_what_is_kept_is_not_complained_of(returns, rows, expect):
    assert list(complain(case(expect=expect), query(returns), answer(*rows))) == []


@pytest.mark.parametrize(("returns", "rows", "expect", "said"), BROKEN)
def test_a_number_of_rows_that_was_not_promised_is_told(returns, rows, expect, said):
    assert list(complain(case(expect=expect), query(returns), answer(*rows))) == [said]


@pytest.mark.parametrize(
    ("affected", "expect", "said"),
    [
        (0, None, []),
        (2, None, []),
        (2, "rows", []),
        (0, "no_rows", []),
        (2, "no_rows", ["it expects no_rows, and the server affected 2 rows"]),
        (0, "rows", ["it expects rows, and the server affected 0 rows"]),
        (1, "not_one_row", ["it expects not_one_row, users.list returns affected, and the server affected 1 rows"]),
    ],
)
def test_rows_of_a_write_are_those_that_it_affects(affected, expect, said):
    assert list(complain(case(expect=expect), query("affected"), Answer(affected=affected))) == said


def test_a_mask_of_no_column_is_told():
    masks = frozenset({"uuid", "id", "at"})

    assert list(complain(case(masks=masks), query("many"), answer())) == [
        "it masks at, uuid, and there is no such column"
    ]


def test_an_expected_refusal_is_kept():
    assert list(complain(case(error="23505", masks=frozenset({"x"})), query("one"), Answer(refusal=REFUSAL))) == []


def test_a_refusal_that_nobody_expects_is_told_with_its_line():
    (said,) = complain(case(expect="no_rows"), query("many"), Answer(refusal=_at("b FROM")))

    assert said == ("the server refuses it: duplicate key (23505) at queries/users/list.sql:4\nKey (a)=(1) exists.")


def test_another_refusal_than_the_expected_one_is_told():
    (said,) = complain(case(error="23503"), query("many"), Answer(refusal=Refusal("23505", "duplicate key")))

    assert said == (
        "the server refuses it: duplicate key (23505) at queries/users/list.sql:3, where error 23503 is expected"
    )


def test_an_expected_refusal_that_does_not_come_is_told():
    assert list(complain(case(error="23505"), query("many"), answer(*ROWS))) == [
        "it expects error 23505, and the server refused nothing"
    ]


def _at(word: str) -> Refusal:
    position = query("many").command.sql.index(word) + 1
    return Refusal(REFUSAL.sqlstate, REFUSAL.message, REFUSAL.detail, REFUSAL.constraint, str(position))
