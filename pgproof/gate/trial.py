"""What every proof works on: the change, the databases, the options; and what several of them look at, made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pgproof.errors import MigrationFailed
from pgproof.gate.back.route import read_route
from pgproof.gate.back.trip import Trip, travel
from pgproof.gate.measuring.rehearsal import Rehearsal, rehearse
from pgproof.gate.rows.edges import add_edges
from pgproof.gate.rows.fill import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.gate.change import Change
    from pgproof.gate.databases import Databases
    from pgproof.gate.proof import Proof


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person can choose.

    Attributes:
        rows: how many a table is filled up to, to be measured.
        thorough: kill the migrations after each statement, not only at the boundaries.
        production: rows of each table there, by `schema.table`, where somebody has exported them.
        worse: a plan is worse if it looks at so many times the blocks.
    """

    rows: int = 200_000
    thorough: bool = False
    production: Mapping[str, int] = field(default_factory=dict)
    worse: float = 2.0


@dataclass(frozen=True)
class Trial:
    """One judgement.

    Attributes:
        proofs: those that were made so far, in their order.
    """

    change: Change
    databases: Databases
    options: Options
    proofs: list[Proof] = field(default_factory=list)

    @property
    def large(self) -> str:
        """The name of base's database, seeded and filled up to `rows`; to be copied, not changed."""
        return self._filled[0]

    @property
    def small(self) -> Mapping[str, str]:
        """Tables that have fewer rows there, by `schema.table`, and why."""
        return self._filled[1]

    @cached_property
    def _filled(self) -> tuple[str, Mapping[str, str]]:
        name = self.databases.copy(self.databases.built(self.change.base, seeded=True))
        with self.databases.connect(name) as connection:
            return name, fill(connection, self.options.rows)

    @cached_property
    def edged(self) -> str:
        """The name of base's database, seeded and with odd rows in every table; to be copied, not changed."""
        name = self.databases.copy(self.databases.built(self.change.base, seeded=True))
        with self.databases.connect(name) as connection:
            add_edges(connection)
        return name

    @property
    def trip(self) -> Trip:
        """The way there and back, on a copy of `edged`.

        Raises:
            MigrationFailed: the way there is refused.
        """
        if isinstance(self._travelled, MigrationFailed):
            raise self._travelled
        return self._travelled

    @cached_property
    def _travelled(self) -> Trip | MigrationFailed:
        try:
            return travel(self.databases, self.edged, read_route(self.change))
        except MigrationFailed as error:
            return error

    @property
    def rehearsal(self) -> Rehearsal:
        """The new migrations, run statement by statement on a copy of `large`, which stays.

        Raises:
            MigrationFailed: the server refuses one.
        """
        if isinstance(self._rehearsed, MigrationFailed):
            raise self._rehearsed
        return self._rehearsed

    @cached_property
    def _rehearsed(self) -> Rehearsal | MigrationFailed:
        """Remembered either way: several proofs ask, and the server would refuse it again."""
        try:
            return rehearse(self.databases, self.databases.copy(self.large), self.change)
        except MigrationFailed as error:
            return error
