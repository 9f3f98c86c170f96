"""A migration about to run in, reasons not to run it out: what the text does that runner or yoyo cannot bear."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.errors import Location, Problem
from pgproof.migrations.header import DIRECTIVES, find_problems
from pgproof.sqltext import ParseError, Statement, parse, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pgproof.migrations.files import Migration, Script

_PSQL = re.compile(r"\s*\\\S+")
# Whatever makes yoyo's splitter leave its plain path: bodies and blocks, comments that may nest, and what other
# databases know as quotes, comments (`#`) and separators (`go`).
_WORDS = (
    *("begin", "declare", "case", "end", "if", "for", "foreach", "while", "loop"),
    *("function", "procedure", "trigger", "go"),
)
_WORD = re.compile(rf"\b({'|'.join(_WORDS)})\b", re.IGNORECASE)
_SIGN = re.compile(r"[$#`\u00b4\\]|/\*|[-+/@%^&|<>=~!*]--|(?<![\w\])])\[")


def check(migration: Migration, position: Mapping[str, int]) -> list[Problem]:
    """Return every problem of a migration's text and of its rollback's; `position` is where each stands."""
    if migration.language == "python":
        return _check_python(migration, position)
    if unreadable := _check_encoding(migration):
        return unreadable
    return [
        *find_problems(migration.path, migration.text),
        *_check_repeatable(migration),
        *_check_depends(migration, migration.header.depends, position),
        *_check_sql(migration, transactional=migration.transactional),
        *check_rollback(migration),
    ]


def check_rollback(migration: Migration) -> list[Problem]:
    """Return every problem of a migration's way back."""
    if migration.language == "python":
        from pgproof.migrations.python import check_way_back

        return check_way_back(migration)
    if migration.rollback is None:
        return list(_check_way_back(migration))
    return _check_encoding(migration.rollback) or [
        *_check_rollback_header(migration, migration.rollback),
        *_check_sql(migration.rollback, transactional=migration.transactional),
    ]


def _check_encoding(script: Script) -> list[Problem]:
    if script.raw.startswith(b"\xef\xbb\xbf"):
        return [Problem(Location(script.path, 1), "it begins with a byte order mark", "save it as UTF-8 without one")]
    if (at := script.raw.find(b"\0")) >= 0:  # libpq would end the message there, COMMIT and all
        line = script.raw.count(b"\n", 0, at) + 1
        return [Problem(Location(script.path, line), "there is a zero byte in it", "save it as UTF-8")]
    try:
        script.raw.decode()
    except UnicodeDecodeError as error:
        line = script.raw.count(b"\n", 0, error.start) + 1
        return [Problem(Location(script.path, line), "it is not UTF-8", "save it as UTF-8")]
    return []


def _check_repeatable(migration: Migration) -> Iterator[Problem]:
    if not migration.number and not migration.transactional:
        at = Location(migration.path, migration.header.line_of("transactional"))
        yield Problem(at, "a repeatable runs in a transaction", "make it a migration, or take the line out")


def _check_depends(migration: Migration, depends: Iterable[str], position: Mapping[str, int]) -> Iterator[Problem]:
    """The number says the order; a `depends` that says otherwise would make yoyo run another one."""
    own = position.get(migration.id, len(position))  # a repeatable comes after all
    at = Location(migration.path, migration.header.line_of("depends"))
    for name in depends:
        if name not in position:
            yield Problem(at, f"depends on {name}, which does not exist", "write the file name without .sql")
        elif position[name] >= own:
            yield Problem(at, f"depends on {name}, which does not come before it", "renumber one of the two")


def _check_python(migration: Migration, position: Mapping[str, int]) -> list[Problem]:
    from pgproof.migrations.python import check_python, read_depends

    return check_python(migration) or list(_check_depends(migration, read_depends(migration), position))


def _check_rollback_header(migration: Migration, rollback: Script) -> Iterator[Problem]:
    """A rollback runs as its migration's header says; a directive of its own would be believed and not obeyed."""
    for each in read_header(rollback.text):
        if each.name.lower() in DIRECTIVES and migration.header.get(each.name, "") != each.value:
            yield Problem(
                Location(rollback.path, each.line),
                f"`{each.name}:` says nothing in a rollback",
                f"what {migration.path.name} says in its header holds for both",
            )


def _check_way_back(migration: Migration) -> Iterator[Problem]:
    if migration.number and not migration.header.irreversible:  # a repeatable may do without
        yield Problem(
            Location(migration.path, 1),
            "there is no rollback",
            f"write {migration.id}.rollback.sql, or say `-- irreversible: why` in the header",
        )


