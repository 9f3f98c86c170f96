"""A symptom of a way back in, the migration and the statement to blame for it out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgproof.errors import Location, PgproofError
from pgproof.gate.back.route import way_back_of
from pgproof.gate.back.trip import Trip, travel
from pgproof.gate.mentions import find_cause, read_suspects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pgproof.gate.back.route import Route
    from pgproof.gate.databases import Databases
    from pgproof.gate.mentions import Suspect
    from pgproof.migrations import Migration

# What can make rows or values go: of several statements that name a column, it is one of these.
_DESTROYERS = ("AlterTableStmt", "DropStmt", "UpdateStmt", "DeleteStmt", "TruncateStmt", "MergeStmt")


@dataclass(frozen=True)
class Blame:
    """Who may be to blame: the migrations of a route, which began with the database `source`."""

    databases: Databases
    source: str
    route: Route

    def find_leg(self, shows: Callable[[Trip], bool]) -> Migration:
        """Return the first migration with which a trip that goes no further shows the symptom already."""
        legs = self.route.legs
        shorter = zip(legs, self._shorter, strict=False)
        return next((leg for leg, trip in shorter if trip and shows(trip)), legs[-1])

    def find_there(self, words: Sequence[str], *legs: Migration) -> Location:
        """Return the statement on the way there that has to do with names, or else one on the way back."""
        there = legs or self.route.legs
        return self._find(words, there, map(way_back_of, there))

    def find_back(self, words: Sequence[str]) -> Location:
        """Return the statement on the way back that has to do with names, or else one on the way there."""
        legs = self.route.legs
        return self._find(words, map(way_back_of, reversed(legs)), legs)

    def _find(self, words: Sequence[str], *ways: Iterable[Migration]) -> Location:
        suspects = [each for way in ways for each in sorted(read_suspects(way), key=_is_gentle)]
        cause = find_cause(suspects, words)
        return cause.at if cause else Location(way_back_of(self.route.legs[-1]).path, 1)

    @cached_property
    def _shorter(self) -> list[Trip | None]:
        """Trips that end sooner; none where the repeatables from before do not fit that schema."""
        return [self._travel(number) for number in range(1, len(self.route.legs))]

    def _travel(self, number: int) -> Trip | None:
        try:
            return travel(self.databases, self.source, self.route.up_to(number))
        except PgproofError:
            return None


def _is_gentle(suspect: Suspect) -> bool:
    return suspect.statement.kind not in _DESTROYERS
