"""tests/contracts/ in, pytest's items out: one for each case, and one for each promise that a whole query makes.

An item is no function and asks for no fixture: a fixture costs more than most queries. What looks at contracts is
imported when they are collected: pytest also meets the folder on its way to another one.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pytest

from pgproof.errors import PgproofError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pgproof.contracts.finding import Finding, Layer
    from pgproof.contracts.subjects import Subject
    from pgproof.plugin.collecting import Project

    Find = Callable[[], Iterable[Finding]]


class ContractBroken(AssertionError):
    """Promises that are not kept, as a person reads them."""


class ContractItem(pytest.Item):
    """One promise; `find` tells what is not kept of it."""

    def __init__(
        self,
        *,
        find: Find,
        layer: Layer,
        line: int | None = None,
        **keywords: Any,  # noqa: ANN401 - here and below: pytest's own
    ) -> None:
        # As pytest reads it in its cache: what is in brackets is a parameter to it, of a test without a name.
        super().__init__(nodeid=f"{keywords['parent'].nodeid}::{keywords['name']}", **keywords)
        self._find = find
        self._line = line
        self.add_marker(pytest.mark.contract(layer=layer))

    def runtest(self) -> None:
        """Tell all that is not kept at once."""
        if found := list(self._find()):
            raise ContractBroken("\n".join(map(str, found)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """Show what is to be expected in its own words; a traceback through our code would say nothing more."""
        from psycopg import Error

        if isinstance(excinfo.value, (ContractBroken, PgproofError, Error)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where a person looks first; pytest counts lines from 0."""
        return self.path, None if self._line is None else self._line - 1, self.name


class ContractFile(pytest.File):
    """The cases of one query."""

    def __init__(self, *, project: Project, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(**keywords)
        self._project = project

    def collect(self) -> Iterator[ContractItem]:
        """Yield what its query promises, the cheapest first."""
        from pgproof.contracts.cases import query_name
        from pgproof.contracts.subjects import find_strays, read_subject

        try:
            folder, queries = self._project.settings.get().contracts, self._project.queries.get()
            name = query_name(folder, self.path)
            if name in queries:
                yield from self._items(read_subject(queries[name], folder, self.path))
            else:
                found = [each for each in find_strays(queries, folder) if each.at.path == self.path]
                yield ContractItem.from_parent(self, name="[files]", layer="files", find=lambda: found)
        except PgproofError as error:
            raise self.CollectError(str(error)) from error

    def _items(self, subject: Subject) -> Iterator[ContractItem]:
        from pgproof.cache.declaration import read_declaration
        from pgproof.contracts.planning.promise import read_promise

        held = Holding(self._project, subject)
        yield self._item("[shape]", "shape", held.shape)
        for case in subject.contract.cases:
            yield self._item(case.name, "rows", partial(held.case, case.name), line=case.at.line)
        yield self._item("[stability]", "stability", partial(held.layer, "stability"))
        if read_promise(subject.query):
            yield self._item("[plan]", "plan", partial(held.layer, "plan"))
        if read_declaration(subject.query):
            yield self._item("[cache]", "cache", partial(held.layer, "cache"))

    def _item(self, name: str, layer: Layer, find: Find, line: int | None = None) -> ContractItem:
        item: ContractItem = ContractItem.from_parent(self, name=name, layer=layer, find=find, line=line)
        return item


class Holding:
    """The promises of one query; all its cases are asked at once, whichever item is the first to be run."""

    def __init__(self, project: Project, subject: Subject) -> None:
        self._project = project
        self._subjects = [subject]

    def shape(self) -> list[Finding]:
        """Hold what concerns all cases: the golden is there and has no more of them, and the shape."""
        return [each for each in self._pairs if not each.case] + self.layer("shape")

    def layer(self, layer: Layer) -> list[Finding]:
        """Hold one layer; at a desk, what was proved of the same content before is not proved again."""
        from pgproof.contracts.check import prove

        return prove(layer, self._project.bench.get(), self._subjects, self._project.proofs.get())

    def case(self, name: str) -> list[Finding]:
        """Hold one case."""
        return [each for each in (*self._pairs, *self._rows) if each.case == name]

    @cached_property
    def _pairs(self) -> list[Finding]:
        from pgproof.contracts.check import check_pairs

        return list(check_pairs(self._project.bench.get(), self._subjects))

    @cached_property
    def _rows(self) -> list[Finding]:
        from pgproof.contracts.check import check_rows

        return list(check_rows(self._project.bench.get(), self._subjects))


def make_files_item(folder: pytest.Directory, project: Project) -> ContractItem:
    """Make the item for what no file of cases can tell, because there is none.

    Raises:
        SettingsError: the settings are wrong, or are not for the project that the folder is in.
    """
    contracts = project.settings.get().contracts
    if contracts != folder.path:
        what = f"{folder.path}: pytest is at work in another project, {contracts.parents[1]}"
        raise SettingsError(what, hint="--rootdir leads it to this one; or leave the folder out: --ignore")

    def find() -> Iterable[Finding]:
        from pgproof.contracts.subjects import find_strays

        found = find_strays(project.queries.get(), contracts)
        return (each for each in found if each.at.path.suffix != ".toml")

    item: ContractItem = ContractItem.from_parent(folder, name="[files]", layer="files", find=find)
    return item
