"""A name in, files out: the next migration and its rollback, to be filled in or with their SQL, and HEAD for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import MigrationError
from pgproof.migrations.files import ROLLBACK, read_migrations
from pgproof.migrations.head import write_head

if TYPE_CHECKING:
    from pathlib import Path

_FORWARD = """-- {why}
{depends}
{sql}"""
_BACK = """-- Undoes {id}: afterwards the catalog is as it was before.
{sql}"""


@dataclass(frozen=True)
class Draft:
    """What is known of a migration before it is written.

    Attributes:
        why: lines of its comment.
        forward: its SQL.
        back: that of its rollback.
    """

    why: str
    forward: str = ""
    back: str = ""


def write_new(folder: Path, name: str, draft: Draft | None = None) -> list[Path]:
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
    draft = draft or Draft(f"Why: {' '.join(name.split())}")
    depends = f"-- depends: {newest.id}\n" if newest else ""
    folder.mkdir(exist_ok=True)
    return [
        _write(folder / f"{id}.sql", _forward(draft, depends)),
        _write(folder / f"{id}{ROLLBACK}", _BACK.format(id=id, sql=draft.back and f"\n{draft.back}")),
        write_head(folder, id),
    ]


def _forward(draft: Draft, depends: str) -> str:
    return _FORWARD.format(why=draft.why.replace("\n", "\n-- "), depends=depends, sql=draft.forward)


def _write(path: Path, text: str) -> Path:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise MigrationError(f"{path} exists already") from error
    return path
