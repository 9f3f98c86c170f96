"""tests/contracts/ in, the cases of every query out: `activities/home.toml` is about `activities.home`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from pgproof.errors import Location, Problem, SqlFileError
from pgproof.tomltext import Part, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Expect = Literal["rows", "no_rows", "not_one_row"]
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_QUERY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
# A header is looked for where no string and no comment is.
_CASE = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^\\"])*" | '[^']*' | \#[^\n]*"""
    r"""| ^[ \t]*(?P<header>\[\[[ \t]*case[ \t]*\]\])""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)

# What a file says for all of its cases, and a case for itself.
_SHARED = {"params": "a table", "nulls": "a list of names", "masks": "a list of names"}
_WORDS = {"name": "a text", **_SHARED, "expect": "a text", "error": "a text"}


@dataclass(frozen=True)
class Case:
    """One call of a query, and what a person expects of it.

    Attributes:
        name: unique among the cases of its query.
        params: as the application would give them; None for those that `nulls` names.
        masks: columns whose values are of no account, only whether they are NULL.
        expect: how many rows; None leaves it to the golden.
        error: the SQLSTATE that the server is to answer.
        at: its line.
    """

    name: str
    params: Mapping[str, object]
    masks: frozenset[str]
    expect: Expect | None
    error: str | None
    at: Location


@dataclass(frozen=True)
class Contract:
    """The cases of one query."""

    query: str
    path: Path
    cases: tuple[Case, ...] = field(repr=False)

    @property
    def golden_path(self) -> Path:
        """Where its golden is."""
        return golden_path(self.path)


def golden_path(path: Path) -> Path:
    """Return where the golden of a file of cases is."""
    return path.with_suffix(".golden.json")


def contract_path(folder: Path, query: str) -> Path:
    """Return where the cases of a query are."""
    return folder.joinpath(*query.split(".")).with_suffix(".toml")


def query_name(folder: Path, path: Path) -> str:
    """Return the name of the query that a file of cases, or its golden, is about."""
    name = path.name.removesuffix(".toml").removesuffix(".golden.json")
    return ".".join((*path.relative_to(folder).parent.parts, name))


def case_files(folder: Path) -> list[Path]:
    """Return the files of cases, in order; what is hidden is an editor's."""
    inside = ((path, path.relative_to(folder).parts) for path in folder.rglob("*.toml"))
    return sorted(path for path, parts in inside if not any(part.startswith(".") for part in parts))


def read_contract(folder: Path, path: Path) -> Contract:
    """Read the cases of one query.

    Raises:
        SqlFileError: the file cannot be read as cases; all its problems at once.
    """
    text, words = read_toml(path)
    head, *cases = _tables(path, text, words)
    problems = [*_path_problems(path, path.relative_to(folder)), *_problems(head, cases)]
    if problems:
        raise SqlFileError(problems)
    return Contract(query_name(folder, path), path, tuple(_case(words, case.words, case.at()) for case in cases))


def _tables(path: Path, text: str, words: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the head, then the cases; none where they are not written with [[case]]."""
    starts = [text.count("\n", 0, found.start("header")) + 1 for found in _CASE.finditer(text) if found["header"]]
    lines, cases = text.split("\n"), words.get("case")
    said = {word: value for word, value in words.items() if word != "case"}
    yield Part(path, 1, lines[: starts[0] - 1] if starts else lines, said)
    if starts and isinstance(cases, list) and len(cases) == len(starts):
        for case, start, end in zip(cases, starts, (*starts[1:], len(lines) + 1), strict=True):
            yield Part(path, start, lines[start - 1 : end - 1], case)


def _case(shared: Mapping[str, Any], own: Mapping[str, Any], at: Location) -> Case:
    """A case adds to what its file says for all, and has the last word."""
    said = (shared, own)
    params = {name: value for each in said for name, value in (*each.get("params", {}).items(), *_nulls(each))}
    masks = frozenset(name for each in said for name in each.get("masks", []))
    return Case(own["name"], params, masks, cast("Expect | None", own.get("expect")), own.get("error"), at)


def _nulls(words: Mapping[str, Any]) -> list[tuple[str, None]]:
    return [(name, None) for name in words.get("nulls", [])]


def _path_problems(path: Path, inside: Path) -> Iterator[Problem]:
    for part in inside.with_suffix("").parts:
        if not _QUERY_NAME.fullmatch(part):
            hint = "its path is the query's: activities/home.toml is about activities.home"
            yield Problem(Location(path, 1), f"no query is named {part!r}", hint)


def _problems(head: Part, cases: list[Part]) -> Iterator[Problem]:
    yield from _table_problems(head, _SHARED)
    if not cases:
        yield Problem(head.at(), "there is no case in it", "write [[case]], and its name below")
    names: dict[str, int] = {}
    for case in cases:
        problems = list(_table_problems(case, _WORDS)) or list(_case_problems(case))
        yield from problems
        if not problems and (line := names.setdefault(case.words["name"], case.line)) != case.line:
            what = f"a second case is named {case.words['name']}"
            yield Problem(case.at("name"), what, f"the first is in line {line}")


def _table_problems(table: Part, kinds: Mapping[str, str]) -> Iterator[Problem]:
    for word, value in table.words.items():
        if word not in kinds:
            yield Problem(table.at(word), f"unknown word {word}", f"it takes {', '.join(kinds)}")
        elif not _is(value, kinds[word]):
            yield Problem(table.at(word), f"{word} is not {kinds[word]}")
        elif word == "nulls":
            params = table.words.get("params")
            for name in sorted({*value}.intersection(params if isinstance(params, dict) else ())):
                yield Problem(table.at(word), f"{name} has a value and is NULL")


def _is(value: object, kind: str) -> bool:
    if kind == "a list of names":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, dict if kind == "a table" else str)


def _case_problems(case: Part) -> Iterator[Problem]:
    name, expect, error = case.words.get("name", ""), case.words.get("expect"), case.words.get("error")
    if not _NAME.fullmatch(name):
        yield Problem(case.at("name"), f"a case needs a name, and {name!r} is none", "small letters, digits and _")
    if expect is not None and expect not in get_args(Expect):
        yield Problem(case.at("expect"), f"unknown expect {expect!r}", ", ".join(get_args(Expect)))
    if error is not None and not _SQLSTATE.fullmatch(error):
        hint = "five digits or capital letters, such as 23505"
        yield Problem(case.at("error"), f"{error!r} is no SQLSTATE", hint)
    if error is not None and expect is not None:
        what = "a case that expects an error has no rows to expect"
        yield Problem(case.at("expect"), what, "leave out one of the two")
