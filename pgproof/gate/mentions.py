"""New migrations and names in, the statement that has to do with them out: where a person looks first. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pgproof.errors import Location
from pgproof.queries.command import WRITES
from pgproof.sqltext import ParseError, Statement, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgproof.migrations import Migration

_WORD = re.compile(r"[^\W\d]\w*")
# What changes nothing for anybody who asks: it names tables, but is never why.
_HARMLESS = frozenset(("CommentStmt", "VariableSetStmt", "LockStmt", "CreateStatsStmt", "VacuumStmt"))
# Fields of a tree whose values are words of the parser's own.
_NO_NAMES = frozenset(("relpersistence", "subtype"))


@dataclass(frozen=True)
class Suspect:
    """A statement of a new migration, which may be why something is as it is.

    Attributes:
        at: its file and line.
        migration: its file.
    """

    at: Location
    migration: Migration
    statement: Statement = field(repr=False)

    @cached_property
    def words(self) -> frozenset[str]:
        """All names in it, and the words of its strings: a DO block is one."""
        return name_words(self.statement)

    @property
    def defines(self) -> bool:
        """Whether it is about the schema; else it writes rows."""
        return self.statement.kind not in WRITES

    @property
    def may_break(self) -> bool:
        """Whether a query can come to something else by it."""
        kind, tree = self.statement.kind, self.statement.tree
        return kind not in _HARMLESS and (kind != "IndexStmt" or bool(tree.get("unique")))


def read_suspects(migrations: Iterable[Migration]) -> tuple[Suspect, ...]:
    """Return the statements of migrations, in order; of one in Python there is none to be seen."""
    return tuple(
        Suspect(Location(each.path, statement.line), each, statement)
        for each in migrations
        if each.language == "sql"
        for statement in _parse(each)
    )


def find_cause(suspects: Sequence[Suspect], *clues: Iterable[str]) -> Suspect | None:
    """Return the statement with most of the first clues, then of the second, and so on; the first of several.

    Where none has any there is none: `find_only` may know better.
    """
    wanted = [frozenset(each) for each in clues]
    weights = [([len(each.words & clue) for clue in wanted], each) for each in suspects if each.may_break]
    heaviest = max((weight for weight, _ in weights), default=[])
    return next((each for weight, each in weights if weight == heaviest), None) if any(heaviest) else None


def find_only(suspects: Sequence[Suspect]) -> Suspect | None:
    """Return the first statement that can break something, where there is one migration only."""
    alone = len({each.migration.id for each in suspects}) == 1
    return next((each for each in (*filter(lambda each: each.may_break, suspects), *suspects) if alone), None)


def read_words(text: str) -> frozenset[str]:
    """Return the words of a text that may be names."""
    return frozenset(_WORD.findall(text))


def name_words(statement: Statement) -> frozenset[str]:
    """Return all names in a statement, and the words of its strings."""
    return frozenset(_words(statement.tree))


def _parse(migration: Migration) -> list[Statement]:
    try:
        return parse(migration.text)
    except (ParseError, UnicodeDecodeError):  # the proof of history tells it
        return []


def _words(tree: dict[str, Any]) -> set[str]:
    found, todo = set[str](), list[Any]([tree])
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            todo += [value for name, value in node.items() if name not in _NO_NAMES]
        elif isinstance(node, list):
            todo += node
        elif isinstance(node, str):
            found |= {word for word in (node, *_WORD.findall(node)) if not word.isupper()}
    return found - {"pg_catalog"}
