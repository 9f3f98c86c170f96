"""A trial in, the release that runs now out: on its own database, with what of it holds there before any change."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pgproof.contracts.golden import Shape
from pgproof.contracts.impact.dependencies import fetch_dependencies
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.gate.release.inserts import Omission, find_omissions
from pgproof.gate.release.promises import Broken, compare_shapes, find_broken
from pgproof.gate.release.stages import before
from pgproof.pg.catalog import fetch_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.contracts.impact.dependencies import Uses
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject
    from pgproof.gate.change import Side
    from pgproof.gate.trial import Trial
    from pgproof.pg.catalog import Catalog


@dataclass(frozen=True)
class Running:
    """Base, as it runs now.

    Attributes:
        session: in its database.
        subjects: contracts that hold there.
        unsound: names of those that do not: the change cannot break them.
        shapes: of the queries that nobody has put under contract.
        omissions: columns that INSERTs leave out already.
    """

    side: Side
    session: Session = field(repr=False)
    subjects: tuple[Subject, ...]
    unsound: tuple[str, ...]
    shapes: Mapping[str, Shape] = field(repr=False)
    omissions: frozenset[Omission]

    @cached_property
    def uses(self) -> Mapping[str, Uses]:
        """What each query touches, as the server resolves it."""
        return fetch_dependencies(self.session, self.side.queries).by_query

    @cached_property
    def catalog(self) -> Catalog:
        """Its schema."""
        return fetch_catalog(self.session.connection)

    def find_broken(self, session: Session) -> list[Broken]:
        """Hold all of it in another database: contracts, and of what has none whether it still is what it was."""
        bare = [self.side.queries[name] for name in self.shapes]
        now = fetch_shapes(session, bare)
        compared = [compare_shapes(each, self.shapes[each.name], now[each.name]) for each in bare]
        return [*find_broken(session, self.subjects), *(each for each in compared if each)]

    def find_omissions(self, session: Session) -> list[Omission]:
        """Find what its INSERTs leave out in another database, and did not before."""
        return sorted(find_omissions(session.connection, self.side.queries) - self.omissions)


@contextmanager
def observe(trial: Trial) -> Iterator[Running]:
    """Look at the release that runs now."""
    base = trial.change.base
    with before(trial) as session:
        unsound = {each.query.name for each in find_broken(session, base.subjects)}
        named = {each.query.name for each in base.subjects}
        bare = [each for each in base.queries if each.name not in named]
        shapes = {name: each for name, each in fetch_shapes(session, bare).items() if isinstance(each, Shape)}
        sound = tuple(each for each in base.subjects if each.query.name not in unsound)
        omissions = frozenset(find_omissions(session.connection, base.queries))
        yield Running(base, session, sound, tuple(sorted(unsound)), shapes, omissions)
