"""A golden is written in one way, read back whole, and refused in every other way."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgproof.contracts.encoding import encode, encode_row
from pgproof.contracts.golden import Column, Golden, Shape, read_golden, render, write_golden
from pgproof.errors import SqlFileError

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy

NAMES = st.one_of(
    st.text(), st.sampled_from(['"', ": [", '": [', "cases", '  "cases": {', "\u2028", "a\nb", "\r", "],"])
)
ROWS = st.lists(st.one_of(st.none(), NAMES.map(str.encode)), max_size=3).map(
    lambda values: f"[{', '.join(encode_row([25] * len(values), values))}]"
)
OUTCOMES = st.one_of(
    st.lists(ROWS, max_size=3).map(tuple),
    st.dictionaries(NAMES, st.one_of(NAMES, st.integers()), min_size=1).map(encode),
)
SHAPES = st.builds(
    Shape,
    NAMES,
    st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple),
    st.lists(st.builds(Column, NAMES, NAMES, st.sampled_from(["not null", "null", "unknown"])), max_size=3).map(tuple),
    st.booleans(),
)
GOLDENS = st.builds(Golden, NAMES, SHAPES, st.dictionaries(NAMES, OUTCOMES, max_size=3))

SHAPE = Shape(
    "many",
    (("handle", "text"),),
    (Column("id", "bigint", "not null"), Column("id", "bigint", "unknown"), Column("höhe", "text", "null")),
    ordered=False,
)
GOLDEN = Golden(
    "users.list",
    SHAPE,
    {
        "all": ('[1, 2, "ä"]', "[1, 3, null]"),
        "nobody": (),
        "taken": '{"error": "23505", "constraint": "users_key"}',
    },
)
TEXT = """{
  "query": "users.list",
  "returns": "many",
  "params": [
    ["handle", "text"]
  ],
  "columns": [
    ["id", "bigint", "not null"],
    ["id", "bigint", "unknown"],
    ["höhe", "text", "null"]
  ],
  "order": "none",
  "cases": {
    "all": [
      [1, 2, "ä"],
      [1, 3, null]
    ],
    "nobody": [],
    "taken": {"error": "23505", "constraint": "users_key"}
  }
}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("contracts") / "list.golden.json"


def test_a_row_is_a_line(path):
    path.write_text(TEXT, encoding="utf-8")

    assert render(GOLDEN) == TEXT
    assert read_golden(path) == GOLDEN


@patiently
@given(golden=GOLDENS)
@example(golden=GOLDEN)
@example(golden=Golden("", Shape("affected", (), (), ordered=False), {}))
def test_every_golden_is_read_as_it_was_written(path, golden):
    write_golden(path, golden)

    assert read_golden(path) == golden
    assert list(golden.cases) == list(read(path).cases)


@patiently
@given(golden=GOLDENS)
def test_a_golden_is_json_in_lines_that_every_editor_sees(golden):
    text = render(golden)

    assert list(json.loads(text)["cases"]) == list(golden.cases)
    assert text.splitlines() == text.removesuffix("\n").split("\n")


def test_columns_of_one_name_are_both_there(path):
    write_golden(path, GOLDEN)

    assert [column.name for column in read(path).shape.columns[:2]] == ["id", "id"]


def test_there_may_be_no_golden_yet(tmp_path):
    assert read_golden(tmp_path / "list.golden.json") is None


def refuses(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    try:
        read_golden(path)
    except SqlFileError as error:
        return str(path) in str(error) and "inv query.accept" in str(error)
    return False


def read(path: Path) -> Golden:
    golden = read_golden(path)
    assert golden
    return golden


OURS = '    "nobody": [],\n'
THEIRS = '    "nobody": [\n      [1, 2, "b"]\n    ],\n'
ANOTHER_LAYOUT = {
    "indented by a tool": json.dumps(json.loads(TEXT), indent=2, ensure_ascii=False) + "\n",
    "in one line": json.dumps(json.loads(TEXT)),
    "with sorted keys": json.dumps(json.loads(TEXT), indent=4, sort_keys=True),
    "escaped": TEXT.replace("ö", "\\u00f6"),
    "Windows line ends": TEXT.replace("\n", "\r\n"),
    "a byte order mark": f"\ufeff{TEXT}",
    "text behind it": f"{TEXT}\n",
    "text before it": f"\n{TEXT}",
    "another golden behind it": TEXT + TEXT,
    "marks of a merge": TEXT.replace(OURS, f"<<<<<<< HEAD\n{OURS}=======\n{THEIRS}>>>>>>> branch\n"),
    "marks around a row": TEXT.replace(
        "      [1, 3, null]\n", "<<<<<<< HEAD\n      [1, 3, null]\n=======\n>>>>>>> b\n"
    ),
    "both sides of a merge": TEXT.replace(OURS, OURS + THEIRS),
    "a comma too many": TEXT.replace("[1, 3, null]\n", "[1, 3, null],\n"),
    "a comma too few": TEXT.replace('"ä"],\n', '"ä"]\n'),
    "a line less": TEXT.replace('  "returns": "many",\n', ""),
    "a key more": TEXT.replace('  "order"', '  "more": 1,\n  "order"'),
    "a column of two": TEXT.replace(', "unknown"', ""),
    "spaces at an end": TEXT.replace("[],\n", "[], \n"),
    "tabs": TEXT.replace("      ", "\t"),
    "nothing": "",
    "a list": "[]\n",
    "a number": "5\n",
}


@pytest.mark.parametrize("name", ANOTHER_LAYOUT)
def test_any_other_layout_is_refused(path, name):
    assert ANOTHER_LAYOUT[name] != TEXT

    assert refuses(path, ANOTHER_LAYOUT[name].encode())


def test_another_encoding_is_refused(path):
    assert refuses(path, TEXT.encode("latin-1"))


def test_half_a_golden_is_refused_wherever_it_ends(path):
    content = TEXT.encode()

    assert [end for end in range(len(content)) if not refuses(path, content[:end])] == []


def test_a_golden_is_there_whole_or_not_at_all(path, monkeypatch):
    write_golden(path, GOLDEN)
    seen = []

    def replace(draft, target):
        seen.append((draft.read_text(encoding="utf-8"), target.read_text(encoding="utf-8")))
        raise OSError("the disk is full")

    monkeypatch.setattr(type(path), "replace", replace)
    with pytest.raises(OSError, match="full"):
        write_golden(path, Golden("other", SHAPE, {}))

    assert seen == [(render(Golden("other", SHAPE, {})), TEXT)]
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text(encoding="utf-8") == TEXT


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_golden(tmp_path / "list.golden.json", Golden("\ud800", SHAPE, {}))

    assert list(tmp_path.iterdir()) == []
