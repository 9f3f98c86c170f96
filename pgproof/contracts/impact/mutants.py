"""A seeded database in, the changes that its contracts should notice out: each is one statement."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from psycopg.rows import tuple_row

from pgproof.contracts.impact.dependencies import Place
from pgproof.pg.catalog import INTERNAL_REGEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Cursor
    from psycopg.rows import TupleRow

    from pgproof.contracts.session import Session

Kind: TypeAlias = Literal[
    "drop",
    "rename",
    "retype",
    "not null",
    "default",
    "unique",
    "exclusion",
    "foreign key",
    "check",
    "index",
    "value",
    "row",
]
_MUTANTS = Path(__file__).with_name("mutants.sql")
_NO_KEY = "tableoid, ctid"  # what mutants.sql finds the rows of a table by that has no primary key
_WHAT: Mapping[Kind, str] = {
    "drop": "{place} dropped",
    "rename": "{place} renamed",
    "retype": "{place} retyped to {object}",
    "not null": "{place}: NOT NULL dropped",
    "default": "{place}: default dropped",
    "value": "{place} changed in the row {object}",
    "row": "{place}: the row {object} deleted",
}


@dataclass(frozen=True)
class Mutant:
    """One change of a table, or of one row of it.

    Attributes:
        relation: the table.
        column: empty where it is about more than one column, or about none.
        object: the constraint or the index; the new type; the row, by its key.
        columns: that the constraint or the index is about.
        other: the table that a foreign key goes to.
    """

    kind: Kind
    relation: str
    column: str
    object: str
    columns: tuple[str, ...]
    other: str
    statement: str = field(repr=False)

    def __str__(self) -> str:
        return _WHAT.get(self.kind, "{place}: {kind} {object} dropped").format(place=self.place, **vars(self))

    @property
    def place(self) -> Place:
        """The column or the table that is changed."""
        return Place(self.relation, self.column)


def fetch_mutants(session: Session) -> list[Mutant]:
    """Think of what could be changed: the same mutants, in the same order, for the same schema and seeds."""
    with session.connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_MUTANTS.read_bytes(), {"internal": INTERNAL_REGEX})
        mutants = [
            Mutant(kind, relation, column, about, tuple(columns), other, statement)
            for kind, relation, column, about, columns, other, statement in cursor
        ]
        keys = {each.relation: each.object for each in mutants if each.kind == "row"}
        rows = {relation: _fetch_first(cursor, relation, key) for relation, key in keys.items()}
    of_rows = ("value", "row")
    named = [replace(each, object=rows[each.relation]) if each.kind in of_rows else each for each in mutants]
    return [each for each in named if each.object or each.kind not in of_rows]


def _fetch_first(cursor: Cursor[TupleRow], relation: str, key: str) -> str:
    """Return what to call the first row of a table; nothing where it has none."""
    text = f"SELECT concat_ws(', ', {key}) FROM {relation} ORDER BY {key} LIMIT 1"  # noqa: S608 - the server quoted both
    row = cursor.execute(text.encode()).fetchone()
    if not row:
        return ""
    if key == _NO_KEY:
        return "that comes first"
    return f"({key}) = ({row[0]})" if "," in key else f"{key} = {row[0]}"
