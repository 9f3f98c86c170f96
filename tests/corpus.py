"""tests/gate/corpus/ in, its cases out; a case in, a git repository with that change out.

A case is a folder: `case.toml` says what is to be found, `change.sql` is the new migration (`change.1.sql`, … where
there are several) with its rollback beside it. What runs in production before is one of `tests/gate/bases/`, unless the
case has a `base.sql` of its own; `queries/` holds what is under contract then, each query with its cases, and `before/`
whatever else was there. `head/` lies over the working tree afterwards, `main/` is what main has got meanwhile.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgproof.contracts.cases import golden_path
from pgproof.sqltext import ParseError, parse
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.sqltext import Statement
    from tests.gates import Repo

FOLDER = Path(__file__).parent / "gate" / "corpus"
BASES = FOLDER.parent / "bases"
MANY_WAYS = ("type-int-to-bigint", "type-varchar-widened", "set-not-null-proven", "drop-index-in-use")
"""Cases of which the server chooses what to do: to rewrite or not, to scan or to believe, another plan."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A change, and what is to be said of it.

    Attributes:
        about: what it is and whom it hurts, in a sentence.
        dangerous: it must not pass unseen; the others must pass without an error or a warning.
        expected: ids of all its errors and warnings.
        notes: ids of notes that are to be there, beside others.
        sources: where people warn of it.
        eugene: hints that eugene gives, by its documentation.
        counts: rules of squawk that say too much elsewhere, and are right here.
        since: the first major of PostgreSQL that knows it.
        base: which of the shared ones.
        role: the application's.
        number: of the first new migration.
        drop: files that are gone in the working tree; a query takes its contract along.
        rename: files that have another name there.
        accepted: somebody has accepted what the same queries give on head; what new ones give is accepted always.
    """

    name: str
    about: str
    dangerous: bool
    expected: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    eugene: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    since: int = 15
    base: str = "users"
    role: str = ""
    number: int = 2
    drop: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    accepted: bool = False

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def changes(self) -> list[Path]:
        """The new migrations, in order."""
        found = self.folder.glob("change*.sql")
        return sorted(each for each in found if not each.name.endswith(".rollback.sql"))

    @property
    def commands(self) -> set[tuple[str, ...]]:
        """What is asked of the server: each statement's kind, and of ALTER TABLE the parts; none where it is no SQL."""
        try:
            statements = [each for path in self.changes for each in parse(path.read_text(encoding="utf-8"))]
        except ParseError:
            return set()
        return {(each.kind, *_parts(each)) for each in statements}


def read_corpus() -> list[Case]:
    """Return all cases, by name."""
    folders = sorted(each.parent for each in FOLDER.glob("*/case.toml"))
    return [_read(each) for each in folders]


def _parts(statement: Statement) -> list[str]:
    return sorted({node["subtype"] for _, node in walk(statement) if node.get("subtype")})


def _read(folder: Path) -> Case:
    said = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    unknown = said.keys() - {each.name for each in fields(Case)}
    assert not unknown, f"{folder.name} says {unknown}"
    lists: dict[str, Any] = {
        name: tuple(said[name]) for name in ("sources", "eugene", "counts", "drop") if name in said
    }
    sets: dict[str, Any] = {name: frozenset(said[name]) for name in ("expected", "notes") if name in said}
    return Case(name=folder.name, **{**said, **lists, **sets})


def pick_for_each_command(cases: Sequence[Case]) -> frozenset[str]:
    """Return the names of cases that together hold each command of the corpus, once where it hurts and once where not.

    Which locks a command takes, whether it rewrites or scans, and what the catalogs say of it is the server's, and may
    be another thing in another major: for that one case of a command will do. What the gate makes of it is not the
    server's. Nor is what is found in files alone, before a server is asked: PG0xx.
    """
    picked, known = set(MANY_WAYS), set[tuple[tuple[str, ...], bool]]()
    for case in cases:
        commands = {(command, case.dangerous) for command in case.commands}
        if not commands <= known and not any(each.startswith("PG0") for each in case.expected):
            picked.add(case.name)
            known |= commands
    return frozenset(picked)


def build(case: Case, repo: Repo) -> None:
    """Commit what was there before, and let the change lie in the working tree."""
    repo.choose(application_role=case.role)
    _put_base(case, repo)
    repo.accept()
    repo.commit("what runs in production")
    if (case.folder / "main").is_dir():
        repo.git("checkout", "-q", "-b", "change")
    _put_head(case, repo)
    if case.accepted or (case.folder / "head" / "queries").is_dir():
        repo.accept()
    if (case.folder / "main").is_dir():
        _go_on(case, repo)


def _put_base(case: Case, repo: Repo) -> None:
    base = case.folder if (case.folder / "base.sql").is_file() else BASES / case.base
    repo.add("0001_base", (base / "base.sql").read_text(encoding="utf-8"))
    repo.put("migrations/HEAD", "0001_base\n")
    for folder in dict.fromkeys((base, case.folder)):
        _lay(folder / "queries", repo, "queries")
    _lay(case.folder / "before", repo)


def _put_head(case: Case, repo: Repo) -> None:
    for name in case.drop:
        (repo.root / name).unlink()
        if name.startswith("queries/"):
            cases = repo.root / _contract(name.replace(".sql", ".toml"))
            cases.unlink()
            golden_path(cases).unlink()
    for old, new in case.rename.items():
        (repo.root / old).rename(repo.root / new)
    for number, path in enumerate(case.changes, start=case.number):
        rollback = path.with_suffix(".rollback.sql")
        down = rollback.read_text(encoding="utf-8") if rollback.is_file() else None
        repo.add(f"{number:04}_change", path.read_text(encoding="utf-8"), down)
        repo.put("migrations/HEAD", f"{number:04}_change\n")
    _lay(case.folder / "head", repo)


def _go_on(case: Case, repo: Repo) -> None:
    """The main branch gets what it has got meanwhile; the change is committed on a branch of its own."""
    repo.commit("the change")
    repo.git("checkout", "-q", "main")
    _lay(case.folder / "main", repo)
    repo.commit("meanwhile")
    repo.git("checkout", "-q", "change")


def _lay(folder: Path, repo: Repo, below: str = "") -> None:
    """Put all files of a folder into the working tree; cases go where contracts are."""
    for path in _files(folder):
        repo.put(_contract((Path(below) / path.relative_to(folder)).as_posix()), path.read_text(encoding="utf-8"))


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in sorted(folder.rglob("*")) if each.is_file())


def _contract(name: str) -> str:
    """Return where cases are that lie beside their query: `queries/a.toml` is `tests/contracts/a.toml`."""
    if name.startswith("queries/") and name.endswith(".toml"):
        return f"tests/contracts/{name.removeprefix('queries/')}"
    return name
