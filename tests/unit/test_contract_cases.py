"""What the files under tests/contracts/ say, and each way to get them wrong, with its line."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from pgproof.contracts.cases import Case, case_files, golden_path, query_name, read_contract
from pgproof.errors import SqlFileError


def write(root: Path, text: str | bytes, name: str = "activities/home.toml") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(root: Path, text: str) -> list[Case]:
    return list(read_contract(root, write(root, text)).cases)


def problems_of(root: Path, path: Path) -> list[tuple[int | None, str]]:
    with pytest.raises(SqlFileError) as caught:
        read_contract(root, path)
    assert {each.at.path for each in caught.value.problems} == {path}
    return [(each.at.line, each.what) for each in caught.value.problems]


# What they say


def test_a_case_says_what_is_asked_and_what_is_expected(tmp_path):
    (case,) = read(
        tmp_path, '[[case]]\nname = "andrew"\nparams = { handle = "a" }\nmasks = ["uuid"]\nexpect = "rows"\n'
    )

    assert case.name == "andrew"
    assert case.params == {"handle": "a"}
    assert case.masks == {"uuid"}
    assert (case.expect, case.error) == ("rows", None)
    assert (case.at.path.name, case.at.line) == ("home.toml", 1)


def test_values_are_what_an_application_would_send(tmp_path):
    text = """
        [[case]]
        name = "all"
        [case.params]
        text = "ä"
        large = 123456789012345678901234567890
        number = 1.5
        yes = true
        moment = 2026-03-08T12:00:00Z
        there = 2026-03-08T12:00:00
        day = 2026-03-08
        hour = 12:00:00
        list = [1, 2]
    """

    assert read(tmp_path, text)[0].params == {
        "text": "ä",
        "large": 123456789012345678901234567890,
        "number": 1.5,
        "yes": True,
        "moment": datetime(2026, 3, 8, 12, tzinfo=UTC),
        "there": datetime(2026, 3, 8, 12),  # noqa: DTZ001 - TOML's local date-time
        "day": date(2026, 3, 8),
        "hour": time(12),
        "list": [1, 2],
    }


@pytest.mark.parametrize(
    ("head", "own", "params"),
    [
        ("params = { a = 1, b = 2 }", "", {"a": 1, "b": 2}),
        ("params = { a = 1, b = 2 }", "params = { b = 3, c = 4 }", {"a": 1, "b": 3, "c": 4}),
        ("params = { a = 1 }", 'nulls = ["a"]', {"a": None}),
        ('nulls = ["a"]', "", {"a": None}),
        ('nulls = ["a", "b"]', "params = { a = 1 }", {"a": 1, "b": None}),
        ('nulls = ["a"]', 'nulls = ["b"]', {"a": None, "b": None}),
        ("params = { a = 1 }", "params = { a = {} }", {"a": {}}),
        ("[params]\na = 1", "[case.params]\nb = 2", {"a": 1, "b": 2}),
    ],
)
def test_a_case_has_the_last_word_about_parameters(tmp_path, head, own, params):
    (case,) = read(tmp_path, f'{head}\n[[case]]\nname = "a"\n{own}\n')

    assert case.params == params


def test_a_case_adds_to_the_masks_of_all(tmp_path):
    one, another = read(tmp_path, 'masks = ["a"]\n[[case]]\nname = "a"\nmasks = ["b"]\n[[case]]\nname = "b"\n')

    assert one.masks == {"a", "b"}
    assert another.masks == {"a"}


HEADERS = {
    "plain": ["", "[[case]]", "[[case]]"],
    "spaced": ["", "  [[ case ]]  # why", "\t[[case]]"],
    "comments": ["# [[case]]", "[[case]]", "#\n  # [[case]]\n[[case]]"],
    "a text of several lines": ['params = { a = """\n[[case]]\n""" }', "[[case]]", "[[case]]"],
    "a text with quotes": ['params = { a = """\\"""\n"[[case]]\n"""" }', "[[case]]", "[[case]]"],
    "a literal of several lines": ["params = { a = '''\n[[case]]\n\\''' }", "[[case]]", "[[case]]"],
    "a quote in a comment": ['# it\'s """ not one', "[[case]]", "[[case]]  # it's"],
    "quotes in texts": ['params = { a = \'"""\', b = "\'\'\'", c = "\\"" }', "[[case]]", "[[case]]"],
    "Windows": ["\r", "[[case]]\r", "[[case]]\r"],
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_case_knows_its_line_whatever_stands_before_it(tmp_path, name):
    head, *headers = HEADERS[name]
    text = f'{head}\n{headers[0]}\nname = "a"\n{headers[1]}\nname = "b"\n'
    lines = [number for number, line in enumerate(text.split("\n")) if line.startswith("name")]

    assert [case.at.line for case in read(tmp_path, text)] == lines


