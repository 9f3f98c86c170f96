"""A query's file in, the command that is sent for it out: `%(handle)s` becomes `$1`, and `%%` a percent sign.

The command is not left to psycopg's own reading of `%`, which looks into comments and strings too. So a percent sign in
a comment is one, and a parameter between quotes, which would never be a value, is found before it does harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import TYPE_CHECKING

from pgproof.errors import Location, ParameterMismatch, Problem, SqlFileError
from pgproof.sqltext import ParseError, Statement, parse, split_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pgproof.queries.files import Query

# What `run` takes itself, beside the parameters of the query.
RESERVED = frozenset(("row",))

_PERCENT = re.compile(r"%(?:\((?P<name>[^()]*)\)(?P<format>\w?)|(?P<percent>%)|)", re.DOTALL)
_NUMBERED = re.compile(r"(?<![\w$])\$\d+")
WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


@dataclass(frozen=True)
class Command:
    """What is sent for a query.

    Attributes:
        sql: the statement behind a comment that leads home, with `$1` for its first parameter.
        parameters: their names, in the order of their numbers.
        at: where the statement starts.
        start: where in `sql` that is.
    """

    sql: str
    parameters: tuple[str, ...]
    at: Location
    start: int = field(repr=False)

    def bind(self, given: Mapping[str, object]) -> list[object]:
        """Return the values in the order of their numbers.

        Raises:
            ParameterMismatch: names are missing, or are not the query's.
        """
        missing = [name for name in self.parameters if name not in given]
        unknown = [name for name in given if name not in self.parameters]
        if missing or unknown:
            faults = ((missing, "missing"), (unknown, "unknown"))
            what = "; ".join(f"{word} parameter {', '.join(names)}" for names, word in faults if names)
            raise ParameterMismatch(what, at=self.at, hint=f"it takes {', '.join(self.parameters) or 'none'}")
        return [given[name] for name in self.parameters]

    def locate(self, position: str | None) -> Location:
        """Return the line of the file that the server's `position` in `sql` is on."""
        offset = int(position or 0) - 1
        return Location(self.at.path, (self.at.line or 1) + self.sql.count("\n", self.start, max(offset, self.start)))


def read_command(query: Query) -> Command:
    """Make what is sent for a query.

    Raises:
        SqlFileError: its text is not one statement that can be run by name; all problems of the file at once.
    """
    try:
        text, names, problems = _number(query)
        statements = [] if problems else parse(text)
    except ParseError as error:
        what = f"Postgres's parser refuses this: {error}"
        hint = "a parameter is %(name)s and stands for one value"
        raise SqlFileError([Problem(Location(query.path, error.line), what, hint)]) from error
    problems = problems or list(_statement_problems(query, statements))
    if problems:
        raise SqlFileError(problems)
    before = f"/* {query.label} */ "
    at = Location(query.path, statements[0].line)
    return Command(before + statements[0].text, tuple(names), at, len(before))


def _number(query: Query) -> tuple[str, list[str], list[Problem]]:
    """Return the text with numbers for parameters, their names in that order, and what is wrong with them."""
    parts: list[str] = []
    names: dict[str, int] = {}
    problems: list[Problem] = []
    line = 1
    for piece in split_pieces(query.text):
        if piece.kind == "comment":
            parts.append(piece.text)
        else:
            quoted = piece.kind == "quoted"
            problems += _percent_problems(query.path, line, piece.text, quoted=quoted)
            parts.append(_PERCENT.sub(lambda found: _replace(found, names), piece.text))
        line += piece.text.count("\n")
    return "".join(parts), list(names), problems


def _replace(found: re.Match[str], names: dict[str, int]) -> str:
    if found["name"] is None:
        return "%"
    number = names.setdefault(found["name"], len(names) + 1)
    # `LIMIT%(n)s` must not become one word
    glued = re.match(r"[\w$]", found.string[found.start() - 1 : found.start()])
    return f" ${number}" if glued else f"${number}"


def _percent_problems(path: Path, first_line: int, text: str, *, quoted: bool) -> Iterator[Problem]:
    def at(found: re.Match[str]) -> Location:
        return Location(path, first_line + text.count("\n", 0, found.start()))

    for found in _PERCENT.finditer(text):
        name = found["name"]
        if name is None:
            if not found["percent"]:
                hint = "write %% for a percent sign, %(name)s for a parameter"
                yield Problem(at(found), "a % that is neither a parameter nor doubled", hint)
        elif quoted:
            hint = f"join them: '…' || %({name})s; or write %%({name}) for the text itself"
            yield Problem(at(found), f"%({name})s between quotes is text, not a parameter", hint)
        elif found["format"] != "s":
            yield Problem(at(found), f"a parameter ends with s: {found[0]}", f"write %({name})s")
        elif not (name.isascii() and name.isidentifier()) or iskeyword(name) or name in RESERVED:
            hint = "ASCII letters, digits and _, and neither `row` nor a word of Python's own"
            yield Problem(at(found), f"no caller could name the parameter {name!r}", hint)
    if not quoted:
        for found in _NUMBERED.finditer(text):
            yield Problem(at(found), f"the parameter {found[0]} has no name", "write %(name)s")


def _statement_problems(query: Query, statements: list[Statement]) -> Iterator[Problem]:
    if not statements:
        yield Problem(Location(query.path), "there is no statement in it", "write one, or delete the file")
        return
    for each in statements[1:]:
        what = "a second statement, where a file is one query"
        yield Problem(Location(query.path, each.line), what, "give it a file of its own")
    only = statements[0]
    at = Location(query.path, only.line)
    if only.kind == "TransactionStmt":
        hint = "leave it out: the caller writes `with db.transaction():`"
        yield Problem(at, f"{only.text.split()[0].upper()} is not a query's to say", hint)
    elif only.kind in WRITES and "returningClause" not in only.tree and query.returns != "affected":
        hint = "add RETURNING, or write `-- returns: affected`"
        yield Problem(at, f"it returns {query.returns}, but the statement gives no rows", hint)
    elif only.kind == "SelectStmt" and query.returns == "affected":
        yield Problem(at, "a SELECT affects no rows", "write what it returns: many, one, maybe or value")
    elif only.kind == "CopyStmt" and "filename" not in only.tree:
        yield Problem(at, "COPY to or from the client is no query", "write a SELECT or an INSERT")
