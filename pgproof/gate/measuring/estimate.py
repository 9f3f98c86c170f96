"""A statement and how large tables are here and in production in, the seconds it may take there out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.gate.measuring.hazards import find_work

if TYPE_CHECKING:
    from pgproof.gate.measuring.hazards import Sizes
    from pgproof.gate.measuring.measured import Measured


def estimate(statement: Measured, sizes: Sizes) -> float | None:
    """Return the seconds, where its time grows with a table that production has; of several, by what grows most."""
    grown = [
        sizes.production[table] / sizes.rows[table]
        for table in find_work(statement, sizes)
        if table in sizes.production and sizes.rows.get(table)
    ]
    return statement.took * max(grown) if grown else None
