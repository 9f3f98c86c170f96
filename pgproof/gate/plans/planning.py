"""A session before the change and one after it in, the plans of the same calls on both out.

Each call is planned. To know their blocks, those are run whose plan is another one now; of the others one of each kind,
unless nothing has changed that could make a difference.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pgproof.contracts.answer import Refusal
from pgproof.contracts.asking import make_call
from pgproof.contracts.finding import Finding
from pgproof.contracts.planning.plans import fetch_plans
from pgproof.contracts.planning.plantree import Plan
from pgproof.queries.command import WRITES
from pgproof.sqltext import parse
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pgproof.contracts.answer import Call
    from pgproof.contracts.planning.plantree import Node
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject

Place: TypeAlias = "tuple[str, str]"
"""A query and one of its cases."""
Said: TypeAlias = "dict[Place, Plan | Refusal]"

_RUN = 3  # calls of one query that are planned alike and are run: values of one may find nothing
_AVOID_SCANS = "SELECT set_config('enable_seqscan', 'off', true)"
_BEFORE = "2s"
_AFTER = "10s"  # who is done in two seconds before, and not in ten after, is slower on any machine
_CANCELLED = "57014"


@dataclass(frozen=True)
class Pair:
    """The plans of one call before and after, both as they were run, or neither.

    Attributes:
        avoiding: the plan after that avoids to read tables row by row, where plans differ.
        cancelled: it ran before, and after it was not done in many times that.
    """

    query: str
    case: str
    before: Plan
    after: Plan
    avoiding: Plan | None = None
    cancelled: bool = False


class Both(NamedTuple):
    """The plans of one call before and after, as they were made."""

    before: Plan
    after: Plan

    @property
    def differ(self) -> bool:
        """Whether they do other things, whatever the planner expects of them."""
        return _draw(self.before, whole=True) != _draw(self.after, whole=True)


@dataclass(frozen=True)
class Planned:
    """All that was planned on both.

    Attributes:
        unjudged: queries of which no case could be planned on both, or run before, and why.
    """

    pairs: tuple[Pair, ...]
    unjudged: Mapping[str, str]


def plan(
    before: Session, after: Session, base: Sequence[Subject], head: Sequence[Subject], *, is_no_worse: bool
) -> Planned:
    """Plan base's contracts on both, and after the change head's of the same name where base's are refused.

    Args:
        before: before the change.
        after: after it.
        base: what is under contract before.
        head: what is after.
        is_no_worse: a plan that stays the same is not worse.
    """
    calls = _make_calls(before, base)
    old, new = _explain(before, calls), _explain(after, calls)
    refused = {place for place, said in new.items() if isinstance(said, Refusal)}
    sent = calls | {place: call for place, call in _make_calls(after, head).items() if place in refused}
    new |= _explain(after, {place: sent[place] for place in calls if place in refused})
    both = {place: Both(*plans) for place, plans in _pair_up(old, new)}
    other = [place for place, plans in both.items() if plans.differ]
    avoiding = _explain(after, {place: sent[place] for place in other}, _AVOID_SCANS)
    chosen = {*_choose(both, other, _RUN), *_choose(both, [] if is_no_worse else both.keys() - set(other), 1)}
    ran = _run(before, {place: calls[place] for place in both if place in chosen}, _BEFORE)
    reran = _run(after, {place: sent[place] for place in both if place in chosen}, _AFTER)
    pairs = [
        _pair(place, plans, avoiding.get(place), ran.get(place), reran.get(place)) for place, plans in both.items()
    ]
    return Planned(tuple(pairs), dict(_find_unjudged(base, old, new, ran)))


def _make_calls(session: Session, subjects: Sequence[Subject]) -> dict[Place, Call]:
    """Make the calls of all cases; those that write come last, so that nobody reads what they leave behind."""
    found: dict[Place, Call] = {}
    for subject in sorted(subjects, key=_writes):
        for case in subject.contract.cases:
            call = make_call(session, subject, case)
            if not isinstance(call, Finding):
                found[subject.query.name, case.name] = call
    return found


def _writes(subject: Subject) -> bool:
    return any(kind in WRITES for each in parse(subject.query.command.sql) for kind, _ in walk(each))


def _explain(session: Session, calls: Mapping[Place, Call], *before: str) -> Said:
    return _ask(session, calls, analyze=False, before=before)


def _run(session: Session, calls: Mapping[Place, Call], limit: str) -> Said:
    session.connection.execute("SELECT set_config('statement_timeout', %s, false)", [limit])
    return _ask(session, calls, analyze=True)


def _ask(session: Session, calls: Mapping[Place, Call], *, analyze: bool, before: Sequence[str] = ()) -> Said:
    """Ask by number: what is asked there has a name only."""
    numbered = {str(number): call for number, call in enumerate(calls.values())}
    plans = fetch_plans(session, numbered, analyze=analyze, before=before)
    return dict(zip(calls, plans.values(), strict=True))


def _pair_up(old: Said, new: Said) -> Iterator[tuple[Place, tuple[Plan, Plan]]]:
    """Yield what was planned on both."""
    for place, before in old.items():
        after = new[place]
        if isinstance(before, Plan) and isinstance(after, Plan):
            yield place, (before, after)


def _choose(both: Mapping[Place, Both], places: Collection[Place], most: int) -> Iterator[Place]:
    """Yield some of the calls of a query that are planned alike, those first that are to find most."""
    alike: dict[object, list[Place]] = defaultdict(list)
    for place in (each for each in both if each in places):
        alike[place[0], _draw(both[place].before), _draw(both[place].after)].append(place)
    for each in alike.values():
        yield from sorted(each, key=lambda place: -sum(node.rows for node in both[place].before.root))[:most]


def _draw(plan: Plan, *, whole: bool = False) -> object:
    """Return what a plan does, without its figures; `whole`: and with which values."""

    def draw(node: Node) -> tuple[object, ...]:
        return (node.title, node.conditions if whole else (), *map(draw, node.children))

    return draw(plan.root)


def _pair(
    place: Place, plans: Both, avoiding: Plan | Refusal | None, ran: Plan | Refusal | None, reran: Plan | Refusal | None
) -> Pair:
    """Return the pair of plans as they were run, else as they were made."""
    other = avoiding if isinstance(avoiding, Plan) else None
    if isinstance(ran, Plan) and isinstance(reran, Plan):
        return Pair(*place, ran, reran, other)
    return Pair(*place, plans.before, plans.after, other, cancelled=isinstance(ran, Plan) and _is_cancelled(reran))


def _is_cancelled(said: Plan | Refusal | None) -> bool:
    return isinstance(said, Refusal) and said.sqlstate == _CANCELLED


def _find_unjudged(base: Sequence[Subject], old: Said, new: Said, run: Said) -> Iterator[tuple[str, str]]:
    for name in (each.query.name for each in base):
        places = [place for place in old if place[0] == name]
        asked = [run[place] for place in places if place in run]
        if not any(isinstance(old[place], Plan) and isinstance(new[place], Plan) for place in places):
            said = [each for place in places for each in (old[place], new[place]) if isinstance(each, Refusal)]
            yield name, said[0].message if said else "no case of it can be called"
        elif asked and all(map(_is_cancelled, asked)):
            yield name, f"on base it is not done after {_BEFORE}"
