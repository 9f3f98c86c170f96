"""EXPLAIN's JSON in, a plan as a tree out: its lines to read, and the difference of two trees."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pgproof.contracts.display import escape, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LONG = 110  # characters of a condition that are shown

# EXPLAIN's words for what a node looks for or sorts by, and ours. The rest says the same again, or how it is done.
_CONDITIONS = {
    "Index Cond": "cond",
    "TID Cond": "cond",
    "Filter": "filter",
    "Join Filter": "filter",
    "One-Time Filter": "filter",
    "Hash Cond": "join",
    "Merge Cond": "join",
    "Sort Key": "by",
    "Group Key": "by",
    "Order By": "by",
}
_AGGREGATES = {"Plain": "Aggregate", "Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}


@dataclass(frozen=True)
class Node:
    """A step of a plan.

    Attributes:
        kind: what it does, in EXPLAIN's words: `Index Scan Backward`, `Hash Join Left`.
        relation: the table that it reads or writes; empty for the other nodes.
        alias: what the query calls that table.
        index: the one it uses.
        source: the CTE or function that it reads, where it reads no table.
        subplan: the name of the part of the plan that begins here: `CTE authors`, `SubPlan 1`.
        is_inner: whether it is run again for each row of the other side of a join.
        conditions: what it looks for, joins or sorts by: our word for it, and the server's text.
        rows: all that it gave; before it was run, what the planner expects.
        loops: how often it was run; None before it was.
        buffers: blocks that it and what is below it found or read; None before it was run.
    """

    kind: str
    relation: str = ""
    schema: str = ""
    alias: str = ""
    index: str = ""
    source: str = ""
    subplan: str = ""
    is_inner: bool = False
    conditions: tuple[tuple[str, str], ...] = ()
    rows: int = 0
    loops: int | None = None
    buffers: int | None = None
    children: tuple[Node, ...] = field(default=(), repr=False)

    def __iter__(self) -> Iterator[Node]:
        """Yield it and all that is below it, as EXPLAIN writes them."""
        yield self
        for child in self.children:
            yield from child

    @property
    def title(self) -> str:
        """What it does, to what, by what: `Index Scan on activities own using activities_pkey`."""
        subplan = f"{self.subplan}: " if self.subplan else ""
        place = self.relation or self.source
        on = f" on {place}" if place else ""
        alias = f" {self.alias}" if self.alias not in ("", place) else ""
        using = f" using {self.index}" if self.index else ""
        return f"{subplan}{self.kind}{on}{alias}{using}"

    @property
    def own_buffers(self) -> int:
        """Blocks that it read itself; a sub-plan that several nodes read counts for each of them."""
        return max(0, (self.buffers or 0) - sum(child.buffers or 0 for child in self.children))

    @property
    def reads_table(self) -> bool:
        """Whether it takes rows out of a table: one that is only written is no scan."""
        return bool(self.relation) and " Scan" in self.kind


@dataclass(frozen=True)
class Plan:
    """How the server answers a call."""

    root: Node

    @cached_property
    def buffers(self) -> int:
        """Blocks that all of it found in memory or read; planning is not among them, nor are triggers.

        What a CTE writes is done after the rest where nobody reads it, and no node above has it in its sum.
        """
        read = {f"CTE {node.source}" for node in self.root if node.kind == "CTE Scan"}
        unread = [node for node in self.root if node.subplan.startswith("CTE ") and node.subplan not in read]
        return sum(node.buffers or 0 for node in (self.root, *unread))


@dataclass(frozen=True)
class _Line:
    depth: int
    text: str
    figures: str

    def __str__(self) -> str:
        return f"{'  ' * self.depth}{self.text}{'  ' * bool(self.figures)}{self.figures}"


def parse_plan(text: str) -> Plan:
    """Make a tree of what EXPLAIN (FORMAT JSON) answers."""
    return Plan(_node(json.loads(text)[0]["Plan"]))


def render_plan(plan: Plan, *, marked: Sequence[Node] = ()) -> list[str]:
    """Return its lines, each node below the one that it serves; those that are `marked` begin with `>`."""
    return [f"{'> ' if each in marked else '  '}{line}" for each, line in _lines(plan.root)]


def diff_plans(before: Plan, after: Plan) -> list[str]:
    """Return the lines of both trees, `-` before those that are gone, `+` before new ones, `~` where figures changed.

    A node that only stands deeper than before is the same node. Empty where nothing differs.
    """
    old, new = [line for _, line in _lines(before.root)], [line for _, line in _lines(after.root)]
    matcher = SequenceMatcher(None, [line.text for line in old], [line.text for line in new], autojunk=False)
    lines = []
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            lines += [_same(*pair) for pair in zip(old[start:end], new[new_start:new_end], strict=True)]
        else:
            lines += [f"- {line}" for line in old[start:end]] + [f"+ {line}" for line in new[new_start:new_end]]
    return lines if any(not line.startswith(" ") for line in lines) else []


def _same(old: _Line, new: _Line) -> str:
    return f"  {new}" if old.figures == new.figures else f"~ {_Line(new.depth, new.text, old.figures)} → {new.figures}"


def _lines(node: Node, depth: int = 0) -> Iterator[tuple[Node | None, _Line]]:
    yield node, _Line(depth, escape(node.title), _figures(node))
    for word, text in node.conditions:
        yield None, _Line(depth + 2, f"{word}: {shorten(text, _LONG)}", "")
    for child in node.children:
        yield from _lines(child, depth + 1)


def _figures(node: Node) -> str:
    if node.loops == 0:
        return "never run"
    figures = {"rows": node.rows, "loops": node.loops if node.loops != 1 else None, "buffers": node.buffers}
    return " ".join(f"{word}={figure}" for word, figure in figures.items() if figure is not None)


def _node(said: dict[str, Any]) -> Node:
    loops = said.get("Actual Loops")
    rows = said["Plan Rows"] if loops is None else round(said["Actual Rows"] * loops)
    return Node(
        kind=_kind(said),
        relation=said.get("Relation Name", ""),
        schema=said.get("Schema", ""),
        alias=said.get("Alias", ""),
        index=said.get("Index Name", ""),
        source=said.get("CTE Name") or said.get("Function Name") or "",
        subplan=said.get("Subplan Name", ""),
        is_inner=said.get("Parent Relationship") == "Inner",
        conditions=tuple(_conditions(said)),
        rows=rows,
        loops=loops,
        buffers=None if loops is None else said["Shared Hit Blocks"] + said["Shared Read Blocks"],
        children=tuple(map(_node, said.get("Plans", ()))),
    )


def _kind(said: dict[str, Any]) -> str:
    kind: str = said["Node Type"]
    if kind == "ModifyTable":
        return str(said["Operation"])
    if kind == "Aggregate":
        return _AGGREGATES[said["Strategy"]]
    join = said.get("Join Type", "Inner")
    backward = " Backward" if said.get("Scan Direction") == "Backward" else ""
    return f"{kind}{backward}{'' if join == 'Inner' else f' {join}'}"


def _conditions(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for theirs, ours in _CONDITIONS.items():
        if value := said.get(theirs):
            yield ours, ", ".join(value) if isinstance(value, list) else str(value)