def _check_sql(script: Script, *, transactional: bool) -> Iterator[Problem]:
    try:
        statements = parse(script.text)
    except ParseError as error:
        yield _parse_problem(script, error)
        return
    if not statements:
        yield Problem(Location(script.path), "there is no statement in it", "write one, or delete the file")
    for statement in statements:
        yield from _check_statement(script, statement)
    yield from _check_split(script, statements)
    if not transactional:
        yield from _check_alone(script, statements)


def _parse_problem(script: Script, error: ParseError) -> Problem:
    at = Location(script.path, error.line)
    if psql := _PSQL.match(script.text.split("\n")[error.line - 1]):
        return Problem(at, f"{psql[0].strip()} is a psql command", "write it as SQL")
    return Problem(at, str(error), "Postgres's own parser refuses this")


def _check_statement(script: Script, statement: Statement) -> Iterator[Problem]:
    at = Location(script.path, statement.line)
    if statement.kind == "TransactionStmt":
        yield Problem(
            at,
            f"{statement.text.split()[0].upper()} would end the transaction that carries the ledger row",
            "leave it out: each migration is one transaction",
        )
    if statement.kind in ("DeallocateStmt", "DiscardStmt"):
        yield Problem(at, "it would take away what the runner prepared on this session", "leave it out")
    if "pg_advisory_unlock_all" in statement.text.lower():
        yield Problem(at, "it would release the runner lock", "name the locks that are yours: pg_advisory_unlock(key)")
    if statement.kind == "PrepareStmt":
        yield Problem(at, "it would still be there for the next migration", "write the statement itself")
    if statement.kind == "CopyStmt" and "filename" not in statement.tree:
        if statement.tree.get("is_from"):
            yield Problem(at, "COPY FROM STDIN has no data to read here", "put the rows into seeds/, or use INSERT")
        else:
            yield Problem(at, "COPY TO STDOUT has nobody to read it here", "leave it out")


def splits_plainly(text: str) -> bool:
    """Whether nothing in a text can make yoyo's splitter differ from Postgres's."""
    # Parts of words first: the pattern alone takes as long as parsing the text.
    lowered = text.lower()
    if any(word in lowered for word in _WORDS) and _WORD.search(text):
        return False
    return not _SIGN.search(text)


def _check_split(script: Script, statements: list[Statement]) -> Iterator[Problem]:
    """Compare with yoyo's splitter, so that `yoyo apply` runs the same statements; most texts need no look."""
    if splits_plainly(script.text):
        return
    import sqlparse

    theirs = [code for text in sqlparse.split(script.text) if (code := _code(text))]
    for statement, code in zip(statements, theirs, strict=False):
        if code != _code(statement.text):
            yield _split_problem(script, statement)
            return
    if len(statements) != len(theirs):
        yield _split_problem(script, statements[min(len(statements), len(theirs)) - 1])


def _split_problem(script: Script, statement: Statement) -> Problem:
    return Problem(
        Location(script.path, statement.line),
        "yoyo would split this file into other statements than Postgres does",
        "avoid nested comments, and names such as declare or begin; or give the statement a file of its own",
    )


def _code(text: str) -> str:
    """Return a statement without comments, white space and semicolons: what must be the same on both sides."""
    return re.sub(r"--[^\n]*|/\*.*?\*/|[\s;]", "", text, flags=re.DOTALL)


def _check_alone(script: Script, statements: list[Statement]) -> Iterator[Problem]:
    """Outside a transaction nothing undoes a half: one statement, and one that can be run again."""
    if len(statements) > 1:
        yield Problem(
            Location(script.path, statements[1].line),
            f"{len(statements)} statements without a transaction: after a crash nobody knows which of them ran",
            "give each a file of its own",
        )
    elif statements and not _can_run_again(statements[0]):
        yield Problem(
            Location(script.path, statements[0].line),
            "this statement cannot be run again after a crash",
            "without a transaction: CREATE INDEX CONCURRENTLY name, DROP INDEX CONCURRENTLY IF EXISTS, "
            "REINDEX CONCURRENTLY, VACUUM, ALTER TYPE ADD VALUE IF NOT EXISTS",
        )


def _can_run_again(statement: Statement) -> bool:
    tree = statement.tree
    match statement.kind:
        case "IndexStmt":
            return bool(tree.get("concurrent") and tree.get("idxname"))
        case "DropStmt":
            return bool(tree.get("concurrent") and tree.get("missing_ok"))
        case "AlterEnumStmt":
            return bool(tree.get("skipIfNewValExists"))
        case "ReindexStmt" | "VacuumStmt":
            return True
    return False
