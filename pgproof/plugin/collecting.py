"""A folder or a file that pytest meets in, what of it is a contract out; for anything else this costs a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pgproof.errors import PgproofError, SettingsError
from pgproof.isolation.once import Once

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pgproof.contracts.bench import Bench
    from pgproof.contracts.proofs import Proofs
    from pgproof.isolation.workbench import Workbench


class Project:
    """What the items of a run look at; nothing is read or started before one of them does."""

    def __init__(self, workbench: Workbench) -> None:
        self.settings = workbench.settings
        self.queries = workbench.queries
        self.bench = Once(self._make_bench)
        self.proofs = Once(self._read_proofs)
        self._run = workbench.run

    def close(self) -> None:
        """Keep what was proved, and give the databases back."""
        if proofs := self.proofs.if_made:
            proofs.save(whole=False)
        if bench := self.bench.if_made:
            bench.close()

    def _make_bench(self) -> Bench:
        from pgproof.contracts.bench import Bench
        from pgproof.contracts.planning.memory import read_memory
        from pgproof.isolation.wish import SEEDED

        memory = read_memory(self.settings.get())
        return Bench(lambda: self._run.get().lend(SEEDED), memory)

    def _read_proofs(self) -> Proofs:
        from pgproof.contracts.proofs import read_proofs

        return read_proofs(self.settings.get(), self.bench.get().session)


PROJECT = pytest.StashKey[Project]()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add to what the folder of the contracts holds what is missing in it.

    Settings that are wrong, or another project's, are told here: once, and not by every file.
    """
    report = yield
    if isinstance(collector, pytest.Directory) and collector.path == _find_contracts(collector.path) and report.passed:
        from pgproof.plugin.contracts import make_files_item

        try:
            report.result.insert(0, make_files_item(collector, collector.config.stash[PROJECT]))
        except PgproofError as error:
            report.outcome, report.longrepr, report.result = "failed", str(error), []
    return report


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file of cases."""
    if file_path.suffix != ".toml" or file_path.name.startswith(".") or not _find_contracts(file_path):
        return None
    from pgproof.plugin.contracts import ContractFile

    return ContractFile.from_parent(parent, path=file_path, project=parent.config.stash[PROJECT])


def _find_contracts(path: Path) -> Path | None:
    """Return the folder of contracts that a path is in; whoever has no queries has none, whatever he calls so."""
    if "contracts" not in path.parts:
        return None
    from pgproof.settings import Settings, find_root

    try:
        layout = Settings(root=find_root(path))
    except SettingsError:
        return None
    return layout.contracts if path.is_relative_to(layout.contracts) and layout.queries.is_dir() else None
