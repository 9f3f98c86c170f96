"""A statement and what hurts in it in, the migrations to write instead out, as text to paste. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pgproof.gate.instead.batches import make_batch, split_up
from pgproof.gate.instead.commands import NAME, Alteration, Command, quote, read_alteration, split_clauses
from pgproof.sqltext import canonical, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pgproof.sqltext import Statement

_ALONE = "-- transactional: false"
_AFTER = "-- phase: post"


class _File(NamedTuple):
    """A migration that is to be written, or a job where it has no name; `lines` begin with its header."""

    name: str
    lines: tuple[str, ...]


def suggest(id: str, text: str, migration: str) -> str:
    """Return the migrations to write instead, one after the other; nothing where only words help.

    Args:
        id: of the kind of finding: `PG402`.
        text: the statement.
        migration: its migration's id, after which they are called.
    """
    ways = _WAYS.get(id)
    if ways is None or not (statements := parse(text)):
        return ""
    return _render(ways(statements[0]), migration)


def _render(files: Sequence[_File], migration: str) -> str:
    number = re.match(r"\d+", migration)
    first, width = (int(number[0]), len(number[0])) if number else (1, 4)
    blocks, count = [], 0
    for file in files:
        title = f"-- {first + count:0{width}d}_{file.name}.sql" if file.name else ""
        count += bool(file.name)
        blocks.append("\n".join(filter(None, (title, *file.lines))))
    return "\n\n".join(blocks)


def _alter(statement: Statement, change: Callable[[Alteration, Command], list[_File]]) -> list[_File]:
    """Take what hurts out of an ALTER TABLE; what is left of it comes first."""
    alteration = read_alteration(statement.text)
    if alteration is None:
        return []
    changed = [(each, files) for each in alteration.commands if (files := change(alteration, each))]
    if not changed:
        return []
    rest = alteration.without(*(command for command, _ in changed))
    first = [_File(f"alter_{_word(alteration.called)}", (rest,))] if rest else []
    return [*first, *(file for _, files in changed for file in files)]


def _scan(statement: Statement) -> list[_File]:
    return _alter(statement, _scan_later)


def _scan_later(alteration: Alteration, command: Command) -> list[_File]:
    if command.does == "AT_SetNotNull":
        return _not_null(alteration, command.column)
    kind = command.constraint.get("contype")
    if kind == "CONSTR_CHECK":
        return _validate_later(alteration, command.text, _constraint_name(alteration, command))
    return _index_first(alteration, command) if kind == "CONSTR_PRIMARY" else _column_first(alteration, command)


def _validation(statement: Statement) -> list[_File]:
    return _alter(statement, _validation_later)


def _validation_later(alteration: Alteration, command: Command) -> list[_File]:
    kind = command.constraint.get("contype")
    if kind in ("CONSTR_FOREIGN", "CONSTR_CHECK"):
        return _validate_later(alteration, command.text, _constraint_name(alteration, command))
    return _column_first(alteration, command)


def _column_first(alteration: Alteration, command: Command) -> list[_File]:
    """Add a column without the rule that stands at it, and that rule afterwards."""
    clauses = split_clauses(command) if command.does == "AT_AddColumn" else []
    rule = next((each for each in clauses if each.startswith(("REFERENCES", "CHECK"))), "")
    if not rule:
        return []
    before = clauses[clauses.index(rule) - 1]
    named = before if before.startswith("CONSTRAINT ") else ""
    column = f"ADD COLUMN {command.column} {' '.join(each for each in clauses if each not in (rule, named))}"
    add = _File(f"add_{_word(command.column)}", (f"ALTER TABLE {alteration.table} {column};",))
    ending, key = ("fkey", f"FOREIGN KEY ({command.column}) ") if rule.startswith("REFERENCES") else ("check", "")
    name = named.removeprefix("CONSTRAINT ") or _object_name(alteration.called, command.column, ending)
    return [add, *_validate_later(alteration, f"ADD {key}{rule}", name)]


def _validate_later(alteration: Alteration, text: str, name: str) -> list[_File]:
    definition = re.sub(rf"^ADD (CONSTRAINT {NAME} )?", "", text)
    add = f"ALTER TABLE {alteration.table} ADD CONSTRAINT {name} {definition} NOT VALID;"
    validate = f"ALTER TABLE {alteration.table} VALIDATE CONSTRAINT {name};"
    return [_File(f"add_{_word(name)}", (add,)), _File(f"validate_{_word(name)}", (validate,))]


def _not_null(alteration: Alteration, column: str) -> list[_File]:
    """Prove it by a check first, which SET NOT NULL then believes."""
    name = _object_name(alteration.called, column, "is_there")
    proof = _validate_later(alteration, f"ADD CHECK ({column} IS NOT NULL)", name)
    believe = (
        f"ALTER TABLE {alteration.table} ALTER COLUMN {column} SET NOT NULL;",
        f"ALTER TABLE {alteration.table} DROP CONSTRAINT {name};",
    )
    return [*proof, _File(f"require_{_word(alteration.called)}_{_word(column)}", believe)]


def _index(statement: Statement) -> list[_File]:
    if statement.kind == "IndexStmt":
        return _index_beside(statement)
    if statement.kind == "ReindexStmt":
        name = statement.tree.get("relation", {}).get("relname", "")
        again = re.sub(r"^(REINDEX (?:\(.*?\) )?\w+) ", r"\1 CONCURRENTLY ", canonical(statement.text))
        return [_File(f"reindex_{_word(name)}", (_ALONE, f"{again};"))]
    return _alter(statement, _index_first)


def _index_beside(statement: Statement) -> list[_File]:
    tree = statement.tree
    columns = [each["IndexElem"].get("name", "expression") for each in tree["indexParams"]]
    name = quote(tree.get("idxname") or "_".join((tree["relation"]["relname"], *columns, "idx"))[:63])
    create = re.sub(r"^CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?.*?\bON ", "", canonical(statement.text), count=1)
    unique = "UNIQUE " if tree.get("unique") else ""
    return [_File(f"create_{_word(name)}", (_ALONE, f"CREATE {unique}INDEX CONCURRENTLY {name} ON {create};"))]


def _index_first(alteration: Alteration, command: Command) -> list[_File]:
    """Build the index while the server goes on, and let the constraint take it over."""
    constraint = command.constraint
    if constraint.get("contype") not in ("CONSTR_UNIQUE", "CONSTR_PRIMARY") or "keys" not in constraint:
        return []
    columns = [quote(each["String"]["sval"]) for each in constraint["keys"]]
    name, primary = _constraint_name(alteration, command), constraint["contype"] == "CONSTR_PRIMARY"
    definition = re.sub(r"^.*?(UNIQUE|PRIMARY KEY)\s*", "", command.text)
    distinct = "NULLS NOT DISTINCT" if constraint.get("nulls_not_distinct") else ""
    listed = f"({', '.join(columns)}){_included(constraint)} {distinct}".rstrip()
    create = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {alteration.table.removeprefix('ONLY ')} {listed};"
    late = "".join(f" {each}" for each in re.findall(r"\b(?:DEFERRABLE|INITIALLY DEFERRED)\b", definition))
    kind = "PRIMARY KEY" if primary else "UNIQUE"
    take = f"ALTER TABLE {alteration.table} ADD CONSTRAINT {name} {kind} USING INDEX {name}{late};"
    required = [file for each in columns if primary for file in _not_null(alteration, each)]
    return [
        *required,
        _File(f"index_{_word(name)}", (_ALONE, create)),
        _File(f"add_{_word(name)}", (take,)),
    ]


def _included(constraint: Mapping[str, list[dict[str, dict[str, str]]]]) -> str:
    columns = [quote(each["String"]["sval"]) for each in constraint.get("including", [])]
    return f" INCLUDE ({', '.join(columns)})" if columns else ""


def _rewrite(statement: Statement) -> list[_File]:
    return _alter(statement, _anew)


def _anew(alteration: Alteration, command: Command) -> list[_File]:
    if command.does == "AT_AlterColumnType":
        return _other_type(alteration, command)
    return _default_later(alteration, command) if command.does == "AT_AddColumn" else []


def _other_type(alteration: Alteration, command: Command) -> list[_File]:
    """Add a column of the new type, keep the two in step, and take the old one away when nobody needs it."""
    found = re.search(r" TYPE (?P<type>.*?)(?: USING (?P<using>.*))?$", command.text, re.DOTALL)
    if found is None:
        return []
    table, old = alteration.table.removeprefix("ONLY "), command.column
    type_, using = found["type"], found["using"] or f"{old}::{found['type']}"
    new, keeper = quote(f"{old.strip(chr(34))}_new"), _object_name(alteration.called, old, "new")
    # What the trigger is given is NEW's; in the job, the row's own.
    given = re.sub(rf"(?<![\w.\"]){re.escape(old)}(?![\w\"])", f"NEW.{old}", using)
    add = (
        f"ALTER TABLE {table} ADD COLUMN {new} {type_};",
        f"CREATE FUNCTION {keeper}() RETURNS trigger LANGUAGE plpgsql AS $$",
        f"BEGIN NEW.{new} := {given}; RETURN NEW; END",
        "$$;",
        f"CREATE TRIGGER {keeper} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {keeper}();",
    )
    job = make_batch(table, f"UPDATE {table} SET {new} = {using}", f"{new} IS DISTINCT FROM {using}")  # noqa: S608
    drop = (
        _AFTER,
        f"-- when the new code reads and writes {new}, and {old} no more",
        f"DROP TRIGGER {keeper} ON {table};",
        f"DROP FUNCTION {keeper}();",
        f"ALTER TABLE {table} DROP COLUMN {old};",
    )
    return [_File(f"add_{_word(keeper)}", add), _File("", job), _File(f"drop_{_word(old)}", drop)]


def _default_later(alteration: Alteration, command: Command) -> list[_File]:
    """Add the column without its default, which new rows have from then on, and fill the others bit by bit."""
    type_, *clauses = split_clauses(command)
    default = next((each for each in clauses if each.startswith("DEFAULT ")), "")
    others = [each for each in clauses if each not in (default, "NOT NULL")]
    if not default or others:
        return []
    table, column = alteration.table, command.column
    add = (
        f"ALTER TABLE {table} ADD COLUMN {column} {type_};",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET {default};",
    )
    target = table.removeprefix("ONLY ")
    job = make_batch(target, f"UPDATE {target} SET {column} = DEFAULT", f"{column} IS NULL")  # noqa: S608
    required = _not_null(alteration, column) if "NOT NULL" in clauses else []
    return [_File(f"add_{_word(alteration.called)}_{_word(column)}", add), _File("", job), *required]


def _bit_by_bit(statement: Statement) -> list[_File]:
    batch = split_up(statement)
    return [_File("", batch)] if batch else []


def _alone(statement: Statement) -> list[_File]:
    return [_File("the_rest", (f"{statement.text};",))]


def _limited(statement: Statement) -> list[_File]:
    return [_File("same", ("-- lock_timeout: 5s", f"{statement.text};"))]


def _constraint_name(alteration: Alteration, command: Command) -> str:
    """Return its name, or the one that the server would give it."""
    constraint = command.constraint
    if name := constraint.get("conname"):
        return quote(name)
    endings = {"CONSTR_FOREIGN": "fkey", "CONSTR_CHECK": "check", "CONSTR_PRIMARY": "pkey", "CONSTR_UNIQUE": "key"}
    named_by = {"CONSTR_FOREIGN": "fk_attrs", "CONSTR_UNIQUE": "keys"}.get(constraint["contype"], "")
    columns = [each["String"]["sval"] for each in constraint.get(named_by, [])]
    return _object_name(alteration.called, *columns, endings[constraint["contype"]])


def _object_name(*parts: str) -> str:
    return quote("_".join(each.strip('"') for each in parts)[:63])


def _word(name: str) -> str:
    """Return a name as part of a file's."""
    return re.sub(r"\W+", "_", name.strip('"')).strip("_").lower()


_WAYS: Mapping[str, Callable[[Statement], list[_File]]] = {
    "PG401": _rewrite,
    "PG402": _scan,
    "PG403": _index,
    "PG404": _validation,
    "PG405": _bit_by_bit,
    "PG406": _alone,
    "PG407": _limited,
}
