"""The words of `@pytest.mark.pgproof` in, what a test wishes for out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pgproof.errors import Location
    from pgproof.settings import Settings

WORDS = ("isolation", "seeds", "at")
NEEDS_CLONE = {
    "database_url": "whoever connects with it is outside of the test's transaction",
    "migrate": "migrations commit",
}
"""Fixtures that cannot be had in a transaction, and why."""


@dataclass(frozen=True)
class Wish:
    """The database that a test wants.

    Attributes:
        isolation: how what the test does is taken back: a rolled back transaction, or a clone of its own.
        seeds: the project's (True), none (False), or a folder's, relative to the project.
        at: the last migration; None for all, and the repeatables.
    """

    isolation: Literal["transaction", "clone"]
    seeds: str | bool
    at: str | None

    def seeds_of(self, settings: Settings) -> Path | None:
        """Return the folder of the seeds that are to be loaded, None for none."""
        if isinstance(self.seeds, bool):
            return settings.seeds if self.seeds else None
        folder = settings.root / self.seeds
        if not folder.is_dir():
            raise SettingsError(f"there is no folder {folder}", hint="`seeds` is relative to the project's root")
        return folder


SEEDED = Wish("clone", seeds=True, at=None)
"""The database as a project has it, for whoever checks more than one test."""


def read_wish(words: Mapping[str, Any], fixtures: Collection[str], at: Location) -> Wish:
    """Return what the words ask for; what they leave open, the test's fixtures decide.

    Raises:
        SettingsError: a word is unknown, a value does not fit, or a fixture and the isolation contradict each other.
    """
    for word, value in words.items():
        _check(word, value, at)
    needing = [name for name in NEEDS_CLONE if name in fixtures]
    isolation = words.get("isolation", "clone" if needing else "transaction")
    if needing and isolation == "transaction":
        refuse(needing[0], at)
    migration = words.get("at")
    seeds = words.get("seeds", migration is None)  # of an older schema, the seeds may not be of its time
    return Wish(isolation, seeds if isinstance(seeds, bool) else os.fspath(seeds), migration)


def refuse(fixture: str, at: Location) -> None:
    """Say that a fixture cannot be had in a transaction.

    Raises:
        SettingsError: always.
    """
    raise SettingsError(
        f'{fixture} cannot be had with isolation="transaction": {NEEDS_CLONE[fixture]}',
        at=at,
        hint='mark the test @pytest.mark.pgproof(isolation="clone")',
    )


def _check(word: str, value: object, at: Location) -> None:
    if word not in WORDS:
        from difflib import get_close_matches

        near = get_close_matches(word, WORDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(WORDS)}, each with its name"
        raise SettingsError(f"unknown word {word} in @pytest.mark.pgproof", at=at, hint=hint)
    fits, wanted = {
        "isolation": (value in ("transaction", "clone"), '"transaction" or "clone"'),
        "seeds": (isinstance(value, (str, bool, os.PathLike)), "False, or a folder relative to the project's root"),
        "at": (isinstance(value, str), "the name of a migration"),
    }[word]
    if not fits:
        raise SettingsError(f"{word}={value!r} in @pytest.mark.pgproof", at=at, hint=f"it takes {wanted}")
