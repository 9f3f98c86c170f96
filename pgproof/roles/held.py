"""Migrations in, what they take away from the application and the reader out: what they say stays said."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from psycopg.sql import Identifier

from pgproof.sqltext import ParseError, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.migrations import Folder
    from pgproof.pg.rolenames import RoleNames
    from pgproof.sqltree import Node

_KINDS = ("OBJECT_TABLE", "OBJECT_SEQUENCE", "OBJECT_SCHEMA")
_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE", "USAGE")


class Held(NamedTuple):
    """A privilege that a role is not to have; `name` is a table's, sequence's or schema's, as it stands in SQL."""

    name: str
    role: str
    verb: str
    is_schema: bool = False


def find_held(folder: Folder, names: RoleNames) -> list[Held]:
    """Return what is revoked by name and not granted again later; by Python, in DO, or ON ALL TABLES it is not seen."""
    held: dict[Held, None] = {}
    for tree in _grants(folder):
        for each in _privileges(tree, names):
            held.pop(each, None)
            if not tree.get("is_grant"):
                held[each] = None
    return list(held)


def _grants(folder: Folder) -> Iterator[Node]:
    for each in (*folder.migrations, *folder.repeatables):
        if each.language == "sql":
            with suppress(ParseError, UnicodeDecodeError):  # the run says so, before it touches anything
                yield from (statement.tree for statement in parse(each.text) if statement.kind == "GrantStmt")


def _privileges(tree: Node, names: RoleNames) -> Iterator[Held]:
    if tree.get("objtype") not in _KINDS or tree.get("targtype") != "ACL_TARGET_OBJECT":
        return
    roles = {each["RoleSpec"].get("rolename") for each in tree["grantees"]} & {*names.granted}
    said = [each["AccessPriv"] for each in tree.get("privileges", ())]
    verbs = [each["priv_name"].upper() for each in said if "cols" not in each] if said else _ALL
    is_schema = tree["objtype"] == "OBJECT_SCHEMA"
    for thing in tree["objects"]:
        parts = [thing["String"]["sval"]] if is_schema else map(thing["RangeVar"].get, ("schemaname", "relname"))
        name = Identifier(*filter(None, parts)).as_string()
        yield from (Held(name, role, verb, is_schema) for role in sorted(roles) for verb in verbs)
