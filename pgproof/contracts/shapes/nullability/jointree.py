"""What stands in FROM and WHERE in, where that makes NULL of columns, and where it lets none pass, out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.contracts.shapes.nullability.knowledge import Function, Knowledge
    from pgproof.contracts.shapes.nullability.nodes import Node

Place = tuple[int, int]
"""A column: the number of its entry in FROM, and its own number there."""

_INNER, _LEFT, _RIGHT = "0", "1", "3"  # of jointype; what else there is pads both sides
_IS_NOT_NULL = "1"


def padded(node: Node, *, outer: bool = False) -> Iterator[int]:
    """Yield entries whose columns are all NULL in the rows that an outer join has found no partner for."""
    if node.kind == "FROMEXPR":
        for each in node.each("fromlist"):
            yield from padded(each, outer=outer)
        return
    if outer:
        yield node.number("rtindex")
    if node.kind == "JOINEXPR":
        yield from padded(node["larg"], outer=outer or node["jointype"] not in (_INNER, _LEFT))
        yield from padded(node["rarg"], outer=outer or node["jointype"] not in (_INNER, _RIGHT))


def filtered(node: Node, knowledge: Knowledge) -> frozenset[Place]:
    """Return the columns that are not NULL in any row that has passed the conditions."""
    return frozenset().union(*(_required(each, knowledge) for each in _conditions(node) if each))


def _conditions(node: Node) -> Iterator[Node | None]:
    """Yield what every row has passed, whichever partners it has."""
    if node.kind == "FROMEXPR":
        yield node["quals"]
        for each in node.each("fromlist"):
            yield from _conditions(each)
    elif node.kind == "JOINEXPR":
        if node["jointype"] == _INNER:
            yield node["quals"]
        if node["jointype"] in (_INNER, _LEFT):
            yield from _conditions(node["larg"])
        if node["jointype"] in (_INNER, _RIGHT):
            yield from _conditions(node["rarg"])


def _required(node: Node, knowledge: Knowledge) -> frozenset[Place]:
    """Return the columns that are not NULL wherever a condition is true."""
    if node.kind == "BOOLEXPR" and node["boolop"] in ("and", "or"):
        parts = [_required(each, knowledge) for each in node.each("args")]
        return frozenset().union(*parts) if node["boolop"] == "and" else frozenset.intersection(*parts)
    if node.kind == "NULLTEST":
        passes = node["nulltesttype"] == _IS_NOT_NULL and not node.says("argisrow")
        return frozenset(_passed(node["arg"], knowledge)) if passes else frozenset()
    return frozenset(_passed(node, knowledge))


def _passed(node: Node, knowledge: Knowledge) -> Iterator[Place]:
    """Yield the columns whose NULL makes this NULL."""
    if node.kind == "VAR" and node["varlevelsup"] == "0" and node.number("varattno") > 0:
        yield node.number("varno"), node.number("varattno")
    elif node.kind == "RELABELTYPE":
        yield from _passed(node["arg"], knowledge)
    elif _is_strict(node, knowledge):
        for each in node.each("args"):
            yield from _passed(each, knowledge)


def _is_strict(node: Node, knowledge: Knowledge) -> bool:
    if node.kind == "BOOLEXPR":
        return bool(node["boolop"] == "not")
    function = _called(node, knowledge)
    return function is not None and function.strict


def _called(node: Node, knowledge: Knowledge) -> Function | None:
    if node.kind == "OPEXPR":
        return knowledge.operators[node.number("opno")]
    if node.kind == "FUNCEXPR":
        return knowledge.functions[node.number("funcid")]
    return None
