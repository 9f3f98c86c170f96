"""A database and a route in, what it is before, there, and after the way back out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import MigrationError, PgproofError
from pgproof.gate.state import State, fetch_state
from pgproof.migrations import Folder, migrate
from pgproof.pg.catalog import Difference, diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.back.route import Refusal, Route
    from pgproof.gate.databases import Databases
    from pgproof.gate.rows.digest import Loss


@dataclass(frozen=True)
class Trip:
    """One way there and back, without anybody writing meanwhile.

    Attributes:
        before: where it began.
        there: with the migrations applied.
        after: with them undone.
        refused: why there is no way back; `after` is what it stopped at then.
        again: with them applied once more; None where they are refused then.
        refused_again: why.
    """

    before: State
    there: State
    after: State
    refused: Refusal | None = None
    again: State | None = None
    refused_again: MigrationError | None = None

    @property
    def left(self) -> list[Difference]:
        """What the way back leaves of the schema, or does not bring again; the order of columns apart."""
        return _differences(self.before, self.after)

    @property
    def moved(self) -> list[Difference]:
        """Tables whose columns stand in another order now."""
        found = diff(self.before.catalog, self.after.catalog)
        return [each for each in found if each.key.endswith(": order") and each.kind == "changed"]

    @property
    def other_again(self) -> list[Difference]:
        """How the second way there ends elsewhere than the first."""
        return _differences(self.there, self.again) if self.again else []

    @property
    def losses(self) -> list[Loss]:
        """Rows and values of before that are gone or others."""
        return self.before.lost(self.after)

    def has_dropped(self, loss: Loss) -> bool:
        """Whether it went with its column or table on the way there."""
        return not self.before.lives_on(self.there, loss.table, loss.column)

    @property
    def emptied(self) -> set[str]:
        """Tables that have fewer rows than before, or whose columns were dropped; without their schema."""
        found = [each for each in self.losses if each.what != "values changed" or self.has_dropped(each)]
        return {each.table.rpartition(".")[2] for each in found}


def travel(databases: Databases, source: str, route: Route) -> Trip:
    """Go there, back, and there again, on a copy of a database.

    Raises:
        MigrationFailed: the way there is refused.
    """
    with databases.clone(source) as name, databases.connect_runner(name) as connection:
        route.set_out(connection)
        before = fetch_state(connection)
        route.go_there(connection)
        there = fetch_state(connection)
        refused = route.come_back(connection)
        after = fetch_state(connection)
        if refused:
            return Trip(before, there, after, refused)
        try:
            route.go_there(connection)
        except MigrationError as error:
            return Trip(before, there, after, refused_again=error)
        return Trip(before, there, after, again=fetch_state(connection))


def find_standing(databases: Databases, source: str, route: Route) -> Iterator[str]:
    """Yield what head's new repeatables add to the schema before: rolling back puts back those that fit there."""
    known = {each.id for each in route.start.repeatables}
    new = [each for each in route.head.repeatables if each.id not in known]
    if not new:
        return
    with databases.clone(source) as name, databases.connect_runner(name) as connection:
        route.set_out(connection)
        before = fetch_state(connection)
        for each in new:
            with suppress(PgproofError):  # it does not fit, and waits
                migrate(connection, Folder(route.start.migrations, (each,)), route.settings, sweeps=False)
        yield from (each.key for each in diff(before.catalog, fetch_state(connection).catalog))


def _differences(before: State, after: State) -> list[Difference]:
    return diff(before.catalog.without("order"), after.catalog.without("order"))
