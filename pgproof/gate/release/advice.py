"""The statement that breaks a release in, the migrations to write instead out: as text to paste. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgproof.pg.catalog import Catalog
    from pgproof.sqltext import Statement

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_LATER = "-- phase: post\n-- Not in this change but in the next one: when no release that runs reads or writes it.\n"
_COPY = """\
-- In this change: both names side by side, kept alike whichever of them a release writes.
ALTER TABLE {table} ADD COLUMN {new} {type};
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        new.{new} := coalesce(new.{new}, {to_new});
        new.{old} := coalesce(new.{old}, {to_old});
    ELSIF new.{new} IS DISTINCT FROM old.{new} THEN
        new.{old} := {to_old};
    ELSE
        new.{new} := {to_new};
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();

-- In a migration of its own, of a large table in batches: the rows that are there.
UPDATE {table} SET {new} = {from_old} WHERE {new} IS NULL AND {old} IS NOT NULL;

-- phase: post
-- In the next change, when no release reads {old}:
DROP TRIGGER {trigger} ON {table};
DROP FUNCTION {function}();
ALTER TABLE {table} DROP COLUMN {old};
"""
_VIEW = """\
-- In this change: the old name stays, as a view that reads and writes the table.
ALTER TABLE {old} RENAME TO {new};
CREATE VIEW {old} AS SELECT * FROM {new};

-- phase: post
-- In the next change, when no release uses the old name:
DROP VIEW {old};
"""
_REQUIRED = """\
-- In this change: a value for whoever does not know the column yet.
ALTER TABLE {table} ADD COLUMN {column} {type} NOT NULL DEFAULT {value};
"""


def advise(statement: Statement, catalog: Catalog) -> str:
    """Return what to write instead, with the names that are in the statement; nothing where there is no one way.

    Args:
        statement: of a new migration.
        catalog: base's, for types.
    """
    tree = statement.tree
    if statement.kind == "DropStmt":
        return f"{_LATER}{statement.text};\n"
    if statement.kind == "RenameStmt":
        rename = _RENAMES.get(tree["renameType"])
        return rename(tree, catalog) if rename else ""
    told = (_advise_on(tree["relation"], each["AlterTableCmd"], catalog) for each in tree.get("cmds", []))
    return next(filter(None, told), "") if statement.kind == "AlterTableStmt" else ""


def _advise_on(relation: Mapping[str, Any], command: Mapping[str, Any], catalog: Catalog) -> str:
    tell = _COMMANDS.get(command["subtype"])
    return tell(relation, command, catalog) if tell else ""


def _rename_column(tree: Mapping[str, Any], catalog: Catalog) -> str:
    relation, old = tree["relation"], tree["subname"]
    return _copy(relation, old, tree["newname"], _find_type(relation, old, catalog), "")


def _rename_table(tree: Mapping[str, Any], catalog: Catalog) -> str:
    del catalog
    relation = tree["relation"]
    return _VIEW.format(old=_table(relation), new=_name(tree["newname"]))


def _drop_column(relation: Mapping[str, Any], command: Mapping[str, Any], catalog: Catalog) -> str:
    del catalog
    return f"{_LATER}ALTER TABLE {_table(relation)} DROP COLUMN {_name(command['name'])};\n"


def _retype_column(relation: Mapping[str, Any], command: Mapping[str, Any], catalog: Catalog) -> str:
    names = command["def"]["ColumnDef"]["typeName"]["names"]
    kind = ".".join(each["String"]["sval"] for each in names if each["String"]["sval"] != "pg_catalog")
    old = command["name"]
    return _copy(relation, old, f"{old}_{kind.rpartition('.')[2]}", kind, _find_type(relation, old, catalog))


def _add_column(relation: Mapping[str, Any], command: Mapping[str, Any], catalog: Catalog) -> str:
    del catalog
    column = command["def"]["ColumnDef"]
    kinds = [each["Constraint"]["contype"] for each in column.get("constraints", [])]
    if "CONSTR_NOTNULL" not in kinds or "CONSTR_DEFAULT" in kinds:
        return ""
    kind = column["typeName"]["names"][-1]["String"]["sval"]
    return _REQUIRED.format(table=_table(relation), column=_name(column["colname"]), type=kind, value="…")


def _constrain(relation: Mapping[str, Any], command: Mapping[str, Any], catalog: Catalog) -> str:
    del catalog
    words = {"AT_SetNotNull": "SET NOT NULL", "AT_DropNotNull": "DROP NOT NULL", "AT_ColumnDefault": "DROP DEFAULT"}
    if command["subtype"] == "AT_ColumnDefault" and "def" in command:
        return ""
    after = "-- phase: post\n-- When the new code, which no longer needs it otherwise, is out:\n"
    deed = f"ALTER COLUMN {_name(command['name'])} {words[command['subtype']]}"
    return f"{after}ALTER TABLE {_table(relation)} {deed};\n"


_RENAMES: Mapping[str, Callable[[Mapping[str, Any], Catalog], str]] = {
    "OBJECT_COLUMN": _rename_column,
    "OBJECT_TABLE": _rename_table,
}
_COMMANDS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], Catalog], str]] = {
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _retype_column,
    "AT_AddColumn": _add_column,
    "AT_SetNotNull": _constrain,
    "AT_DropNotNull": _constrain,
    "AT_ColumnDefault": _constrain,
}


def _copy(relation: Mapping[str, Any], old: str, new: str, kind: str, old_kind: str) -> str:
    """Tell of a new column that is kept like an old one; `old_kind` where the two are of different types."""
    cast, back = (f"::{kind}", f"::{old_kind}") if old_kind else ("", "")
    function = f"keep_{relation['relname']}_{new}"
    return _COPY.format(
        table=_table(relation),
        old=_name(old),
        new=_name(new),
        type=kind,
        function=_name(function),
        trigger=_name(function),
        to_new=f"new.{_name(old)}{cast}",
        to_old=f"new.{_name(new)}{back}",
        from_old=f"{_name(old)}{cast}",
    )


def _find_type(relation: Mapping[str, Any], column: str, catalog: Catalog) -> str:
    place = f"{_name(relation.get('schemaname', 'public'))}.{_name(relation['relname'])}.{_name(column)}"
    return catalog.facts.get(f"column {place}: type", "…")


def _table(relation: Mapping[str, Any]) -> str:
    return ".".join(_name(relation[part]) for part in ("schemaname", "relname") if part in relation)


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else sql.Identifier(name).as_string()
