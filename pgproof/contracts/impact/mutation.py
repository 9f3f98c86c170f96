"""Contracts and mutants in, which mutants a contract notices out: the rest is what nobody would be told of.

Each mutant is made in a transaction that is rolled back. Then the queries that it concerns are described, and their
cases run, until one of them differs from its golden.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING

from pgproof.contracts.answer import Call
from pgproof.contracts.impact.dependencies import Place, fetch_dependencies
from pgproof.contracts.impact.witness import advise, is_followed, may_notice_rows, may_notice_shape, should_notice
from pgproof.contracts.outcome import make_outcome
from pgproof.contracts.planning.plans import fetch_plan_findings
from pgproof.contracts.planning.promise import read_promise
from pgproof.contracts.shapes.description import fetch_descriptions
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import psycopg

    from pgproof.contracts.answer import Answer
    from pgproof.contracts.finding import Layer
    from pgproof.contracts.golden import Golden
    from pgproof.contracts.impact.dependencies import Dependencies, Uses
    from pgproof.contracts.impact.mutants import Mutant
    from pgproof.contracts.planning.promise import Promise
    from pgproof.contracts.session import Session
    from pgproof.contracts.shapes.description import Description
    from pgproof.contracts.subjects import Subject
    from pgproof.queries import Query

_NOTHING = Call(b"SELECT")


@dataclass(frozen=True)
class Killed:
    """A mutant, and the contract that noticed it first: by what the query takes and gives, by its rows or its plan."""

    mutant: Mutant
    query: str
    layer: Layer


@dataclass(frozen=True)
class Survivor:
    """A mutant that no contract noticed.

    Attributes:
        queries: those whose contracts should have; none where no query has to do with it.
        hint: what to do.
    """

    mutant: Mutant
    queries: tuple[str, ...]
    hint: str

    def __str__(self) -> str:
        return f"{self.mutant}: {self.hint}"


@dataclass(frozen=True)
class Invalid:
    """A mutant that does not count: Postgres does not let it happen, or nothing is different after it."""

    mutant: Mutant
    why: str


@dataclass(frozen=True)
class Mutation:
    """How well contracts watch a database.

    Attributes:
        broken: queries whose contracts did not hold before anything was changed, and why; they noticed nothing.
        unseen: queries of which is not known what they depend on, and why; they were not asked.
    """

    killed: tuple[Killed, ...] = field(repr=False)
    survivors: tuple[Survivor, ...]
    invalid: tuple[Invalid, ...] = field(repr=False)
    broken: Mapping[str, str]
    unseen: Mapping[str, str]

    @property
    def score(self) -> float:
        """The part of the valid mutants that was noticed; 1 where there is none."""
        valid = len(self.killed) + len(self.survivors)
        return len(self.killed) / valid if valid else 1.0


@dataclass(frozen=True)
class _Witness:
    """A contract that holds, and what the server says of its query while nothing is changed."""

    subject: Subject
    golden: Golden
    uses: Uses
    described: Description | psycopg.Error
    calls: tuple[Call, ...]
    answers: tuple[Answer, ...]
    promise: Promise | None

    @property
    def query(self) -> Query:
        return self.subject.query

    def agrees(self, answers: Sequence[Answer]) -> bool:
        """Whether these answers are what the golden has."""
        return all(
            now == before or make_outcome(case, now, self.golden.shape) == self.golden.cases.get(case.name)
            for case, now, before in zip(self.subject.contract.cases, answers, self.answers, strict=True)
        )


def run_mutants(
    session: Session,
    subjects: Sequence[Subject],
    mutants: Sequence[Mutant],
    *,
    notify: Callable[[int, int], None] = lambda _done, _total: None,
) -> Mutation:
    """Make each mutant, and see whether a contract notices it.

    Args:
        session: in a database that nobody else uses, as the seeds left it.
        subjects: what is under contract.
        mutants: all that `fetch_mutants` thinks of, or some of them.
        notify: hears how many mutants are done, of how many.

    Raises:
        SqlFileError: a query cannot be sent at all.
        ServerUnavailable: the connection is lost.
    """
    dependencies = fetch_dependencies(session, [subject.query for subject in subjects])
    witnesses, broken = _examine_all(session, subjects, dependencies)
    done: list[Killed | Survivor | Invalid] = []
    for mutant in mutants:
        done.append(_judge(session, mutant, witnesses))
        notify(len(done), len(mutants))
    return Mutation(
        tuple(each for each in done if isinstance(each, Killed)),
        tuple(each for each in done if isinstance(each, Survivor)),
        tuple(each for each in done if isinstance(each, Invalid)),
        broken,
        dependencies.unseen,
    )


def _examine_all(
    session: Session, subjects: Sequence[Subject], dependencies: Dependencies
) -> tuple[list[_Witness], dict[str, str]]:
    seen = [subject for subject in subjects if subject.query.name in dependencies.by_query]
    examined = {
        subject.query.name: _examine(session, subject, dependencies.by_query[subject.query.name]) for subject in seen
    }
    witnesses = [each for each in examined.values() if isinstance(each, _Witness)]
    return witnesses, {name: each for name, each in examined.items() if isinstance(each, str)}


def _examine(session: Session, subject: Subject, uses: Uses) -> _Witness | str:
    """Return the contract as a witness, or why it is none."""
    query, golden, cases = subject.query, subject.golden, subject.contract.cases
    if golden is None:
        return "it has no golden"
    try:
        calls = tuple(session.call(query, case.params) for case in cases)
    except QueryError as error:
        return str(error).partition("\n")[0]
    (described,) = fetch_descriptions(session.connection, [query.command.sql])
    answers = tuple(session.ask(calls))
    for case, answer in zip(cases, answers, strict=True):
        if make_outcome(case, answer, golden.shape) != golden.cases.get(case.name):
            return f"case {case.name} does not give what its golden has"
    return _Witness(subject, golden, uses, described, calls, answers, _read_kept(session, subject, calls))


def _read_kept(session: Session, subject: Subject, calls: Sequence[Call]) -> Promise | None:
    """Return what the query promises of its plans; what is not kept while nothing is changed notices no change."""
    promise = read_promise(subject.query)
    if promise and not fetch_plan_findings(session, subject.query, promise, _by_case(subject, calls)):
        return promise
    return None


def _by_case(subject: Subject, calls: Sequence[Call]) -> dict[str, Call]:
    return dict(zip((case.name for case in subject.contract.cases), calls, strict=True))


def _judge(session: Session, mutant: Mutant, witnesses: Sequence[_Witness]) -> Killed | Survivor | Invalid:
    if refusal := session.ask([_NOTHING], before=[mutant.statement])[0].refusal:
        return Invalid(mutant, refusal.message)
    likely = sorted(witnesses, key=lambda each: not should_notice(mutant, each.uses))
    for layer, notice in _LAYERS.items():
        if witness := notice(session, mutant, likely):
            return Killed(mutant, witness.query.name, layer)
    queries = tuple(sorted(each.query.name for each in likely if should_notice(mutant, each.uses)))
    if not queries and any(is_followed(mutant, each.uses) for each in likely):
        return Invalid(mutant, "only views read it, and they go on as before")
    return Survivor(mutant, queries, advise(mutant, queries))


def _notice_shape(session: Session, mutant: Mutant, witnesses: Sequence[_Witness]) -> _Witness | None:
    concerned = [each for each in witnesses if may_notice_shape(mutant, each.uses)]
    if not concerned:
        return None
    queries = [each.query for each in concerned]
    with session.connection.transaction(force_rollback=True):
        session.connection.execute(mutant.statement.encode())
        if mutant.kind == "not null":
            shapes = fetch_shapes(session, queries)
            changed = [shapes[each.query.name] != each.golden.shape for each in concerned]
        else:  # what nullability cannot differ in, a description tells in a tenth of the time
            described = fetch_descriptions(session.connection, [query.command.sql for query in queries])
            changed = [now != each.described for each, now in zip(concerned, described, strict=True)]
    return next(compress(concerned, changed), None)


def _notice_rows(session: Session, mutant: Mutant, witnesses: Sequence[_Witness]) -> _Witness | None:
    for witness in witnesses:
        if may_notice_rows(mutant, witness.uses):
            answers = session.ask(witness.calls, before=[mutant.statement])
            if not witness.agrees(answers):
                return witness
    return None


def _notice_plan(session: Session, mutant: Mutant, witnesses: Sequence[_Witness]) -> _Witness | None:
    if mutant.kind not in ("index", "unique", "exclusion"):
        return None
    for witness in witnesses:
        if witness.promise and Place(mutant.relation) in witness.uses.touches:
            calls = _by_case(witness.subject, witness.calls)
            if fetch_plan_findings(session, witness.query, witness.promise, calls, before=[mutant.statement]):
                return witness
    return None


_LAYERS: Mapping[Layer, Callable[[Session, Mutant, Sequence[_Witness]], _Witness | None]] = {
    "shape": _notice_shape,
    "rows": _notice_rows,
    "plan": _notice_plan,
}
