"""Queries and their shapes in, a Python module out, by which an editor completes their calls and mypy checks them.

At run time the module's two classes are pgproof's own by names of its own: what is said of queries is for type checkers
alone, so that it can be imported without a server and no call pays for it. What it says:

- A parameter may be None: Postgres takes NULL for every one, and does not say for which of them that makes sense.
- A column may be None unless it is proven that it cannot be.
- A name that is no query is none: type checkers know nothing of `__getattr__` here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from keyword import iskeyword
from textwrap import indent
from typing import TYPE_CHECKING, TypeVar

from pgproof.contracts.types.pythontype import column_type, parameter_type
from pgproof.contracts.types.spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pgproof.contracts.golden import Column, Shape
    from pgproof.queries import Query

_HEAD = '''\
"""The queries, typed. Written by `inv query.stubs`: do not edit it."""
# ruff: noqa
# fmt: off

from __future__ import annotations
'''
_DATABASES = {"Database": "Queries by name, for threads.", "AsyncDatabase": "Queries by name, for tasks of asyncio."}
_CLOSED = "# What is not here is no query.\n__getattr__: None  # type: ignore[assignment, misc]"
_Key = TypeVar("_Key")
_ROW = "_Row"  # no query and no folder begins with an underscore


@dataclass(frozen=True)
class _Module:
    """The module as it is written.

    Attributes:
        queries: by name.
        rows: name of the class of a row, by query.
        folders: in their order.
        classes: name of the class of a folder, by folder and database.
    """

    queries: Mapping[str, Query]
    shapes: Mapping[str, Shape]
    rows: Mapping[str, str]
    folders: tuple[str, ...]
    classes: Mapping[tuple[str, str], str]
    spelling: Spelling = field(repr=False)


def make_stubs(queries: Iterable[Query], shapes: Mapping[str, Shape]) -> str:
    """Return the text of the module; a query without a shape is not in it."""
    by_name = {query.name: query for query in sorted(queries, key=lambda query: query.name) if query.name in shapes}
    folders = tuple(sorted({name[: dot.start()] for name in by_name for dot in re.finditer(r"\.", name)}))
    classes = {(folder, each): f"{each.removesuffix('Database')}.{folder}" for folder in folders for each in _DATABASES}
    giving = [name for name, query in by_name.items() if query.returns not in ("value", "affected")]
    taken = {part for name in by_name for part in name.split(".")}
    taken |= {column.name for name in by_name for column in shapes[name].columns}
    rows = _class_names({name: name for name in giving}, apart_from={*_DATABASES, *taken})
    spelling = Spelling({*taken, *rows.values()})
    return _write(_Module(by_name, shapes, rows, folders, _class_names(classes), spelling))


def _write(module: _Module) -> str:
    name = module.spelling.name
    rows = [_row_class(module, query) for query in module.rows]
    folders = [_folder_class(module, folder, database) for folder in module.folders for database in _DATABASES]
    databases = [_database_class(module, database) for database in _DATABASES]
    row = f'{_ROW} = {name("TypeVar", "typing")}("{_ROW}")'
    hidden = [f"if {name('TYPE_CHECKING', 'typing')}:\n\n" + indent(_blocks(folders), "    ")] if folders else []
    imports = module.spelling.imports("pgproof")
    head = f"{_HEAD}\n{imports}\n\n{row}"
    return "\n\n\n".join([head, *rows, *hidden, *databases]) + "\n"


def _row_class(module: _Module, query: str) -> str:
    """Write the class of a row; what no attribute can be called stands in quotes."""
    typed_dict = module.spelling.name("TypedDict", "typing")
    name, columns = module.rows[query], module.shapes[query].columns
    types = {column.name: _column_type(module, column) for column in columns}
    if all(column.isidentifier() and not iskeyword(column) and not column.startswith("_") for column in types):
        fields = "\n".join(f"    {column}: {type_}" for column, type_ in types.items())
        return f'class {name}({typed_dict}):\n    """A row of {query}."""\n\n{fields}'
    fields = "\n".join(f"        {_quoted(column)}: {type_}," for column, type_ in types.items())
    return f'{name} = {typed_dict}(\n    "{name}",\n    {{\n{fields}\n    }},\n)'


def _folder_class(module: _Module, folder: str, database: str) -> str:
    protocol = module.spelling.name("Protocol", "typing")
    name, doc = _folder_name(module, folder, database), f'"""Queries of the folder {folder}."""'
    return f"class {name}({protocol}):\n" + indent(_blocks([doc, *_members(module, folder, database)]), "    ")


def _database_class(module: _Module, database: str) -> str:
    hidden = module.spelling.name("TYPE_CHECKING", "typing")
    members = [_CLOSED, *_members(module, "", database)]
    head = f'class {database}(pgproof.{database}):\n    """{_DATABASES[database]}"""\n\n    if {hidden}:\n'
    return head + indent(_blocks(members), "        ")


def _blocks(members: Iterable[str]) -> str:
    return "\n\n".join(members)


def _members(module: _Module, folder: str, database: str) -> Iterator[str]:
    """Yield the folders in a folder, then its queries."""
    inside = [each for each in module.folders if each.rpartition(".")[0] == folder]
    if inside:
        yield "\n".join(f"{each.rpartition('.')[2]}: {_folder_name(module, each, database)}" for each in inside)
    for name, query in module.queries.items():
        if name.rpartition(".")[0] == folder:
            yield from _methods(module, query, is_async=database.startswith("Async"), is_real=not folder)


def _methods(module: _Module, query: Query, *, is_async: bool, is_real: bool) -> Iterator[str]:
    """Yield a query as it can be called: with the rows that it gives, or with those that the caller has a class for."""
    shape = module.shapes[query.name]
    params = [f"{name}: {module.spelling.union(parameter_type(kind), nullable=True)}" for name, kind in shape.params]
    define = f"{'async ' if is_async else ''}def {query.name.rpartition('.')[2]}"
    doc = f"\n{indent(_docstring(query), '    ')}"
    if query.name not in module.rows:
        given = module.spelling.name("int") if query.returns == "affected" else _column_type(module, shape.columns[0])
        yield f"{define}{_signature(params, given)}{doc}"
        return
    overload, kind = f"@{module.spelling.name('overload', 'typing')}\n", module.spelling.name("type")
    own, theirs = _given(module, query, module.rows[query.name]), _given(module, query, _ROW)
    yield f"{overload}{define}{_signature([*params, 'row: None = None'], own)}{doc}"
    yield f"{overload}{define}{_signature([*params, f'row: {kind}[{_ROW}]'], theirs)} ..."
    if is_real:  # no protocol, so that there has to be one that does it
        anything = module.spelling.name("Any", "typing")
        yield f"{define}(self, **_: {anything}) -> {anything}: ..."


def _signature(params: list[str], given: str) -> str:
    if not params:
        return f"(self) -> {given}:"
    lines = "".join(f"    {each},\n" for each in ("self", "*", *params))
    return f"(\n{lines}) -> {given}:"


def _given(module: _Module, query: Query, row: str) -> str:
    if query.returns == "many":
        return f"{module.spelling.name('list')}[{row}]"
    return f"{row} | None" if query.returns == "maybe" else row


def _column_type(module: _Module, column: Column) -> str:
    return module.spelling.union(column_type(column.type), nullable=column.nullability != "not null")


def _folder_name(module: _Module, folder: str, database: str) -> str:
    return f"_{module.classes[folder, database]}"


def _class_names(names: Mapping[_Key, str], apart_from: Iterable[str] = ()) -> dict[_Key, str]:
    """Return a class's name for each, which no other one has."""
    found: dict[_Key, str] = {}
    for key, name in names.items():
        stem = "".join(part[:1].upper() + part[1:] for part in re.split(r"[._]", name))
        found[key] = next(each for each in _numbered(stem) if each not in {*apart_from, *found.values()})
    return found


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}{number}"
        number += 1


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _docstring(query: Query) -> str:
    """Return what the query's comment says, as Python writes it."""
    escaped = (query.doc or f"See {query.name}.").replace("\\", "\\\\").replace('"', '\\"')
    lines = [line.strip() for line in escaped.split("\n")]
    return f'"""{lines[0]}"""' if len(lines) == 1 else "\n".join(['"""' + lines[0], *lines[1:], '"""'])
