"""A project in, a `Report` of all that its tools have against its SQL out; what is known already is not looked at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.lint import own
from pgproof.lint.cache import Cache, hash_files
from pgproof.lint.files import find_file_hits
from pgproof.lint.finding import Finding, Hit, Report, Verdict
from pgproof.lint.source import is_chosen, read_sources
from pgproof.lint.squawk import Squawk
from pgproof.lint.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.lint.finding import Keep, Tool
    from pgproof.lint.source import Source
    from pgproof.settings import Settings


def lint(settings: Settings, paths: Sequence[Path] = ()) -> Report:
    """Look at queries, seeds and migrations; with paths, at the files under them.

    Raises:
        SettingsError: there is nothing at a path, a tool is missing, or its settings are wrong.
        PgproofError: sqlfluff failed.
    """
    sources = read_sources(settings, paths)
    kept = Cache(settings.cache / "lint")
    ours, style, squawk = _hash_ours(), Style.of(settings), Squawk.of(settings)
    migrations = [each for each in sources if each.kind == "migration"]
    with ThreadPoolExecutor(1) as beside:  # while sqlfluff is at work in processes of its own
        ourselves = beside.submit(_recall, kept, ours, sources, own.check)
        of_squawk = beside.submit(_recall, kept, squawk.state, migrations, squawk.check)
        of_sqlfluff = _recall(kept, style.state, sources, style.check)
    judged: dict[Tool, dict[Source, Verdict]] = {
        "pgproof": ourselves.result(),
        "squawk": of_squawk.result(),
        "sqlfluff": of_sqlfluff,
    }
    findings = [
        Finding.of(hit, tool, source.path)
        for tool, verdicts in judged.items()
        for source, verdict in verdicts.items()
        for hit in verdict.hits
    ]
    findings += _find_in_folders(settings, kept, ours, paths)
    unchecked = [f"{each.path}: {said.unchecked}" for each, said in judged["sqlfluff"].items() if said.unchecked]
    return Report(tuple(sorted(findings, key=_order)), len(sources), tuple(unchecked))


def _recall(
    kept: Cache, state: str, sources: Sequence[Source], check: Callable[[Sequence[Source], Keep], None]
) -> dict[Source, Verdict]:
    """Return the verdict of a tool on each file; `check` is asked for those that are not known.

    Args:
        kept: where verdicts are kept.
        state: of the tool: all that a verdict depends on beside the file.
        sources: what is judged.
        check: judges files, and says each verdict as soon as it has it.
    """
    known: dict[Source, Verdict] = {}
    for each in sources:
        with suppress(KeyError, TypeError):  # nothing, or not what we wrote
            said = kept.get(f"{state}\n{each.digest}")
            known[each] = Verdict(tuple(Hit(**hit) for hit in said["hits"]), said["unchecked"])

    def keep(source: Source, verdict: Verdict) -> None:
        known[source] = verdict
        kept.put(f"{state}\n{source.digest}", asdict(verdict))

    if unknown := [each for each in sources if each not in known]:
        check(unknown, keep)
        kept.sweep()
    return {each: known[each] for each in sources}


def _find_in_folders(settings: Settings, kept: Cache, ours: str, paths: Sequence[Path]) -> list[Finding]:
    """Return what the readers of the folders say: of a file that may depend on its neighbours, so of all at once."""
    folders = (settings.queries, settings.migrations, settings.seeds)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    key = f"{ours}\n{hash_files(settings.root, files)}"
    try:
        found = [(Path(path), Hit(**hit)) for path, hit in kept.get(key)]
    except (TypeError, ValueError):  # nothing, or not what we wrote
        sources = {each.path: each for each in read_sources(settings)}
        found = list(find_file_hits(settings, sources))
        kept.put(key, [[str(path), asdict(hit)] for path, hit in found])
    return [Finding.of(hit, "pgproof", path) for path, hit in found if is_chosen(settings, path, paths)]


@cache
def _hash_ours() -> str:
    """Return what our judgement depends on: our rules, and the readers whose problems they tell."""
    package = Path(__file__).parents[1]
    folders = (package / name for name in ("cache", "lint", "migrations", "queries", "seeds"))
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    return hash_files(package, [*modules, *package.glob("*.py")])


def _order(finding: Finding) -> tuple[object, ...]:
    return str(finding.at.path), finding.at.line or 0, finding.column or 0, finding.tool, finding.rule
