"""Files in, a git repository with a change in it out, and what the gate says to it: what its tests say in one word."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pgproof.contracts.asking import ask
from pgproof.contracts.finding import Finding as Broken
from pgproof.contracts.golden import Golden, write_golden
from pgproof.contracts.outcome import make_outcome
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.contracts.subjects import read_subjects
from pgproof.gate.change import Change, Side, read_change
from pgproof.gate.databases import Databases
from pgproof.gate.trial import Options, Trial
from pgproof.isolation.loan import Loan
from pgproof.queries import read_queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgproof.gate.proof import Outcome
    from pgproof.gate.proofs import ProofFunction
    from pgproof.settings import Settings

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")
"""The program, as whoever has no settings of their own can commit with it."""

# What was accepted, by what it was made of: most changes of the corpus begin with what another one begins with.
_ACCEPTED: dict[frozenset[tuple[str, bytes]], dict[str, str]] = {}


@dataclass
class Repo:
    """A project in a git repository. What is committed on main is base, what lies there is head."""

    settings: Settings
    conninfo: str
    stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.put("pyproject.toml", "[tool.pgproof]\n")
        self.git("init", "-q")

    @property
    def root(self) -> Path:
        return self.settings.root

    def choose(self, **settings: Any) -> None:
        self.settings = replace(self.settings, **settings)

    def git(self, *arguments: str) -> str:
        done = subprocess.run([*GIT, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def put(self, name: str, text: str) -> Path:
        """Write a file of the working tree."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def add(self, id: str, up: str, down: str | None = "SELECT 1;\n") -> Path:
        """Write a migration and its rollback; the newest is in migrations/HEAD."""
        if down is not None:
            self.put(f"migrations/{id}.rollback.sql", down)
        path = self.put(f"migrations/{id}.sql", up)
        newest = max(each.stem for each in path.parent.glob("*.sql") if not each.stem.endswith(".rollback"))
        self.put("migrations/HEAD", f"{newest}\n")
        return path

    def add_query(self, name: str, text: str, cases: str = '[[case]]\nname = "all"\n') -> None:
        """Write a query and its cases; `accept` writes its golden."""
        path = name.replace(".", "/")
        self.put(f"queries/{path}.sql", text)
        self.put(f"tests/contracts/{path}.toml", cases)

    def accept(self) -> None:
        """Write the goldens that queries have on the database of the working tree."""
        made_of = self._read_all()
        if made_of not in _ACCEPTED:
            _ACCEPTED[made_of] = {
                each.relative_to(self.root).as_posix(): each.read_text("utf-8") for each in self._ask()
            }
        for name, text in _ACCEPTED[made_of].items():
            self.put(name, text)

    def _read_all(self) -> frozenset[tuple[str, bytes]]:
        """Return all that decides what goldens say: files of the working tree, by name."""
        folders = (self.settings.migrations, self.settings.seeds, self.settings.queries, self.settings.contracts)
        paths = [each for folder in folders for each in folder.rglob("*") if each.is_file()]
        return frozenset(
            (each.relative_to(self.root).as_posix(), each.read_bytes())
            for each in paths
            if not each.name.endswith((".golden.json", ".pyc"))
        )

    def _ask(self) -> Iterator[Path]:
        """Write the goldens that a server gives; yield where each is."""
        side = Side("the working tree", self.settings)
        with self.databases() as databases, databases.connect(databases.built(side, seeded=True)) as connection:
            session = Session(connection)
            for subject in read_subjects(read_queries(self.settings.queries), self.settings.contracts):
                shape = fetch_shapes(session, [subject.query])[subject.query.name]
                assert not isinstance(shape, Broken), shape
                cases = {
                    each.case.name: make_outcome(each.case, each.answer, shape) for each in ask(session, [subject])
                }
                write_golden(subject.contract.golden_path, Golden(subject.query.name, shape, cases))
                yield subject.contract.golden_path

    def commit(self, message: str = "a commit") -> str:
        """Commit all that lies there; return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def change(self, base: str = "main") -> Change:
        return read_change(self.settings, base)

    @contextmanager
    def databases(self) -> Iterator[Databases]:
        # On a server that stays, so that what the gate leaves there would be seen.
        with Databases(Loan(self.conninfo, "a test's server", stays=True), self.settings) as databases:
            yield databases

    @contextmanager
    def trial(self, base: str = "main", **options: Any) -> Iterator[Trial]:
        """Give a trial of the change; tables are filled up to 2,000 rows unless something else is said."""
        with self.databases() as databases:
            yield Trial(self.change(base), databases, Options(**{"rows": 2000, **options}))

    def prove(self, proof: ProofFunction, base: str = "main", **options: Any) -> Outcome:
        """Return what one proof says to the change."""
        with self.trial(base, **options) as trial:
            return proof(trial)

    def found(self, proof: ProofFunction, base: str = "main", **options: Any) -> list[str]:
        """Return the findings of one proof, each as `PG401 migrations/0002_x.sql:1 what`, in order."""
        findings = self.prove(proof, base, **options).findings
        return sorted(
            f"{each.kind.id} {each.at.path.relative_to(self.root)}:{each.at.line} {each.what}" for each in findings
        )
