"""queries/ and tests/contracts/ in, what is under contract out, and what of it has no partner."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from pgproof.contracts.cases import case_files, golden_path, query_name, read_contract
from pgproof.contracts.finding import Finding
from pgproof.contracts.golden import read_golden, render
from pgproof.errors import Location, SqlFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pgproof.contracts.cases import Case, Contract
    from pgproof.contracts.finding import Layer
    from pgproof.contracts.golden import Golden
    from pgproof.queries import Queries, Query


@dataclass(frozen=True)
class Subject:
    """A query under contract: what it says, what it is asked, and what it has promised.

    Attributes:
        golden: None where nothing was accepted yet.
    """

    query: Query
    contract: Contract
    golden: Golden | None = field(repr=False)

    @cached_property
    def content(self) -> str:
        """A hash of all that a check looks at: as long as it is the same, what held of it holds."""
        cases = [f"{case.name} {case.params} {sorted(case.masks)}" for case in self.contract.cases]
        golden = render(self.golden) if self.golden else ""
        return sha256("\0".join([self.query.text, *cases, golden]).encode()).hexdigest()

    @property
    def accept_hint(self) -> str:
        """What to do where its golden may have to change."""
        return f"if it is right as it is now: `inv query.accept --name {self.query.name}`"

    def find(self, layer: Layer, what: str, hint: str = "", *, case: Case | None = None) -> Finding:
        """Return a finding about it, or about one of its cases."""
        at = case.at if case else self.query.command.at
        return Finding(layer, self.query.name, case.name if case else "", at, what, hint)


def read_subjects(queries: Queries, folder: Path, names: Iterable[str] = (), *, anew: bool = False) -> list[Subject]:
    """Read what is under contract: of the names, or all; a file of cases whose query is gone is left to `find_strays`.

    `anew`: goldens are going to be written, so that one that cannot be read counts as none.

    Raises:
        SqlFileError: files that cannot be read as cases or as goldens; all their problems at once.
        UnknownQuery: there is no query of that name.
    """
    wanted = {queries[name].name for name in names}
    subjects, problems = [], []
    for path in case_files(folder):
        name = query_name(folder, path)
        if name not in queries or (wanted and name not in wanted):
            continue
        try:
            subjects.append(read_subject(queries[name], folder, path, anew=anew))
        except SqlFileError as error:
            problems += error.problems
    if problems:
        raise SqlFileError(problems)
    return subjects


def read_subject(query: Query, folder: Path, path: Path, *, anew: bool = False) -> Subject:
    """Read what is under contract by one file of cases.

    Raises:
        SqlFileError: the file, its golden or the query cannot be read.
    """
    query.command  # noqa: B018  (asking looks at the text)
    contract = read_contract(folder, path)
    try:
        return Subject(query, contract, read_golden(golden_path(path)))
    except SqlFileError:
        if anew:
            return Subject(query, contract, None)
        raise


def find_strays(queries: Queries, folder: Path, names: Iterable[str] = ()) -> list[Finding]:
    """Find what has no partner, of the names or all, by the names of files alone.

    That is a query without cases, cases without a query, or a golden without cases.
    """
    wanted = set(names)
    cases = {query_name(folder, path): path for path in case_files(folder)}
    goldens = {query_name(folder, path): path for path in folder.rglob("*.golden.json")}
    found = [_stray(query.name, query.path, *_NO_CONTRACT) for query in queries if query.name not in cases]
    found += [_stray(name, path, *_NO_QUERY) for name, path in cases.items() if name not in queries]
    found += [_stray(name, path, *_NO_CASES) for name, path in goldens.items() if name not in cases]
    found = [each for each in found if not wanted or each.query in wanted]
    return sorted(found, key=lambda each: (str(each.at), each.query))


def find_unpaired(subject: Subject) -> Iterator[Finding]:
    """Find cases without a golden, and what a golden has for cases that are gone."""
    if subject.golden is None:
        yield subject.find("files", "it has no golden", subject.accept_hint)
        return
    at = Location(subject.contract.golden_path)
    if (other := subject.golden.query) != subject.query.name:
        yield Finding("files", subject.query.name, "", at, f"this is the golden of {other}", subject.accept_hint)
    names = [case.name for case in subject.contract.cases]
    for case in subject.contract.cases:
        if case.name not in subject.golden.cases:
            yield subject.find("files", "the golden does not have this case", subject.accept_hint, case=case)
    if gone := [name for name in subject.golden.cases if name not in names]:
        what = f"the golden has cases that are gone: {', '.join(gone)}"
        yield Finding("files", subject.query.name, "", at, what, subject.accept_hint)


_NO_CONTRACT = "it has no contract", "`inv query.case {}` writes a case from a run"
_NO_QUERY = "there is no query {}", "rename the file with its query, or delete it"
_NO_CASES = "a golden without cases", "delete it, or write the cases of {}"


def _stray(name: str, path: Path, what: str, hint: str) -> Finding:
    return Finding("files", name, "", Location(path), what.format(name), hint.format(name))
