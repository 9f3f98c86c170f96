"""Which rows a statement is about in, rules about conditions that are missing or that NULL breaks out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.lint.rule import Context, Rule, Spot
from pgproof.sqltree import Node, last_name, locate, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERBS = {"UpdateStmt": "UPDATE", "DeleteStmt": "DELETE"}


def _find_everything(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        for kind, node in walk(statement):
            if kind in _VERBS and "whereClause" not in node:
                yield locate(statement, node["relation"]), f"{_VERBS[kind]} without WHERE: every row of the table"


def _find_not_in(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        for kind, node in walk(statement):
            if kind == "BoolExpr" and node["boolop"] == "NOT_EXPR":
                for each in node["args"]:
                    if _is_any(each.get("SubLink", {})):
                        yield locate(statement, each["SubLink"]), "NOT IN a sub-select is never true beside a NULL"
            elif kind == "SubLink" and node["subLinkType"] == "ALL_SUBLINK" and last_name(node["operName"]) == "<>":
                yield locate(statement, node), "<> ALL of a sub-select is never true beside a NULL"


def _is_any(link: Node) -> bool:
    return link.get("subLinkType") == "ANY_SUBLINK" and "operName" not in link


WITHOUT_WHERE = Rule(
    id="without-where",
    what="UPDATE or DELETE without WHERE",
    why="It takes every row, and in a migration holds the lock of each of them until all are done.",
    instead="say which rows; where all are meant, `-- pgproof: ignore without-where: why`",
    good="-- returns: affected\n\nDELETE FROM sessions AS s\nWHERE s.expires_at <= %(now)s\n",
    bad="-- returns: affected\n\nDELETE FROM sessions\n",
    on="all",
    find=_find_everything,
)
NOT_IN_SUBSELECT = Rule(
    id="not-in-subselect",
    what="NOT IN a sub-select",
    why="One NULL among the values, and no row is found any more; the planner cannot make a join of it either.",
    instead="write NOT EXISTS (SELECT … WHERE …)",
    good=(
        "-- returns: many\n\nSELECT u.uuid\nFROM users AS u\n"
        "WHERE NOT EXISTS (SELECT 1 FROM bans AS b WHERE b.user_uuid = u.uuid)\n"
    ),
    bad="-- returns: many\n\nSELECT u.uuid\nFROM users AS u\nWHERE u.uuid NOT IN (SELECT b.user_uuid FROM bans AS b)\n",
    on="all",
    find=_find_not_in,
)
