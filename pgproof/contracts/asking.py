"""Subjects in, what the server answers to their cases out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.contracts.finding import Finding
from pgproof.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.contracts.answer import Answer, Call
    from pgproof.contracts.cases import Case
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject


@dataclass(frozen=True)
class Asked:
    """A case that was asked, and its answer."""

    subject: Subject
    case: Case
    call: Call = field(repr=False)
    answer: Answer = field(repr=False)


def ask(session: Session, subjects: Sequence[Subject]) -> list[Asked]:
    """Ask all cases at once; those that cannot be called are left to `find_misfits`."""
    calls = [
        (subject, case, call)
        for subject in subjects
        for case in subject.contract.cases
        if not isinstance(call := make_call(session, subject, case), Finding)
    ]
    answers = session.ask([call for _, _, call in calls])
    return [Asked(*each, answer) for each, answer in zip(calls, answers, strict=True)]


def find_misfits(session: Session, subject: Subject) -> list[Finding]:
    """Find cases that cannot be called: their parameters are not the query's, or not to be sent."""
    made = [make_call(session, subject, case) for case in subject.contract.cases]
    return [each for each in made if isinstance(each, Finding)]


def make_call(session: Session, subject: Subject, case: Case) -> Call | Finding:
    """Return the call of a case, or why there is none."""
    try:
        return session.call(subject.query, case.params)
    except QueryError as error:
        return subject.find("files", error.what, error.hint, case=case)
