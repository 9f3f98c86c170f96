"""The folder migrations/ in, `Migration`s in their order out.

Reading looks at names and bytes only, because it happens at every start; what a text says is looked at when it is
about to run (`rules`).
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pgproof.errors import Location, MigrationError, Problem, SqlFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pgproof.migrations.header import Header

ROLLBACK = ".rollback.sql"
_NAME = re.compile(r"(?P<number>\d+(?:[._]\d+)*)[._-]?[A-Za-z][\w-]*")


@dataclass(frozen=True)
class Script:
    """One file of SQL or Python, read once, when first asked."""

    path: Path

    @cached_property
    def raw(self) -> bytes:
        """What is in the file."""
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123  (of a thousand files, half the time)
            return file.read()

    @cached_property
    def text(self) -> str:
        """The file as text; UnicodeDecodeError where it is none."""
        return self.raw.decode()

    @cached_property
    def sha256(self) -> str:
        """Hash of the file's bytes, hex."""
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def meaning(self) -> str:
        """Hash of what the file means, hex: an edit of comments or layout leaves it as it is."""
        return hashlib.sha256(self._meaning().encode()).hexdigest()

    def _meaning(self) -> str:
        from pgproof.sqltext import ParseError, canonical

        try:
            if self.path.suffix == ".py":
                import ast

                return ast.dump(ast.parse(self.text))
            return canonical(self.text)
        except (ParseError, SyntaxError, UnicodeDecodeError):
            return self.sha256  # what nobody can read means itself


@dataclass(frozen=True)
class Migration(Script):
    """One migration or repeatable: a script, its way back, and what its header says; a repeatable has no number."""

    id: str
    number: tuple[int, ...] = ()
    rollback: Script | None = None

    @cached_property
    def header(self) -> Header:
        """What its leading comment says; a Python migration says it in Python."""
        from pgproof.migrations.header import Header

        return Header.read(self.text) if self.language == "sql" else Header()

    @property
    def transactional(self) -> bool:
        """Whether it runs inside a transaction, together with its ledger row."""
        return self.header.transactional

    @property
    def language(self) -> Literal["sql", "python"]:
        """`sql`, or `python` for a migration written against yoyo's `step()`."""
        return "python" if self.path.suffix == ".py" else "sql"


@dataclass(frozen=True)
class Folder:
    """The migrations and repeatables of a project, in order."""

    migrations: Sequence[Migration]
    repeatables: Sequence[Migration] = ()

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where each migration stands, by id."""
        return {each.id: index for index, each in enumerate(self.migrations)}


def read_folder(path: Path) -> Folder:
    """Read all that `path` holds; errors as of `read_migrations`."""
    return Folder(read_migrations(path), read_repeatables(path))


def list_migrations(folder: Path) -> list[Migration]:
    """List what looks like a migration, in order of the names, whatever is wrong with them; none without a folder."""
    return list(_migrations(folder, _names(folder, (".sql", ".py")))) if folder.is_dir() else []


def read_migrations(folder: Path) -> list[Migration]:
    """List every migration of `folder`, in order.

    Raises:
        MigrationError: there is no such folder, or nothing in it.
        SqlFileError: names and numbers that would mislead; all of them at once.
    """
    if not folder.is_dir():
        raise MigrationError(f"there is no folder {folder}", hint="`inv db.new NAME` makes the first migration")
    names = _names(folder, (".sql", ".py"))
    migrations = list(_migrations(folder, names))
    problems = [*_name_problems(migrations), *_stray_rollbacks(folder, names), *_order_problems(migrations)]
    if problems:
        raise SqlFileError(problems)
    if not migrations:
        raise MigrationError(f"no migrations in {folder}", hint="`inv db.new NAME` makes the first")
    return migrations


def read_repeatables(folder: Path) -> list[Migration]:
    """List `repeatable/` under the migrations: views, functions, grants, in name order; it may be absent."""
    inside = folder / "repeatable"
    names = _names(inside, (".sql",)) if inside.is_dir() else []
    if problems := list(_stray_rollbacks(inside, names)):
        raise SqlFileError(problems)
    return list(_migrations(inside, names, numbered=False))


def _names(folder: Path, endings: tuple[str, ...]) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(each.name for each in entries if each.name.endswith(endings) and each.is_file())


def _migrations(folder: Path, names: list[str], *, numbered: bool = True) -> Iterator[Migration]:
    known = set(names)
    for name in names:
        if name.endswith(ROLLBACK):
            continue
        id = name.rpartition(".")[0]
        beside = id + ROLLBACK
        rollback = Script(folder / beside) if beside in known else None
        yield Migration(folder / name, id, _number(id) if numbered else (), rollback)


def _number(id: str) -> tuple[int, ...]:
    match = _NAME.fullmatch(id)
    return tuple(map(int, re.split(r"[._]", match["number"]))) if match else ()


def _name_problems(migrations: list[Migration]) -> Iterator[Problem]:
    for each in migrations:
        if each.id.startswith("post-apply"):
            hint = "yoyo never runs a hook again that failed once; put it in repeatable/"
            yield Problem(Location(each.path), "post-apply hooks are not run", hint)
        elif not each.number:
            yield Problem(Location(each.path), "the name is not NNNN_verb_object", "such as 0007_add_bio_to_users.sql")


def _stray_rollbacks(folder: Path, names: list[str]) -> Iterator[Problem]:
    known = set(names)
    for name in names:
        if name.endswith(ROLLBACK) and name.removesuffix(ROLLBACK) + ".sql" not in known:
            yield Problem(
                Location(folder / name), "a rollback without its migration", "rename it to match, or delete it"
            )


def _order_problems(migrations: list[Migration]) -> Iterator[Problem]:
    """Two with one number or id, or an order as text (which is yoyo's) that is not the order of the numbers."""
    for before, after in pairwise(each for each in migrations if each.number):
        if after.number == before.number:
            yield Problem(Location(after.path), f"{before.path.name} has the same number", "renumber the newer one")
        elif after.number < before.number:
            what = f"by name it comes after {before.id}, by number before"
            yield Problem(Location(after.path), what, "write all numbers with the same number of digits")
