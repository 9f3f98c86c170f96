"""What a SELECT gives in, rules about its rows and columns out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.lint.rule import Context, Rule, Spot
from pgproof.sqltree import Node, last_name, locate, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.sqltext import Statement

# Their result depends on the order of the rows; jsonb_object_agg's does not, as jsonb sorts its keys.
_AGGREGATES = {"array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "xmlagg"}


def _find_stars(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        asked = _inside_exists(statement)
        for kind, node in walk(statement):
            targets = node.get("targetList", []) if kind == "SelectStmt" and id(node) not in asked else []
            targets = targets + node.get("returningClause", {}).get("exprs", [])
            for target in targets:
                if _is_star(target["ResTarget"].get("val", {})):
                    yield locate(statement, target["ResTarget"]), "all columns, whatever they will be"


def _is_star(value: Node) -> bool:
    """Whether a value is `*`, `t.*` or `(f()).*`."""
    fields = value.get("ColumnRef", {}).get("fields", []) + value.get("A_Indirection", {}).get("indirection", [])
    return any("A_Star" in each for each in fields)


def _inside_exists(statement: Statement) -> set[int]:
    """Return which SELECTs are asked only whether they give a row: neither columns nor order matter."""
    return {
        id(node["subselect"]["SelectStmt"])
        for kind, node in walk(statement)
        if kind == "SubLink" and node["subLinkType"] == "EXISTS_SUBLINK" and "SelectStmt" in node["subselect"]
    }


def _find_limits(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        asked = _inside_exists(statement)
        for kind, node in walk(statement):
            if kind != "SelectStmt" or "sortClause" in node or id(node) in asked:
                continue
            limit = node.get("limitCount") or node.get("limitOffset")
            if limit and not limit.get("A_Const", {}).get("isnull"):
                yield locate(statement, next(iter(limit.values()))), "some of the rows, and nobody says which"


def _find_aggregates(context: Context) -> Iterator[Spot]:
    for statement in context.statements:
        for kind, node in walk(statement):
            if kind == "FuncCall" and not {"agg_order", "over"} & node.keys():
                if (name := last_name(node["funcname"])) in _AGGREGATES:
                    yield locate(statement, node), f"{name} without an ORDER BY inside"
            elif kind == "JsonArrayAgg" and not {"agg_order", "over"} & node["constructor"].keys():
                yield locate(statement, node["constructor"]), "json_arrayagg without an ORDER BY inside"
            elif kind == "SubLink" and _is_array_in_no_order(node):
                yield locate(statement, node), "ARRAY(SELECT …) without an ORDER BY inside"


def _is_array_in_no_order(link: Node) -> bool:
    return link["subLinkType"] == "ARRAY_SUBLINK" and "sortClause" not in link["subselect"].get("SelectStmt", {})


def _find_wide_values(context: Context) -> Iterator[Spot]:
    if context.returns == "value":
        for statement in context.statements[:1]:
            if (columns := len(_columns(statement))) > 1:
                yield statement.start, f"it returns a value, but the statement gives {columns} columns"


def _columns(statement: Statement) -> list[Node]:
    tree = statement.tree
    while "larg" in tree:  # of a UNION the first part names the columns
        tree = tree["larg"]
    if statement.kind == "SelectStmt":
        found = tree.get("targetList") or tree["valuesLists"][0]["List"]["items"]
    else:
        found = tree.get("returningClause", {}).get("exprs", [])
    columns: list[Node] = found
    return columns


SELECT_STAR = Rule(
    id="select-star",
    what="SELECT * in a query",
    why="A column that a migration adds, drops or moves then changes what every caller gets, unseen.",
    instead="name the columns",
    good="-- returns: many\n\nSELECT u.handle, u.bio\nFROM users AS u\n",
    bad="-- returns: many\n\nSELECT u.*\nFROM users AS u\n",
    on="query",
    find=_find_stars,
)
LIMIT_WITHOUT_ORDER = Rule(
    id="limit-without-order",
    what="LIMIT or OFFSET without ORDER BY",
    why="The server gives whichever rows it comes across first: others after an update, a VACUUM or a new plan.",
    instead="add an ORDER BY that leaves no two rows equal",
    good="-- returns: many\n\nSELECT u.handle\nFROM users AS u\nORDER BY u.created_at, u.uuid\nLIMIT 10\n",
    bad="-- returns: many\n\nSELECT u.handle\nFROM users AS u\nLIMIT 10\n",
    on="query",
    find=_find_limits,
)
AGGREGATE_WITHOUT_ORDER = Rule(
    id="aggregate-without-order",
    what="an array, a text or a document put together from rows in no order",
    why="The parts come in the order in which the server reads the rows, which is another one after any update.",
    instead="order them inside: array_agg(a ORDER BY b)",
    good="-- returns: value\n\nSELECT string_agg(t.name, ', ' ORDER BY t.name) AS names\nFROM tags AS t\n",
    bad="-- returns: value\n\nSELECT string_agg(t.name, ', ') AS names\nFROM tags AS t\n",
    on="query",
    find=_find_aggregates,
)
VALUE_OF_SEVERAL_COLUMNS = Rule(
    id="value-of-several-columns",
    what="a query that returns a value and gives several columns",
    why="A caller gets the first column; what the others were computed for nobody sees.",
    instead="leave one column, or write `-- returns: one`",
    good="-- returns: value\n\nSELECT count(*) AS users_count\nFROM users\n",
    bad="-- returns: value\n\nSELECT count(*) AS users_count, max(created_at) AS newest\nFROM users\n",
    on="query",
    find=_find_wide_values,
)
