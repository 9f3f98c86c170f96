"""What EXPLAIN answers, as lines to read; and what two plans differ in."""

import json
from typing import Any

from pgproof.contracts.planning.plantree import Plan, diff_plans, parse_plan, render_plan


def node(kind: str, *children: dict[str, Any], buffers: int | None = None, **said: Any) -> dict[str, Any]:
    """A node as EXPLAIN writes it; with `buffers` it was run."""
    run = {} if buffers is None else {"Actual Rows": 2.5, "Actual Loops": 2, **blocks(buffers)}
    words = {word.replace("_", " ").title().replace("Cte", "CTE"): value for word, value in said.items()}
    return {"Node Type": kind, "Plan Rows": 7, **run, **words, "Plans": list(children)}


def blocks(count: int) -> dict[str, int]:
    return {"Shared Hit Blocks": count - 1, "Shared Read Blocks": 1}


def plan(root: dict[str, Any]) -> Plan:
    return parse_plan(json.dumps([{"Plan": root, "Planning": blocks(1000)}]))


def scan(index: str = "", **said: Any) -> dict[str, Any]:
    if index:
        said["index_name"] = index
    return node("Index Scan" if index else "Seq Scan", relation_name="users", alias="u", **said)


def test_a_node_is_a_line_with_what_it_reads_and_what_that_took():
    joined = node("Hash Join", scan("users_pkey", index_cond="(u.uuid = 1)", buffers=3), join_type="Left", buffers=9)

    assert render_plan(plan(joined)) == [
        "  Hash Join Left  rows=5 loops=2 buffers=9",
        "    Index Scan on users u using users_pkey  rows=5 loops=2 buffers=3",
        "        cond: (u.uuid = 1)",
    ]


def test_a_plan_that_was_not_run_has_the_rows_that_are_expected():
    assert render_plan(plan(scan())) == ["  Seq Scan on users u  rows=7"]


def test_what_was_never_run_is_said_to_be():
    assert render_plan(plan(scan(buffers=1) | {"Actual Loops": 0})) == ["  Seq Scan on users u  never run"]


def test_writes_and_aggregates_have_the_names_of_psql():
    root = node("ModifyTable", node("Aggregate", strategy="Hashed"), operation="Delete", relation_name="likes")

    assert [line.split("  rows")[0] for line in render_plan(plan(root))] == ["  Delete on likes", "    HashAggregate"]


def test_the_marked_node_is_seen():
    tree = plan(node("Limit", scan()))

    assert [line[0] for line in render_plan(tree, marked=[tree.root.children[0]])] == [" ", ">"]


def test_nothing_of_a_condition_hides_or_runs_on():
    [_, line] = render_plan(plan(scan(filter=f"(u.handle = '\u202e{'x' * 500}')")))

    assert line.isprintable()
    assert len(line) < 130


# Blocks


def test_blocks_are_those_of_the_whole_plan_without_planning():
    assert plan(node("Limit", scan(buffers=30), buffers=40)).buffers == 40


def test_what_a_cte_writes_that_nobody_reads_is_counted_too():
    unread = node("ModifyTable", operation="Update", subplan_name="CTE moved", buffers=500)
    read = node("ModifyTable", operation="Delete", subplan_name="CTE gone", buffers=30)
    root = node("Append", unread, read, node("CTE Scan", cte_name="gone", buffers=30), buffers=40)

    assert plan(root).buffers == 540


def test_a_node_has_read_itself_what_those_below_it_have_not():
    assert plan(node("Limit", scan(buffers=30), buffers=40)).root.own_buffers == 10


# Differences


def test_equal_plans_have_no_difference():
    assert diff_plans(plan(node("Limit", scan(buffers=3))), plan(node("Limit", scan(buffers=3)))) == []


def test_another_way_to_read_a_table_is_told_with_both_ways():
    before, after = node("Limit", scan("users_handle_key", index_cond="(u.handle = 1)")), node("Limit", scan())

    assert diff_plans(plan(before), plan(after)) == [
        "  Limit  rows=7",
        "-   Index Scan on users u using users_handle_key  rows=7",
        "-       cond: (u.handle = 1)",
        "+   Seq Scan on users u  rows=7",
    ]


def test_a_node_above_leaves_those_below_it_the_same():
    before = node("Limit", scan())
    after = node("Limit", node("Sort", scan(), sort_key=["u.handle", "u.uuid DESC"]))

    assert [line for line in diff_plans(plan(before), plan(after)) if line[0] != " "] == [
        "+   Sort  rows=7",
        "+       by: u.handle, u.uuid DESC",
    ]


def test_more_blocks_for_the_same_node_are_told_side_by_side():
    assert diff_plans(plan(scan(buffers=3)), plan(scan(buffers=8))) == [
        "~ Seq Scan on users u  rows=5 loops=2 buffers=3 → rows=5 loops=2 buffers=8"
    ]
