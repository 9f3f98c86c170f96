"""What is said of two outcomes that differ: which row, which column, expected and actual; and nothing of equal ones."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.contracts.diff import diff_outcomes, split_cells
from pgproof.contracts.display import escape, shorten_pair
from pgproof.contracts.golden import Column, Shape

NAMES = ("uuid", "handle", "likes_count")


def shape(*names: str, ordered: bool = True, types: dict[str, str] | None = None) -> Shape:
    columns = tuple(Column(name, (types or {}).get(name, "text"), "unknown") for name in names)
    return Shape("many", (), columns, ordered)


def row(*cells: object) -> str:
    return json.dumps(cells, ensure_ascii=False)


def diff(
    before: Sequence[str] | str,
    after: Sequence[str] | str,
    *names: str,
    ordered: bool = True,
    limit: int = 10,
) -> list[str]:
    both = shape(*(names or NAMES), ordered=ordered)
    old, new = (each if isinstance(each, str) else tuple(each) for each in (before, after))
    return diff_outcomes(both, both, old, new, limit=limit)


A, B, C = row("a-1", "ada", 3), row("b-2", "bob", 3), row("c-3", "cy", 3)


# Rows and columns


def test_a_changed_cell_is_told_by_row_and_column_with_both_values():
    assert diff([A, B], [A, row("b-2", "bob", 4)]) == ["~ row uuid=b-2: likes_count  expected 3  actual 4"]


def test_several_changed_cells_of_a_row_stand_below_each_other():
    assert diff([A, B], [row("a-1", "äda", 10), B]) == [
        "~ row uuid=a-1:",
        '~   handle       expected "ada"  actual "äda"',
        "~   likes_count  expected 3      actual 10",
    ]


def test_missing_and_new_rows_are_told_by_key_and_counted():
    assert diff([A, B], [B, C, row("d-4", "dee", None)]) == [
        "~ expected 2 rows, actual 3 rows",
        '- row uuid=a-1 is missing: [a, "ada", 3]'.replace("[a,", '["a-1",'),
        '+ row uuid=c-3 is new: ["c-3", "cy", 3]',
        '+ row uuid=d-4 is new: ["d-4", "dee", null]',
    ]


def test_a_row_that_moved_is_one_line_however_many_it_passed():
    assert diff([A, B, C], [B, C, A]) == ["~ the order changed: row uuid=a-1 was 1st, is 3rd"]


def test_rows_that_came_before_others_moved_none_of_them():
    assert [line[0] for line in diff([A, B], [C, A, B])] == ["~", "+"]


def test_without_a_promised_order_rows_that_moved_are_no_difference():
    assert diff([A, B], [B, A], ordered=False) == []
    assert diff([row(1), row(2), row(2)], [row(2), row(1), row(2)], "a", ordered=False) == []


def test_long_results_stay_short():
    before = [row(f"k-{number}", "x", 1) for number in range(47)]
    after = [row(f"k-{number}", "x", 2) for number in range(47)]

    lines = diff(before, after)
    assert (len(lines), lines[-1]) == (11, "… and 37 more")
    assert diff(before, after, limit=2)[2:] == ["… and 45 more"]


def test_a_row_of_many_changed_columns_stays_short():
    names = ("uuid", *(f"c{number}" for number in range(9)))

    lines = diff([row("a", *range(9))], [row("a", *range(10, 19))], *names)
    assert (len(lines), lines[-1]) == (6, "… 5 more of its columns")


# Which columns are the key


@pytest.mark.parametrize(
    ("names", "before", "after", "key"),
    [
        # unique only by chance, and everything in it changed
        (("score", "handle"), [row(1, "a"), row(2, "b")], [row(3, "a"), row(4, "b")], "handle=a"),
        # a key by its name comes before one further left
        (("rank", "uuid"), [row(1, "x"), row(2, "y")], [row(2, "x"), row(1, "y")], "uuid=x"),
        # a key by its name that no row is found again by is no key: a new one is made each time
        (("uuid", "handle"), [row("x", "a"), row("y", "b")], [row("v", "a"), row("w", "b")], "handle=a"),
        # two columns where one is not enough
        (("liker", "post", "at"), [row(1, 1, 5), row(1, 2, 5), row(2, 1, 5), row(2, 2, 5)],
         [row(1, 1, 6), row(1, 2, 5), row(2, 1, 5), row(2, 2, 5)], "liker=1 post=1"),
        # NULL tells nobody apart
        (("uuid", "handle"), [row(None, "a"), row("x", "b")], [row("w", "a"), row("x", "b")], "handle=a"),
    ],
)  # fmt: skip
def test_rows_are_known_by_what_finds_them_again(names, before, after, key):
    assert diff(before, after, *names)[0].startswith(f"~ row {key}:")


def test_a_column_of_type_uuid_is_a_key_whatever_its_name():
    both = shape("place", "post", types={"post": "uuid"})

    [line, _] = diff_outcomes(both, both, (row(1, "p"), row(2, "q")), (row(2, "p"), row(1, "q")))
    assert line == "~ row post=p: place  expected 1  actual 2"


def test_rows_without_a_key_are_told_by_their_place():
    assert diff([row("x", 1), row("x", 1)], [row("x", 1), row("x", 2)], "a", "b") == [
        "~ row 2: b  expected 1  actual 2"
    ]


def test_rows_without_a_key_stay_in_step_behind_one_that_came():
    same = [row("x", number // 2) for number in range(10)]

    assert diff(same, [row("new", 0), *same], "a", "b") == [
        "~ expected 10 rows, actual 11 rows",
        '+ row 1 is new: ["new", 0]',
    ]


def test_rows_without_a_key_that_only_moved_are_said_to():
    assert diff([row(1), row(1), row(2)], [row(2), row(1), row(1)], "a")[0] == "~ only the order changed"


def test_a_row_too_many_of_the_same_is_a_difference():
    assert diff([row(1), row(1)], [row(1)], "a", ordered=False) != []


# Columns


def test_only_columns_that_both_have_are_compared():
    before, after = shape("uuid", "gone", "n"), shape("n", "new", "uuid")

    assert diff_outcomes(before, after, (row("a", 1, 2),), (row(2, 9, "a"),)) == []
    assert diff_outcomes(before, after, (row("a", 1, 2),), (row(3, 9, "a"),)) == [
        "~ row uuid=a: n  expected 2  actual 3"
    ]


def test_columns_of_one_name_are_told_apart():
    assert diff([row("k", 1, 2)], [row("k", 1, 3)], "uuid", "id", "id") == [
        "~ row uuid=k: id (column 3)  expected 2  actual 3"
    ]


# Errors and counts


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('{"error": "23505", "constraint": "users_handle_key"}', [A],
         "~ expected error 23505 (users_handle_key), actual 1 row"),
        ([], '{"error": "22P02"}', "~ expected no rows, actual error 22P02"),
        ('{"affected": 1}', '{"affected": 0}', "~ expected 1 row affected, actual no rows affected"),
    ],
)  # fmt: skip
def test_what_came_instead_of_rows_is_told_in_words(before, after, line):
    assert diff(before, after) == [line]


# Nothing is lost, and nothing hides


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9007199254740993", "9007199254740992"),
        ("1.0", "1.00"),
        ("1", '"1"'),
        ("null", '"null"'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"b": [1, "],["]}', '{"b": [1, "],[ "]}'),
        ('"é"', '"e\u0301"'),
        ('"a b"', '"a\u00a0b"'),
        ('"a"', '"a\u202e"'),
        ('"\\u200b"', '"\u200b"'),
        (f'"{"9" * 5000}"', f'"{"9" * 5001}"'),
        ("9" * 5000, "9" * 5001),
        ("[" * 3000 + "]" * 3000, "[" * 3001 + "]" * 3001),
    ],
)
def test_cells_that_differ_in_anything_are_shown_to_differ(one, other):
    [line] = diff([f'["k", {one}]'], [f'["k", {other}]'], "uuid", "cell")

    expected, actual = line.removeprefix("~ row uuid=k: cell  expected ").split("  actual ")
    assert expected.rstrip() != actual
    assert max(len(expected.rstrip()), len(actual)) <= 60
    assert line.isprintable()


def test_long_cells_are_shown_around_the_first_difference():
    [line] = diff([row("k", "x" * 500 + "old" + "y" * 500)], [row("k", "x" * 500 + "new" + "y" * 500)], "uuid", "cell")

    assert "xold" in line
    assert "xnew" in line
    assert len(line) < 180


def test_a_row_that_does_not_have_the_cells_of_its_shape_is_compared_as_a_whole():
    assert diff(['["a", 1, 2, 3]'], ['["a", 1, 2, 4]']) != []
    assert diff(["[garbage"], ['["a", 1, 2]']) != []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
CELLS = st.lists(JSON.map(lambda each: json.dumps(each, ensure_ascii=False)), max_size=5)
ROWS = st.lists(st.tuples(*[st.sampled_from(['"a"', '"b"', "null", "1", "2", '{"k": [1, 2]}'])] * 3), max_size=5)


@given(CELLS)
def test_the_cells_of_a_row_are_the_row(cells):
    assert split_cells(f"[{', '.join(cells)}]") == cells


@given(ROWS, ROWS, st.booleans())
def test_nothing_is_said_of_equal_rows_and_something_of_all_others(before, after, ordered):
    old, new = ([f"[{', '.join(cells)}]" for cells in rows] for rows in (before, after))
    same = old == new if ordered else sorted(old) == sorted(new)

    assert (diff(old, new, ordered=ordered) == []) == same


@given(st.text(), st.text())
def test_two_texts_are_never_shown_alike_or_long(one, other):
    shown = shorten_pair(one, other)

    assert (shown[0] == shown[1]) == (one == other)
    assert all(len(each) <= 60 and each.isprintable() for each in shown)


@given(st.text())
def test_what_is_shown_is_printable(text):
    assert escape(text).isprintable()
