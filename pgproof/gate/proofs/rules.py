"""Warnings of rules about new files in, what is left of them beside what was measured out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from pgproof.errors import Location, MigrationFailed, SettingsError
from pgproof.figures import many
from pgproof.gate.finding import Kind
from pgproof.gate.proof import Outcome
from pgproof.gate.rules.joined import find_unspoken, join
from pgproof.gate.rules.referee import find_referee
from pgproof.lint import own
from pgproof.lint.finding import Finding as Warned
from pgproof.lint.source import read_sources
from pgproof.lint.squawk import Squawk
from pgproof.lint.tool import fetch_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.gate.rules.joined import Joined
    from pgproof.gate.trial import Trial
    from pgproof.lint.finding import Keep, Tool, Verdict
    from pgproof.lint.source import Source

    Check: TypeAlias = Callable[[Sequence[Source], Keep], None]

IDLE_ALLOW = Kind(
    id="PG009",
    name="idle-allow",
    severity="error",
    what="an allow that allows nothing",
    happens="The next reader looks for a danger that is not there, or never learns why one was let pass.",
    instead="write `-- allow: PG401 because why` at the statement that the finding points to, or delete the line",
)
RULE = Kind(
    id="PG801",
    name="rule",
    severity="warning",
    what="a rule warns of something that no proof can judge",
    happens="Nothing was measured that would say whether it hurts: a person has to weigh it.",
    instead="as the rule says; or `-- allow: PG801 because why` at the statement",
)
DISPROVED = Kind(
    id="PG802",
    name="disproved",
    severity="note",
    what="a rule warns of something that the proofs have shown not to be so",
    happens="Nothing: the rule knows the text only, and here it was run.",
    instead="nothing has to be done",
)
LOSS = Kind(
    id="PG803",
    name="certain-loss",
    severity="error",
    what="a rule warns of lost rows, and no proof has shown that they are kept",
    happens="Rows of production are gone for good when it has run.",
    instead="take it out of the migration, or write its rollback so that the way back can be proved",
)
KINDS = (IDLE_ALLOW, RULE, DISPROVED, LOSS)
_SHOWN = 3  # hazards that are named in the line


def prove(trial: Trial) -> Outcome:
    """Hold the warnings of squawk and of our rules beside what was measured, and what the proofs before have found."""
    change = trial.change
    if not any(each.language == "sql" for each in (*change.new, *change.repeated)):
        return Outcome(not_applicable="there is no new SQL")
    try:
        fetch_version("squawk-cli")
    except SettingsError as error:
        return Outcome(not_applicable=f"{error.what}: {error.hint}")
    try:
        statements = trial.rehearsal.statements
    except MigrationFailed:
        return Outcome(not_applicable="on many rows a migration is refused, which the proof `live` tells")
    joined = join(_warn(change), statements, trial.proofs)
    findings = tuple(filter(None, map(_find, joined)))
    return Outcome(findings, _note(change, joined, find_unspoken(joined, statements, trial.proofs)))


def _warn(change: Change) -> list[Warned]:
    """Ask squawk and our own rules about the new files; how SQL looks is for `inv lint` to say."""
    settings = change.head.settings
    paths = [each.path for each in (*change.new, *change.repeated) if each.language == "sql"]
    sources = [each for each in read_sources(settings, paths) if each.kind == "migration"]
    asked: tuple[tuple[Tool, Check], ...] = (("pgproof", own.check), ("squawk", Squawk.of(settings).check))
    found = [
        Warned.of(hit, tool, settings.root / source.path)
        for tool, check in asked
        for source, verdict in _ask(check, sources)
        for hit in verdict.hits
    ]
    return sorted(found, key=lambda each: (str(each.at.path), each.at.line or 0, each.column or 0, each.rule))


def _ask(check: Check, sources: Sequence[Source]) -> list[tuple[Source, Verdict]]:
    said: list[tuple[Source, Verdict]] = []
    check(sources, lambda source, verdict: said.append((source, verdict)))
    return said


def _find(joined: Joined) -> Finding | None:
    warned = joined.warned
    name = f"{'squawk' if warned.tool == 'squawk' else 'our rule'} {warned.rule}"
    if joined.verdict == "disproved" and joined.statement:
        return DISPROVED.find(joined.statement.at, f"{name}: not so: {joined.why}", details=(warned.what,))
    if joined.verdict == "open":
        kind = LOSS if find_referee(warned.rule).loses else RULE
        return kind.find(warned.at, f"{name}: {warned.what}", instead=warned.help)
    return None


def _note(change: Change, joined: Sequence[Joined], unspoken: Sequence[Finding]) -> str:
    counts = Counter(each.verdict for each in joined)
    told = ((counts["confirmed"], "measured too"), (counts["disproved"], "disproved"), (counts["open"], "for a person"))
    figures = [f"{count} {word}" for count, word in told if count]
    warned = sum(counts.values()) - counts["moot"]
    parts = [f"{many(warned, 'warning')}{': ' * bool(figures)}{', '.join(figures)}"]
    if unspoken:
        places = [f"{each.kind.id} {_show(change, each.at)}" for each in unspoken]
        more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        hazards = f"{many(len(places), 'hazard')} that only measurement found"
        parts.append(f"{hazards}: {', '.join(places[:_SHOWN])}{more}")
    return "; ".join(parts)


def _show(change: Change, at: Location) -> str:
    return str(replace(at, path=at.path.relative_to(change.head.settings.root)))
