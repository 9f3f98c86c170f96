"""Queries in, the shape of each out, from prepare and describe alone; two shapes in, what has changed out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import tuple_row

from pgproof.contracts.finding import Finding
from pgproof.contracts.golden import Column, Nullability, Shape
from pgproof.contracts.shapes.description import Description, fetch_descriptions
from pgproof.contracts.shapes.nullability import fetch_nullability
from pgproof.errors import QueryError
from pgproof.queries.call import check_columns
from pgproof.sqltext import parse, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from psycopg import Connection, Error

    from pgproof.contracts.answer import Answer
    from pgproof.contracts.session import Session
    from pgproof.queries import Query

_TYPES = "SELECT oid, modifier, format_type(oid, modifier) FROM unnest(%s::oid[], %s::int4[]) AS type (oid, modifier)"
_NONE = -1  # the modifier of a type that has none

OVERRIDES: Mapping[str, Nullability] = {"not_null": "not null", "nullable": "null"}
"""Lines of a query's leading comment by which a person knows better, and what they say of the columns they list."""

_NO_TYPE = "42P18"
_PARAMETER = re.compile(r"\$(\d+)")

Types = dict[tuple[int, int], str]


@dataclass(frozen=True)
class Change:
    """What is different in a shape; `breaking` is what an application that knows the earlier one may stumble over."""

    kind: Literal["breaking", "additive"]
    what: str


def fetch_shapes(session: Session, queries: Iterable[Query]) -> dict[str, Shape | Finding]:
    """Return the shape of each query by its name, or why it has none. Nothing is run, and no plan is made.

    Raises:
        SqlFileError: a query cannot be sent at all.
        ServerUnavailable: the connection is lost.
    """
    waiting = {query.name: query for query in queries}
    commands = [query.command.sql for query in waiting.values()]
    answers = dict(zip(waiting, fetch_descriptions(session.connection, commands), strict=True))
    described = {name: each for name, each in answers.items() if isinstance(each, Description)}
    types = _fetch_types(session.connection, described.values())
    statements = [
        (waiting[name].command.sql, [types[oid, _NONE] for oid in each.params], len(each.columns))
        for name, each in described.items()
    ]
    proven = dict(zip(described, fetch_nullability(session, statements), strict=True))
    shapes: dict[str, Shape | Finding] = {}
    for name, answer in answers.items():
        if isinstance(answer, Description):
            shapes[name] = _judge(waiting[name], answer, types, proven[name])
        else:
            shapes[name] = _explain(waiting[name], answer)
    return shapes


def _fetch_types(connection: Connection[Any], described: Iterable[Description]) -> Types:
    """Return how Postgres writes each type."""
    wanted = set[tuple[int, int]]()
    for each in described:
        wanted.update((oid, modifier) for _, oid, modifier in each.columns)
        wanted.update((oid, _NONE) for oid in each.params)
    oids, modifiers = [oid for oid, _ in wanted], [modifier for _, modifier in wanted]
    with connection.cursor(row_factory=tuple_row) as cursor:
        return {(oid, modifier): name for oid, modifier, name in cursor.execute(_TYPES, [oids, modifiers])}


def _judge(query: Query, described: Description, types: Types, proven: tuple[Nullability, ...]) -> Shape | Finding:
    gives = () if query.returns == "affected" else described.columns  # what else it returns, nobody gets
    names = [name for name, _, _ in gives]
    if not names and query.returns != "affected":
        return _finding(query, f"it returns {query.returns}, but the statement gives no columns")
    try:
        if names:
            check_columns(query, names)
    except QueryError as error:
        return _finding(query, error.what, error.hint)
    said = dict(_overrides(query))
    if unknown := sorted(said.keys() - set(names)):
        return _finding(query, f"its comment tells of NULL in {', '.join(unknown)}, and there is no such column")
    columns = [
        Column(name, types[oid, modifier], said.get(name, found))
        for (name, oid, modifier), found in zip(gives, proven, strict=False)
    ]
    params = zip(query.command.parameters, (types[oid, _NONE] for oid in described.params), strict=True)
    return Shape(query.returns, tuple(params), tuple(columns), _is_ordered(query))


def _overrides(query: Query) -> Iterator[tuple[str, Nullability]]:
    for each in read_header(query.text):
        if each.name in OVERRIDES:
            for name in each.value.split(","):
                yield name.strip(), OVERRIDES[each.name]


def _is_ordered(query: Query) -> bool:
    """Whether the order of its rows is promised; of one row it always is."""
    if query.returns != "many":
        return True
    (statement,) = parse(query.command.sql)
    return statement.kind == "SelectStmt" and "sortClause" in statement.tree


