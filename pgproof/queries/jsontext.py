"""A query in, the command that makes the server write its rows as JSON out; of its answer, the text that was asked for.

The statement becomes one more part of a WITH, where a write with RETURNING may stand as well as a SELECT. One whose own
WITH writes must stay at the top: there its last part alone is wrapped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from json import JSONDecoder
from typing import TYPE_CHECKING, Any

from pgproof.errors import QueryError
from pgproof.queries.call import check_columns
from pgproof.queries.command import WRITES
from pgproof.sqltext import parse, split_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.queries.command import Command
    from pgproof.queries.files import Query

_ROWS = "pgproof_rows AS ("
_MANY = "\n) SELECT coalesce(json_agg(r)::text, '[]'), count(*) FROM pgproof_rows AS r"
_FIRST = "\n) SELECT coalesce((json_agg(r) -> 0)::text, '{}'), count(*) FROM pgproof_rows AS r"

_WORD = re.compile(r"[\w$]+|[^\w\s$]")
_BEGINS = {"select", "values", "table", "insert", "update", "delete", "merge"}
_BEFORE_A_NAME = {"with", "recursive", ","}
_BEFORE_A_PART = {"as", "materialized"}

# Numbers as text: Python's own refuse what is long.
_DECODER = JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str)


def read_json_command(query: Query) -> Command:
    """Make what is sent for a query whose rows are wanted as JSON.

    Raises:
        QueryError: it gives no rows that JSON could be made of.
        SqlFileError: its text cannot be run at all.
    """
    command = query.command
    label, text = command.sql[: command.start], command.sql[command.start :]
    [statement] = parse(text)
    if query.returns == "affected" or statement.kind not in ("SelectStmt", *WRITES):
        kind = "returns affected" if query.returns == "affected" else f"is {text.split()[0].upper()}"
        raise QueryError(f"{query.name} {kind}, of which no JSON is made", at=command.at)
    ending = _MANY if query.returns == "many" else _FIRST
    last = _find_last_part(text) if _writes_before(statement.tree) else 0
    sql = f"{label}{text[:last]}{', ' if last else 'WITH '}{_ROWS}{text[last:]}{ending}"
    return replace(command, sql=sql)  # no line was added before the end, so places in it are lines of the file still


def give_json(query: Query, answer: list[tuple[str, int]]) -> str:
    """Return the text that the server wrote, if the columns in it are what the file promises."""
    [(text, rows)] = answer
    if rows == 0:
        return text
    first, _ = _DECODER.raw_decode(text, text.index("{"))
    check_columns(query, [name for name, _ in first])
    return _value(text) if query.returns == "value" else text


def _value(row: str) -> str:
    """Return what stands in `{"name":…}`, as it is written there."""
    _, end = _DECODER.raw_decode(row, 1)
    return row[end + 1 : -1]


def _writes_before(tree: dict[str, Any]) -> bool:
    parts = tree.get("withClause", {}).get("ctes", [])
    return any(kind in WRITES for part in parts for kind in part["CommonTableExpr"]["ctequery"])


def _find_last_part(text: str) -> int:
    """Return where the statement behind the parts of a WITH begins."""
    depth = 0
    earlier = before = ""
    for word, at in _words(text):
        verb = word in _BEGINS and before not in _BEFORE_A_NAME
        bracket = word == "(" and before not in _BEFORE_A_PART and earlier not in _BEFORE_A_NAME
        if depth == 0 and (verb or bracket):
            return at
        depth += (word == "(") - (word == ")")
        earlier, before = before, word
    raise ValueError(text)


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Yield what stands neither in a comment nor in quotes, with its place."""
    at = 0
    for piece in split_pieces(text):
        if piece.kind == "code":
            yield from ((found[0].lower(), at + found.start()) for found in _WORD.finditer(piece.text))
        at += len(piece.text)
