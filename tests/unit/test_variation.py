"""Two answers to one call: what of the result varies."""

from pathlib import Path

import pytest

from pgproof.contracts.answer import Answer, Refusal
from pgproof.contracts.cases import Case
from pgproof.contracts.golden import Shape
from pgproof.contracts.variations.variation import find_variation
from pgproof.errors import Location

ORDERED = Shape("many", (), (), ordered=True)
MULTISET = Shape("many", (), (), ordered=False)
_TEXT = 25


def case(*masks: str) -> Case:
    return Case("any", {}, frozenset(masks), None, None, Location(Path("any.toml"), 1))


def answer(*rows: tuple[str, str]) -> Answer:
    return Answer(("id", "name"), (_TEXT, _TEXT), tuple(tuple(cell.encode() for cell in row) for row in rows))


ONE, TWO, THREE = ("1", "a"), ("2", "b"), ("3", "a")


@pytest.mark.parametrize("rows", [(ONE, TWO), ()])
def test_the_same_answer_varies_in_nothing(rows):
    assert find_variation(case(), ORDERED, answer(*rows), answer(*rows)) is None


def test_the_order_of_rows_varies_only_where_it_is_promised():
    first, second = answer(ONE, TWO), answer(TWO, ONE)
    found = find_variation(case(), ORDERED, first, second)

    assert found is not None
    assert (found.kind, found.detail, found.columns) == ("order", ('["1", "a"]', '["2", "b"]'), ())
    assert find_variation(case(), MULTISET, first, second) is None


def test_columns_with_other_values_are_named_and_a_mask_over_them_is_enough():
    first, second = answer(ONE, TWO), answer(ONE, ("9", "b"))
    found = find_variation(case(), ORDERED, first, second)

    assert found is not None
    assert (found.kind, found.columns) == ("values", ("id",))
    assert find_variation(case("id"), ORDERED, first, second) is None


def test_columns_of_unordered_rows_are_looked_at_one_by_one():
    first, second = answer(ONE, TWO), answer(("8", "b"), ("9", "a"))
    found = find_variation(case(), MULTISET, first, second)

    assert found is not None
    assert found.columns == ("id",)


def test_values_that_change_partners_are_of_all_columns():
    found = find_variation(case(), MULTISET, answer(("1", "a"), ("2", "b")), answer(("1", "b"), ("2", "a")))

    assert found is not None
    assert found.columns == ("id", "name")


def test_a_column_of_ordered_rows_varies_by_its_order_too():
    found = find_variation(case(), ORDERED, answer(("1", "a"), ("2", "b")), answer(("9", "b"), ("2", "a")))

    assert found is not None
    assert found.columns == ("id", "name")


def test_a_masked_column_is_not_named():
    found = find_variation(case("name"), ORDERED, answer(("1", "a")), answer(("2", "b")))

    assert found is not None
    assert found.columns == ("id",)


@pytest.mark.parametrize(
    ("rows", "what", "detail"),
    [
        ((ONE, TWO), "2 rows instead of 1", ("nothing", '["2", "b"]')),
        ((TWO, ONE), "2 rows instead of 1", ('["1", "a"]', '["2", "b"]')),
        ((), "0 rows instead of 1", ('["1", "a"]', "nothing")),
    ],
)
def test_the_number_of_rows_varies(rows, what, detail):
    found = find_variation(case(), ORDERED, answer(ONE), answer(*rows))

    assert found is not None
    assert (found.kind, found.what, found.detail, found.columns) == ("number", what, detail, ())


def test_a_refusal_instead_of_rows_varies():
    found = find_variation(case(), ORDERED, answer(ONE), Answer(refusal=Refusal("23514", "no", constraint="late")))

    assert found is not None
    assert (found.kind, found.detail) == ("answer", ("1 row", '{"error": "23514", "constraint": "late"}'))


def test_the_number_of_affected_rows_varies():
    shape = Shape("affected", (), (), ordered=True)

    assert find_variation(case(), shape, Answer(affected=1), Answer(affected=2)) is not None
    assert find_variation(case(), shape, Answer(affected=1), Answer(affected=1)) is None


def test_a_long_row_is_cut_down_to_where_it_differs():
    found = find_variation(case(), ORDERED, answer(("1", "x" * 500 + "a" * 500)), answer(("1", "x" * 500 + "b" * 500)))

    assert found is not None
    assert found.detail == ("…" + "x" * 25 + "a" * 75 + "…", "…" + "x" * 25 + "b" * 75 + "…")
