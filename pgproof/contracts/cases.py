"""tests/contracts/ in, the cases of every query out: `activities/home.toml` is about `activities.home`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from pgproof.errors import Location, Problem, SqlFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Expect = Literal["rows", "no_rows", "not_one_row"]
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
# What a file says for all of its cases, and a case for itself.
_SHARED: dict[str, type] = {"params": dict, "nulls": list, "masks": list}
_WORDS: dict[str, type] = {"name": str, **_SHARED, "expect": str, "error": str}


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


def query_name(folder: Path, path: Path) -> str:
    """Return the name of the query that a file of cases, or its golden, is about."""
    return ".".join((*path.relative_to(folder).parent.parts, path.name.partition(".")[0]))


def read_contracts(folder: Path) -> dict[str, Contract]:
    """Read the cases of every query, by its name; a project without that folder has none.

    Raises:
        SqlFileError: files that cannot be read as cases; all problems at once.
    """
    contracts: dict[str, Contract] = {}
    problems: list[Problem] = []
    for path in sorted(folder.rglob("*.toml")):
        try:
            contract = read_contract(folder, path)
            contracts[contract.query] = contract
        except SqlFileError as error:
            problems += error.problems
    if problems:
        raise SqlFileError(problems)
    return contracts


def read_contract(folder: Path, path: Path) -> Contract:
    """Read the cases of one query.

    Raises:
        SqlFileError: the file cannot be read as cases; all its problems at once.
    """
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SqlFileError([Problem(_line_of(path, error), f"this is not TOML: {error}")]) from error
    lines = _case_lines(text)
    problems = list(_problems(path, table, lines))
    if problems:
        raise SqlFileError(problems)
    shared = {name: table.get(name, kind()) for name, kind in _SHARED.items()}
    cases = [_case(shared, case, Location(path, line)) for case, line in zip(table.get("case", []), lines, strict=True)]
    return Contract(query_name(folder, path), path, tuple(cases))


def _case(shared: Mapping[str, Any], own: Mapping[str, Any], at: Location) -> Case:
    """A case adds to what its file says for all, and has the last word."""
    nulls = [*own.get("nulls", []), *(each for each in shared["nulls"] if each not in own.get("params", {}))]
    params = {**shared["params"], **own.get("params", {}), **dict.fromkeys(nulls)}
    masks = frozenset((*shared["masks"], *own.get("masks", [])))
    return Case(own["name"], params, masks, cast("Expect | None", own.get("expect")), own.get("error"), at)


def _problems(path: Path, table: Mapping[str, Any], lines: list[int]) -> Iterator[Problem]:
    yield from _word_problems(Location(path), table, {**_SHARED, "case": list})
    cases = table.get("case", [])
    if not cases or len(cases) != len(lines) or not all(isinstance(each, dict) for each in cases):
        yield Problem(Location(path), "there is no case in it", "write [[case]], and its name below")
        return
    names: dict[str, int] = {}
    for case, line in zip(cases, lines, strict=True):
        at = Location(path, line)
        yield from _word_problems(at, case, _WORDS)
        yield from _case_problems(at, case)
        if (name := str(case.get("name"))) in names:
            yield Problem(at, f"a second case is named {name}", f"the first is in line {names[name]}")
        names[name] = line


def _word_problems(at: Location, table: Mapping[str, Any], words: Mapping[str, type]) -> Iterator[Problem]:
    for word, value in table.items():
        if word not in words:
            yield Problem(at, f"unknown word {word}", f"it takes {', '.join(words)}")
        elif not isinstance(value, words[word]):
            yield Problem(at, f"{word} is not {_SAID[words[word]]}")


_SAID: dict[type, str] = {dict: "a table", list: "a list", str: "a text"}


def _case_problems(at: Location, case: Mapping[str, Any]) -> Iterator[Problem]:
    name, expect, error = case.get("name", ""), case.get("expect"), case.get("error")
    if not _NAME.fullmatch(str(name)):
        yield Problem(at, f"a case needs a name, and {name!r} is none", "small letters, digits and _")
    if expect is not None and expect not in get_args(Expect):
        yield Problem(at, f"unknown expect {expect!r}", ", ".join(get_args(Expect)))
    if error is not None and not _SQLSTATE.fullmatch(str(error)):
        yield Problem(at, f"{error!r} is no SQLSTATE", "five digits or capital letters, such as 23505")
    if error is not None and expect is not None:
        yield Problem(at, "a case that expects an error has no rows to expect", "leave out one of the two")
    for twice in sorted(set(case.get("nulls", [])) & set(case.get("params", {}))):
        yield Problem(at, f"{twice} has a value and is NULL")


def _case_lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.split("\n"), start=1) if re.match(r"\s*\[\[\s*case\s*\]\]", line)]


def _line_of(path: Path, error: ValueError) -> Location:
    line = re.search(r"at line (\d+)", str(error))
    return Location(path, int(line[1]) if line else None)
