"""What rows have to be like, in which order tables are filled, and what is lost between two digests."""

from dataclasses import replace

import pytest

from pgproof.contracts.planning.copies import Table
from pgproof.gate.rows.digest import Loss, TableDigest, diff_digests
from pgproof.gate.rows.facts import Field, ForeignKey, Key, TableFacts, find_constants
from pgproof.gate.rows.groups import group_tables, is_circular
from pgproof.gate.rows.odd import odd_values
from pgproof.gate.rows.values import largest, make_value

WORDS = Field(1, "words", "text", "text", -1, nullable=True)
PRICE = Field(2, "price", "numeric", "numeric", ((7 << 16) | 2) + 4, nullable=False)


def facts(oid: int, *parents: int, keys: tuple[Key, ...] = ()) -> TableFacts:
    foreign = tuple(ForeignKey(f"fk{each}", (9,), each, ("public", f"t{each}"), False, ("id",)) for each in parents)  # noqa: FBT003
    fields = {each.number: each for each in (WORDS, PRICE)}
    return TableFacts(Table(oid, ("public", f"t{oid}"), parted=False), fields, foreign=foreign, keys=keys)


@pytest.mark.parametrize(
    ("expression", "constants"),
    [
        ("(status = ANY (ARRAY['new'::text, 'it''s done'::text]))", ("new", "it's done")),
        ("((price >= 0.5) AND (price < 1000))", ("0.5", "1000")),
        ("(x > '-5'::integer)", ("-5",)),
        ("FOR VALUES FROM ('2024-01-01')", ("2024-01-01",)),
        ("(char_length(t2) = 3)", ("3",)),
        ("(a < b)", ()),
    ],
)
def test_constants_are_found_in_an_expression(expression: str, constants: tuple[str, ...]):
    assert find_constants(expression) == constants


def test_what_is_referred_to_is_filled_first():
    tables = {oid: facts(oid, *parents) for oid, parents in {1: (2, 3), 2: (4,), 3: (2,), 4: (), 5: ()}.items()}

    assert group_tables(tables) == [[4], [2], [3], [1], [5]]
    assert not any(is_circular(tables, group) for group in group_tables(tables))


def test_tables_that_refer_to_each_other_are_a_group():
    tables = {oid: facts(oid, *parents) for oid, parents in {1: (2,), 2: (3,), 3: (2, 4), 4: (4,), 5: (1, 99)}.items()}

    assert group_tables(tables) == [[4], [2, 3], [1], [5]]
    assert [is_circular(tables, group) for group in group_tables(tables)] == [True, True, False, False]


def test_a_key_is_told_apart_by_a_column_that_refers_to_nothing():
    flag, referring = replace(WORDS, number=3, base="boolean"), replace(PRICE, number=9)
    table = replace(facts(1, 2), fields={1: WORDS, 2: PRICE, 3: flag, 9: referring})

    assert table.free(Key((9, 3, 1, 2))) == [WORDS, PRICE]
    assert table.free(Key((9, 3))) == []


def test_precision_and_scale_are_read_as_the_server_packs_them():
    assert PRICE.digits == (7, 2)
    assert replace(PRICE, typmod=((3 << 16) | (0x800 - 2)) + 4).digits == (3, -2)
    assert replace(PRICE, typmod=-1).digits is None
    assert largest(PRICE) == 99_999


def test_a_type_without_values_is_told():
    assert make_value(replace(WORDS, base="xid", type="xid"), "k", "'seed'") is None


def test_null_is_odd_only_where_it_may_be():
    assert odd_values(WORDS, "old", ())[0] == "NULL"
    assert "NULL" not in odd_values(replace(WORDS, nullable=False), "old", ())


def test_what_a_check_names_is_odd_too():
    assert "'new'" in odd_values(WORDS, "old", ("new",))


def digest(*rows: tuple[int | None, ...], key: tuple[str, ...] = ("id",)) -> dict[str, TableDigest]:
    return {"public.t": TableDigest(("id", "a", "b"), key, rows)}


@pytest.mark.parametrize(
    ("after", "losses"),
    [
        (digest((1, 10, 20), (2, 11, None), (3, 1, 1)), []),
        (digest((2, 11, None), (1, 10, 20)), []),
        (digest((1, 11, 20), (2, 10, None)), [Loss("public.t", "a", 2, "values changed")]),
        (digest((1, 10, None), (2, 11, 7)), [Loss("public.t", "b", 2, "values changed")]),
        (digest((1, 10, 20), (3, 11, None)), [Loss("public.t", None, 1, "rows gone")]),
        ({}, [Loss("public.t", None, 2, "table gone")]),
    ],
)
def test_rows_are_known_by_their_key(after: dict[str, TableDigest], losses: list[Loss]):
    assert diff_digests(digest((1, 10, 20), (2, 11, None)), after) == losses


def test_an_empty_table_that_is_gone_is_no_loss():
    assert diff_digests(digest(), {}) == []


def test_rows_without_a_key_are_gone_although_new_ones_came():
    before, after = digest((1, 1, 1), (2, 2, 2), key=()), digest((1, 1, 1), (3, 3, 3), (4, 4, 4), key=())

    assert [each.what for each in diff_digests(before, after)] == ["values changed"] * 3


def test_a_column_of_another_place_is_the_same_column():
    before = {"public.t": TableDigest(("id", "a"), ("id",), ((1, 5),))}
    after = {"public.t": TableDigest(("a", "new", "id"), ("id",), ((5, 9, 1),))}

    assert diff_digests(before, after) == []
