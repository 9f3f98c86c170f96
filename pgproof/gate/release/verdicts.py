"""What does not hold on a step of the deploy in, findings out: where it comes from, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.mentions import find_cause, find_only, name_words, read_suspects, read_words
from pgproof.gate.release import kinds
from pgproof.gate.release.advice import advise
from pgproof.gate.release.grants import grant
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding, Kind
    from pgproof.gate.mentions import Suspect
    from pgproof.gate.release.inserts import Omission
    from pgproof.gate.release.promises import Broken
    from pgproof.gate.release.running import Running
    from pgproof.queries import Query

_DENIED = "42501"
_CHANGED_RESULT = "0A000"
_OF_THE_SCHEMA = ("42", "0A")  # classes of refusals that no row can be why of


@dataclass(frozen=True)
class Verdict:
    """A finding, and the query whose contract it is about."""

    query: str
    finding: Finding


@dataclass(frozen=True)
class Verdicts:
    """What is needed to tell people of what does not hold."""

    change: Change
    running: Running
    role: str

    def of_base(self, broken: Broken) -> Verdict:
        """Tell of a contract of the running release that does not hold on `pre`."""
        if broken.sqlstate == _CHANGED_RESULT:
            return self._tell(kinds.CACHED_PLAN, broken, f"{broken.query.name} fails in sessions that are open")
        if broken.sqlstate == _DENIED:
            return self._tell(kinds.DENIED, broken, f"{broken.query.name}: {broken.said[0]}", self._grant(broken))
        if broken.how == "refused":
            return self._tell(kinds.REFUSED, broken, f"{broken.query.name} is refused: {broken.said[0]}")
        if broken.how == "shape":
            return self._tell(kinds.SHAPE, broken, f"{broken.query.name} has another shape: {broken.said[0]}")
        return self._tell(kinds.ROWS, broken, f"{broken.query.name} gives something else")

    def of_omission(self, omission: Omission) -> Verdict:
        """Tell of an INSERT of the running release that leaves out what `pre` demands."""
        query = self.running.side.queries[omission.query]
        defining = [each for each in self._before if each.defines]
        cause = find_cause(defining, [omission.column], [omission.table]) or find_only(self._before)
        what = f"{query.name} inserts into {omission.table} without {omission.column}"
        details = (self.running.side.show(query.path), f"{omission.column} may not be NULL and has no default")
        return Verdict(query.name, self._find(kinds.MISSES_COLUMN, cause, query, what, details))

    def of_head(self, broken: Broken, kind: Kind) -> Verdict:
        """Tell of a contract of the new release that does not hold on `pre`, or on head."""
        if broken.sqlstate == _DENIED:
            return self._tell(kinds.DENIED, broken, f"{broken.query.name}: {broken.said[0]}", self._grant(broken))
        words = {"refused": "is refused", "shape": "has another shape", "rows": "gives something else"}
        said = f": {broken.said[0]}" if broken.how != "rows" else ""
        return self._tell(kind, broken, f"{broken.query.name} {words[broken.how]}{said}")

    def of_order(self, broken: Broken) -> Verdict:
        """Tell of a query of the new release that does not run on base's schema."""
        return self._tell(kinds.NEEDS_MIGRATION, broken, f"{broken.query.name} is refused: {broken.said[0]}")

    def _grant(self, broken: Broken) -> str:
        return grant(broken.said[0], parse(broken.query.command.sql)[0], self.role)

    def _tell(self, kind: Kind, broken: Broken, what: str, instead: str = "") -> Verdict:
        cause = self._find_cause(kind, broken)
        details = (self._show(broken.query), *self._say(broken))
        return Verdict(broken.query.name, self._find(kind, cause, broken.query, what, details, instead))

    def _find(
        self, kind: Kind, cause: Suspect | None, query: Query, what: str, details: tuple[str, ...], instead: str = ""
    ) -> Finding:
        at = cause.at if cause else self._locate(query)
        helps = cause is not None and kind in _ADVISED and not instead
        advice = advise(cause.statement, self.running.catalog) if cause and helps else instead
        return kind.find(at, what, instead=advice, details=details)

    def _find_cause(self, kind: Kind, broken: Broken) -> Suspect | None:
        """Return the statement to look at; that head does not keep its own word may well be the query's fault."""
        suspects, clues = self._suspects(kind), self._clues(broken)
        if broken.how == "shape" or broken.sqlstate.startswith(_OF_THE_SCHEMA):
            suspects = [each for each in suspects if each.defines]
        if kind is kinds.HEAD_AFTER_POST:
            return find_cause(suspects, clues[0]) if broken.how == "refused" else None
        return find_cause(suspects, *clues) or find_only(suspects)

    def _suspects(self, kind: Kind) -> Sequence[Suspect]:
        """What may be why: what comes later is not, and what is not there yet is only because it comes later."""
        if kind is kinds.HEAD_ON_PRE:
            return self._after
        if kind in (kinds.HEAD_AFTER_POST, kinds.NEEDS_MIGRATION, kinds.DENIED):
            return (*self._before, *self._after)
        return self._before

    @cached_property
    def _before(self) -> Sequence[Suspect]:
        return read_suspects((*self.change.pre, *self.change.repeated))

    @cached_property
    def _after(self) -> Sequence[Suspect]:
        return read_suspects(self.change.post)

    def _clues(self, broken: Broken) -> list[frozenset[str]]:
        """Return names that may lead to the statement: what the server says, tables, columns; surest first."""
        uses = self.running.uses.get(broken.query.name)
        places = uses.touches if uses else ()
        own = name_words(parse(broken.query.command.sql)[0])
        tables = {part.strip('"') for each in places for part in [each.relation.rpartition(".")[2]]}
        said = read_words(" ".join(broken.said)) if broken.how != "rows" else frozenset()
        said |= {self.role} if broken.sqlstate == _DENIED else set()
        return [said, frozenset(tables) | own, frozenset(each.column for each in places if each.column)]

    def _locate(self, query: Query) -> Location:
        """Return where a person can change a query: base's own file lies in the past."""
        queries = self.change.head.queries
        if query.name in queries:
            return Location(queries[query.name].path, 1)
        new = (*self.change.pre, *self.change.repeated, *self.change.post)
        return Location(new[0].path, 1) if new else Location(self.change.head.settings.queries)

    def _show(self, query: Query) -> str:
        side = self.running.side
        return (side if query.path.is_relative_to(side.settings.root) else self.change.head).show(query.path)

    def _say(self, broken: Broken) -> list[str]:
        cases = [f"cases: {', '.join(broken.cases)}"] if broken.cases and broken.how != "rows" else []
        return [*cases, *broken.said]


_ADVISED = (kinds.REFUSED, kinds.ROWS, kinds.SHAPE, kinds.MISSES_COLUMN)
