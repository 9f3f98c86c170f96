"""A folder of migrations in, the id of the newest as its file HEAD says it out.

The file has one line, so that two branches that add a migration conflict in git, and somebody looks at their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.pg.folder import write_whole

if TYPE_CHECKING:
    from pathlib import Path

NAME = "HEAD"


def read_head(folder: Path) -> str | None:
    """Return what the file says, which may be anything; None where there is none."""
    try:
        return (folder / NAME).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None


def write_head(folder: Path, id: str) -> Path:
    """Have the file name a migration as the newest; return its path."""
    write_whole(folder / NAME, f"{id}\n")
    return folder / NAME
