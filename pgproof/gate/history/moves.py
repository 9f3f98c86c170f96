"""A migration and another name for it in, the commands that give it that name out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.migrations.files import ROLLBACK

if TYPE_CHECKING:
    from pgproof.gate.change import Side
    from pgproof.migrations import Migration


def move(side: Side, migration: Migration, id: str) -> list[str]:
    """Return the commands, from the project's root, for the migration and its rollback."""
    moves = [(migration.path, id + migration.path.suffix)]
    if migration.rollback:
        moves.append((migration.rollback.path, id + ROLLBACK))
    return [f"mv {side.show(path)} {side.show(path.with_name(name))}" for path, name in moves]
