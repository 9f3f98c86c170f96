"""A connection in, the same database with odd rows in every table out: NULL, empty, extremes, every label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection


def add_edges(connection: Connection[Any]) -> Mapping[str, int]:
    """Add the odd rows that types and constraints allow; return how many, by `schema.table`."""
    raise NotImplementedError
