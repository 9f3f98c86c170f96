"""A query and parameters in, a case of it out: tried on a seeded database, and appended to the cases of its query."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgproof.contracts.cases import Case, contract_path, read_contract
from pgproof.contracts.finding import Finding
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.contracts.variations.stability import Probe, find_volatile, report
from pgproof.errors import Location, QueryError, SqlFileError
from pgproof.queries.call import gives_too_many_or_few

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pgproof.contracts.answer import Answer
    from pgproof.contracts.session import Session
    from pgproof.queries import Query


@dataclass(frozen=True)
class Draft:
    """A case that was tried.

    Attributes:
        params: as text, as the command line gave them, and Postgres reads them.
        masks: columns whose values are other ones when the query is run again, or later.
        unsteady: what else changes then, which no mask covers.
    """

    query: Query
    name: str
    params: Mapping[str, str | None]
    answer: Answer
    masks: tuple[str, ...] = ()
    unsteady: tuple[Finding, ...] = ()


def draft_case(session: Session, query: Query, name: str, params: Mapping[str, str | None]) -> Draft:
    """Try a case.

    Raises:
        QueryError: no parameters at all would give it a golden; or these are not the query's.
    """
    call, shape = session.call(query, params), fetch_shapes(session, [query])[query.name]
    if isinstance(shape, Finding):
        raise QueryError(shape.what, at=shape.at, hint=shape.hint)
    (answer,) = session.ask([call])
    case = Case(name, params, frozenset(), None, None, query.command.at)
    seen = find_volatile(session, [Probe(query, shape, case, call, answer)])
    masks = dict.fromkeys(column for each in seen for column in each.variation.columns)
    unsteady = report(session, [each for each in seen if not each.variation.columns])
    return Draft(query, name, params, answer, tuple(masks), tuple(unsteady))


def append_case(folder: Path, draft: Draft) -> Path:
    """Append a case to the file of its query, which is made where it is missing; return its path.

    Raises:
        SqlFileError: the file would not be one of cases then, for example with two of one name; it stays as it was.
    """
    path = contract_path(folder, draft.query.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes().rstrip() + b"\n\n" if path.exists() else b""
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        beside.write_bytes(before + render_case(draft).encode())
        read_contract(folder, beside)
        beside.replace(path)
    except SqlFileError as error:
        raise SqlFileError([replace(each, at=Location(path, each.at.line)) for each in error.problems]) from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def render_case(draft: Draft) -> str:
    """Return the text of a case, with what it claims of how the call ended."""
    values = ", ".join(f"{name} = {_quote(value)}" for name, value in draft.params.items() if value is not None)
    nulls = [name for name, value in draft.params.items() if value is None]
    lines = ["[[case]]", f"name = {_quote(draft.name)}"]
    lines += [f"params = {{ {values} }}"] if values else []
    lines += [f"nulls = {json.dumps(nulls)}"] if nulls else []
    lines += [f"masks = [{', '.join(map(_quote, draft.masks))}]"] if draft.masks else []
    return "\n".join([*lines, *find_claim(draft.query, draft.answer), ""])


def find_claim(query: Query, answer: Answer) -> list[str]:
    """Return what the case says itself of how the call ended; that there are rows is left to the golden."""
    if answer.refusal:
        return [f'error = "{answer.refusal.sqlstate}"']
    if query.returns == "affected":
        return []
    if gives_too_many_or_few(query, len(answer.rows)):
        return ['expect = "not_one_row"']
    return [] if answer.rows else ['expect = "no_rows"']


def _quote(text: str) -> str:
    """TOML has JSON's escapes, and one more that it must not be without."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
