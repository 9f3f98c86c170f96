"""What was proved in, whether it has to be proved again out: not where query, cases, golden and database are the same.

Only what holds is noted. Rows are never among it: to run the query is what a check is for.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.pg.folder import write_whole
from pgproof.recipe import read_recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgproof.contracts.finding import Layer
    from pgproof.contracts.session import Session
    from pgproof.contracts.subjects import Subject
    from pgproof.settings import Settings


def read_proofs(settings: Settings, session: Session) -> Proofs:
    """Return what was proved before of the database that the session is in; CI proves all anew."""
    server = str(session.connection.info.server_version)
    folders = (Path(__file__).parent, Path(__file__).parents[1] / "cache")
    ours = [file.read_text(encoding="utf-8") for folder in folders for file in sorted(folder.rglob("*.py"))]
    made_of = [server, *read_recipe(settings, seeds=settings.seeds).steps, *ours]
    path = settings.memory and settings.memory / "proofs.json"
    return Proofs(path, sha256("\0".join(made_of).encode()).hexdigest())


@dataclass
class Proofs:
    """The proofs of one project, in a file of ours.

    Attributes:
        path: the file; it may be absent, and its loss only costs time. None: nothing is remembered.
        proved_on: the seeded database and what looks at it, as a hash.
        known: hashes of what holds, as far as this run asked for it or found it out.
    """

    path: Path | None
    proved_on: str
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read what earlier runs have proved."""
        self._earlier = self._read()

    def holds(self, layer: Layer, subject: Subject) -> bool:
        """Whether this was proved before."""
        key = self._key(layer, subject)
        if key in self._earlier:
            self.known.add(key)
        return key in self.known

    def add(self, layer: Layer, subjects: Iterable[Subject]) -> None:
        """Note what was proved now."""
        self.known.update(self._key(layer, subject) for subject in subjects)

    def save(self, *, whole: bool) -> None:
        """Keep what is known, after a `whole` check that alone; a full or closed cache only costs time."""
        if self.path is None:
            return
        kept = self.known if whole else self.known | self._read()  # others may have proved something meanwhile
        with suppress(OSError):
            write_whole(self.path, json.dumps(sorted(kept)))

    def _read(self) -> set[str]:
        with suppress(OSError, ValueError, TypeError):
            return {str(each) for each in json.loads(self.path.read_bytes())} if self.path else set()
        return set()

    def _key(self, layer: Layer, subject: Subject) -> str:
        return f"{layer} {sha256(f'{self.proved_on} {subject.content}'.encode()).hexdigest()}"
