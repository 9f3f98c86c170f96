"""An expression in, whether it can be NULL out: by rules that are few, because a wrong `not null` is the worst answer.

What is not in here is `unknown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.contracts.shapes.nullability.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgproof.contracts.golden import Nullability
    from pgproof.contracts.shapes.nullability.level import Level

# Of functions that take plain types only (`lower` of a range can be NULL, `lower` of a text cannot), and all of that
# proven. Left out on purpose: to_char, date_part and substring with a pattern give NULL for some values.
_TOTAL = frozenset((
    *("abs", "ceil", "ceiling", "div", "floor", "mod", "power", "random", "round", "sign", "sqrt", "trunc"),
    *("ascii", "btrim", "char_length", "character_length", "chr", "initcap", "left", "length", "lower", "lpad"),
    *("ltrim", "md5", "octet_length", "quote_ident", "quote_literal", "repeat", "replace", "reverse", "right", "rpad"),
    *("rtrim", "split_part", "starts_with", "strpos", "substr", "translate", "upper"),
    *("clock_timestamp", "date_trunc", "now", "statement_timestamp", "timezone", "transaction_timestamp"),
    *("gen_random_uuid", "uuidv4", "uuidv7"),
))  # fmt: skip
_NEVER_NULL = frozenset(
    ("concat", "json_build_array", "json_build_object", "jsonb_build_array", "jsonb_build_object", "num_nulls")
)
_PER_ROW = frozenset(("count", "cume_dist", "dense_rank", "percent_rank", "rank", "row_number"))  # of window functions
_COLLECTS = frozenset(("array_agg", "json_agg", "jsonb_agg"))  # not NULL as soon as there is a row
_KEEPS = frozenset(("avg", "bool_and", "bool_or", "every", "max", "min", "string_agg", "sum"))  # ... of a proven value

_NO_TIME = ("time", "timetz")  # the time of day of an infinite moment is NULL
_CASTS = ("1", "2")  # how a function is written: by a cast that is explicit, or implicit
_CLOCKS = 8  # up to this number, SQLVALUEFUNCTION is CURRENT_DATE and its like; one of the others can be NULL
_EXISTS, _SCALAR, _ARRAY = "0", "4", "6"  # kinds of sub-selects


def judge(node: Node, level: Level) -> Nullability:
    """Return what is known of an expression.

    Under GROUPING SETS, all that is grouped by is NULL in some rows, also an expression as a whole. An expression that
    an aggregate is a part of is not grouped by, and a constant is not taken for one that is.
    """
    if level.has_sets and node.kind != "CONST" and not _has_aggregate(node):
        return "null"
    rule = _RULES.get(node.kind)
    return rule(node, level) if rule else "unknown"


def meet(values: Iterable[Nullability]) -> Nullability:
    """Return what is known of a value that is one of these, or NULL if one of these is."""
    found = set(values)
    return "null" if "null" in found else "unknown" if "unknown" in found else "not null"


def _has_aggregate(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_aggregate, value))
    if not isinstance(value, Node) or value.kind in ("SUBLINK", "QUERY"):
        return False
    return value.kind in ("AGGREF", "GROUPINGFUNC") or any(map(_has_aggregate, value.fields.values()))


def _all(nodes: Iterable[Node], level: Level) -> Nullability:
    return meet(judge(each, level) for each in nodes)


def _proves(proven: object) -> Nullability:
    return "not null" if proven else "unknown"


def _always(_node: Node, _level: Level) -> Nullability:
    return "not null"


def _argument(node: Node, level: Level) -> Nullability:
    return judge(node["arg"], level)


def _any_argument(node: Node, level: Level) -> Nullability:
    """NULL only if all are."""
    found = {judge(each, level) for each in node.each("args")}
    return "not null" if "not null" in found else "unknown" if "unknown" in found else "null"


def _case(node: Node, level: Level) -> Nullability:
    results = [each["result"] for each in node.each("args")]
    return _all([*results, node["defresult"]], level)  # the server writes a missing ELSE as NULL


def _function(node: Node, level: Level) -> Nullability:
    function = level.knowledge.functions[node.number("funcid")]
    if node.says("funcvariadic") or not function.builtin:
        return "unknown"
    if function.name in _NEVER_NULL:
        return "not null"
    if not function.plain:
        return "unknown"
    arguments = _all(node.each("args"), level)
    if node["funcformat"] in _CASTS and function.name not in _NO_TIME:
        return arguments
    return _proves(function.name in _TOTAL and arguments == "not null")


def _operator(node: Node, level: Level) -> Nullability:
    function = level.knowledge.operators[node.number("opno")]
    total = function.builtin and function.plain
    return _proves(total and _all(node.each("args"), level) == "not null")


def _aggregate(node: Node, level: Level) -> Nullability:
    function = level.knowledge.functions[node.number("aggfnoid")]
    if not function.builtin or function.name == "count":
        return _proves(function.builtin)
    if not level.has_groups or level.has_sets or node["aggfilter"] or node["agglevelsup"] != "0":
        return "unknown"  # there may be no row to speak of
    arguments = [each["expr"] for each in node.each("args")]
    of_values = function.name in _KEEPS and _all(arguments, level) == "not null"
    return _proves(function.name in _COLLECTS or of_values)


def _window(node: Node, level: Level) -> Nullability:
    function = level.knowledge.functions[node.number("winfnoid")]
    return _proves(function.builtin and function.name in _PER_ROW)


def _sublink(node: Node, level: Level) -> Nullability:
    if node["subLinkType"] in (_EXISTS, _ARRAY):
        return "not null"
    if node["subLinkType"] != _SCALAR:
        return "unknown"
    below = level.below(node["subselect"])
    return _proves(below.gives_a_row and below.output(1) == "not null")


def _domain(node: Node, level: Level) -> Nullability:
    """A domain that refuses NULL does so in an expression, unlike in a column."""
    return "not null" if node.number("resulttype") in level.knowledge.domains else _argument(node, level)


_RULES: dict[str, Callable[[Any, Any], Nullability]] = {
    "VAR": lambda node, level: level.variable(node),
    "CONST": lambda node, _: "null" if node.says("constisnull") else "not null",
    "RELABELTYPE": _argument,
    "COLLATEEXPR": _argument,
    "COERCEVIAIO": _argument,
    "ARRAYCOERCEEXPR": _argument,
    "COERCETODOMAIN": _domain,
    "NULLTEST": _always,
    "BOOLEANTEST": _always,
    "DISTINCTEXPR": _always,
    "GROUPINGFUNC": _always,
    "NEXTVALUEEXPR": _always,
    "BOOLEXPR": lambda node, level: _proves(_all(node.each("args"), level) == "not null"),
    "SQLVALUEFUNCTION": lambda node, _: _proves(node.number("op") <= _CLOCKS),
    "OPEXPR": _operator,
    "FUNCEXPR": _function,
    "AGGREF": _aggregate,
    "WINDOWFUNC": _window,
    "SUBLINK": _sublink,
    # By the names of 16 and later, and of 15.
    **dict.fromkeys(("ARRAYEXPR", "ARRAY"), _always),
    **dict.fromkeys(("ROWEXPR", "ROW"), _always),
    **dict.fromkeys(("COALESCEEXPR", "COALESCE"), _any_argument),
    **dict.fromkeys(("MINMAXEXPR", "MINMAX"), _any_argument),
    **dict.fromkeys(("CASEEXPR", "CASE"), _case),
}
