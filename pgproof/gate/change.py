"""A project and a git ref in, what is to be judged out: base, head, and what is new between them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pgproof.contracts.subjects import read_subjects
from pgproof.errors import PgproofError
from pgproof.gate.git import Repository
from pgproof.migrations import Folder, before_code, read_folder
from pgproof.queries import read_queries
from pgproof.recipe import read_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pgproof.contracts.subjects import Subject
    from pgproof.migrations import Migration
    from pgproof.queries import Queries
    from pgproof.recipe import Recipe
    from pgproof.settings import Settings


NOTHING = "nothing"
"""The base of who has no production yet."""


@dataclass(frozen=True)
class Side:
    """A project as it stood at one time.

    Attributes:
        name: for a person: `origin/main (1a2b3c4)`, `the working tree`.
        settings: head's, with the root of this side.
        commit: or another tree of git's; empty for the working tree.
    """

    name: str
    settings: Settings
    commit: str = ""

    @cached_property
    def folder(self) -> Folder:
        """Its migrations, none where it has no such folder yet; errors as of `read_folder`."""
        with self.telling():
            return read_folder(self.settings.migrations) if self._has_migrations else Folder(())

    @cached_property
    def queries(self) -> Queries:
        """Its queries; errors as of `read_queries`."""
        with self.telling():
            return read_queries(self.settings.queries)

    @cached_property
    def subjects(self) -> list[Subject]:
        """What it has under contract, with a golden; errors as of `read_subjects`."""
        with self.telling():
            return [each for each in read_subjects(self.queries, self.settings.contracts) if each.golden]

    def recipe(self, *, seeded: bool) -> Recipe:
        """Return how to build its database; errors as of `read_recipe`."""
        seeds = self.settings.seeds if seeded and self.settings.seeds.is_dir() else None
        with self.telling():
            return read_recipe(self.settings, seeds=seeds)

    def show(self, path: Path, line: int | None = None) -> str:
        """Return a file of this side as a person knows it: `queries/x.sql:3 at origin/main (1a2b3c4)`."""
        place = path.relative_to(self.settings.root).as_posix() + (f":{line}" if line else "")
        return f"{place} at {self.name}" if self.commit else place

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Have errors about a commit say so, and name its files as a person knows them.

        Raises:
            PgproofError: instead of what was raised; errors about the working tree stay what they are.
        """
        try:
            yield
        except PgproofError as error:
            if not self.commit:
                raise
            text = str(error).replace(f"{self.settings.root}/", "")
            raise PgproofError(f"{self.name} is not as it should be: {text}") from error

    @property
    def _has_migrations(self) -> bool:
        folder = self.settings.migrations
        return folder.is_dir() and any(each.suffix in (".sql", ".py") for each in folder.iterdir())


@dataclass(frozen=True)
class Change:
    """What is to be judged.

    Attributes:
        base: where the change begins: what runs in production now.
        head: where it ends.
        tip: the main branch, where it has gone on since; None where it has not.
    """

    base: Side
    head: Side
    tip: Side | None = None

    @cached_property
    def new(self) -> tuple[Migration, ...]:
        """Head's migrations that base does not have, in order."""
        known = self.base.folder.positions
        return tuple(each for each in self.head.folder.migrations if each.id not in known)

    @cached_property
    def pre(self) -> tuple[Migration, ...]:
        """The new ones that run before the new code is out: all up to the first that waits for it."""
        return tuple(before_code(self.new))

    @cached_property
    def post(self) -> tuple[Migration, ...]:
        """The new ones that run after the new code is out."""
        return self.new[len(self.pre) :]

    @cached_property
    def repeated(self) -> tuple[Migration, ...]:
        """Head's repeatables that are new or say something else."""
        before = {each.id: each.sha256 for each in self.base.folder.repeatables}
        return tuple(each for each in self.head.folder.repeatables if before.get(each.id) != each.sha256)

    @cached_property
    def breaks(self) -> Mapping[str, str]:
        """Queries whose base contract the change breaks on purpose, and why: `-- breaks: activities.home because …`."""
        return {name: why for each in (*self.new, *self.repeated) for name, why in each.header.breaks.items()}

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the schema changes."""
        return not self.new and not self.repeated

    def here(self, path: Path) -> Path:
        """Return where the working tree has, or would have, a file of any side."""
        root = self.head.settings.root
        for side in (self.base, self.tip):
            if side and path.is_relative_to(side.settings.root):
                return root / path.relative_to(side.settings.root)
        return path


def read_change(settings: Settings, base: str | None = None) -> Change:
    """Return the change from a git ref to the working tree.

    Args:
        settings: head's.
        base: what to compare with, from where HEAD parted from it; the main branch where none is said; NOTHING: all of
            the working tree is new.

    Raises:
        SettingsError: there is no git repository, or no such ref.
    """
    repository = Repository(settings.root)
    head = Side("the working tree", settings)

    def side(tree: str, name: str) -> Side:
        folders = (settings.migrations, settings.seeds, settings.queries, settings.contracts)
        names = [each.relative_to(settings.root).as_posix() for each in folders]
        root = repository.extract(tree, [*names, "schema.sql"], settings.cache / "gate")
        return Side(name, replace(settings, root=root), tree)

    if base == NOTHING:
        return Change(side(repository.empty_tree, NOTHING), head)
    ref = base or repository.find_main()
    tip, fork = repository.resolve(ref), repository.find_fork(ref)
    named = side(tip, f"{ref} ({tip[:7]})")
    return Change(named, head) if tip == fork else Change(side(fork, fork[:7]), head, named)
