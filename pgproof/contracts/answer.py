"""What is sent for a query, and what the server says to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import Buffer


@dataclass(frozen=True)
class Call:
    """What is sent for a query: its command, and values as psycopg sends those of an application."""

    sql: bytes
    values: Sequence[Buffer | None] = field(default=(), repr=False)
    oids: Sequence[int] = ()
    formats: Sequence[Any] = ()


@dataclass(frozen=True)
class Refusal:
    """The server's no.

    Attributes:
        sqlstate: its code.
        constraint: which one was violated, if it was one.
        position: in the call's command, from 1, where the server tells it.
    """

    sqlstate: str
    message: str
    detail: str = ""
    constraint: str = ""
    position: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the server said to a call.

    Attributes:
        names: of the columns.
        oids: their types.
        rows: values in the server's text; None is NULL.
        affected: rows that were written, or returned.
        refusal: set where it said no; the rest is empty then.
    """

    names: tuple[str, ...] = ()
    oids: tuple[int, ...] = ()
    rows: tuple[tuple[bytes | None, ...], ...] = field(default=(), repr=False)
    affected: int = 0
    refusal: Refusal | None = None
