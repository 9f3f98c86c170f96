"""Statements in, what the server's own understanding of them proves of their columns out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.contracts.answer import Call
from pgproof.contracts.shapes.nullability.knowledge import Knowledge, fetch_knowledge
from pgproof.contracts.shapes.nullability.level import Level
from pgproof.contracts.shapes.nullability.nodes import parse_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgproof.contracts.golden import Nullability
    from pgproof.contracts.session import Session

# In the schema of temporary objects, which anybody may write to and no name of which is in the way.
_INSTALL = "CREATE FUNCTION pg_temp.understood_{number} ({types}) RETURNS void BEGIN ATOMIC {statement}\n; END"
_TREES = """
SELECT substr(proname, length('understood_') + 1), prosqlbody::text FROM pg_proc
WHERE pronamespace = pg_my_temp_schema() AND starts_with(proname, 'understood_')
"""

_NEWEST = 18  # the last version whose numbers for kinds of nodes are known


def fetch_nullability(
    session: Session, statements: Sequence[tuple[str, Iterable[str], int]]
) -> list[tuple[Nullability, ...]]:
    """Return what is known of each column of each statement; nothing is left behind.

    Args:
        session: a server of a version that nobody has looked at yet proves nothing.
        statements: each with the types of its parameters and the number of its columns.
    """
    trees = dict[int, str]()
    if session.connection.info.server_version < (_NEWEST + 1) * 10000:
        trees = _fetch_trees(session, statements)
    knowledge = fetch_knowledge(session.connection, trees.values())
    return [_infer(trees.get(number), knowledge, width) for number, (_, _, width) in enumerate(statements)]


def _infer(tree: str | None, knowledge: Knowledge, width: int) -> tuple[Nullability, ...]:
    if tree:
        try:
            level = Level(parse_nodes(tree)[0][0], knowledge)
            if level.width == width:
                return tuple(level.output(number) for number in range(1, width + 1))
        except LookupError:  # something that this version of the server does not write
            pass
    unknown: Nullability = "unknown"
    return (unknown,) * width


def _fetch_trees(session: Session, statements: Sequence[tuple[str, Iterable[str], int]]) -> dict[int, str]:
    """Return the pg_node_tree of each statement that can be the body of a function, by its number."""
    functions = [
        _INSTALL.format(number=number, types=", ".join(types), statement=statement)
        for number, (statement, types, width) in enumerate(statements)
        if width
    ]
    trees = _install(session, functions)
    if len(trees) < len(functions):  # one that is refused takes all with it
        for each in functions:
            trees |= _install(session, [each])
    return trees


def _install(session: Session, functions: Sequence[str]) -> dict[int, str]:
    (answer,) = session.ask([Call(_TREES.encode())], before=functions)
    return {int(number or b""): (tree or b"").decode() for number, tree in answer.rows}
