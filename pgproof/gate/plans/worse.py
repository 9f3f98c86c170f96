"""Plans before and after in, the queries whose plan got worse out, each with the statement that did it. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.contracts.planning.plantree import diff_plans, render_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.contracts.planning.plantree import Node, Plan
    from pgproof.gate.measuring.measured import Measured
    from pgproof.gate.plans.planning import Pair
    from pgproof.gate.plans.stored import Stored, Table

_FLOOR = 50  # blocks, 400 kB: less is nothing that anybody would wait for


@dataclass(frozen=True)
class Limits:
    """From when on a plan is worse.

    Attributes:
        rows: a table with so many is large.
        factor: how many times the blocks are too many.
    """

    rows: int
    factor: float


@dataclass(frozen=True)
class Worse:
    """A query whose plan got worse, in some of its cases.

    Attributes:
        pair: of the case in which it got worst.
        scanned: large tables that are read row by row now.
        lost: indexes that its plan had and has no more.
    """

    query: str
    cases: tuple[str, ...]
    pair: Pair
    scanned: tuple[Table, ...]
    lost: tuple[str, ...]

    @property
    def tree(self) -> list[str]:
        """The plan, as it differs from the one before."""
        return diff_plans(self.pair.before, self.pair.after) or render_plan(self.pair.after)


def find_worse(pairs: Sequence[Pair], before: Stored, after: Stored, limits: Limits) -> list[Worse]:
    """Return the queries whose plan got worse, in the order of the pairs."""
    by_query: dict[str, list[tuple[Pair, tuple[Table, ...]]]] = defaultdict(list)
    for pair in pairs:
        scanned = tuple(_find_scanned(pair, before, after, limits))
        if scanned or pair.cancelled or _is_over(pair, limits):
            by_query[pair.query].append((pair, scanned))
    return [_worse(query, found) for query, found in by_query.items()]


def find_cause(worse: Worse, before: Stored, statements: Sequence[Measured]) -> Measured | None:
    """Return the statement that names an index that is lost, else its columns, else a table of the plan."""
    indexes = [before.indexes[each] for each in worse.lost if each in before.indexes]
    tables = {each.table for each in indexes} | {node.relation for node in worse.pair.before.root if node.relation}

    def weigh(statement: Measured) -> int:
        if any(_names(statement, each) for each in worse.lost):
            return 3
        if any(_names(statement, each.table) and any(_names(statement, c) for c in each.columns) for each in indexes):
            return 2
        return int(any(_names(statement, each) for each in tables))

    best = max(statements, key=weigh, default=None)  # of equals the first
    return best if best and weigh(best) else None


def _find_scanned(pair: Pair, before: Stored, after: Stored, limits: Limits) -> Iterator[Table]:
    """Yield the large tables that are read row by row now, and were not by the plan before."""
    had = {_name(node) for node in pair.before.root if node.kind == "Seq Scan"}
    seen: set[str] = set()
    for node in pair.after.root:
        table = after.tables.get(_name(node)) if node.kind == "Seq Scan" else None
        if table is None or table.rows < limits.rows or table.name in seen or not _is_whole(node, table):
            continue
        was = before.find(table)
        if was is not None and was.name not in had and not _could_do(pair, was, before, after):
            seen.add(table.name)
            yield table


def _could_do(pair: Pair, table: Table, before: Stored, after: Stored) -> bool:
    """Whether the indexes that found its rows are there and would find them still: what they are worth blocks tell."""
    used = [before.indexes[name] for name in _indexes(pair.before) if name in before.indexes]
    used = [each for each in used if each.table == table.name.rpartition(".")[2]]
    could = _indexes(pair.avoiding) if pair.avoiding else set()
    return bool(used) and all(after.has(each) and each.name in could for each in used)


def _indexes(plan: Plan) -> set[str]:
    return {node.index for node in plan.root if node.index}


def _is_whole(node: Node, table: Table) -> bool:
    """Whether most of the table is read, as far as is known: below a LIMIT, a scan may stop at once."""
    return not node.loops or node.own_buffers * 2 >= table.pages


def _is_over(pair: Pair, limits: Limits) -> bool:
    before, after = pair.before.buffers, pair.after.buffers
    return after > before * limits.factor and after - before > _FLOOR


def _worse(query: str, found: Sequence[tuple[Pair, tuple[Table, ...]]]) -> Worse:
    """Of all cases that got worse, show that in which most blocks came to it."""
    worst, _ = max(found, key=lambda each: (each[0].cancelled, each[0].after.buffers - each[0].before.buffers))
    scanned = {table.name: table for _, tables in found for table in tables}
    had = {name for pair, _ in found for name in _indexes(pair.before)}
    has = {name for pair, _ in found for name in _indexes(pair.after)}
    tables = tuple(scanned[name] for name in sorted(scanned))
    return Worse(query, tuple(pair.case for pair, _ in found), worst, tables, tuple(sorted(had - has)))


def _name(node: Node) -> str:
    return f"{node.schema}.{node.relation}"


def _names(statement: Measured, name: str) -> bool:
    return bool(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", statement.text, re.IGNORECASE))
