"""A statement that writes many rows in, one that writes a few of them each time it runs out. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.gate.instead.commands import split_top
from pgproof.sqltext import canonical
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from pgproof.sqltext import Statement

_AT_A_TIME = 5000
_JOB = (
    "-- Beside the migrations, from a job: again and again until it changes no row, "
    "each time in a transaction of its own."
)

# What gives another value each time would never come to an end.
_RESTLESS = ("now", "random", "clock_timestamp", "statement_timestamp", "timeofday", "nextval", "gen_random_uuid")
_NOT_SIMPLE = ("fromClause", "usingClause", "withClause", "returningList")


def split_up(statement: Statement) -> tuple[str, ...]:
    """Return an UPDATE or DELETE of one table for a few rows at a time, as lines; nothing where that is not plain."""
    if statement.kind not in ("UpdateStmt", "DeleteStmt") or "alias" in statement.tree["relation"]:
        return ()
    if any(part in statement.tree for part in _NOT_SIMPLE):
        return ()
    head, _, condition = canonical(statement.text).partition(" WHERE ")
    undone = "" if statement.kind == "DeleteStmt" else _tell_undone(statement, head)
    if undone is None:
        return ()
    table = re.sub(r"^(?:UPDATE|DELETE FROM) (\S+).*$", r"\1", head, flags=re.DOTALL)
    conditions = [f"({condition})" if condition and undone else condition, undone]
    return make_batch(table, head, " AND ".join(filter(None, conditions)))


def make_batch(table: str, head: str, condition: str) -> tuple[str, ...]:
    """Return a statement for a few of the rows that a condition holds for; `head` is what stands before its WHERE."""
    where = f" WHERE {condition}" if condition else ""
    chosen = f"SELECT ctid FROM {table}{where} LIMIT {_AT_A_TIME} FOR UPDATE SKIP LOCKED"  # noqa: S608
    return (_JOB, f"{head} WHERE ctid = ANY (ARRAY(\n  {chosen}\n));")


def _tell_undone(statement: Statement, head: str) -> str | None:
    """Return how a row is told that was not written yet; None where it cannot be."""
    called = {node["funcname"][-1]["String"]["sval"] for kind, node in walk(statement) if kind == "FuncCall"}
    odd = any(kind in ("SQLValueFunction", "MultiAssignRef", "SubLink") for kind, _ in walk(statement))
    if odd or not called.isdisjoint(_RESTLESS):
        return None
    pairs = [each.split(" = ", 1) for each in split_top(head.partition(" SET ")[2], re.compile(r",\s*"))]
    return "(" + " OR ".join(f"{column} IS DISTINCT FROM ({value})" for column, value in pairs) + ")"
