"""What a server gave for a query in, the same as text that can be kept out, and the rows of it again. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import BaseConnection
    from psycopg.abc import AdaptContext
    from psycopg.pq.abc import PGresult


@dataclass(frozen=True)
class Result:
    """Rows as the server wrote them, before any of it is a Python value.

    Attributes:
        names: of the columns.
        types: their oids.
        rows: each value as text, or None for NULL.
    """

    names: tuple[str, ...]
    types: tuple[int, ...]
    rows: Sequence[Sequence[bytes | None]]

    @classmethod
    def of(cls, answer: PGresult) -> Result:
        """Read all of an answer, whose values are text, as all are that we ask for."""
        columns = range(answer.nfields)
        rows = [[answer.get_value(row, column) for column in columns] for row in range(answer.ntuples)]
        return cls(names_of(answer), tuple(answer.ftype(column) for column in columns), rows)

    def load(self, context: AdaptContext | None = None) -> list[tuple[Any, ...]]:
        """Return the values as psycopg gives them, with the adapters of `context`; times without one are in UTC."""
        transformer = Transformer(context)
        transformer.set_loader_types(self.types, Format.TEXT)
        return [transformer.load_sequence(row) for row in self.rows]


class Unadapted:
    """A connection without what its owner has registered on it, for queries of our own."""

    adapters: AdaptersMap = psycopg.adapters

    def __init__(self, connection: BaseConnection[Any]) -> None:
        self.connection = connection


def names_of(answer: PGresult) -> tuple[str, ...]:
    """Return the names of an answer's columns."""
    return tuple((answer.fname(column) or b"").decode(errors="replace") for column in range(answer.nfields))
