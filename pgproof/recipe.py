"""migrations/ and seeds/ in, how to build the database that they give out: step by step, each step with its hash.

What a template is made of is known here; that there are templates is not.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pgproof import migrations
from pgproof.errors import MigrationError
from pgproof.memo import recall
from pgproof.migrations import Event, Folder, ledger, read_folder
from pgproof.pg import database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from psycopg import Connection

    from pgproof.migrations import Migration
    from pgproof.seeds import Loaded, Seed
    from pgproof.settings import Settings

# What a text does with these belongs to the database by this name, and CREATE DATABASE ... TEMPLATE leaves it behind.
_NAMES_ITS_DATABASE = re.compile(
    rb"^(?!\s*--).*\b(current_database|current_catalog|(alter|on|in)\s+database)\b", re.IGNORECASE | re.MULTILINE
)


def say_nothing(_: Event | Loaded) -> None:
    """Listen to nothing."""


@dataclass(frozen=True)
class Recipe:
    """The steps to a finished database: each migration, then the repeatables at once, then the seeds at once.

    Made by `read_recipe`, which says what its fields are.
    """

    settings: Settings
    seeds_folder: Path | None
    at: str | None = None
    notify: Callable[[Event | Loaded], None] = field(default=say_nothing, compare=False, repr=False)

    @cached_property
    def folder(self) -> Folder:
        """The migrations and repeatables; nothing is read before somebody needs them."""
        folder = read_folder(self.settings.migrations)
        return folder if self.at is None else Folder(migrations.up_to(folder.migrations, self.at))

    @cached_property
    def seeds(self) -> Sequence[Seed]:
        """The seeds."""
        if self.seeds_folder is None:
            return []
        from pgproof.seeds import read_seeds

        return read_seeds(self.seeds_folder)

    @property
    def steps(self) -> Sequence[str]:
        """The hash of each step: names, contents, the way back (the ledger has its checksum), and what a ledger is."""
        steps: list[str] = self._facts["steps"]
        return steps

    @property
    def portable(self) -> int:
        """How many steps may live in a template: those before the first that names the database it runs in."""
        return int(self._facts["portable"])

    def describe(self, done: int) -> str:
        """Say what the first `done` steps are: 12 migrations, 3 repeatables, 5 seeds."""
        applied, repeatables, seeds = self._facts["counts"]
        counts = {
            "migration": min(done, applied),
            "repeatable": repeatables if done > applied else 0,
            "seed": seeds if done == len(self.steps) else 0,
        }
        return ", ".join(f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items() if count)

    def run(self, conninfo: str, done: int, stop: Callable[[], bool] = lambda: False) -> int:
        """Go on in a database that has the first `done` steps, to the end of a stage or until `stop` says so.

        Returns:
            How many steps are done then; the stages are the migrations, the repeatables, the seeds.

        Raises:
            MigrationError, SqlFileError, SeedError: as of `migrate` and `load`.
        """
        if not self._is_confirmed:
            raise MigrationError("migrations or seeds were changed at this moment", hint="once more")
        with database.connect_runner(conninfo, program="pgproof builds a database") as connection:
            if done < len(self.folder.migrations):
                return done + self._migrate(connection, self._stage(done), stop)
            if done == len(self.folder.migrations) and self.folder.repeatables:
                self._migrate(connection, self.folder)
                return done + 1
            from pgproof.seeds import load

            for each in load(connection, self.seeds):
                self.notify(each)
            return len(self.steps)

    def finish(self, conninfo: str, done: int | None = None) -> None:
        """Run in a clone what could not live in its template, or every step after the first `done`."""
        done = self.portable if done is None else done
        while done < len(self.steps):
            done = self.run(conninfo, done)

    def _migrate(self, connection: Connection[Any], folder: Folder, stop: Callable[[], bool] = lambda: False) -> int:
        outcome = migrations.migrate(connection, folder, self.settings, notify=self.notify, stop=stop)
        if folder == self.folder:  # what a part of the migrations leaves, the next one may still mend
            for finding in (*outcome.notes, *outcome.failures):
                self.notify(Event("notice", text=str(finding)))
        return len(outcome.changed)

    def _stage(self, done: int) -> Folder:
        """The migrations to run in one go: what follows the portable ones is for the clone."""
        if done < self.portable < len(self.folder.migrations):
            return Folder(self.folder.migrations[: self.portable])
        return replace(self.folder, repeatables=())

    @cached_property
    def _is_confirmed(self) -> bool:
        """Whether what would be built is what the hashes say, which may be the memo's."""
        return self._hash_steps() == self.steps

    @cached_property
    def _facts(self) -> dict[str, Any]:
        place = f"{self.settings.root.resolve()}\n{self.seeds_folder}\n{self.at}"
        memo = self.settings.cache / "recipes" / f"{_hash(place)[:24]}.json"
        folders = [self.settings.migrations, self.settings.migrations / "repeatable"]
        version = f"{ledger.FORMAT} {_NAMES_ITS_DATABASE.pattern!r}"
        return recall(memo, [*folders, *([self.seeds_folder] if self.seeds_folder else [])], version, self._look)

    def _look(self) -> dict[str, Any]:
        texts = list(self._texts())
        bound = (index for index, step in enumerate(texts) if any(map(_NAMES_ITS_DATABASE.search, step)))
        return {
            "steps": self._hash_steps(),
            "portable": next(bound, len(texts)),
            "counts": [len(self.folder.migrations), len(self.folder.repeatables), len(self.seeds)],
        }

    def _hash_steps(self) -> list[str]:
        return [_hash(ledger.FORMAT, *step) for step in self._contents()]

    def _contents(self) -> Iterator[tuple[str, ...]]:
        for each in self.folder.migrations:
            yield _identity(each)
        if self.folder.repeatables:
            yield tuple(part for each in self.folder.repeatables for part in _identity(each))
        if self.seeds:
            from pgproof.seeds import fingerprint

            yield (fingerprint(self.seeds),)

    def _texts(self) -> Iterator[list[bytes]]:
        for each in self.folder.migrations:
            yield [each.raw]
        if self.folder.repeatables:
            yield [each.raw for each in self.folder.repeatables]
        if self.seeds:
            yield [each.content for each in self.seeds if each.path.suffix == ".sql"]


def read_recipe(
    settings: Settings,
    *,
    seeds: Path | None,
    at: str | None = None,
    notify: Callable[[Event | Loaded], None] = say_nothing,
) -> Recipe:
    """Read what a database is built of.

    Args:
        settings: whose migrations.
        seeds: the folder of the seeds; None for none.
        at: the last migration, by name or what only it begins with; no repeatables are run then.
        notify: told what happens in a build.

    Raises:
        MigrationError, SqlFileError: as of `read_folder` and `read_seeds`, or there is no migration `at`.
    """
    recipe = Recipe(settings, seeds, at, notify)
    _ = recipe.steps  # what cannot be read is said now, before anything is touched
    return recipe


def _identity(migration: Migration) -> tuple[str, str, str]:
    return migration.id, migration.sha256, migration.rollback.sha256 if migration.rollback else ""


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
