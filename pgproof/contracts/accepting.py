"""Subjects in, the goldens that they would have now out, each with what is new in it and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.contracts.asking import ask, find_misfits
from pgproof.contracts.diff import diff_outcomes
from pgproof.contracts.finding import Finding
from pgproof.contracts.golden import Golden
from pgproof.contracts.outcome import complain, make_outcome
from pgproof.contracts.shapes.shape import complain_of_nulls, diff_shapes, fetch_shapes
from pgproof.contracts.variations.stability import Probe, find_unstable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.contracts.asking import Asked
    from pgproof.contracts.bench import Bench
    from pgproof.contracts.golden import Outcome, Shape
    from pgproof.contracts.subjects import Subject


@dataclass(frozen=True)
class Proposal:
    """A golden as it would be.

    Attributes:
        golden: None where the query cannot be run at all.
        findings: why nobody should accept it, whatever he thinks of its rows.
    """

    subject: Subject
    golden: Golden | None = field(repr=False)
    findings: tuple[Finding, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether it says anything that the golden there is does not say."""
        return self.golden != self.subject.golden

    def describe(self) -> Iterator[str]:
        """Yield what is new about it, as lines: `diff` says what their first signs mean."""
        before, after = self.subject.golden, self.golden
        if after is None:
            return
        for change in diff_shapes(before.shape, after.shape) if before else ():
            yield f"~ {change.kind}: {change.what}"
        for name, outcome in after.cases.items():
            yield from _describe_case(name, before, after.shape, outcome)
        for name in before.cases.keys() - after.cases.keys() if before else ():
            yield f"- case {name}"


def propose(bench: Bench, subjects: Sequence[Subject]) -> Iterator[Proposal]:
    """Yield what each subject's golden would be now.

    Raises:
        PgproofError: no database could be had.
    """
    shapes = fetch_shapes(bench.session, [each.query for each in subjects])
    for subject in subjects:
        shape = shapes[subject.query.name]
        if isinstance(shape, Finding):
            yield Proposal(subject, None, (shape,))
        else:
            asked = ask(bench.session, [subject])
            cases = {each.case.name: make_outcome(each.case, each.answer, shape) for each in asked}
            golden = Golden(subject.query.name, shape, cases)
            against = [*find_misfits(bench.session, subject), *_object(bench, shape, asked)]
            yield Proposal(subject, golden, tuple(against))


def _object(bench: Bench, shape: Shape, asked: list[Asked]) -> Iterator[Finding]:
    """Yield what is wrong by the case's own word, by ours, or right only for an hour."""
    for each in asked:
        said = [*complain(each.case, each.subject.query, each.answer)]
        said += complain_of_nulls(each.subject.query, shape, [each.answer])
        yield from (each.subject.find("rows", word, case=each.case) for word in said)
    probes = [Probe(each.subject.query, shape, each.case, each.call, each.answer) for each in asked]
    yield from find_unstable(bench.session, bench.scrambled, probes)


def _describe_case(name: str, before: Golden | None, shape: Shape, outcome: Outcome) -> Iterator[str]:
    if before is None or name not in before.cases:
        yield f"+ case {name}"
        yield from ([f"+ {outcome}"] if isinstance(outcome, str) else (f"+ {row}" for row in outcome))
    elif lines := diff_outcomes(before.shape, shape, before.cases[name], outcome):
        yield f"~ case {name}"
        yield from lines
