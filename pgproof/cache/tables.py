"""A statement in, the names of the relations that its text reads and writes out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from pgproof.queries.command import WRITES
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from pgproof.sqltext import Statement
    from pgproof.sqltree import Node

# What a statement may be that is sure to write nothing, unless a part of its WITH does, or a function.
_READS = {"SelectStmt", "ExplainStmt", "VariableShowStmt"}


@dataclass(frozen=True)
class Names:
    """Relations by their names in the text, quoted where that is needed.

    Attributes:
        reads: every relation that it names, also to write it: an INSERT may well read its own table.
        writes: those that it writes.
        parts: names of parts of a WITH, which need not be relations.
        plain: it is a SELECT, whatever functions do.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    parts: frozenset[str]
    plain: bool


def read_names(statement: Statement) -> Names:
    """Return what a statement names; a part of a WITH that is called like a table counts as the table too."""
    nodes = list(walk(statement))
    writes = {_name(node["relation"]) for kind, node in nodes if kind in WRITES}
    if statement.kind == "TruncateStmt":
        writes |= {_name(each["RangeVar"]) for each in statement.tree["relations"]}
    return Names(
        reads=frozenset(_name(node) for _, node in nodes if "relname" in node),
        writes=frozenset(writes),
        parts=frozenset(_quote(node["ctename"]) for kind, node in nodes if kind == "CommonTableExpr"),
        plain=statement.kind in _READS and not writes,
    )


def _name(relation: Node) -> str:
    return _quote(*(relation[part] for part in ("schemaname", "relname") if part in relation))


def _quote(*parts: str) -> str:
    return sql.Identifier(*parts).as_string()
