"""gate, and gate.*: whether a schema change may merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from invoke import Exit

from pgproof.errors import SettingsError
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.formats.render import Format
    from pgproof.gate.proof import Report
    from pgproof.settings import Settings
    from pgproof.tasks.task import Place

_FORMATS = ("human", "json", "junit", "sarif", "markdown")


@place_task(
    help={
        "base": "a git ref to compare with, from where HEAD parted from it (default: the main branch); or nothing",
        "rows": "how many a table is filled up to, to be measured (default: 200000)",
        "thorough": "kill the new migrations after each statement, not only at their boundaries",
        "stats": "a file that gate.stats wrote of production: its sizes, for estimates",
        "format": f"how the report is told: {', '.join(_FORMATS)}",
        "html": "write a page with it, too",
        "write": "a file to write it to, too, by its ending: .json .xml .sarif .md .html; may be given several times",
        "sign": "where all is proved, write migrations/PROOF, which `db.migrate --target=prod` asks for",
    },
    iterable=["write"],
)
def judge(  # noqa: PLR0913, PLR0917  (an option each)
    place: Place,
    write: list[str],
    base: str | None = None,
    rows: str = "200000",
    thorough: bool = False,  # noqa: FBT001, FBT002
    stats: str | None = None,
    format: str = "human",  # noqa: A002  (the option's name)
    html: str | None = None,
    sign: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Prove that the schema change from a base to the working tree may merge; exit code 1 where it may not."""
    from pgproof.gate.change import read_change
    from pgproof.gate.databases import open_databases
    from pgproof.gate.formats.rooted import seen_from
    from pgproof.gate.judge import judge as prove_all
    from pgproof.gate.measuring.stats import read_stats
    from pgproof.gate.record import hash_files
    from pgproof.gate.trial import Options, Trial

    if format not in _FORMATS:
        raise SettingsError(f"unknown format {format!r}", hint=", ".join(_FORMATS))
    files = _choose_files(write, html)
    sizes = read_stats(Path(stats)) if stats else {}
    options = Options(rows=count("--rows", rows), thorough=thorough, production=sizes)
    change = read_change(place.settings, base)
    before = hash_files(place.settings) if sign else {}
    notify = place.screen.busy if format == "human" else lambda _: None
    with open_databases(place.settings) as databases:
        report = seen_from(place.settings.root, prove_all(Trial(change, databases, options), notify))
    _show(place, report, format)
    tell = place.screen.say if format == "human" else lambda _: None
    _write(report, files, tell)
    if sign:
        _sign(place.settings, change, report, before, tell)
    if report.is_broken:
        from pgproof.gate.formats.verdict import give_verdict

        raise Exit(f"error: {give_verdict(report).headline}", code=1)


@place_task(
    name="init",
    help={"ci": "github or gitlab (default: gitlab where there is a .gitlab-ci.yml, github elsewhere)"},
)
def make_job(place: Place, ci: str | None = None) -> None:
    """Write a job for CI that lets the gate judge each pull request; a file that is there is left as it is."""
    from pgproof.gate.workflow import write_job

    written = write_job(place.settings.root, ci)
    place.screen.say(f"written: {written.path}", "applied")
    place.screen.say(written.next)


def _choose_files(write: Sequence[str], html: str | None) -> list[tuple[Path, Format]]:
    """Return the files to be written, each with its format: what cannot be written is said before the work is done."""
    from pgproof.gate.formats.render import ENDINGS

    files: list[tuple[Path, Format]] = [(Path(html), "html")] if html else []
    for path in map(Path, write):
        if path.suffix not in ENDINGS:
            raise SettingsError(f"--write {path}: no format has this ending", hint=" ".join(ENDINGS))
        files.append((path, ENDINGS[path.suffix]))
    for path, _ in files:
        if path.is_dir() or not path.parent.is_dir():
            raise SettingsError(f"{path} cannot be written", hint="name a file in a folder that is there")
    return files


def _show(place: Place, report: Report, format: str) -> None:  # noqa: A002
    if format == "human":
        from pgproof.tasks.judgement import show_judgement

        show_judgement(place.screen, report)
        return
    from pgproof.gate.formats.render import render

    place.screen.say(render(report, cast("Format", format)))


def _write(report: Report, files: Sequence[tuple[Path, Format]], tell: Callable[[str], None]) -> None:
    from pgproof.gate.formats.render import render

    for path, name in files:
        path.write_text(f"{render(report, name)}\n", encoding="utf-8")
        tell(f"written: {path}")


def _sign(
    settings: Settings, change: Change, report: Report, before: dict[str, str], tell: Callable[[str], None]
) -> None:
    from pgproof.gate.record import write_record

    if (path := write_record(settings, change, report, before)) is None:
        tell("not signed: of these files there is no record")
    else:
        tell(f"{'signed' if settings.proof_key else 'recorded, without a PGPROOF_PROOF_KEY to sign it'}: {path}")
