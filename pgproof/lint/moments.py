"""Moments in a text in, rules about time zones and clocks out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.lint.rule import Context, Rule, Spot
from pgproof.sqltree import Node, last_name, locate, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.sqltext import Statement

_CLOCKS = {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"}
_CLOCK_WORDS = ("SVFOP_CURRENT_DATE", "SVFOP_CURRENT_TIME", "SVFOP_LOCALTIME")  # and …STAMP, and with a precision


def _find_naive(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        placed = _given_a_zone(statement)
        for kind, node in walk(statement):
            if kind == "TypeName" and id(node) not in placed and last_name(node.get("names", [{}])) == "timestamp":
                yield locate(statement, node), "a timestamp without time zone is no moment"
            elif kind == "SQLValueFunction" and node["op"].startswith("SVFOP_LOCALTIME"):
                yield locate(statement, node), "a local time without its zone is no moment"


def _given_a_zone(statement: Statement) -> set[int]:
    """Return the types of what is said to be in a zone at once: `'…'::timestamp AT TIME ZONE 'UTC'`."""
    return {
        id(value["TypeCast"]["typeName"])
        for kind, node in walk(statement)
        if kind == "FuncCall" and last_name(node["funcname"]) == "timezone"
        for value in node.get("args", [])
        if "TypeCast" in value
    }


def _find_clocks(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        written = {id(node["selectStmt"]["SelectStmt"]) for kind, node in walk(statement) if _inserts(kind, node)}

        def leave(kind: str, node: Node, written: set[int] = written) -> tuple[str, ...]:
            """Do not enter what is stored: when something happened may come from the server's clock."""
            stored = kind in ("UpdateStmt", "OnConflictClause", "MergeWhenClause") or id(node) in written
            return ("targetList", "valuesLists", "values") if stored else ()

        for kind, node in walk(statement, leave):
            if kind == "FuncCall" and last_name(node["funcname"]) in _CLOCKS:
                yield locate(statement, node), f"{last_name(node['funcname'])}() is another moment in every run"
            elif kind == "SQLValueFunction" and node["op"].startswith(_CLOCK_WORDS):
                word = node["op"].removeprefix("SVFOP_").removesuffix("_N").lower()
                yield locate(statement, node), f"{word} is another moment in every run"


def _inserts(kind: str, node: Node) -> bool:
    return kind == "InsertStmt" and "selectStmt" in node


NAIVE_TIMESTAMP = Rule(
    id="naive-timestamp",
    what="timestamp without time zone",
    why="It is a reading of some clock: which moment it was depends on whose session asks.",
    instead="use timestamptz; a moment for a page gets its zone there: AT TIME ZONE",
    good="-- returns: value\n\nSELECT %(moment)s::timestamptz AS moment\n",
    bad="-- returns: value\n\nSELECT %(moment)s::timestamp AS moment\n",
    on="all",
    find=_find_naive,
)
CLOCK_IN_QUERY = Rule(
    id="clock-in-query",
    what="the server's clock in what a query reads or compares",
    why="No test can hold such a query to its rows, and two pages of one list are of two moments.",
    instead="make the moment a parameter, %(now)s; the clock may be stored, as in SET seen_at = now()",
    good="-- returns: many\n\nSELECT a.uuid\nFROM activities AS a\nWHERE a.expires_at > %(now)s\n",
    bad="-- returns: many\n\nSELECT a.uuid\nFROM activities AS a\nWHERE a.expires_at > now()\n",
    on="query",
    find=_find_clocks,
)
