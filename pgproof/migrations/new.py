"""A name in, files out: the next migration and its rollback, with a header to fill in, and HEAD, which names it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.errors import MigrationError
from pgproof.migrations.files import ROLLBACK, read_migrations
from pgproof.migrations.head import write_head

if TYPE_CHECKING:
    from pathlib import Path

_FORWARD = """-- Why: {why}
{depends}
"""
_BACK = """-- Undoes {id}: afterwards the catalog is as it was before.
"""


def write_new(folder: Path, name: str) -> list[Path]:
    """Write the next migration, numbered after the newest, and HEAD; return the three paths.

    Raises:
        MigrationError: the name has no letter to make a file name of, or a file is in the way.
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not words or words[0].isdigit():
        raise MigrationError(f"{name!r} makes no file name", hint="say what it does: add_bio_to_users")
    there = [*folder.glob("*.sql"), *folder.glob("*.py")]
    newest = read_migrations(folder)[-1] if there else None
    digits, number = (len(re.split(r"[^\d]", newest.id)[0]), newest.number[0] + 1) if newest else (4, 1)
    id = f"{number:0{digits}}_{words}"
    depends = f"-- depends: {newest.id}\n" if newest else ""
    folder.mkdir(exist_ok=True)
    return [
        _write(folder / f"{id}.sql", _FORWARD.format(why=" ".join(name.split()), depends=depends)),
        _write(folder / f"{id}{ROLLBACK}", _BACK.format(id=id)),
        write_head(folder, id),
    ]


def _write(path: Path, text: str) -> Path:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise MigrationError(f"{path} exists already") from error
    return path
