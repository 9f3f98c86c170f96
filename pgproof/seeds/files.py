"""The folder seeds/ in, `Seed`s in name order out; what a name, an encoding or a header gets wrong is found here."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.errors import Location, Problem, SqlFileError
from pgproof.sqltext import ParseError, Statement, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NAME = re.compile(r"(?P<number>\d+)_(?P<words>\w+(\.\w+)?)\.(?P<kind>csv|sql)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_END_OF_COPY = re.compile(rb"^\\\.\r?$", re.MULTILINE)


@dataclass(frozen=True)
class CsvSeed:
    """Rows for one table, as COPY reads them: an empty field is NULL, a quoted empty one an empty string.

    Attributes:
        table: what the file is named after, `users` or `app.users`.
        columns: what its header names, in order.
    """

    path: Path
    content: bytes = field(repr=False)
    table: str
    columns: tuple[str, ...]

    @property
    def record_lines(self) -> list[int]:
        """Line at which each record starts, header first: a quoted field may hold line breaks."""
        lines, quotes = [], 0
        for number, line in enumerate(self.content.split(b"\n"), start=1):
            if quotes % 2 == 0:
                lines.append(number)
            quotes += line.count(b'"')
        return lines


@dataclass(frozen=True)
class SqlSeed:
    """Statements that may be run again: the file sees to it itself, with ON CONFLICT for example."""

    path: Path
    content: bytes = field(repr=False)
    statements: tuple[Statement, ...] = field(repr=False)


Seed = CsvSeed | SqlSeed


def read_seeds(folder: Path) -> list[Seed]:
    """Read every seed of `folder` in name order; a project without that folder has none.

    Raises:
        SqlFileError: files that could not be loaded anywhere; all problems at once.
    """
    paths = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    problems = _number_problems(paths)
    seeds = [seed for path in paths if (seed := _read(path, problems))]
    if problems:
        raise SqlFileError(problems)
    return seeds


def fingerprint(seeds: Sequence[Seed]) -> str:
    """Return one hash, hex, of what is loaded in which order: names and contents."""
    digest = hashlib.sha256()
    for seed in seeds:
        digest.update(f"{seed.path.name}\n{len(seed.content)}\n".encode())
        digest.update(seed.content)
    return digest.hexdigest()


def _read(path: Path, problems: list[Problem]) -> Seed | None:
    match = _NAME.fullmatch(path.name)
    if match is None or not path.is_file():
        hint = "name it NNN_table.csv or NNN_words.sql, or move it out of the folder"
        problems.append(Problem(Location(path), "this is not a seed", hint))
        return None
    content = path.read_bytes()
    found = list(_content_problems(path, content))
    if not found and match["kind"] == "csv":
        columns = _read_header(content)
        found = list(_csv_problems(path, content, columns))
        seed: Seed = CsvSeed(path, content, match["words"], tuple(columns))
    elif not found:
        statements, found = _read_statements(path, content)
        seed = SqlSeed(path, content, tuple(statements))
    problems += found
    return None if found else seed


def _number_problems(paths: list[Path]) -> list[Problem]:
    """Two files with one number have an order that nobody chose."""
    numbers = {path: int(match["number"]) for path in paths if (match := _NAME.fullmatch(path.name))}
    times = Counter(numbers.values())
    problems = [
        Problem(Location(path), f"another seed has the number {number}", "renumber one of the two")
        for path, number in numbers.items()
        if times[number] > 1
    ]
    if not problems and list(numbers.values()) != sorted(numbers.values()):
        what = "by name the seeds have another order than by number"
        problems = [Problem(Location(paths[0].parent), what, "write all numbers with as many digits")]
    return problems


def _content_problems(path: Path, content: bytes) -> Iterator[Problem]:
    if not content or content.isspace():
        yield Problem(Location(path), "the file is empty", "write a row, or delete the file")
    if content.startswith(_BYTE_ORDER_MARK):
        what = "the file begins with a byte order mark"
        yield Problem(Location(path, 1), what, "save it as UTF-8 without")
    try:
        if not content.isascii():  # ten times faster asked, and most seeds are
            content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield Problem(Location(path, line), "the file is not UTF-8", "save it as UTF-8")


def _read_header(content: bytes) -> list[str]:
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")  # decodes no further than it is read
    return next(csv.reader(text), [])


def _csv_problems(path: Path, content: bytes, columns: list[str]) -> Iterator[Problem]:
    names = ", ".join(columns)
    if not columns:
        yield Problem(Location(path, 1), "there is no header in the first line", "name the columns there")
    if any(not column or column != column.strip() for column in columns):
        hint = "separate the names of columns with commas alone"
        yield Problem(Location(path, 1), f"a column of the header is blank or padded: {names!r}", hint)
    if twice := sorted(column for column, times in Counter(columns).items() if times > 1):
        yield Problem(Location(path, 1), f"the header names {', '.join(twice)} twice", "name each column once")
    # The pattern alone takes a third of a second for a million rows, the plain search in front of it a tenth of that.
    if b"\\." in content and (end := _END_OF_COPY.search(content)):
        line = content.count(b"\n", 0, end.start()) + 1
        what = "a line of just \\. ends the rows on PostgreSQL 17 and older, and whatever follows is dropped"
        yield Problem(Location(path, line), what, "put the field between quotes, on a line with the others")


def _read_statements(path: Path, content: bytes) -> tuple[list[Statement], list[Problem]]:
    try:
        statements = parse(content.decode())
    except ParseError as error:
        what = f"Postgres's parser refuses this: {error}"
        return [], [Problem(Location(path, error.line), what, "write plain SQL, without psql commands")]
    if not statements:
        return [], [Problem(Location(path), "there is no statement in it", "write one, or delete the file")]
    return statements, [problem for each in statements for problem in _statement_problems(path, each)]


def _statement_problems(path: Path, statement: Statement) -> Iterator[Problem]:
    at = Location(path, statement.line)
    if statement.kind == "TransactionStmt":
        what = f"{statement.text.split()[0].upper()} would end the one transaction of all seeds"
        yield Problem(at, what, "leave it out")
    if statement.kind == "CopyStmt" and statement.tree.get("is_from") and "filename" not in statement.tree:
        yield Problem(at, "COPY FROM STDIN has no rows to read here", "make them a seed of their own: NNN_table.csv")
