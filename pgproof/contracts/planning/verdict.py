"""A promise and plans in, what they do not keep of it out: each with the plan, or how it differs from an earlier one.

Two promises are held, and both are true whatever the hour and the machine. That an index serves a table: it does, if
only rows that an index finds are read once the planner avoids everything else; a table of three rows tells that as well
as one of three million. And a budget of blocks, which an execution looks at: no time, no cost. That an index is the
best one only a budget on many rows can tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.contracts.answer import Refusal
from pgproof.contracts.finding import Finding
from pgproof.contracts.planning.plantree import Plan, diff_plans, render_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.contracts.planning.plantree import Node
    from pgproof.contracts.planning.promise import Promise
    from pgproof.queries import Query

# Nodes that take all rows of the one below them, whatever LIMIT stands above.
_TAKES_ALL = ("Sort", "Hash", "Aggregate", "HashAggregate", "MixedAggregate", "SetOp", "WindowAgg")


@dataclass(frozen=True)
class Plans:
    """What a promise is judged by, by the names of the cases.

    Attributes:
        forced: plans in which tables are read by indexes, as far as there are any.
        run: plans as they were executed.
        tables: the aliases, and the names with their schemas, that are meant by a table of the promise.
        partial: indexes over some rows only, which find them without looking for anything.
        first: the column that a b-tree is sorted by first; who looks for others alone reads all of it.
    """

    forced: Mapping[str, Plan | Refusal]
    run: Mapping[str, Plan | Refusal]
    tables: Mapping[str, frozenset[str]]
    partial: frozenset[str] = frozenset()
    first: Mapping[str, str] = field(default_factory=dict)


def find_broken(query: Query, promise: Promise, plans: Plans, earlier: Plans | None = None) -> list[Finding]:
    """Return what plans do not keep; where there are `earlier` ones, with what is different now."""
    found = []
    for table in promise.index_for:
        found += list(_judge_index(table, plans, earlier.forced if earlier else {}))
    if promise.buffers:
        found += list(_judge_buffers(promise.buffers, plans.run, earlier.run if earlier else {}))
    return [Finding("plan", query.name, "", promise.at, what, hint) for what, hint in dict.fromkeys(found)]


def _judge_index(table: str, plans: Plans, earlier: Mapping[str, Plan | Refusal]) -> Iterator[tuple[str, str]]:
    made = _made(plans.forced)
    scans = {case: [node for node in plan.root if _is_of(node, plans.tables[table])] for case, plan in made.items()}
    if not made:
        yield _no_plan(plans.forced)
    elif not any(scans.values()):
        read = sorted({node.relation for plan in made.values() for node in plan.root if node.reads_table})
        said = f"they read {', '.join(read) or 'no table'}"
        yield f"no plan reads {table}, so the promise of an index for it is empty", said
    whole = {case: list(_read_wholly(plan.root, plans)) for case, plan in made.items()}
    left = {case: [node for node in nodes if node in whole[case]] for case, nodes in scans.items()}
    broken = [case for case, nodes in left.items() if nodes]
    if broken:
        plan, nodes = made[broken[0]], left[broken[0]]
        what = f"no index serves {table}: it is read wholly, even where that is avoided ({_list_cases(broken)})"
        yield "\n".join([what, *_shown(plan, nodes, earlier.get(broken[0]))]), _advise(plan, nodes[0])


def _judge_buffers(
    budget: int, plans: Mapping[str, Plan | Refusal], earlier: Mapping[str, Plan | Refusal]
) -> Iterator[tuple[str, str]]:
    made = _made(plans)
    if not made:
        yield _no_plan(plans)
    over = [case for case, plan in made.items() if plan.buffers > budget]
    if over:
        over.sort(key=lambda case: -made[case].buffers)
        plan = made[over[0]]
        most = max(plan.root, key=lambda node: node.own_buffers)
        what = f"{plan.buffers} blocks are looked at, where {budget} are promised ({_list_cases(over)})"
        hint = f"{most.own_buffers} of them are for {most.title}; an index, fewer rows, or a larger budget"
        yield "\n".join([what, *_shown(plan, [most], earlier.get(over[0]))]), hint


def _made(plans: Mapping[str, Plan | Refusal]) -> dict[str, Plan]:
    """A case that expects an error has no plan perhaps."""
    return {case: plan for case, plan in plans.items() if isinstance(plan, Plan)}


def _read_wholly(node: Node, plans: Plans, *, stops: bool = False) -> Iterator[Node]:
    """Yield the scans that come to each row of their table; `stops`: a LIMIT above takes only as many as it needs."""
    by_index = node.kind.startswith("Index ") and not stops
    if node.kind == "Seq Scan" or ((by_index or node.kind == "Bitmap Heap Scan") and not _finds(node, plans)):
        yield node
    goes_on = (stops or node.kind == "Limit") and not node.kind.startswith(_TAKES_ALL)
    for child in node.children:
        yield from _read_wholly(child, plans, stops=goes_on and not child.is_inner and not child.subplan)


def _finds(node: Node, plans: Plans) -> bool:
    """Whether a scan looks in its index for something, or for the nearest, or the index has nothing else."""
    if node.kind.startswith("Bitmap") and not node.index:
        parts = [_finds(child, plans) for child in node.children if not child.subplan]
        return any(parts) if node.kind == "BitmapAnd" else all(parts)
    if node.index in plans.partial:
        return True
    sought = " ".join(text for word, text in node.conditions if word in ("cond", "by"))
    first = re.escape(plans.first.get(node.index, ""))
    return bool(re.search(rf'\."?{first}"?(?!\w)', sought) if first else sought)


def _is_of(node: Node, names: frozenset[str]) -> bool:
    return node.reads_table and not names.isdisjoint((node.alias, f"{node.schema}.{node.relation}"))


def _no_plan(plans: Mapping[str, Plan | Refusal]) -> tuple[str, str]:
    said = next((f": {plan.message}" for plan in plans.values() if isinstance(plan, Refusal)), "")
    return f"no case has a plan, so what is promised of it is empty{said}", "write a case that the server answers"


def _shown(plan: Plan, marked: Sequence[Node], earlier: Plan | Refusal | None) -> list[str]:
    changes = diff_plans(earlier, plan) if isinstance(earlier, Plan) else []
    return ["the plan was another one:", *changes] if changes else render_plan(plan, marked=marked)


def _advise(plan: Plan, scan: Node) -> str:
    """Say what an index would be of: what the scan filters by, else what its rows are joined or sorted by."""
    elsewhere = sorted((order, text) for node in plan.root for order, text in _by_use(node))
    for text in [text for part in scan for _, text in part.conditions] + [text for _, text in elsewhere]:
        if columns := list(dict.fromkeys(_columns(text, scan.alias))):
            return f"an index on {scan.relation} ({', '.join(columns)}), or on the expression, would serve {text}"
    return f"all of {scan.relation} is read: with a condition, or an order and LIMIT, an index could serve it"


def _by_use(node: Node) -> Iterator[tuple[int, str]]:
    uses = ("join", "filter", "by")
    return ((uses.index(word), text) for word, text in node.conditions if word in uses)


def _columns(text: str, alias: str) -> list[str]:
    return re.findall(rf'(?<![\w."])"?{re.escape(alias)}"?\.([a-z_][a-z0-9_$]*|"[^"]+")', text)


def _list_cases(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    return f"case {cases[0]}{more}"
