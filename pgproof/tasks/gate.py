"""gate, and gate.*: whether a schema change may merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Exit

from pgproof.errors import SettingsError
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from pgproof.gate.proof import Report
    from pgproof.tasks.task import Place

_FORMATS = ("human", "json", "junit", "sarif", "markdown")


@place_task(
    help={
        "base": "a git ref to compare with, from where HEAD parted from it (default: the main branch)",
        "rows": "how many a table is filled up to, to be measured (default: 200000)",
        "thorough": "kill the new migrations after each statement, not only at their boundaries",
        "stats": "a file that gate.stats wrote of production: its sizes, for estimates",
        "format": f"how the report is told: {', '.join(_FORMATS)}",
        "html": "write a page with it, too",
    }
)
def judge(  # noqa: PLR0913, PLR0917  (an option each)
    place: Place,
    base: str | None = None,
    rows: str = "200000",
    thorough: bool = False,  # noqa: FBT001, FBT002
    stats: str | None = None,
    format: str = "human",  # noqa: A002  (the option's name)
    html: str | None = None,
) -> None:
    """Prove that the schema change from a base to the working tree may merge; exit code 1 where it may not."""
    from pgproof.gate.change import read_change
    from pgproof.gate.databases import open_databases
    from pgproof.gate.judge import judge as prove_all
    from pgproof.gate.trial import Options, Trial

    if format not in _FORMATS:
        raise SettingsError(f"unknown format {format!r}", hint=", ".join(_FORMATS))
    options = Options(rows=count("--rows", rows), thorough=thorough, stats=Path(stats) if stats else None)
    change = read_change(place.settings, base)
    with open_databases(place.settings) as databases:
        report = prove_all(Trial(change, databases, options), place.screen.busy)
    _show(place, report, format, html)
    if report.is_broken:
        raise Exit("error: this change may not merge as it is", code=1)


def _show(place: Place, report: Report, format: str, html: str | None) -> None:  # noqa: A002
    del format, html
    rows = [
        [proof.title, proof.condition, f"{proof.took:.1f} s", proof.not_applicable or proof.note]
        for proof in report.proofs
    ]
    place.screen.table(["proof", "", "took", ""], rows)
    for each in report.findings:
        place.screen.say(f"{each.at}: {each.kind.id} {each.what}")
