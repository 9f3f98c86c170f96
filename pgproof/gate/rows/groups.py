"""Tables that refer to each other in, the order to fill them in out: what is referred to comes first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.gate.rows.facts import TableFacts


def group_tables(facts: Mapping[int, TableFacts]) -> list[list[int]]:
    """Return all tables in groups, in an order in which each refers only to groups before it, and to itself."""
    parents = {oid: {each.parent for each in table.foreign if each.parent in facts} for oid, table in facts.items()}
    reach = {oid: set(_reach(parents, oid)) for oid in parents}
    kin = {oid: {oid, *(each for each in reach[oid] if oid in reach[each])} for oid in parents}
    groups: list[list[int]] = []
    done: set[int] = set()
    while len(done) < len(facts):
        free = next(oid for oid in facts if oid not in done and reach[oid] - done <= kin[oid])
        groups.append([oid for oid in facts if oid in kin[free]])
        done |= kin[free]
    return groups


def is_circular(facts: Mapping[int, TableFacts], group: list[int]) -> bool:
    """Whether the tables of a group refer to it themselves."""
    return any(each.parent in group for oid in group for each in facts[oid].foreign)


def _reach(parents: Mapping[int, set[int]], oid: int) -> Iterator[int]:
    seen: set[int] = set()
    todo = list(parents[oid])
    while todo:
        found = todo.pop()
        if found not in seen:
            seen.add(found)
            todo += parents[found]
            yield found
