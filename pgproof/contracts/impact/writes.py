"""A statement's parse tree in, the tables and columns that it writes out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.queries.command import WRITES
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.sqltext import Statement
    from pgproof.sqltree import Node


@dataclass(frozen=True)
class Write:
    """One table that is written to.

    Attributes:
        table: its name as it stands there, in parts: with its schema or without.
        columns: those that get a value by name.
        inserts: rows are added.
        every: rows are added without saying to which columns.
        mentions: columns that are named in the statement and may be this table's, other than to be written; `*` is all.
    """

    table: tuple[str, ...]
    columns: frozenset[str]
    inserts: bool
    every: bool
    mentions: frozenset[str]

    def may_read(self, column: str) -> bool:
        """Whether the statement names the column otherwise than to write it; a namesake elsewhere counts too."""
        return column in self.mentions or "*" in self.mentions


def read_writes(statement: Statement) -> list[Write]:
    """Return what a statement writes, also in its WITH."""
    nodes = list(walk(statement))
    tables = [node for _, node in nodes if "relname" in node]
    mentions = [mention for kind, node in nodes for mention in _mentions(kind, node)]
    return [_write(kind, node, tables, mentions) for kind, node in nodes if kind in WRITES]


def _write(kind: str, node: Node, tables: list[Node], mentions: list[tuple[str, str]]) -> Write:
    relation = node["relation"]
    clauses = [clause["MergeWhenClause"] for clause in node.get("mergeWhenClauses", [])]
    lists = [node, node.get("onConflictClause", {}), *clauses]
    targets = [each["ResTarget"] for part in lists for name in ("cols", "targetList") for each in part.get(name, [])]
    inserting = [clause for clause in clauses if clause["commandType"] == "CMD_INSERT"]
    listless = [each for each in inserting if "targetList" not in each]
    called = {_called(each) for each in tables if each["relname"] == relation["relname"]}
    return Write(
        table=tuple(relation[part] for part in ("schemaname", "relname") if part in relation),
        columns=frozenset(target["name"] for target in targets),
        inserts=kind == "InsertStmt" or bool(inserting),
        every=(kind == "InsertStmt" and "cols" not in node) or bool(listless),
        mentions=frozenset(
            _meant(name, called) for qualifier, name in mentions if not qualifier or qualifier in called
        ),
    )


def _called(table: Mapping[str, Any]) -> str:
    """Return the name that its columns are qualified with."""
    alias: str = table.get("alias", {}).get("aliasname", table["relname"])
    return alias


def _meant(name: str, called: set[str]) -> str:
    """Return the name of a column; a table's own, as in `SELECT u FROM users AS u`, stands for all of them."""
    return "*" if name in called else name


def _mentions(kind: str, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the qualifier, or nothing, and the name of each column; PostgreSQL 18's `old` and `new` are no tables."""
    if kind == "ColumnRef":
        fields = [field["String"]["sval"] if "String" in field else "*" for field in node["fields"]]
        qualifier = fields[-2] if len(fields) > 1 else ""
        yield ("" if qualifier in ("old", "new") else qualifier), fields[-1]
    elif kind == "JoinExpr":
        yield from (("", name["String"]["sval"]) for name in node.get("usingClause", []))
        yield from [("", "*")] if node.get("isNatural") else []
    elif kind == "IndexElem" and "name" in node:  # what ON CONFLICT looks at
        yield "", node["name"]
