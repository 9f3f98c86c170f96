"""query.* tasks about all contracts: whether they are kept, what is new, and what there is."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from json import dumps
from typing import TYPE_CHECKING, Any

from invoke import Exit

from pgproof.errors import SettingsError
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgproof.contracts.accepting import Proposal
    from pgproof.contracts.finding import Finding
    from pgproof.contracts.subjects import Subject
    from pgproof.queries import Queries, Query
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

NAME = {"name": "of a query, or a pattern such as 'users.*'; may be repeated (default: all)"}
_SIGNS = {"~": "changed", "-": "gone", "+": "added"}


@place_task(help={**NAME, "json": "for a script"}, iterable=["name"])
def check(place: Place, name: list[str], json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Check whether queries keep their contracts: shape, rows, order, plan, cache.

    --json: {"queries": 2, "cases": 7, "findings": [{"layer", "query", "case", "at", "what", "hint"}, …]}, all of them
    text; layer is files, shape, rows, stability, plan or cache; case is empty where a finding is about all of them.
    """
    from pgproof.contracts.check import check as find_broken
    from pgproof.contracts.proofs import read_proofs
    from pgproof.contracts.subjects import find_strays, read_subjects
    from pgproof.tasks.bench import open_bench

    folder, queries = place.settings.contracts, place.queries
    names = choose_names(queries, name)
    subjects, strays = read_subjects(queries, folder, names), find_strays(queries, folder, names)
    place.screen.busy("checking contracts")
    with open_bench(place.settings) as bench:
        proofs = read_proofs(place.settings, bench.session)
        found = [*strays, *find_broken(bench, subjects, proofs)]
        proofs.save(whole=not names)
    _conclude(place.screen, subjects, found, json=json)


@place_task(help={**NAME, "all": "without asking"}, iterable=["name"])
def accept(place: Place, name: list[str], all: bool = False) -> None:  # noqa: A002, FBT001, FBT002
    """Show what queries give otherwise than their goldens say, and keep what you say yes to."""
    from pgproof.contracts.accepting import propose
    from pgproof.contracts.subjects import read_subjects
    from pgproof.tasks.bench import open_bench

    if place.settings.ci:
        raise SettingsError("goldens are not written in CI", hint="accept at a desk, and commit what you have read")
    if not (all or sys.stdin.isatty()):
        raise SettingsError("nobody is there to be asked", hint="--all accepts without asking; then read `git diff`")
    queries = place.queries
    subjects = read_subjects(queries, place.settings.contracts, choose_names(queries, name), anew=True)
    if not subjects:
        raise SettingsError("there are no cases to accept", hint="`inv query.case` writes one from a run")
    with open_bench(place.settings) as bench:
        new = [each for each in propose(bench, subjects) if each.is_new or each.findings]
    accepted = [each for each in new if _review(place.screen, each, ask=not all)]
    place.screen.say(f"{len(accepted)} accepted, {len(new) - len(accepted)} left, {len(subjects) - len(new)} as before")
    if len(accepted) < len(new):
        raise Exit(code=1)


@place_task(name="list", help={"json": "for a script"})
def show(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show the queries, and what is under contract of each."""
    from pgproof.contracts.subjects import read_subjects

    queries = place.queries
    subjects = {each.query.name: each for each in read_subjects(queries, place.settings.contracts)}
    if json:
        told = [_describe(query, subjects.get(query.name)) for query in queries]
        place.screen.say(dumps(told, indent=2, ensure_ascii=False))
        return
    rows = [_as_row(query, subjects.get(query.name)) for query in queries]
    place.screen.table(["query", "returns", "parameters", "cases", "golden"], rows)


def choose_names(queries: Queries, patterns: Sequence[str]) -> list[str]:
    """Return the names that are meant; none where all are."""
    names = []
    for each in patterns:
        found = [name for name in queries.by_name if fnmatchcase(name, each)]
        if not found and any(sign in each for sign in "*?["):
            raise SettingsError(f"no query has a name like {each}", hint="`inv query.list` shows all")
        names += found or [queries[each].name]  # which says what else may be meant
    return names


def _conclude(screen: Screen, subjects: Sequence[Subject], found: Sequence[Finding], *, json: bool) -> None:
    """Tell what is broken, and fail where anything is."""
    cases = sum(len(each.contract.cases) for each in subjects)
    if json:
        told = {"queries": len(subjects), "cases": cases, "findings": [each.as_dict() for each in found]}
        screen.say(dumps(told, indent=2, ensure_ascii=False))
    for each in () if json else found:
        say_lines(screen, str(each).split("\n"))
        screen.say("")
    of = f"{_count(len(subjects), 'query', 'queries')}, {_count(cases, 'case', 'cases')}"
    if found:
        raise Exit(f"error: {of}: {_count(len(found), 'promise is', 'promises are')} not kept", code=1)
    if not json:
        screen.say(f"{of}: every promise is kept", "applied")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _review(screen: Screen, proposal: Proposal, *, ask: bool) -> bool:
    """Show what is new; keep it where nothing speaks against it and the person at the terminal agrees."""
    from pgproof.contracts.golden import write_golden

    screen.say(proposal.subject.query.name, "query")
    say_lines(screen, proposal.describe())
    for each in proposal.findings:
        screen.say(str(each), "edited")
    if proposal.findings or proposal.golden is None or (ask and not _is_agreed()):
        return False
    write_golden(proposal.subject.contract.golden_path, proposal.golden)
    return True


def _is_agreed() -> bool:
    try:
        return input("accept? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        return False


def say_lines(screen: Screen, lines: Iterable[str]) -> None:
    """Say the lines of a difference, each in the look of its first sign."""
    for line in lines:
        screen.say(line, _SIGNS.get(line[:1], ""))


def _describe(query: Query, subject: Subject | None) -> dict[str, Any]:
    return {
        "query": query.name,
        "returns": query.returns,
        "parameters": list(query.command.parameters),
        "cases": len(subject.contract.cases) if subject else 0,
        "golden": bool(subject and subject.golden),
    }


def _as_row(query: Query, subject: Subject | None) -> list[str]:
    told = _describe(query, subject)
    golden = "" if told["golden"] else "missing"
    return [query.name, query.returns, " ".join(told["parameters"]), str(told["cases"]), golden]
