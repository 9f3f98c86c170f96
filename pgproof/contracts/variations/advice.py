"""A query's parse tree in, what would leave nothing of its result to chance out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.sqltext import Statement

# Their result is a list of what they are given. A jsonb object has an order of its own, unless it is given a key twice.
_LISTS = frozenset(
    ("array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "xmlagg")
)
_SUMS = frozenset(("sum", "avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"))
_RANKS = frozenset(("rank", "dense_rank", "percent_rank", "cume_dist"))  # equals share one


def advise_order(statement: Statement, keys: Mapping[str, Sequence[str]]) -> str:
    """Return what to do where rows come in another order.

    Args:
        statement: the query's.
        keys: columns of the primary key, by name of the table.
    """
    unique = _find_unique(statement.tree, keys)
    return f"end ORDER BY with what is unique{f', such as {unique}' if unique else ''}"


def advise_rows(statement: Statement, keys: Mapping[str, Sequence[str]]) -> str:
    """Return what to do where other rows come, or other values in them; `keys` as in `advise_order`."""
    nodes = list(walk(statement))
    found = [advice for kind, node in nodes for advice in _reasons(kind, node) if node is not statement.tree]
    if "sortClause" in statement.tree and _is_limited(statement.tree):
        found.insert(0, advise_order(statement, keys))
    else:
        found += _reasons(statement.kind, statement.tree)
    if not found and any(_function(kind, node) in _SUMS for kind, node in nodes):
        found = ["a sum of floating-point numbers depends on their order: cast them to numeric"]
    return "; ".join(dict.fromkeys(found)) or "write ORDER BY wherever it matters which row comes first"


def _reasons(kind: str, node: Mapping[str, Any]) -> Iterator[str]:
    if _is_limited(node):
        ordered = "end the ORDER BY of each LIMIT with what is unique"
        yield ordered if "sortClause" in node else "a LIMIT without ORDER BY takes any rows: write one"
    if any(node.get("distinctClause", [])):
        yield "end the ORDER BY of DISTINCT ON with what is unique: it takes the first row of each"
    if node.get("subLinkType") == "ARRAY_SUBLINK" and "sortClause" not in node["subselect"]["SelectStmt"]:
        yield "write ORDER BY in ARRAY(…)"
    if kind == "UpdateStmt" and "fromClause" in node:
        yield "where several rows are joined to one, an UPDATE takes any of them: join one"
    name = _function(kind, node)
    if name in _LISTS and "over" not in node:
        yield f"write ORDER BY in {name}(…){', and end it with what is unique' if 'agg_order' in node else ''}"
    elif "over" in node and name not in _RANKS:
        yield f"end the ORDER BY of the window of {name} with what is unique"


def _is_limited(node: Mapping[str, Any]) -> bool:
    return "limitCount" in node or "limitOffset" in node


def _function(kind: str, node: Mapping[str, Any]) -> str:
    return str(node["funcname"][-1]["String"]["sval"]) if kind == "FuncCall" else ""


def _find_unique(select: Mapping[str, Any], keys: Mapping[str, Sequence[str]]) -> str:
    """Return what tells any two rows of a SELECT apart and is not in its ORDER BY; nothing where that is unknown."""
    sources = list(_sources(select.get("fromClause", [])))
    if "groupClause" in select or "distinctClause" in select or any(table not in keys for _, table in sources):
        return ""
    columns = [f"{name}.{column}" if len(sources) > 1 else column for name, table in sources for column in keys[table]]
    sorted_by = {".".join(_fields(each["SortBy"]["node"])[-2:]) for each in select.get("sortClause", [])}
    return ", ".join(column for column in columns if column not in sorted_by)


def _fields(node: Mapping[str, Any]) -> list[str]:
    return [field.get("String", {}).get("sval", "*") for field in node.get("ColumnRef", {}).get("fields", [])]


def _sources(clause: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield what each source of a FROM is called, and its table; nothing for what is none."""
    for source in clause:
        if join := source.get("JoinExpr"):
            yield from _sources([join["larg"], join["rarg"]])
        else:
            (node,) = source.values()
            table = node.get("relname", "")
            yield node.get("alias", {}).get("aliasname", table), table
