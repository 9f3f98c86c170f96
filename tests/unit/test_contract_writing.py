"""A case that is written from a run reads back as it was tried, or is not written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.contracts.answer import Answer, Refusal
from pgproof.contracts.cases import Case, read_contract
from pgproof.contracts.writing import Draft, append_case, render_case
from pgproof.errors import SqlFileError
from pgproof.queries import Query, Returns

ONE = Answer(("n",), (23,), ((b"1",),), 1)
NONE, TWO = Answer(("n",), (23,), (), 0), Answer(("n",), (23,), ((b"1",), (b"2",)), 2)
REFUSED = Answer(refusal=Refusal("23505", "duplicate key"))


def draft(
    name: str = "andrew",
    params: dict[str, str | None] | None = None,
    answer: Answer = ONE,
    returns: Returns = "many",
    masks: tuple[str, ...] = (),
) -> Draft:
    query = Query("users.all", Path("users/all.sql"), f"-- returns: {returns}\nSELECT 1 AS n", returns)
    return Draft(query, name, params or {}, answer, masks)


def append(folder: Path, draft: Draft) -> Case:
    path = append_case(folder, draft)
    assert path == folder / "users/all.toml"
    assert list(path.parent.iterdir()) == [path]
    return read_contract(folder, path).cases[-1]


def test_a_case_reads_back_as_it_was_tried(tmp_path: Path):
    params = {"handle": "andrew", "since": None, "body": 'Ä "quoted" \\ line\nend \x7f \u2028 \x00 # [[case]]'}
    case = append(tmp_path, draft(params=params, masks=("id", 'odd "name"')))

    assert (case.name, sorted(case.masks)) == ("andrew", ["id", 'odd "name"'])
    assert case.params == params
    assert (case.expect, case.error) == (None, None)


@given(st.dictionaries(st.from_regex(r"[a-z_]\w*", fullmatch=True), st.one_of(st.none(), st.text()), max_size=3))
def test_any_text_reads_back(tmp_path_factory: pytest.TempPathFactory, params: dict[str, str | None]):
    given = {name: value for name, value in params.items() if name.isascii()}

    assert append(tmp_path_factory.mktemp("contracts"), draft(params=given)).params == given


def test_a_second_case_stands_below_the_first(tmp_path: Path):
    path = tmp_path / "users/all.toml"
    path.parent.mkdir()
    before = b'params = { page_size = 5 }\r\n\r\n[[case]]\r\nname = "first"  # the first\r\n\r\n\r\n'
    path.write_bytes(before)

    append(tmp_path, draft(params={"handle": "a"}))

    assert path.read_bytes() == before.rstrip() + b'\n\n[[case]]\nname = "andrew"\nparams = { handle = "a" }\n'


def test_a_second_case_of_one_name_is_refused_and_the_file_is_as_before(tmp_path: Path):
    append(tmp_path, draft())
    path = tmp_path / "users/all.toml"
    before = path.read_bytes()

    with pytest.raises(SqlFileError, match="a second case is named andrew") as caught:
        append_case(tmp_path, draft())

    assert str(caught.value).startswith(f"{path}:5: ")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_is_none_makes_no_file(tmp_path: Path):
    with pytest.raises(SqlFileError, match="'Andrew B' is none"):
        append_case(tmp_path, draft("Andrew B"))

    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


@pytest.mark.parametrize(
    ("returns", "answer", "claim"),
    [
        ("many", TWO, ""),
        ("many", NONE, 'expect = "no_rows"'),
        ("maybe", NONE, 'expect = "no_rows"'),
        ("maybe", TWO, 'expect = "not_one_row"'),
        ("one", ONE, ""),
        ("one", NONE, 'expect = "not_one_row"'),
        ("value", NONE, 'expect = "not_one_row"'),
        ("value", TWO, 'expect = "not_one_row"'),
        ("affected", Answer(affected=0), ""),
        ("affected", Answer(affected=3), ""),
        ("one", REFUSED, 'error = "23505"'),
        ("affected", REFUSED, 'error = "23505"'),
    ],
)
def test_how_a_call_ended_is_claimed_by_the_case(returns: Returns, answer: Answer, claim: str):
    lines = render_case(draft(answer=answer, returns=returns)).splitlines()

    assert lines[2:] == ([claim] if claim else [])
