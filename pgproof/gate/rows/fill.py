"""A connection to a seeded database in, the same database with many rows in every table out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection


def fill(connection: Connection[Any], rows: int) -> Mapping[str, str]:
    """Give every table about so many rows, deterministic ones that keep keys, uniqueness and checks; and analyse.

    Returns:
        Tables that have fewer, by `schema.table`, and why.
    """
    raise NotImplementedError
