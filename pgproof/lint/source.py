"""Settings and paths in, the SQL files that are linted out, each with its kind and bytes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pgproof.errors import SettingsError
from pgproof.sqltext import split_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pgproof.settings import Settings

Kind = Literal["query", "seed", "migration", "rollback"]

# Parameters and doubled percent signs; signs that would be one operator with the percent sign stay next to it.
_PERCENT = re.compile(r"%\((?P<name>[^()]*)\)s|%(?P<tail>%[-+*/<>=~!@#%^&|`?]*)")


@dataclass(frozen=True)
class Source:
    """One file of SQL.

    Attributes:
        path: as seen from the project's root.
    """

    path: Path
    kind: Kind
    raw: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Hash of what is linted: the bytes, and what they are for."""
        return hashlib.sha256(b"\n".join((self.kind.encode(), self.raw))).hexdigest()

    @cached_property
    def is_text(self) -> bool:
        """Whether it is UTF-8 that begins like SQL; what is not, its reader tells."""
        try:
            return not self.raw.decode().startswith("\ufeff") and b"\0" not in self.raw
        except UnicodeDecodeError:
            return False

    @property
    def text(self) -> str:
        """The file as text."""
        return self.raw.decode()

    @property
    def readable(self) -> str:
        """The text as Postgres's parser reads it; every word stands where it stands in the file.

        Raises:
            ParseError: a quote or a comment has no end.
        """
        return _number(self.text) if self.kind == "query" else self.text


def read_sources(settings: Settings, paths: Sequence[Path] = ()) -> list[Source]:
    """Read what is linted; with paths, what is under one of them.

    Raises:
        SettingsError: under a path there is nothing to lint.
    """
    found = sorted((path.relative_to(settings.root), kind) for path, kind in _find(settings))
    for path in paths:
        if not any(is_chosen(settings, each, [path]) for each, _ in found):
            hint = "it looks at the .sql files of queries/, seeds/ and migrations/"
            raise SettingsError(f"there is nothing to lint at {path}", hint=hint)
    chosen = [(path, kind) for path, kind in found if is_chosen(settings, path, paths)]
    return [Source(path, kind, (settings.root / path).read_bytes()) for path, kind in chosen]


def is_chosen(settings: Settings, path: Path, paths: Sequence[Path]) -> bool:
    """Whether a file of the project, as seen from its root, is under one of the paths; without any, every file is."""
    whole = settings.root.resolve() / path
    return not paths or any(whole.is_relative_to(each.resolve()) for each in paths)


def _find(settings: Settings) -> Iterator[tuple[Path, Kind]]:
    for path in settings.queries.rglob("*.sql"):
        if not any(part.startswith(".") for part in path.relative_to(settings.queries).parts):
            yield path, "query"
    for path in settings.seeds.glob("[!.]*.sql"):
        yield path, "seed"
    for folder in (settings.migrations, settings.migrations / "repeatable"):
        for path in folder.glob("[!.]*.sql"):
            yield path, "rollback" if path.name.endswith(".rollback.sql") else "migration"


def _number(text: str) -> str:
    """Put numbers in the place of a query's parameters, filled up with spaces to the same length."""
    numbers: dict[str, int] = {}

    def stand_in(found: re.Match[str]) -> str:
        if found["name"] is None:
            return f"{found['tail']} "
        number = numbers.setdefault(found["name"], len(numbers) + 1)
        # `LIMIT%(n)s` must not become one word
        return f" ${number}".ljust(len(found[0]))

    pieces = split_pieces(text)
    return "".join(each.text if each.kind == "comment" else _PERCENT.sub(stand_in, each.text) for each in pieces)
