"""Queries and a database in, which columns that may not be NULL their INSERTs leave out, out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import scalar_row, tuple_row

from pgproof.sqltext import parse
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection

    from pgproof.queries import Query
    from pgproof.sqltree import Node

_REQUIRED = Path(__file__).with_name("required.sql")
_OID = "SELECT to_regclass(%s)::oid"
_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum"


@dataclass(frozen=True, order=True)
class Omission:
    """A column that a row needs, and that a query gives no value."""

    query: str
    table: str
    column: str


@dataclass(frozen=True)
class _Insert:
    """What one INSERT, in whatever statement, says.

    Attributes:
        table: its name in parts.
        columns: those with a value; None where it does not name them.
        count: then, how many of the first ones have one; None where only the server knows.
    """

    table: tuple[str, ...]
    columns: frozenset[str] | None
    count: int | None = None


def find_omissions(connection: Connection[Any], queries: Iterable[Query]) -> set[Omission]:
    """Find what no case need run to be sure of: the server would refuse every row."""
    required: dict[int, list[str]] = {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for table, column in cursor.execute(_REQUIRED.read_bytes()):
            required.setdefault(table, []).append(column)
    return {
        Omission(query.name, insert.table[-1], column)
        for query in queries
        for insert in _read_inserts(query)
        for column in _left_out(connection, insert, required)
    }


def _left_out(connection: Connection[Any], insert: _Insert, required: dict[int, list[str]]) -> list[str]:
    with connection.cursor(row_factory=scalar_row) as cursor:
        table = cursor.execute(_OID, [sql.Identifier(*insert.table).as_string()]).fetchone()
        if table not in required:
            return []
        given = insert.columns
        if given is None:
            given = frozenset(cursor.execute(_COLUMNS, [table]).fetchall()[: insert.count])
    return [column for column in required[table] if column not in given]


def _read_inserts(query: Query) -> Iterator[_Insert]:
    for kind, node in walk(parse(query.command.sql)[0]):
        if kind == "InsertStmt":
            yield _read_insert(node)
        elif kind == "MergeStmt":
            clauses = [each["MergeWhenClause"] for each in node.get("mergeWhenClauses", [])]
            for clause in (each for each in clauses if each["commandType"] == "CMD_INSERT"):
                yield _insert(_table(node), clause.get("targetList"), clause.get("values", []))


def _read_insert(node: Node) -> _Insert:
    select = node.get("selectStmt", {}).get("SelectStmt", {})
    lists: list[Any] = select.get("valuesLists", [])
    values = lists[0]["List"]["items"] if lists else []
    if "cols" in node or lists or not select:  # without a SELECT it is DEFAULT VALUES
        return _insert(_table(node), node.get("cols"), values)
    return _Insert(_table(node), None, _count_targets(select))


def _insert(table: tuple[str, ...], targets: Sequence[Node] | None, values: Sequence[Node]) -> _Insert:
    if targets is None:
        return _Insert(table, None, len(values))
    return _Insert(table, _named(targets, values))


def _table(node: Node) -> tuple[str, ...]:
    return tuple(node["relation"][part] for part in ("schemaname", "relname") if part in node["relation"])


def _named(targets: Sequence[Node], values: Sequence[Node]) -> frozenset[str]:
    """Return the columns that are named and get a value; a DEFAULT is none of its own."""
    names = [each["ResTarget"]["name"] for each in targets]
    padded = [*values, *({} for _ in range(len(names) - len(values)))]
    return frozenset(name for name, value in zip(names, padded, strict=False) if "SetToDefault" not in value)


def _count_targets(select: Node) -> int | None:
    """Return how many columns a SELECT gives; None with a star, or where it is two of them."""
    targets = [each["ResTarget"]["val"] for each in select.get("targetList", [])]
    fields = [field for each in targets for field in each.get("ColumnRef", {}).get("fields", [])]
    return None if not targets or any("A_Star" in field for field in fields) else len(targets)