def _explain(query: Query, error: Error) -> Finding:
    """Say why the server does not take a query."""
    command, said = query.command, error.diag.message_primary or str(error)
    number = _PARAMETER.search(said)
    if error.sqlstate == _NO_TYPE and number:
        used = re.search(rf"\{number[0]}(?!\d)", command.sql)
        at = command.locate(str(used.start() + 1) if used else None)
        name = command.parameters[int(number[1]) - 1]
        hint = f"write a cast in {at}: %({name})s::text, or whichever type it has"
        return Finding("shape", query.name, "", at, f"Postgres cannot tell the type of the parameter {name}", hint)
    at = command.locate(error.diag.statement_position)
    return Finding(
        "shape", query.name, "", at, f"the server refuses it: {said} ({error.sqlstate})", error.diag.message_hint or ""
    )


def _finding(query: Query, what: str, hint: str = "") -> Finding:
    return Finding("shape", query.name, "", query.command.at, what, hint)


def complain_of_nulls(query: Query, shape: Shape, answers: Iterable[Answer]) -> Iterator[str]:
    """Yield each column that is NULL in an answer though its shape says `not null`."""
    rows = [row for answer in answers for row in answer.rows if len(row) == len(shape.columns)]
    for number, column in enumerate(shape.columns):
        if column.nullability != "not null" or all(row[number] is not None for row in rows):
            continue
        if column.name in dict(_overrides(query)):
            yield f"column {column.name} is NULL, and the query's own comment says that it never is"
        else:
            yield (
                f"column {column.name} is NULL, and pgproof was sure that it cannot be: that is a failure of ours; "
                f"report it with the query, and until then write `-- nullable: {column.name}` in its leading comment"
            )


def diff_shapes(before: Shape, after: Shape) -> list[Change]:
    """Return what is different, what breaks an application first."""
    found = [*_changed_promises(before, after), *_changed_params(before, after), *_changed_columns(before, after)]
    return sorted(found, key=lambda change: change.kind != "breaking")


def _changed_promises(before: Shape, after: Shape) -> Iterator[Change]:
    if before.returns != after.returns:
        yield Change("breaking", f"returns: {before.returns} → {after.returns}")
    if before.ordered and not after.ordered:
        yield Change("breaking", "the order of its rows is not promised any more")
    if after.ordered and not before.ordered:
        yield Change("additive", "the order of its rows is promised now")


def _changed_params(before: Shape, after: Shape) -> Iterator[Change]:
    """A caller names them, so that their order is of no account to him."""
    old, new = dict(before.params), dict(after.params)
    renamed = _renamed(list(before.params), list(after.params))
    for name, kind in old.items():
        if name in renamed:
            yield Change("breaking", f"parameter {name}: renamed to {renamed[name]}")
        elif name not in new:
            yield Change("breaking", f"parameter {name}: gone")
        elif new[name] != kind:
            yield Change("breaking", f"parameter {name}: {kind} → {new[name]}")
    for name, kind in new.items():
        if name not in old and name not in renamed.values():
            yield Change("breaking", f"parameter {name}: new, {kind}")
    if old == new and before.params != after.params:
        yield Change("additive", "parameters: first used in another order")


def _changed_columns(before: Shape, after: Shape) -> Iterator[Change]:
    old, new = {each.name: each for each in before.columns}, {each.name: each for each in after.columns}
    renamed = _renamed(
        [(each.name, each.type) for each in before.columns], [(each.name, each.type) for each in after.columns]
    )
    for name, column in old.items():
        if name not in new and name not in renamed:
            yield Change("breaking", f"column {name}: gone")
            continue
        if name in renamed:
            yield Change("breaking", f"column {name}: renamed to {renamed[name]}")
        yield from _changed_column(column, new[renamed.get(name, name)])
    added = [name for name in new if name not in old and name not in renamed.values()]
    yield from _moved([renamed.get(name, name) for name in old], list(new), added)


def _changed_column(before: Column, after: Column) -> Iterator[Change]:
    if before.type != after.type:
        yield Change("breaking", f"column {after.name}: {before.type} → {after.type}")
    if before.nullability != after.nullability:
        what = f"column {after.name}: {before.nullability} → {after.nullability}"
        yield Change("breaking" if before.nullability == "not null" else "additive", what)


def _moved(before: list[str], after: list[str], added: list[str]) -> Iterator[Change]:
    """Tell of columns at another place: at the end, a new one moves no other."""
    kept = [name for name in after if name in before]
    stayed = SequenceMatcher(None, [name for name in before if name in after], kept, autojunk=False)
    at_home = {name for block in stayed.get_matching_blocks() for name in kept[block.b : block.b + block.size]}
    for name in kept:
        if name not in at_home:
            yield Change(
                "breaking", f"column {name}: moved from place {before.index(name) + 1} to {after.index(name) + 1}"
            )
    last = after.index(kept[-1]) if kept else -1
    for name in added:
        place = after.index(name)
        if place > last:
            yield Change("additive", f"column {name}: new, at the end")
        else:
            yield Change("breaking", f"column {name}: new at place {place + 1}, so that others move")


def _renamed(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> dict[str, str]:
    """Return names that are gone, each with the new one that has its place and its type."""
    old, new = {name for name, _ in before}, {name for name, _ in after}
    return {
        was: is_now
        for (was, kind), (is_now, new_kind) in zip(before, after, strict=False)
        if was not in new and is_now not in old and kind == new_kind
    }
