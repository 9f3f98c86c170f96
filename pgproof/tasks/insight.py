"""query.* tasks about the queries as a whole: what they cover of the schema, and their types for an application."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Exit

from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.contracts.bench import Bench
    from pgproof.contracts.impact.coverage import Coverage
    from pgproof.contracts.impact.mutation import Mutation
    from pgproof.contracts.subjects import Subject
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place


@place_task(
    help={
        "touching": "show only the queries that a change of this table, or table.column, would touch",
        "mutants": "change the schema and the seeds in many small ways, and see which of them a contract notices",
        "json": "for a script",
    }
)
def coverage(place: Place, touching: str = "", mutants: bool = True, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show which tables and columns no query touches, and which changes no contract would notice."""
    from pgproof.contracts.impact.coverage import fetch_coverage
    from pgproof.contracts.subjects import read_subjects
    from pgproof.tasks.bench import open_bench

    queries = place.queries
    subjects = read_subjects(queries, place.settings.contracts)
    with open_bench(place.settings) as bench:
        covered = fetch_coverage(bench.session, queries)
        if touching:
            _show_touches(place.screen, covered, touching, json=json)
            return
        mutation = _run_mutants(place.screen, bench, subjects) if mutants else None
    if json:
        place.screen.say(dumps(_as_dict(covered, mutation), indent=2))
        return
    _show_coverage(place.screen, covered)
    if mutation:
        _show_mutation(place.screen, mutation)


@place_task(help={"path": "of the module that is written", "check": "write nothing; fail where it is another one"})
def stubs(place: Place, path: str, check: bool = False) -> None:  # noqa: FBT001, FBT002
    """Write the types of all queries, as a Python module for the application's editor and mypy."""
    from pgproof.contracts.finding import Finding
    from pgproof.contracts.shapes.shape import fetch_shapes
    from pgproof.contracts.types.stubs import make_stubs
    from pgproof.tasks.bench import open_bench

    queries = place.queries
    with open_bench(place.settings) as bench:
        shapes = fetch_shapes(bench.session, queries)
    if refused := [each for each in shapes.values() if isinstance(each, Finding)]:
        raise Exit("\n".join(f"error: {each}" for each in refused), code=1)
    text = make_stubs(queries, {name: each for name, each in shapes.items() if not isinstance(each, Finding)})
    file = Path(path)
    if file.exists() and file.read_text(encoding="utf-8") == text:
        place.screen.say(f"{path}: nothing new")
    elif check:
        raise Exit(f"error: {path} is not what the queries are now\n  hint: `inv query.stubs {path}` writes it", code=1)
    else:
        file.write_text(text, encoding="utf-8")
        place.screen.say(f"{path}: {len(shapes)} queries", "applied")


def _run_mutants(screen: Screen, bench: Bench, subjects: Sequence[Subject]) -> Mutation:
    from pgproof.contracts.impact.mutants import fetch_mutants
    from pgproof.contracts.impact.mutation import run_mutants

    def notify(done: int, total: int) -> None:
        screen.busy(f"mutant {done} of {total}")

    session = bench.scaled(None)  # analysed, as budgets of plans want it
    return run_mutants(session, subjects, fetch_mutants(session), notify=notify)


def _show_touches(screen: Screen, covered: Coverage, name: str, *, json: bool) -> None:
    touches = covered.touching(name)
    if json:
        screen.say(dumps([asdict(each) for each in touches], indent=2))
        return
    rows = [[each.query, " ".join(each.reads), " ".join(each.writes)] for each in touches]
    screen.table(["query", "reads", "writes"], rows)


def _show_coverage(screen: Screen, covered: Coverage) -> None:
    """Say what nobody reads or writes; what is only written is read by nobody that we know of."""
    columns = [each for each in covered.covered if each.column]
    touched = sum(bool(each.readers or each.writers) for each in columns)
    for each in covered.untouched:
        screen.say(f"untouched    {each.place}", "pending")
    for each in covered.only_written:
        screen.say(f"only written {each.place} by {', '.join(each.writers)}", "pending")
    for query, why in covered.unseen.items():
        screen.say(f"unknown      {query}: {why}", "waiting")
    screen.say(f"{touched} of {len(columns)} columns are read or written by queries")


def _show_mutation(screen: Screen, mutation: Mutation) -> None:
    """Say what no contract would notice, and the score."""
    for query, why in {**mutation.broken, **mutation.unseen}.items():
        screen.say(f"not asked    {query}: {why}", "waiting")
    for each in mutation.survivors:
        screen.say(f"unnoticed    {each}", "edited")
    counts = {"noticed": mutation.killed, "unnoticed": mutation.survivors, "without effect": mutation.invalid}
    said = ", ".join(f"{len(each)} {word}" for word, each in counts.items())
    screen.say(f"mutation score {mutation.score:.2f}: {said}")


def _as_dict(covered: Coverage, mutation: Mutation | None) -> dict[str, Any]:
    told = {
        "columns": [asdict(each) for each in covered.covered if each.column],
        "untouched": [str(each.place) for each in covered.untouched],
        "only_written": [str(each.place) for each in covered.only_written],
        "unknown": dict(covered.unseen),
    }
    if mutation is None:
        return told
    survivors = [{**asdict(each), "mutant": str(each.mutant)} for each in mutation.survivors]
    killed = [{"mutant": str(each.mutant), "query": each.query, "layer": each.layer} for each in mutation.killed]
    return {**told, "score": mutation.score, "survivors": survivors, "killed": killed}
