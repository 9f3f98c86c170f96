"""The server's `permission denied` in, the GRANT that is missing out: as text to paste. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.queries.command import WRITES
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from pgproof.sqltext import Statement

_DENIED = re.compile(r"permission denied for (?:materialized |foreign )?(?P<kind>[a-z]+) (?P<name>\S+)")
_ROWS = re.compile(r'row-level security policy(?: "[^"]*")?(?: \([^)]*\))? for table "(?P<name>[^"]+)"')
_VERBS = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE"}
_OTHERS = {
    "schema": "GRANT USAGE ON SCHEMA {name} TO {role};\n",
    "sequence": "GRANT USAGE ON SEQUENCE {name} TO {role};\n",
    "function": "GRANT EXECUTE ON FUNCTION {name} TO {role};\n",
    "procedure": "GRANT EXECUTE ON PROCEDURE {name} TO {role};\n",
    "type": "GRANT USAGE ON TYPE {name} TO {role};\n",
}
_POLICY = (
    "-- with the condition that these rows meet:\nCREATE POLICY … ON {name} FOR {verb} TO {role} WITH CHECK (…);\n"
)


def grant(said: str, statement: Statement, role: str) -> str:
    """Return the GRANT for what the role was denied in a statement; nothing where none would help.

    Args:
        said: the server's message.
        statement: the query's.
        role: the application's.
    """
    if rows := _ROWS.search(said):
        verb = next(iter(_find_verbs(statement, rows["name"])), "ALL")
        return _POLICY.format(name=rows["name"], verb=verb, role=role)
    denied = _DENIED.search(said)
    if not denied or not role:
        return ""
    kind, name = denied["kind"], denied["name"]
    if kind in _OTHERS:
        return _OTHERS[kind].format(name=name, role=role)
    verbs = _find_verbs(statement, name)
    return f"GRANT {', '.join(verbs) or 'SELECT'} ON {name} TO {role};\n"


def _find_verbs(statement: Statement, name: str) -> list[str]:
    """Return what a statement does to a table; who updates or deletes by a condition, or returns, reads as well."""
    verbs, others = set[str](), 0
    for kind, node in walk(statement):
        if kind in WRITES and node["relation"]["relname"] == name:
            verbs |= {_VERBS[kind]} if kind in _VERBS else {"INSERT", "UPDATE", "DELETE"}
            conflict = node.get("onConflictClause", {})
            verbs |= {"UPDATE"} if conflict.get("action") == "ONCONFLICT_UPDATE" else set()
            reads = ("returningClause", "whereClause", "onConflictClause", "joinCondition")
            others += any(part in node for part in reads)
        others += kind == "RangeVar" and node["relname"] == name
    order = ["SELECT", "INSERT", "UPDATE", "DELETE"]
    return [verb for verb in order if verb in verbs | ({"SELECT"} if others else set())]
