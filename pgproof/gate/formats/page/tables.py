"""Two catalogs in, the tables that differ and their neighbours out, with what became of each column and key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from pgproof.pg.catalog import diff

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from pgproof.gate.proof import SchemaChange
    from pgproof.pg.catalog import Catalog, Difference

State = Literal["added", "removed", "changed", "same"]
Facts: TypeAlias = "Mapping[str, str]"

_IDENT = r'(?:"(?:[^"]|"")+"|[^\s".:()]+)'
_NAME = r'(?:"(?:[^"]|"")+"|[^\s",()]+)'
_LISTED = re.compile(rf"(?:PERIOD )?({_NAME})(?: WITHOUT OVERLAPS)?")
_LIST = rf"\((?P<columns>{_LISTED.pattern}(?:, {_LISTED.pattern})*)\)"
_COLUMN = re.compile(rf"column (?P<table>{_IDENT}\.{_IDENT})\.(?P<column>{_IDENT}): (?P<property>[\w ]+)")
_TABLE = re.compile(rf"(?:foreign )?table (?P<table>{_IDENT}\.{_IDENT}): (?P<property>[\w ]+)")
_OF_TABLE = re.compile(
    rf"(?P<kind>constraint|trigger|policy|rule) (?P<name>{_IDENT}) on (?P<table>{_IDENT}\.{_IDENT}): [\w ]+"
)
_INDEX = re.compile(rf"index {_IDENT}\.(?P<name>{_IDENT}): [\w ]+")
_INDEXED = re.compile(rf" ON (?:ONLY )?(?P<table>{_IDENT}\.{_IDENT}) USING")
_KEY = re.compile(rf"(?P<kind>PRIMARY KEY|UNIQUE|FOREIGN KEY)[^(]* {_LIST}")
_TARGET = re.compile(rf"REFERENCES (?P<table>{_IDENT}\.{_IDENT}){_LIST}")
_TOLD = ("type", "not null", "default", "generated", "identity")
_MARKS = {"PRIMARY KEY": "PK", "FOREIGN KEY": "FK", "UNIQUE": "U"}


@dataclass
class Column:
    """A column; `type` is `integer → bigint` where it changed, `keys` those that it is part of: PK, FK, U."""

    name: str
    type: str
    state: State
    keys: list[str] = field(default_factory=list)


@dataclass
class Table:
    """A table, its columns in their order, and what else of it is different."""

    name: str
    state: State
    columns: list[Column] = field(default_factory=list)
    others: list[tuple[State, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Link:
    """A foreign key: from the first of its columns to the first of those that it leads to."""

    name: str
    source: str
    source_column: str
    target: str
    target_column: str
    state: State


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn; `rest` are the differences that are of no table."""

    tables: tuple[Table, ...]
    links: tuple[Link, ...]
    rest: tuple[Difference, ...]


def read_drawing(change: SchemaChange) -> Drawing:
    """Return the tables that the change touches, and those that a key of theirs leads to or comes from."""
    before, after = change.before.without("owner"), change.after.without("owner")
    tables = {name: Table(name, _state(name, _names(before), _names(after))) for name in _names(before) | _names(after)}
    links = [*_links(before, after)]
    rest = [each for each in diff(before, after) if not _place(tables, each)]
    for name, table in tables.items():
        table.columns = _columns(name, before, after)
        if table.state == "same" and (table.others or any(each.state != "same" for each in table.columns)):
            table.state = "changed"
    shown = {name for name, each in tables.items() if each.state != "same"}
    shown |= {end for each in links if {each.source, each.target} & shown for end in (each.source, each.target)}
    drawn = {name: tables[name] for name in sorted(shown & tables.keys())}
    between = (each for each in links if {each.source, each.target} <= drawn.keys())
    return Drawing(tuple(drawn.values()), tuple(between), tuple(rest))


def _names(catalog: Catalog) -> set[str]:
    return {found["table"] for key in catalog.facts if (found := _TABLE.fullmatch(key))}


def _state(key: object, before: Container[object], after: Container[object]) -> State:
    if key not in before:
        return "added"
    return "same" if key in after else "removed"


