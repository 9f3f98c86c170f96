"""A statement in, the names of relations and functions that its text reads and writes out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from psycopg import sql

from pgproof.queries.command import WRITES
from pgproof.sqltree import last_name, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.sqltext import Statement
    from pgproof.sqltree import Node

# What a statement may be that is sure to write nothing, unless a part of its WITH does, or a function.
_READS = {"SelectStmt", "ExplainStmt", "VariableShowStmt"}

Effect = Literal["insert", "update", "delete", "truncate", "any"]
"""What a write does to rows that are there, which decides along which foreign keys it goes on to other tables."""

# Words without brackets that have the same value as long as the session has.
_SETTLED = {f"SVFOP_{word}" for word in ("CURRENT_ROLE", "CURRENT_USER", "USER", "CURRENT_CATALOG", "CURRENT_SCHEMA")}

_EFFECTS: dict[str, Effect] = {"InsertStmt": "insert", "UpdateStmt": "update", "DeleteStmt": "delete"}


@dataclass(frozen=True)
class Names:
    """Relations by their names in the text, quoted where that is needed.

    Attributes:
        reads: every relation that it names, also to write it: an INSERT may well read its own table.
        writes: those that it writes, and how.
        parts: names of parts of a WITH, which need not be relations.
        functions: those that it calls, without their schemas, unquoted.
        changing: words in it whose value changes without a write.
        locks: it locks the rows that it reads.
        kind: of the statement, as the parser calls it: `SelectStmt`.
    """

    reads: frozenset[str]
    writes: frozenset[tuple[str, Effect]]
    parts: frozenset[str]
    functions: frozenset[str]
    changing: frozenset[str]
    locks: bool
    kind: str

    @property
    def plain(self) -> bool:
        """Whether it writes nothing, whatever functions do."""
        return self.kind in _READS and not self.writes


def read_names(statement: Statement) -> Names:
    """Return what a statement names; a part of a WITH that is called like a table counts as the table too."""
    nodes = list(walk(statement))
    return Names(
        reads=frozenset(_name(node) for _, node in nodes if "relname" in node),
        writes=frozenset(write for kind, node in nodes for write in _writes(kind, node)),
        parts=frozenset(_quote(node["ctename"]) for kind, node in nodes if kind == "CommonTableExpr"),
        functions=frozenset(last_name(node["funcname"]) for kind, node in nodes if kind == "FuncCall"),
        changing=frozenset(word for kind, node in nodes if (word := _changing(kind, node))),
        locks=any("lockingClause" in node for _, node in nodes),
        kind=statement.kind,
    )


def _changing(kind: str, node: Node) -> str:
    if kind == "SQLValueFunction" and node["op"] not in _SETTLED:
        return str(node["op"]).removeprefix("SVFOP_").removesuffix("_N")
    return "TABLESAMPLE" if kind == "RangeTableSample" else ""


def _writes(kind: str, node: Node) -> Iterator[tuple[str, Effect]]:
    if kind in WRITES:
        updates = node.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE"
        yield _name(node["relation"]), "update" if updates else _EFFECTS.get(kind, "any")
    elif kind == "TruncateStmt":
        effect: Effect = "truncate" if node["behavior"] == "DROP_CASCADE" else "insert"
        yield from ((_name(each["RangeVar"]), effect) for each in node["relations"])
    elif kind == "CopyStmt" and node.get("is_from"):
        yield _name(node["relation"]), "insert"
    elif "intoClause" in node:
        yield _name(node["intoClause"]["rel"]), "insert"


def _name(relation: Node) -> str:
    return _quote(*(relation[part] for part in ("schemaname", "relname") if part in relation))


def _quote(*parts: str) -> str:
    return sql.Identifier(*parts).as_string()
