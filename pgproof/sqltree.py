"""A statement in, the nodes of its parse tree one by one out: libpg_query's JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgproof.sqltext import Statement

Node = dict[str, Any]

# Fields that hold a node of one kind only do not say which.
_KINDS = {"larg": "SelectStmt", "rarg": "SelectStmt", "typeName": "TypeName", "onConflictClause": "OnConflictClause"}


def walk(
    statement: Statement, leave: Callable[[str, Node], tuple[str, ...]] = lambda _, __: ()
) -> Iterator[tuple[str, Node]]:
    """Yield kind and fields of every node of a statement, in no order to rely on.

    A node whose kind only its place tells is called after that place, in small letters: `relation`.

    Args:
        statement: the tree's.
        leave: says of a node which of its fields are not entered.
    """
    todo: list[tuple[str, Any]] = [(statement.kind, statement.tree)]  # no recursion: `a || b || …` may nest for ever
    while todo:
        kind, node = todo.pop()
        if isinstance(node, list):
            todo += [("", each) for each in node]
        elif isinstance(node, dict):
            if kind:
                yield kind, node
            left = leave(kind, node)
            todo += [(_kind(name), value) for name, value in node.items() if name not in left]


def locate(statement: Statement, node: Node) -> int:
    """Return where a node stands in the text, in bytes; one that does not know it, where its statement does."""
    location: int = node.get("location", -1)
    return location if location >= 0 else statement.start


def last_name(names: list[Node]) -> str:
    """Return the last part of a name: `timestamp` of `pg_catalog.timestamp`."""
    return str(names[-1].get("String", {}).get("sval", ""))


def _kind(field: str) -> str:
    return _KINDS.get(field, field)