def _columns(table: str, before: Catalog, after: Catalog) -> list[Column]:
    """Return the columns in their new order, those that are gone where they stood."""
    old, new = _facts_of_columns(table, before), _facts_of_columns(table, after)
    keys = _keys(table, before) | _keys(table, after)
    columns = []
    for name in _merge(_order(table, before, old), _order(table, after, new)):
        state = _state(name, old, new)
        if state == "same" and old[name] != new[name]:
            state = "changed"
        columns.append(Column(name, _describe(old.get(name), new.get(name)), state, keys.get(name, [])))
    return columns


def _facts_of_columns(table: str, catalog: Catalog) -> dict[str, dict[str, str]]:
    facts: dict[str, dict[str, str]] = {}
    prefix = f"column {table}."
    for key, value in catalog.facts.items():
        if key.startswith(prefix) and (found := _COLUMN.fullmatch(key)):
            facts.setdefault(found["column"], {})[found["property"]] = value
    return facts


def _order(table: str, catalog: Catalog, known: Mapping[str, object]) -> list[str]:
    said = catalog.facts.get(f"table {table}: order", "")
    ordered = [each for each in _LISTED.findall(said) if each in known]
    return [*ordered, *(each for each in known if each not in ordered)]


def _merge(old: list[str], new: list[str]) -> list[str]:
    merged = list(new)
    for place, name in enumerate(old):
        if name not in new:
            before = next((each for each in reversed(old[:place]) if each in merged), None)
            merged.insert(merged.index(before) + 1 if before else 0, name)
    return merged


def _describe(old: Facts | None, new: Facts | None) -> str:
    """Return type and the like of a column; of one that changed, what is different, beside the type."""
    if old is None or new is None:
        return _told(old or new or {}, _TOLD)
    if old == new:
        return _told(new, ("type", "not null"))
    differ = [each for each in dict.fromkeys((*_TOLD, *old, *new)) if each == "type" or old.get(each) != new.get(each)]
    return f"{_told(old, differ)} → {_told(new, differ)}"


def _told(facts: Facts, properties: Iterable[str]) -> str:
    """Return `integer not null default 1`."""
    said = ((name, facts[name]) for name in properties if name in facts)
    return " ".join(value if name == "type" else name if value == "yes" else f"{name} {value}" for name, value in said)


def _keys(table: str, catalog: Catalog) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for _, found_in, definition in _constraints(catalog):
        if found_in == table and (found := _KEY.match(definition)):
            for column in _LISTED.findall(found["columns"]):
                keys.setdefault(column, []).append(_MARKS[found["kind"]])
    return {column: sorted(set(marks), key=list(_MARKS.values()).index) for column, marks in keys.items()}


def _constraints(catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    for key, definition in catalog.facts.items():
        found = _OF_TABLE.fullmatch(key)
        if found and found["kind"] == "constraint":
            yield found["name"], found["table"], definition


def _links(before: Catalog, after: Catalog) -> Iterator[Link]:
    old, new = ({each[:2]: each[2] for each in _constraints(catalog)} for catalog in (before, after))
    for (name, table), definition in (old | new).items():
        key, target = _KEY.match(definition), _TARGET.search(definition)
        if key and target and key["kind"] == "FOREIGN KEY":
            state = _state((name, table), old, new)
            if state == "same" and old[name, table] != definition:
                state = "changed"
            source_column, target_column = (_LISTED.findall(each["columns"])[0] for each in (key, target))
            yield Link(name, table, source_column, target["table"], target_column, state)


def _place(tables: Mapping[str, Table], difference: Difference) -> bool:
    """Put a difference where it belongs; return whether there was such a place."""
    key, kind = difference.key, difference.kind
    if found := _COLUMN.fullmatch(key):
        return found["table"] in tables
    if found := _TABLE.fullmatch(key):
        if tables[found["table"]].state == "same" and found["property"] != "order":
            tables[found["table"]].others.append((kind, f"{found['property']}: {difference.after or 'no longer'}"))
        return True
    if found := _OF_TABLE.fullmatch(key):
        if kind != "changed" and _KEY.match(difference.after or difference.before or ""):
            return found["table"] in tables  # it is drawn as a key
        return _add(tables, found["table"], kind, f"{found['kind']} {found['name']}")
    indexed = _INDEXED.search(difference.after or difference.before or "")
    if indexed and (found := _INDEX.fullmatch(key)):
        return _add(tables, indexed["table"], kind, f"index {found['name']}")
    return False


def _add(tables: Mapping[str, Table], name: str, state: State, what: str) -> bool:
    if name not in tables:
        return False
    if (state, what) not in tables[name].others:
        tables[name].others.append((state, what))
    return True
