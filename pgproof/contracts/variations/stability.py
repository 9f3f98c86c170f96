"""Cases and the answers they had in, what of these is another thing without a change of data out.

A result may hang on the clock or on chance: then it is run again, and run by a later clock. Or on the order in which
rows are stored or read: then it is run where the same rows lie the other way round, by other plans. A result that is
right in several ways has to show two of them here: what only reads as if it might is left to the linter, because on the
data at hand it may well be the same whenever it is run.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from psycopg.rows import tuple_row

from pgproof.contracts.finding import Finding
from pgproof.contracts.variations.advice import advise_order, advise_rows
from pgproof.contracts.variations.clockwork import fetch_clockwork, put_forward
from pgproof.contracts.variations.variation import Variation, find_variation
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.contracts.answer import Answer, Call
    from pgproof.contracts.cases import Case
    from pgproof.contracts.golden import Shape
    from pgproof.contracts.session import Session
    from pgproof.queries import Query

Cause = Literal["chance", "clock", "rows", "plan"]

# As a battery of a hundred such queries has it: rows that lie the other way round show nearly all, where neither an
# index nor a hash table puts them in an order of its own. For the rest, an index may happen to have the opposite order.
_SORTED = ("indexscan", "indexonlyscan", "bitmapscan", "hashagg")
_PLANS = (("indexscan", "indexonlyscan", "bitmapscan"), ("seqscan",))
_WHEN: dict[Cause, str] = {
    "chance": "when it is run again",
    "clock": "when the clock is years ahead",
    "rows": "from the same rows, stored the other way round",
    "plan": "by another plan",
}
_MISFITS = ("42", "0A")  # classes of SQLSTATE: a text that was put together by us has no meaning there

_KEYS = """
SELECT relname, array_agg(attname::text ORDER BY array_position(indkey::int2[], attnum))
FROM pg_index JOIN pg_class AS c ON c.oid = indrelid JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
WHERE indisprimary GROUP BY c.oid, relname
"""


@dataclass(frozen=True)
class Probe:
    """A case, and the answer that it is held to."""

    query: Query
    shape: Shape
    case: Case
    call: Call = field(repr=False)
    answer: Answer = field(repr=False)


@dataclass(frozen=True)
class Sighting:
    """A result that varied, and what was behind it."""

    probe: Probe
    cause: Cause
    variation: Variation


def find_unstable(session: Session, scrambled: Session, probes: Sequence[Probe]) -> list[Finding]:
    """Find the queries whose results may change without a change of data: a finding for each, and for each cause.

    Args:
        session: that the answers come from.
        scrambled: in a clone whose rows `scramble` has turned round.
        probes: cases of any number of queries.
    """
    volatile = find_volatile(session, probes)
    return report(session, [*volatile, *find_disordered(session, scrambled, _without(probes, volatile))])


def find_volatile(session: Session, probes: Sequence[Probe]) -> list[Sighting]:
    """Find results that change from run to run, or with the clock: `variation.columns` are what a mask could cover."""
    seen = list(_compare("chance", probes, _ask(session, probes)))
    waiting = _without(probes, seen)
    return [*seen, *_compare("clock", waiting, _ask_later(session, waiting))]


def find_disordered(session: Session, scrambled: Session, probes: Sequence[Probe]) -> list[Sighting]:
    """Find results that change with the order in which rows are stored or read; what is volatile needs its masks."""
    seen = list(_compare("rows", probes, _ask(scrambled, probes, _SORTED)))
    for plan in _PLANS:
        known = {each.probe.query.name for each in seen}
        waiting = [each for each in probes if each.query.name not in known]
        seen += _compare("plan", waiting, _ask(session, waiting, plan))
    return seen


def report(session: Session, seen: Sequence[Sighting]) -> list[Finding]:
    """Return a finding for each query that was seen to vary, and for each cause."""
    keys = _fetch_keys(session) if seen else {}
    topics = groupby(sorted(seen, key=_topic), key=_topic)
    return [_tell(list(several), keys) for _, several in topics]


def _ask(session: Session, probes: Sequence[Probe], without: Sequence[str] = ()) -> list[Answer]:
    """Ask again, by plans that do without some of what a planner can choose."""
    settings = ", ".join(f"set_config('enable_{name}', 'off', true)" for name in without)
    return session.ask([each.call for each in probes], before=[f"SELECT {settings}"] if settings else [])


def _ask_later(session: Session, probes: Sequence[Probe]) -> list[Answer]:
    """Ask by a later clock what reads the clock at all; the rest has the answer that it had."""
    clockwork = fetch_clockwork(session.connection)
    answers = [each.answer for each in probes]
    waiting: dict[tuple[str, ...], list[tuple[int, Call]]] = defaultdict(list)
    for place, probe in enumerate(probes):
        sql, before = put_forward(clockwork, probe.query.command.sql)
        if before or sql != probe.query.command.sql:
            waiting[before].append((place, replace(probe.call, sql=sql.encode())))
    for before, asked in waiting.items():
        later = session.ask([call for _, call in asked], before=before)
        for (place, _), answer in zip(asked, later, strict=True):
            if not (answer.refusal and answer.refusal.sqlstate.startswith(_MISFITS)):
                answers[place] = answer
    return answers


def _compare(cause: Cause, probes: Sequence[Probe], answers: Sequence[Answer]) -> Iterator[Sighting]:
    for probe, answer in zip(probes, answers, strict=True):
        if variation := find_variation(probe.case, probe.shape, probe.answer, answer):
            yield Sighting(probe, cause, variation)


def _without(probes: Sequence[Probe], seen: Sequence[Sighting]) -> list[Probe]:
    """Return the probes, with masks over the values that were seen to vary; what no mask would steady is left out."""
    variations = defaultdict(list)
    for each in seen:
        variations[_name(each.probe)].append(each.variation)
    steady = []
    for probe in probes:
        columns = [each.columns for each in variations[_name(probe)]]
        if all(columns):
            steady.append(replace(probe, case=replace(probe.case, masks=probe.case.masks.union(*columns))))
    return steady


def _name(probe: Probe) -> tuple[str, str]:
    return probe.query.name, probe.case.name


def _topic(sighting: Sighting) -> tuple[str, Cause]:
    return sighting.probe.query.name, sighting.cause


def _tell(seen: Sequence[Sighting], keys: Mapping[str, Sequence[str]]) -> Finding:
    """Return the finding for what was seen of one query, by one cause."""
    first = seen[0]
    probe, variation = first.probe, first.variation
    before, after = variation.detail
    what = f"it gives {variation.what} {_WHEN[first.cause]}\n  first  {before}\n  then   {after}"
    columns = dict.fromkeys(column for each in seen for column in each.variation.columns)
    hint = _hint(first, list(columns), keys)
    return Finding("stability", probe.query.name, probe.case.name, probe.query.command.at, what, hint)


def _hint(sighting: Sighting, columns: Sequence[str], keys: Mapping[str, Sequence[str]]) -> str:
    if sighting.cause in ("rows", "plan"):
        (statement,) = parse(sighting.probe.query.command.sql)
        advise = advise_order if sighting.variation.kind == "order" else advise_rows
        return advise(statement, keys)
    instead = "make the moment a parameter" if sighting.cause == "clock" else "make what it hangs on a parameter"
    return f"mask what nobody relies on: masks = {json.dumps(columns)}; or {instead}" if columns else instead


def _fetch_keys(session: Session) -> dict[str, list[str]]:
    with session.connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(_KEYS).fetchall())
