"""What has changed between two shapes, and whether an application may stumble over it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.contracts.golden import Column, Nullability, Shape
from pgproof.contracts.shapes.shape import diff_shapes

SHAPE = Shape(
    "many",
    (("handle", "text"), ("now", "timestamp with time zone")),
    (
        Column("uuid", "uuid", "not null"),
        Column("message", "text", "null"),
        Column("likes_count", "bigint", "not null"),
        Column("kind", "text", "unknown"),
    ),
    ordered=True,
)


def with_columns(*names: str, **changed: Column) -> Shape:
    """The shape with these columns of it, in this order, or others in their place."""
    known = {each.name: each for each in SHAPE.columns} | changed
    return replace(SHAPE, columns=tuple(known[name] for name in names))


def changes(after: Shape, before: Shape = SHAPE) -> list[tuple[str, str]]:
    return [(each.kind, each.what) for each in diff_shapes(before, after)]


def test_the_same_shape_has_no_changes():
    assert changes(SHAPE) == []


def test_a_column_that_is_gone_breaks():
    assert changes(with_columns("uuid", "message", "kind")) == [("breaking", "column likes_count: gone")]


def test_a_new_column_at_the_end_is_an_addition():
    new = Column("bio", "text", "null")

    assert changes(replace(SHAPE, columns=(*SHAPE.columns, new))) == [("additive", "column bio: new, at the end")]


def test_a_new_column_before_others_breaks_who_counts_them():
    after = with_columns("uuid", "bio", "message", "likes_count", "kind", bio=Column("bio", "text", "null"))

    assert changes(after) == [("breaking", "column bio: new at place 2, so that others move")]


def test_another_name_at_the_same_place_with_the_same_type_is_a_rename():
    after = with_columns("uuid", "text", "likes_count", "kind", text=Column("text", "text", "null"))

    assert changes(after) == [("breaking", "column message: renamed to text")]


def test_another_name_and_another_type_is_another_column():
    after = with_columns("uuid", "size", "likes_count", "kind", size=Column("size", "integer", "null"))

    assert changes(after) == [
        ("breaking", "column message: gone"),
        ("breaking", "column size: new at place 2, so that others move"),
    ]


def test_another_type_breaks():
    after = with_columns("uuid", "message", "n", "kind", n=Column("likes_count", "integer", "not null"))

    assert changes(after) == [("breaking", "column likes_count: bigint → integer")]


def test_a_column_that_has_moved_is_told_and_not_those_that_make_room():
    assert changes(with_columns("kind", "uuid", "message", "likes_count")) == [
        ("breaking", "column kind: moved from place 4 to 1")
    ]


@pytest.mark.parametrize("now", ["null", "unknown"])
def test_a_column_that_may_be_null_now_breaks(now: Nullability):
    after = with_columns("u", "message", "likes_count", "kind", u=Column("uuid", "uuid", now))

    assert changes(after) == [("breaking", f"column uuid: not null → {now}")]


@pytest.mark.parametrize(("name", "was"), [("message", "null"), ("kind", "unknown")])
def test_a_column_that_is_never_null_any_more_is_an_addition(name: str, was: str):
    names = [each.name for each in SHAPE.columns]
    after = with_columns(*names, **{name: Column(name, "text", "not null")})

    assert changes(after) == [("additive", f"column {name}: {was} → not null")]


def test_every_change_of_parameters_breaks_but_their_order():
    def with_params(*params: tuple[str, str]) -> Shape:
        return replace(SHAPE, params=params)

    handle, now = SHAPE.params
    assert changes(with_params(handle)) == [("breaking", "parameter now: gone")]
    assert changes(with_params(handle, now, ("size", "bigint"))) == [("breaking", "parameter size: new, bigint")]
    assert changes(with_params(("name", "text"), now)) == [("breaking", "parameter handle: renamed to name")]
    assert changes(with_params(handle, ("now", "date"))) == [
        ("breaking", "parameter now: timestamp with time zone → date")
    ]
    assert changes(with_params(now, handle)) == [("additive", "parameters: first used in another order")]


def test_what_it_returns_and_its_order_are_promises():
    assert changes(replace(SHAPE, returns="one")) == [("breaking", "returns: many → one")]
    assert changes(replace(SHAPE, ordered=False)) == [("breaking", "the order of its rows is not promised any more")]
    assert changes(SHAPE, replace(SHAPE, ordered=False)) == [("additive", "the order of its rows is promised now")]


def test_what_breaks_is_told_first():
    after = replace(
        with_columns("uuid", "m", "likes_count", "kind", m=Column("message", "text", "not null")), returns="one"
    )

    assert [each.kind for each in diff_shapes(SHAPE, after)] == ["breaking", "additive"]


COLUMNS = st.builds(
    Column,
    st.sampled_from("abcde"),
    st.sampled_from(("text", "integer")),
    st.sampled_from(("not null", "null", "unknown")),
)
SHAPES = st.builds(
    Shape,
    st.sampled_from(("many", "maybe")),
    st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from(("text", "date"))), unique_by=lambda p: p[0]).map(tuple),
    st.lists(COLUMNS, unique_by=lambda column: column.name).map(tuple),
    st.booleans(),
)


@given(SHAPES, SHAPES)
def test_shapes_differ_if_and_only_if_there_is_something_to_tell(before: Shape, after: Shape):
    assert bool(diff_shapes(before, after)) == (before != after)


@given(SHAPES, st.lists(COLUMNS, unique_by=lambda column: column.name))
def test_to_add_at_the_end_never_breaks(before: Shape, more: list[Column]):
    names = {each.name for each in before.columns}
    after = replace(before, columns=(*before.columns, *(each for each in more if each.name not in names)))

    assert {each.kind for each in diff_shapes(before, after)} <= {"additive"}