# Names


def test_the_path_is_the_name_of_the_query(tmp_path):
    path = tmp_path / "activities" / "home.toml"

    assert query_name(tmp_path, path) == query_name(tmp_path, golden_path(path)) == "activities.home"
    assert golden_path(path).name == "home.golden.json"
    assert query_name(tmp_path, tmp_path / "top.toml") == "top"
    assert query_name(tmp_path, tmp_path / "top.old.toml") != "top"


def test_all_contracts_are_found_by_their_query(tmp_path):
    for name in ("b/c.toml", "a.toml", "b/d/e.toml", ".hidden.toml", "b/.git/f.toml", "b/c.golden.json", "README.md"):
        write(tmp_path, '[[case]]\nname = "a"\n', name)

    contracts = [read_contract(tmp_path, path) for path in case_files(tmp_path)]
    assert [each.query for each in contracts] == ["a", "b.c", "b.d.e"]
    assert contracts[1].golden_path == tmp_path / "b/c.golden.json"


def test_a_project_without_that_folder_has_no_contracts(tmp_path):
    assert case_files(tmp_path / "contracts") == []


@pytest.mark.parametrize("name", ["home.v2.toml", "two words.toml", "1st.toml", "with-dash/home.toml", "naïve.toml"])
def test_a_path_that_is_no_query_s_name_is_a_problem(tmp_path, name):
    path = write(tmp_path, '[[case]]\nname = "a"\n', name)
    part = name.removesuffix(".toml").partition("/")[0]

    assert problems_of(tmp_path, path) == [(1, f"no query is named {part!r}")]


# What is wrong with them

