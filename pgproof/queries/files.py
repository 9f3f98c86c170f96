"""The folder queries/ in, `Queries` by name out: `activities/home.sql` is `activities.home`.

Reading looks at names and leading comments only, because it happens whenever an application starts; what a statement
says is looked at when it is first run (`command`), or by `Queries.check` for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Literal, cast, get_args

from pgproof.errors import Location, Problem, SqlFileError, UnknownQuery
from pgproof.sqltext import DIRECTIVE, Directive, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pgproof.queries.command import Command

Returns = Literal["many", "one", "maybe", "value", "affected"]
SHAPES: tuple[Returns, ...] = get_args(Returns)

# What `Database` and `AsyncDatabase` call their own.
RESERVED = frozenset(("close", "connection", "fresh", "json", "queries", "run", "transaction"))
# Lines of the leading comment that are for the tool, not for a reader.
DIRECTIVES = frozenset(("returns", "plan", "not_null", "nullable", "cache"))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COMMENT = re.compile(r"\s*--\s?(?P<text>.*?)\s*")


@dataclass(frozen=True)
class Query:
    """One file: a statement with a name.

    Attributes:
        name: `activities.home`.
        text: the file's.
        returns: the shape of what it gives.
    """

    name: str
    path: Path
    text: str = field(repr=False)
    returns: Returns

    @cached_property
    def doc(self) -> str:
        """What its leading comment says to a reader."""
        lines = []
        for line in self.text.split("\n"):
            comment = _COMMENT.fullmatch(line)
            if not comment and line.strip():
                break
            if comment and not _is_ours(line):
                lines.append(comment["text"])
        return "\n".join(lines).strip()

    @cached_property
    def label(self) -> str:
        """Name and file as every server log can show them: `activities.home queries/activities/home.sql`."""
        folder = self.path.parents[self.name.count(".")].name
        return f"{self.name} {re.sub(r'[^A-Za-z0-9_.-]', '_', folder)}/{self.name.replace('.', '/')}.sql"

    @cached_property
    def command(self) -> Command:
        """What is sent for it, made when first asked; SqlFileError where the text does not allow it."""
        from pgproof.queries.command import read_command

        return read_command(self)

    @cached_property
    def json_command(self) -> Command:
        """What is sent for it where its rows are wanted as JSON; QueryError where there is none."""
        from pgproof.queries.jsontext import read_json_command

        return read_json_command(self)


@dataclass(frozen=True)
class Queries:
    """All queries of a folder, by name."""

    folder: Path
    by_name: Mapping[str, Query] = field(repr=False)

    def __getitem__(self, name: str) -> Query:
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownQuery(f"there is no query {name} in {self.folder}", hint=self._guess(name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[Query]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    @cached_property
    def folders(self) -> frozenset[str]:
        """What stands before a dot in any name: `activities` of `activities.home`."""
        return frozenset(name[: dot.start()] for name in self.by_name for dot in re.finditer(r"\.", name))

    def check(self) -> None:
        """Look at every text now.

        Raises:
            SqlFileError: texts that could not be run; all problems at once.
        """
        problems = []
        for query in self:
            try:
                query.command  # noqa: B018  (asking makes it)
            except SqlFileError as error:
                problems += error.problems
        if problems:
            raise SqlFileError(problems)

    def _guess(self, name: str) -> str:
        from difflib import get_close_matches

        last = f".{name.rpartition('.')[2]}"
        guesses = get_close_matches(name, self.by_name) or get_close_matches(name, self.folders)
        if guesses := guesses or [each for each in self.by_name if each.endswith(last)]:
            return f"did you mean {' or '.join(guesses[:3])}?"
        return f"write {self.folder / name.replace('.', '/')}.sql"


def read_queries(folder: Path) -> Queries:
    """Read every query of `folder`; a project without that folder has none.

    Raises:
        SqlFileError: names that no caller could use, and files that do not say what they return; all problems at once.
    """
    paths = sorted(path for path in folder.rglob("*") if _is_sql(path.relative_to(folder)) and path.is_file())
    problems: list[Problem] = []
    queries = {}
    for path in paths:
        parts = path.relative_to(folder).with_suffix("").parts
        problems += _name_problems(path, parts)
        if query := _read(".".join(parts), path, problems):
            queries[query.name] = query
    if problems:
        raise SqlFileError(problems)
    return Queries(folder, queries)


def _is_sql(path: Path) -> bool:
    return path.suffix.lower() == ".sql" and not any(part.startswith(".") for part in path.parts)


def _name_problems(path: Path, parts: tuple[str, ...]) -> Iterator[Problem]:
    for part in parts:
        if not _NAME.fullmatch(part) or iskeyword(part):
            hint = "ASCII letters, digits and _, a letter first, and not a word of Python's own"
            yield Problem(Location(path), f"no Python program could say {part!r}", hint)
    if parts[0] in RESERVED:
        yield Problem(Location(path), f"`db.{parts[0]}` is the adapter's own", "give it another name")
    if path.suffix != ".sql":
        yield Problem(Location(path), f"the name ends with {path.suffix}", "write .sql in small letters")
    if (folder := path.with_suffix("")).is_dir():
        what = f"a file and the folder {folder.name}/ have one name"
        yield Problem(Location(path), what, "move the file into the folder, or rename one of the two")


def _read(name: str, path: Path, problems: list[Problem]) -> Query | None:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(Problem(Location(path, line), "the file is not UTF-8", "save it as UTF-8"))
        return None
    if text.startswith("\ufeff"):
        problems.append(
            Problem(Location(path, 1), "the file begins with a byte order mark", "save it as UTF-8 without")
        )
        return None
    said = [each for each in read_header(text) if each.name.lower() == "returns"]
    found = list(_shape_problems(path, said))
    problems += found
    return None if found else Query(name, path, text, cast("Returns", said[0].value.strip()))


def _shape_problems(path: Path, said: list[Directive]) -> Iterator[Problem]:
    """One line says what comes back: nobody should have to run a query, or to read it, to know that."""
    hint = f"write `-- returns: many`, or {', '.join(SHAPES[1:])}, in the leading comment"
    if not said:
        yield Problem(Location(path, 1), "it does not say what it returns", hint)
    for each in said[1:]:
        yield Problem(Location(path, each.line), "`returns:` is written twice", "once is enough")
    for each in said[:1]:
        if each.name != "returns" or each.value.strip() not in SHAPES:
            what = f"`{each.name}: {each.value.strip()}` is no shape"
            yield Problem(Location(path, each.line), what, hint)


def _is_ours(line: str) -> bool:
    directive = DIRECTIVE.match(line)
    return directive is not None and directive["name"] in DIRECTIVES
