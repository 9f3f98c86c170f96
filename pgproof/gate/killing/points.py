"""New migrations in, the points at which a run of them can be killed out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pgproof.errors import Location
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.migrations import Migration
    from pgproof.sqltext import Statement

Moment = Literal["begun", "inside", "at work", "unrecorded", "applied"]

# What Postgres does in several transactions of its own, and leaves half done where it is killed.
_HALVES = frozenset(("IndexStmt", "DropStmt", "ReindexStmt"))


@dataclass(frozen=True)
class Point:
    """One point.

    Attributes:
        moment: before the migration, behind a statement in its transaction, in the midst of a statement without one,
            behind that and before its record, or behind the migration's commit.
        statement: which; none where it is about the migration as a whole.
    """

    migration: Migration
    moment: Moment
    statement: Statement | None = None
    is_last: bool = True

    @property
    def at(self) -> Location:
        """The file and line that is about to go on, or that was done last."""
        return Location(self.migration.path, self.statement.line if self.statement else 1)

    def __str__(self) -> str:
        name = self.migration.path.name
        line = f"{name}:{self.statement.line}" if self.statement else name
        match self.moment:
            case "begun":
                return f"before {name}"
            case "at work":
                return f"in the midst of {line}"
            case "unrecorded":
                return f"after {line} and before it was recorded"
            case "inside":
                return f"before the COMMIT of {name}" if self.is_last else f"after {line}"
        return f"after the COMMIT of {name}"


def list_points(migrations: Sequence[Migration], *, thorough: bool = False) -> list[Point]:
    """Return the points at the boundaries of each migration; with `thorough`, those behind each statement too."""
    first = [Point(migrations[0], "begun")] if migrations else []
    return [*first, *(point for each in migrations for point in _points(each, thorough=thorough))]


def _points(migration: Migration, *, thorough: bool) -> Iterator[Point]:
    """Before a migration is where the one before it was committed, so that is no point of its own."""
    statements = parse(migration.text) if migration.language == "sql" else []
    if statements and migration.transactional:
        for each in statements if thorough else statements[-1:]:
            yield Point(migration, "inside", each, each is statements[-1])
    elif statements:
        if statements[0].kind in _HALVES:
            yield Point(migration, "at work", statements[0])
        yield Point(migration, "unrecorded", statements[0])
    yield Point(migration, "applied")