CASE = '[[case]]\nname = "a"\n'
WRONG: dict[str, tuple[str | bytes, list[tuple[int, str]]]] = {
    "no case": ("params = { a = 1 }\n", [(1, "there is no case in it")]),
    "nothing": ("", [(1, "there is no case in it")]),
    "one table": ('[case]\nname = "a"\n', [(1, "there is no case in it")]),
    "a list of cases": ('case = [{ name = "a" }]\n', [(1, "there is no case in it")]),
    "an empty list": ("case = []\n", [(1, "there is no case in it")]),
    "a number": ("case = 5\n", [(1, "there is no case in it")]),
    "unknown for all": (f"\nparam = {{}}\n{CASE}", [(2, "unknown word param")]),
    "unknown table for all": (f"\n[param]\na = 1\n{CASE}", [(2, "unknown word param")]),
    "unknown in a case": (f"{CASE}expected = 5\n", [(3, "unknown word expected")]),
    "a name for all": (f'name = "a"\n{CASE}', [(1, "unknown word name")]),
    "no name": ("\n[[case]]\nparams = {}\n", [(2, "a case needs a name, and '' is none")]),
    "no name, then one": (f"[[case]]\n{CASE}", [(1, "a case needs a name, and '' is none")]),
    "two without a name": ("[[case]]\n[[case]]\n", [(n, "a case needs a name, and '' is none") for n in (1, 2)]),
    "a name with capitals": ('[[case]]\nname = "Andrew"\n', [(2, "a case needs a name, and 'Andrew' is none")]),
    "a name in two lines": ('[[case]]\nname = "a\\n"\n', [(2, "a case needs a name, and 'a\\n' is none")]),
    "a number for a name": ("[[case]]\nname = 5\n", [(2, "name is not a text")]),
    "a name twice": (f"{CASE}{CASE}\n{CASE}", [(4, "a second case is named a"), (7, "a second case is named a")]),
    "params a text": (f'{CASE}params = "a"\n', [(3, "params is not a table")]),
    "params a list for all": (f"params = []\n{CASE}", [(1, "params is not a table")]),
    "params below it twice": (f"{CASE}[[case.params]]\na = 1\n", [(3, "params is not a table")]),
    "nulls a text": (f'{CASE}nulls = "a"\n', [(3, "nulls is not a list of names")]),
    "nulls a number": (f"{CASE}nulls = [1]\n", [(3, "nulls is not a list of names")]),
    "nulls a list": (f'{CASE}nulls = [["a"]]\n', [(3, "nulls is not a list of names")]),
    "nulls a table": (f"{CASE}nulls = [{{}}]\n", [(3, "nulls is not a list of names")]),
    "nulls a number for all": (f"nulls = [1]\n{CASE}", [(1, "nulls is not a list of names")]),
    "masks a number": (f"{CASE}masks = [1]\n", [(3, "masks is not a list of names")]),
    "masks a table": (f"{CASE}masks = {{}}\n", [(3, "masks is not a list of names")]),
    "masks true for all": (f'masks = ["a", true]\n{CASE}', [(1, "masks is not a list of names")]),
    "value and NULL": (f'{CASE}params = {{ a = 1 }}\nnulls = ["b", "a"]\n', [(4, "a has a value and is NULL")]),
    "both for all": (f'nulls = ["a"]\n[params]\na = 1\n{CASE}', [(1, "a has a value and is NULL")]),
    "both wrong": (
        f'{CASE}params = 5\nnulls = ["a"]\nerror = 5\n',
        [(3, "params is not a table"), (5, "error is not a text")],
    ),
    "unknown expect": (f'{CASE}expect = "row"\n', [(3, "unknown expect 'row'")]),
    "expect a number": (f"{CASE}expect = 1\n", [(3, "expect is not a text")]),
    "no SQLSTATE": (f'{CASE}error = "unique"\n', [(3, "'unique' is no SQLSTATE")]),
    "error a number": (f"{CASE}error = 23505\n", [(3, "error is not a text")]),
    "error and rows": (
        f'{CASE}error = "23505"\nexpect = "rows"\n',
        [(4, "a case that expects an error has no rows to expect")],
    ),
    "all at once": (
        f'masks = 1\n{CASE}error = "x"\nexpect = "y"\n[[case]]\nnulls = 1\n',
        [
            (1, "masks is not a list of names"),
            (5, "unknown expect 'y'"),
            (4, "'x' is no SQLSTATE"),
            (5, "a case that expects an error has no rows to expect"),
            (7, "nulls is not a list of names"),
        ],
    ),
    "no UTF-8": (b'[[case]]\n# \xe4\nname = "a"\n', [(2, "the file is not UTF-8")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path, name):
    text, expected = WRONG[name]

    assert problems_of(tmp_path, write(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{CASE}params = {{ a = }}\n", 3),
        (f"{CASE}name = 'b'\n", 3),
        (f'{CASE}params = {{ a = """\n\n', 5),
        (f"{CASE}masks = [\n", 4),
        (f"{CASE}params = {{ a = NULL }}\n", 3),
        (f"\ufeff{CASE}", 1),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path, text, line):
    [(where, what)] = problems_of(tmp_path, write(tmp_path, text))

    assert where == line
    assert what.startswith("this is not TOML: ")
