"""A case and the server's answer in, what a golden has for it out; with what the case itself has against the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.contracts.encoding import MASKED, encode, encode_row
from pgproof.queries.call import gives_too_many_or_few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.contracts.answer import Answer, Refusal
    from pgproof.contracts.cases import Case
    from pgproof.contracts.golden import Outcome, Shape
    from pgproof.queries import Query


def make_outcome(case: Case, answer: Answer, shape: Shape) -> Outcome:
    """Return what a golden has for this answer."""
    if answer.refusal:
        said = {"error": answer.refusal.sqlstate, "constraint": answer.refusal.constraint}
        return encode({word: value for word, value in said.items() if value})
    if shape.returns == "affected":
        return encode({"affected": answer.affected})
    masked = [name in case.masks for name in answer.names]
    rows = [_line(encode_row(answer.oids, row), masked) for row in answer.rows]
    return tuple(rows if shape.ordered else sorted(rows))


def complain(case: Case, query: Query, answer: Answer) -> Iterator[str]:
    """Yield what the case, or the query's shape, promises and the answer does not keep, whatever the golden says."""
    if answer.refusal or case.error:
        if said := _complain_of_refusal(case, query, answer.refusal):
            yield said
        return
    if unknown := sorted(case.masks - set(answer.names)):
        yield f"it masks {', '.join(unknown)}, and there is no such column"
    rows, verb = (answer.affected, "affected") if query.returns == "affected" else (len(answer.rows), "gave")
    gave = f"the server {verb} {rows} rows"
    if case.expect == "not_one_row":
        if not gives_too_many_or_few(query, rows):
            yield f"it expects not_one_row, {query.name} returns {query.returns}, and {gave}"
    elif gives_too_many_or_few(query, rows):
        yield f"{query.name} returns {query.returns}, and {gave}"
    elif case.expect and (case.expect == "rows") != (rows > 0):
        yield f"it expects {case.expect}, and {gave}"


def _complain_of_refusal(case: Case, query: Query, refusal: Refusal | None) -> str:
    if refusal is None:
        return f"it expects error {case.error}, and the server refused nothing"
    if refusal.sqlstate == case.error:
        return ""
    expected = f", where error {case.error} is expected" if case.error else ""
    detail = f"\n{refusal.detail}" if refusal.detail else ""
    at = query.command.locate(refusal.position)
    return f"the server refuses it: {refusal.message} ({refusal.sqlstate}) at {at}{expected}{detail}"


def _line(values: list[str], masked: list[bool]) -> str:
    shown = [MASKED if mask and value != "null" else value for value, mask in zip(values, masked, strict=True)]
    return f"[{', '.join(shown)}]"
