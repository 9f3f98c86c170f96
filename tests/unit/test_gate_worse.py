"""Two plans side by side: which is worse, and which statement made it so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pgproof.contracts.planning.plantree import Node, Plan
from pgproof.errors import Location
from pgproof.gate.measuring.measured import Measured
from pgproof.gate.plans.planning import Pair
from pgproof.gate.plans.stored import Index, Stored, Table
from pgproof.gate.plans.worse import Limits, Worse, find_cause, find_worse

BEFORE = Stored(
    {"public.a": Table(1, "public.a", 900, 100), "public.b": Table(2, "public.b", 9, 100)},
    {"a_c": Index("a_c", "a", "CREATE INDEX a_c ON public.a (c)", 9, ("c",))},
)
AFTER = Stored(
    {
        "public.z": Table(1, "public.z", 900, 100),
        "public.b": Table(2, "public.b", 9, 100),
        "public.new": Table(3, "public.new", 900, 100),
    }
)
LIMITS = Limits(rows=100, factor=2.0)


def scan(relation: str, blocks: int = 100, *, index: str = "", loops: int = 1) -> Node:
    kind = "Index Scan" if index else "Seq Scan"
    return Node(kind, relation, "public", relation, index=index, rows=1, loops=loops, buffers=blocks)


def pair(
    before: Node,
    after: Node,
    *,
    query: str = "q",
    case: str = "one",
    avoiding: Plan | None = None,
    cancelled: bool = False,
) -> Pair:
    return Pair(query, case, Plan(before), Plan(after), avoiding, cancelled)


def judge(*pairs: Pair) -> list[Worse]:
    return find_worse(pairs, BEFORE, AFTER, LIMITS)


def test_a_large_table_that_is_scanned_now_makes_a_plan_worse_whatever_it_was_called_before() -> None:
    (worse,) = judge(pair(scan("a", 3, index="a_c"), scan("z")))

    assert [each.name for each in worse.scanned] == ["public.z"]
    assert worse.lost == ("a_c",)


def test_a_table_that_was_scanned_before_a_small_one_or_a_new_one_is_no_new_scan() -> None:
    assert judge(pair(scan("a"), scan("z"))) == []
    assert judge(pair(scan("b", 60, index="b_d"), scan("b"))) == []
    assert judge(pair(scan("a", 60, index="a_c"), scan("new"))) == []


def test_a_scan_that_stops_at_once_does_no_harm_and_one_that_was_not_run_might() -> None:
    assert judge(pair(scan("a", 3, index="a_c"), scan("z", 2))) == []
    assert judge(pair(scan("a", 3, index="a_c"), scan("z", 0, loops=0)))


def test_a_scan_that_an_index_could_still_take_the_place_of_is_judged_by_its_blocks() -> None:
    there = replace(AFTER, indexes=BEFORE.indexes)
    index = Plan(scan("z", 3, index="a_c"))

    few, many = (pair(scan("a", blocks, index="a_c"), scan("z"), avoiding=index) for blocks in (60, 3))

    assert find_worse([few], BEFORE, there, LIMITS) == []
    assert [each.scanned for each in find_worse([many], BEFORE, there, LIMITS)] == [()]


def test_an_index_of_the_same_name_that_finds_nothing_any_more_does_not_serve() -> None:
    there = replace(AFTER, indexes=BEFORE.indexes)
    other = replace(AFTER, indexes={"a_c": replace(BEFORE.indexes["a_c"], definition="CREATE INDEX a_c ON a (d)")})
    index, none = Plan(scan("z", 3, index="a_c")), Plan(scan("z"))

    assert find_worse([pair(scan("a", 60, index="a_c"), scan("z"), avoiding=none)], BEFORE, there, LIMITS)
    assert find_worse([pair(scan("a", 60, index="a_c"), scan("z"), avoiding=index)], BEFORE, other, LIMITS)


def test_where_nothing_is_gone_and_nothing_has_grown_a_plan_that_stays_the_same_is_no_worse() -> None:
    index = BEFORE.indexes["a_c"]
    base = replace(BEFORE, code=frozenset(["f"]))
    more = replace(
        base,
        tables={**BEFORE.tables, "public.new": AFTER.tables["public.new"]},
        indexes={**BEFORE.indexes, "new": replace(index, name="new")},
        code=frozenset(["f", "g"]),
    )

    assert more.is_no_worse(base)
    assert not replace(more, indexes={}).is_no_worse(base)
    assert not replace(more, indexes={"a_c": replace(index, pages=10)}).is_no_worse(base)
    assert not replace(more, tables={"public.a": Table(1, "public.a", 900, 101)}).is_no_worse(base)
    assert not replace(more, code=frozenset(["h"])).is_no_worse(base)


def test_blocks_count_by_factor_and_only_above_a_floor() -> None:
    assert judge(pair(scan("b", 100), scan("b", 201)))
    assert not judge(pair(scan("b", 100), scan("b", 200)))
    assert not judge(pair(scan("b", 1), scan("b", 51)))
    assert judge(pair(scan("b", 1), scan("b", 52)))


def test_a_query_that_is_not_done_any_more_is_worse() -> None:
    assert judge(pair(scan("b", 3), scan("b", 0, loops=0), cancelled=True))


def test_a_query_is_one_finding_with_all_its_cases_and_the_plan_of_the_worst() -> None:
    one, two = (
        pair(scan("a", 3, index="a_c"), scan("z", 90)),
        pair(scan("a", 3, index="a_c"), scan("z", 95), case="two"),
    )
    other = pair(scan("b", 1), scan("b", 900), query="r")

    first, second = judge(one, two, other)

    assert (first.query, first.cases, first.pair) == ("q", ("one", "two"), two)
    assert (second.query, second.scanned) == ("r", ())


def statement(line: int, text: str) -> Measured:
    place = Location(Path("/p/0002.sql"), line)
    return Measured("0002", "pre", place, text, "DropStmt", transactional=True, began=0, took=0)


def cause(*texts: str) -> int | None:
    (worse,) = judge(pair(scan("a", 3, index="a_c"), scan("z")))
    found = find_cause(worse, BEFORE, [statement(line, text) for line, text in enumerate(texts, start=1)])
    return found.at.line if found else None


def test_the_statement_that_names_the_index_is_the_cause_else_its_columns_else_the_table() -> None:
    table, column, index = "ALTER TABLE a ADD e int", "ALTER TABLE A ALTER C TYPE text", "DROP INDEX a_c"

    assert cause("CREATE TABLE e ()", table, column, index) == 4
    assert cause("CREATE TABLE e ()", table, column) == 3
    assert cause("CREATE TABLE e ()", table, "ALTER TABLE a ADD g int") == 2
    assert cause("CREATE TABLE e ()", "DROP INDEX a_c2", "DROP TABLE xa") is None
    assert cause() is None
