"""A mutant and what queries use in, which of them could notice it out, and what to write so that one does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.contracts.impact.dependencies import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pgproof.contracts.impact.dependencies import Uses
    from pgproof.contracts.impact.mutants import Kind, Mutant

_NAMED = 3  # queries in a hint

# What those queries do that should notice it, what to write for them, and what to say where there is no such query.
_HINTS: Mapping[Kind, tuple[str, str, str]] = {
    "drop": ("used", "add a case whose rows show it", "reads or writes it"),
    "rename": ("used", "let it name the columns that it writes", "reads or writes it"),
    "retype": ("used", "add a case whose rows, or their order, are different then", "reads or writes it"),
    "not null": ("written", "add a case that gives NULL and expects error 23502", "writes it"),
    "default": ("left out", "return it, so that its golden shows it, masked if need be", "adds a row without it"),
    "unique": (
        "written",
        "add a case that repeats {columns}: error 23505, or whatever ON CONFLICT makes of it",
        "writes {columns}",
    ),
    "exclusion": ("written", "add a case that overlaps in {columns} and expects error 23P01", "writes {columns}"),
    "foreign key": (
        "written",
        "add a case whose {columns} is nowhere in {other} and expects error 23503, unless the query looks it up there",
        "writes {columns}",
    ),
    "check": ("written", "add a case that breaks it and expects error 23514", "writes {columns}"),
    "index": ("read", "let it promise `-- plan: index_for={relation}`", "reads {columns}"),
    "value": ("read", "add a case whose rows depend on this value", "reads it"),
    "row": ("read", "add a case whose rows depend on this one", "reads it"),
}


def may_notice_shape(mutant: Mutant, uses: Uses) -> bool:
    """Whether the query could take or give something else after it."""
    if mutant.kind == "not null":
        return mutant.place in uses.touches
    kinds = ("drop", "rename", "retype", "unique", "exclusion")
    return mutant.kind in kinds and Place(mutant.relation) in uses.touches


def may_notice_rows(mutant: Mutant, uses: Uses) -> bool:
    """Whether the query could answer otherwise after it; who writes a table also runs its triggers."""
    if mutant.kind == "index":
        return False
    by_reading = mutant.kind in ("drop", "rename", "retype", "value", "row") and mutant.place in uses.touches
    return by_reading or bool(_tables(mutant) & uses.writes)


def should_notice(mutant: Mutant, uses: Uses) -> bool:
    """Whether a case of the query can be written that notices it."""
    match mutant.kind:
        case "drop" | "retype" | "rename":
            return mutant.place in (uses.direct if mutant.kind == "rename" else uses.touches)
        case "value" | "row":
            return mutant.place in uses.reads
        case "not null":
            return mutant.place in uses.writes
        case "default":
            return mutant.relation in uses.inserts and mutant.place not in uses.writes
        case _:
            done = uses.reads if mutant.kind == "index" else uses.writes
            return any(Place(mutant.relation, column) in done for column in mutant.columns)


def is_followed(mutant: Mutant, uses: Uses) -> bool:
    """Whether the query uses what is renamed through views alone: they go on as before."""
    return mutant.kind == "rename" and mutant.place in uses.touches and mutant.place not in uses.direct


def advise(mutant: Mutant, queries: Sequence[str]) -> str:
    """Return what to do so that a contract notices it, where these queries should."""
    deed, advice, nobody = _HINTS[mutant.kind]
    words = {"relation": mutant.relation, "columns": ", ".join(mutant.columns), "other": mutant.other}
    if not queries:
        return f"no query under contract {nobody.format(**words)}"
    more = f" and {len(queries) - _NAMED} more" if len(queries) > _NAMED else ""
    return f"{deed} by {', '.join(queries[:_NAMED])}{more}: {advice.format(**words)}"


def _tables(mutant: Mutant) -> set[Place]:
    return {Place(mutant.relation), Place(mutant.other)} if mutant.other else {Place(mutant.relation)}
