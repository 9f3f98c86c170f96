"""What a row of a table has to be like: types, what refers to what, keys, checks, partitions. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from pgproof.gate.rows.values import is_few

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.contracts.planning.copies import Table

_CONSTANT = re.compile(r"'((?:[^']|'')*)'|(?<![\w.'])(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Field:
    """A column that an INSERT may name.

    Attributes:
        type: what its values are cast to; without a length, for a cast would cut what is too long.
        base: the type that a domain stands on, the same for others.
        typmod: as pg_attribute has it; -1 for none.
        labels: an enum's, in their order.
        element: an array's, and its labels.
        subtype: a range's.
        range: a multirange's.
    """

    number: int
    name: str
    type: str
    base: str
    typmod: int
    nullable: bool
    labels: tuple[str, ...] = ()
    element: str | None = None
    element_labels: tuple[str, ...] = ()
    subtype: str | None = None
    range: str | None = None
    default: str | None = None
    identity: bool = False

    @property
    def quoted(self) -> str:
        """Its name in a statement."""
        return sql.Identifier(self.name).as_string()

    @property
    def length(self) -> int | None:
        """How many characters it takes; None where there is no limit."""
        return self.typmod - 4 if self.base in ("bpchar", "character varying") and self.typmod >= 4 else None  # noqa: PLR2004

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a numeric; None where it takes any."""
        if self.base != "numeric" or self.typmod < 4:  # noqa: PLR2004 - how Postgres packs it
            return None
        packed = self.typmod - 4
        scale = packed & 0x7FF
        return packed >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale


@dataclass(frozen=True)
class ForeignKey:
    """Columns that refer to a row of another table, or of the same."""

    name: str
    columns: tuple[int, ...]
    parent: int
    parent_name: tuple[str, str]
    parent_parted: bool
    parent_columns: tuple[str, ...]

    @property
    def quoted_parents(self) -> list[str]:
        """The names of the columns that are referred to, in a statement."""
        return [sql.Identifier(each).as_string() for each in self.parent_columns]

    @property
    def source(self) -> sql.Composable:
        """The rows that may be referred to."""
        identifier = sql.Identifier(*self.parent_name)
        return identifier if self.parent_parted else sql.SQL("ONLY {}").format(identifier)


@dataclass(frozen=True)
class Check:
    """A check constraint, in the words of the server."""

    columns: tuple[int, ...]
    expression: str
    validated: bool = True

    @property
    def constants(self) -> tuple[str, ...]:
        """What is written out in it: `status = ANY (ARRAY['new', 'sent'])` has two."""
        return find_constants(self.expression)


class Key(NamedTuple):
    """The columns of a unique index or an exclusion; and for which rows alone it holds, where it does not for all."""

    columns: tuple[int, ...]
    predicate: str = ""
    excludes: bool = False


class Bounds(NamedTuple):
    """Where partitions begin, and whether they go on from there: a range does, a list has nothing else."""

    constants: tuple[str, ...]
    ranges: bool


@dataclass(frozen=True)
class TableFacts:
    """What a row of a table has to be like.

    Attributes:
        keys: the primary key comes first. A generated column stands for those that it is made of.
        partitions: what holds for a row that has a partition, one alternative each.
        bounds: where partitions begin, by the name of their column.
    """

    table: Table
    fields: Mapping[int, Field]
    foreign: tuple[ForeignKey, ...] = ()
    keys: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    partitions: tuple[str, ...] = ()
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`schema.table`."""
        return ".".join(self.table.name)

    def checks_of(self, column: Field) -> list[Check]:
        """Return the checks that concern this column alone."""
        return [each for each in self.checks if each.columns == (column.number,)]

    def refers(self, number: int) -> bool:
        """Whether a column refers to another table."""
        return any(number in each.columns for each in self.foreign)

    def free(self, key: Key) -> list[Field]:
        """Return the columns of a key that can be another in each row; first those that are best."""
        found = [self.fields[each] for each in key.columns if each in self.fields and not self.refers(each)]
        if key.excludes:
            return [each for each in found if each.subtype]
        many = [each for each in found if not is_few(each)]
        return sorted(many, key=lambda each: (each.name in self.bounds, not (each.default or each.identity)))


def find_constants(expression: str) -> tuple[str, ...]:
    """Return the constants that are written out in an expression, once each."""
    found = (bare or quoted.replace("''", "'") for quoted, bare in _CONSTANT.findall(expression))
    return tuple(dict.fromkeys(found))
