"""Contracts and a session in, which of them do not hold there out: each query once, with what the server says."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from pgproof.contracts.answer import Answer
from pgproof.contracts.asking import ask
from pgproof.contracts.check import check_answer
from pgproof.contracts.finding import Finding
from pgproof.contracts.shapes.shape import diff_shapes, fetch_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.contracts.asking import Asked
    from pgproof.contracts.golden import Golden, Shape
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject
    from pgproof.queries import Query

How = Literal["refused", "shape", "rows"]

_MODIFIER = re.compile(r"\([-\d,]+\)")


@dataclass(frozen=True)
class Broken:
    """A query that does not do what it has promised.

    Attributes:
        how: the server refuses it; its columns are others, or of other types; it gives something else.
        said: lines: the server's words, or what is different.
        cases: those that are concerned; none where it is all of them.
        sqlstate: of the refusal.
    """

    query: Query
    how: How
    said: tuple[str, ...]
    cases: tuple[str, ...] = ()
    sqlstate: str = ""


def find_broken(session: Session, subjects: Sequence[Subject], *, nulls: bool = True) -> list[Broken]:
    """Hold subjects that have a golden; what an application does not notice is no difference.

    That is a column more at the end, and a text of another length.

    Args:
        session: in a database with the seeds that the goldens were made with, and nobody else's writes.
        subjects: what to ask.
        nulls: a column that was never NULL has to be so by the schema; rows are always held to it.
    """
    shapes = fetch_shapes(session, [each.query for each in subjects])
    asked = _by_query(ask(session, subjects))
    judged = (_judge(each, shapes[each.query.name], asked.get(each.query.name, []), nulls=nulls) for each in subjects)
    return [each for each in judged if each]


def compare_shapes(query: Query, before: Shape, now: Shape | Finding) -> Broken | None:
    """Return what is wrong with a query whose shape is now another one."""
    if isinstance(now, Finding):
        sqlstate = re.search(r"\((\w{5})\)$", now.what)
        return Broken(query, "refused", (now.what,), sqlstate=sqlstate[1] if sqlstate else "")
    changes = diff_shapes(_as_noticed(before), _as_noticed(now))
    said = tuple(each.what for each in changes if each.kind == "breaking")
    return Broken(query, "shape", said) if said else None


def _by_query(several: Sequence[Asked]) -> Mapping[str, list[Asked]]:
    return {name: list(each) for name, each in groupby(several, lambda asked: asked.subject.query.name)}


def _judge(subject: Subject, now: Shape | Finding, asked: Sequence[Asked], *, nulls: bool) -> Broken | None:
    golden = subject.golden
    if refused := _find_refused(subject.query, asked):
        return refused
    if golden is None:
        return None
    expected = golden.shape if nulls or isinstance(now, Finding) else _with_nulls(golden.shape, now)
    return compare_shapes(subject.query, expected, now) or _compare_rows(subject.query, golden, asked)


def _find_refused(query: Query, asked: Sequence[Asked]) -> Broken | None:
    refusals = {
        each.case.name: each.answer.refusal
        for each in asked
        if each.answer.refusal and each.answer.refusal.sqlstate != each.case.error
    }
    if not refusals:
        return None
    said = dict.fromkeys(f"{each.message} ({each.sqlstate})" for each in refusals.values())
    cases = tuple(refusals) if len(refusals) < len(asked) else ()
    return Broken(query, "refused", tuple(said), cases, next(iter(refusals.values())).sqlstate)


def _compare_rows(query: Query, golden: Golden, asked: Sequence[Asked]) -> Broken | None:
    found = {each.case.name: list(_differences(golden, each)) for each in asked}
    found = {name: lines for name, lines in found.items() if lines}
    said = tuple(line for name, lines in found.items() for line in _title(name, lines))
    return Broken(query, "rows", said, tuple(found)) if found else None


def _differences(golden: Golden, asked: Asked) -> Iterator[str]:
    for each in check_answer(replace(asked, answer=_less(asked.answer, golden.shape))):
        yield from each.what.splitlines()


def _title(case: str, lines: Sequence[str]) -> list[str]:
    return [f"[{case}] {lines[0]}", *(f"  {line}" for line in lines[1:])]


def _less(answer: Answer, promised: Shape) -> Answer:
    """Return the answer without columns that nobody was promised; diff_shapes has seen that they come last."""
    count = len(promised.columns)
    if answer.refusal or promised.returns == "affected" or len(answer.names) <= count:
        return answer
    rows = tuple(row[:count] for row in answer.rows)
    return Answer(answer.names[:count], answer.oids[:count], rows, answer.affected)


def _as_noticed(shape: Shape) -> Shape:
    """Return a shape as an application knows it: text is text, however long it may be."""
    params = tuple((name, _noticed(kind)) for name, kind in shape.params)
    columns = tuple(replace(each, type=_noticed(each.type)) for each in shape.columns)
    return replace(shape, params=params, columns=columns)


def _noticed(kind: str) -> str:
    return _MODIFIER.sub("", kind).replace("character varying", "text")


def _with_nulls(shape: Shape, now: Shape) -> Shape:
    """Return a shape that asks nothing of NULL that the other one does not promise."""
    known = {each.name: each.nullability for each in now.columns}
    columns = tuple(replace(each, nullability=known.get(each.name, each.nullability)) for each in shape.columns)
    return replace(shape, columns=columns)
