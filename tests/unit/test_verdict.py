"""Which plans keep what a query promises: plans as a server would make them, without one."""

from pathlib import Path

import pytest

from pgproof.contracts.answer import Refusal
from pgproof.contracts.planning.plantree import Node, Plan
from pgproof.contracts.planning.promise import Promise
from pgproof.contracts.planning.verdict import Plans, find_broken
from pgproof.errors import Location
from pgproof.queries import Query

QUERY = Query("test", Path("test.sql"), "", "many")
AT = Location(Path("test.sql"), 2)


def scan(kind: str, index: str = "", cond: str = "", *children: Node, is_inner: bool = False) -> Node:
    conditions = (("cond", cond),) if cond else ()
    return Node(kind, "posts", "public", "p", index, is_inner=is_inner, conditions=conditions, children=children)


def bitmap(index: str, cond: str = "") -> Node:
    return Node("Bitmap Index Scan", index=index, conditions=(("cond", cond),) if cond else ())


def holds(root: Node) -> bool:
    """Whether an index serves posts in a plan."""
    plans = Plans(
        {"case": Plan(root)}, {}, {"posts": frozenset(("public.posts",))}, frozenset(("part",)), {"pair": "a"}
    )
    return find_broken(QUERY, Promise(("posts",), None, None, AT), plans) == []


WHOLE = scan("Index Scan", "plain")


@pytest.mark.parametrize(
    "root",
    [
        scan("Index Scan", "plain", "(p.b = 1)"),
        scan("Index Only Scan Backward", "pair", "((p.a = 1) AND (p.b = 2))"),
        scan("Index Scan", "pair", '(ROW(p."a", p.b) < ROW(1, 2))'),
        scan("Index Scan", "part"),
        scan("Bitmap Heap Scan", "", "", bitmap("plain", "(p.b = 1)")),
        scan("Bitmap Heap Scan", "", "", Node("BitmapAnd", children=(bitmap("part"), bitmap("pair", "(p.b = 1)")))),
        Node("Limit", children=(WHOLE,)),
        Node("Limit", children=(Node("Nested Loop", children=(WHOLE, Node("Result", is_inner=True))),)),
        scan("Tid Scan"),
    ],
)
def test_rows_that_are_found_or_few_keep_the_promise(root):
    assert holds(root)


@pytest.mark.parametrize(
    "root",
    [
        scan("Seq Scan"),
        Node("Limit", children=(scan("Seq Scan"),)),
        WHOLE,
        scan("Index Scan", "pair", "(p.b = p.ab)"),
        scan("Bitmap Heap Scan", "", "", bitmap("plain")),
        scan("Bitmap Heap Scan", "", "", Node("BitmapOr", children=(bitmap("plain"), bitmap("plain", "(p.b = 1)")))),
        Node("Limit", children=(scan("Bitmap Heap Scan", "", "", bitmap("plain")),)),
        Node("Limit", children=(Node("Sort", children=(WHOLE,)),)),
        Node("Limit", children=(Node("Nested Loop", children=(Node("Result"), scan("Index Scan", is_inner=True))),)),
        Node("Limit", children=(Node("Result", children=(Node("Append", subplan="SubPlan 1", children=(WHOLE,)),)),)),
    ],
)
def test_rows_that_are_all_looked_at_break_it(root):
    assert not holds(root)


def test_the_case_that_is_furthest_over_the_budget_is_shown():
    plans: dict[str, Plan | Refusal] = {"refused": Refusal("23505", "no")}
    for name, count in (("a", 5), ("b", 9), ("c", 4)):
        plans[name] = Plan(Node("Result", loops=1, buffers=count))

    [finding] = find_broken(QUERY, Promise((), 4, None, AT), Plans({}, plans, {}))
    assert finding.what.startswith("9 blocks are looked at, where 4 are promised (case b and 1 more)\n> Result")
    assert finding.at == AT
