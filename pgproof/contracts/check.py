"""Subjects and a bench in, the promises that are not kept out: the same for pytest, `query.check` and the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.contracts.asking import ask, find_misfits, make_call
from pgproof.contracts.caching.promise import find_uncached
from pgproof.contracts.diff import diff_outcomes
from pgproof.contracts.finding import Finding
from pgproof.contracts.impact.dependencies import fetch_dependencies
from pgproof.contracts.outcome import complain, make_outcome
from pgproof.contracts.planning.plans import fetch_promised
from pgproof.contracts.planning.promise import read_promise
from pgproof.contracts.planning.verdict import find_broken
from pgproof.contracts.shapes.shape import complain_of_nulls, diff_shapes, fetch_shapes
from pgproof.contracts.subjects import find_unpaired
from pgproof.contracts.variations.stability import Probe, find_unstable
from pgproof.errors import PgproofError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pgproof.contracts.asking import Asked
    from pgproof.contracts.bench import Bench
    from pgproof.contracts.finding import Layer
    from pgproof.contracts.planning.promise import Promise
    from pgproof.contracts.proofs import Proofs
    from pgproof.contracts.subjects import Subject

_UNTURNED = "whether its result hangs on how rows are stored cannot be told: it reads what our role does not own"
_TURN_HINT = "grant our role the owner's, or check on a server of your own: PGPROOF_SERVER=embedded"
_ROWS_HINT = "leave `rows=` out of the promise: then it is held on the seeds"


def check(bench: Bench, subjects: Sequence[Subject], proofs: Proofs) -> list[Finding]:
    """Hold every promise of the subjects; what was proved of the same content before is not proved again.

    Raises:
        PgproofError: no database could be had.
    """
    found, sound = list(check_pairs(bench, subjects)), list(subjects)
    for layer in PROVABLE:
        broken = prove(layer, bench, sound, proofs)
        if layer == "shape":  # of a query with another shape nothing else is of interest
            names = {each.query for each in broken}
            sound = [each for each in sound if each.query.name not in names]
        found += broken
    return [*found, *check_rows(bench, sound)]


def prove(layer: Layer, bench: Bench, subjects: Sequence[Subject], proofs: Proofs) -> list[Finding]:
    """Hold one layer of those subjects of which it was not proved before."""
    fresh = [each for each in subjects if not proofs.holds(layer, each)]
    broken = list(PROVABLE[layer](bench, fresh)) if fresh else []
    names = {each.query for each in broken}
    proofs.add(layer, [each for each in fresh if each.query.name not in names])
    return broken


def check_pairs(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold cases to their golden and to their query; nothing is asked."""
    for subject in subjects:
        yield from find_unpaired(subject)
        yield from find_misfits(bench.session, subject)


def check_shapes(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold what each query takes and gives; nothing is run."""
    shapes = fetch_shapes(bench.session, [each.query for each in subjects])
    for subject in subjects:
        now = shapes[subject.query.name]
        if isinstance(now, Finding):
            yield now
        elif subject.golden and (changes := diff_shapes(subject.golden.shape, now)):
            what = ["it has another shape", *(f"{each.kind}: {each.what}" for each in changes)]
            yield subject.find("shape", "\n".join(what), subject.accept_hint)


def check_rows(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold what each case gives."""
    for asked in ask(bench.session, subjects):
        yield from check_answer(asked)


def check_stability(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold that no result changes without a change of data."""
    yield from find_unstable(bench.session, bench.scrambled, list(_probes(ask(bench.session, subjects))))
    yield from _find_unturned(bench, subjects)


def check_plans(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold what queries promise of their plans."""
    for subject in subjects:
        if promise := read_promise(subject.query):
            try:
                yield from _judge_plans(bench, subject, promise)
            except PgproofError as error:  # our role may not make rows, for example
                yield subject.find("plan", f"its promise cannot be held: {error.what}", error.hint)


def check_caching(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Hold that what queries have kept changes when their answers do."""
    yield from find_uncached(bench.session, subjects)


PROVABLE: Mapping[Layer, Callable[[Bench, Sequence[Subject]], Iterator[Finding]]] = {
    "shape": check_shapes,
    "stability": check_stability,
    "plan": check_plans,
    "cache": check_caching,
}
"""What holds as long as query, cases, golden and database are the same."""


def check_answer(asked: Asked) -> Iterator[Finding]:
    """Hold one answer to what the case says itself, and then to its golden."""
    subject, case, answer = asked.subject, asked.case, asked.answer
    complaints = list(complain(case, subject.query, answer))
    yield from (subject.find("rows", said, case=case) for said in complaints)
    if complaints or subject.golden is None or case.name not in subject.golden.cases:
        return
    shape, before = subject.golden.shape, subject.golden.cases[case.name]
    promised = tuple(each.name for each in shape.columns)
    if shape.returns != "affected" and not answer.refusal and answer.names != promised:
        yield subject.find("rows", "its columns are not the golden's: what has changed is told of the shape", case=case)
        return
    for said in complain_of_nulls(subject.query, shape, [answer]):
        yield subject.find("shape", said, case=case)
    if (now := make_outcome(case, answer, shape)) != before:
        what = "\n".join(["it gives something else", *diff_outcomes(shape, shape, before, now)])
        yield subject.find("rows", what, subject.accept_hint, case=case)


def _judge_plans(bench: Bench, subject: Subject, promise: Promise) -> list[Finding]:
    """Hold the promise of one query; plans that keep it are what later ones are compared with."""
    session = bench.scaled(promise.rows)
    calls = {case.name: make_call(session, subject, case) for case in subject.contract.cases}
    called = {name: call for name, call in calls.items() if not isinstance(call, Finding)}
    plans = fetch_promised(session, promise, called)
    broken = find_broken(subject.query, promise, plans, bench.memory.recall(subject.query.name))
    for table, why in bench.unscaled(promise.rows).items():
        if table.rpartition(".")[2] in promise.index_for:
            what = f"{table} could not be given {promise.rows} rows: {why}"
            broken.append(subject.find("plan", what, _ROWS_HINT))
    if not broken:
        bench.memory.remember(subject.query.name, plans)
    return broken


def _find_unturned(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Find queries whose order is not proved, because what they read could not be stored in another order."""
    unturned = {table.rpartition(".")[2] for table in bench.unturned}
    uses = fetch_dependencies(bench.session, [each.query for each in subjects]).by_query if unturned else {}
    for subject in subjects:
        places = uses[subject.query.name].reads if subject.query.name in uses else ()
        if tables := sorted(unturned & {place.relation.rpartition(".")[2] for place in places}):
            yield subject.find("stability", f"{_UNTURNED}: {', '.join(tables)}", _TURN_HINT)


def _probes(several: Sequence[Asked]) -> Iterator[Probe]:
    for each in several:
        if golden := each.subject.golden:
            yield Probe(each.subject.query, golden.shape, each.case, each.call, each.answer)
