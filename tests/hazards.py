"""The corpus, the gate's kinds and what squawk says in, docs/hazards.md out: `python -m tests.hazards` writes it.

What the gate finds is what the cases expect, which a test holds it to; squawk is asked here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.gate.proofs import KINDS
from pgproof.migrations.header import Header
from tests.corpus import read_corpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pgproof.gate.finding import Kind
    from tests.corpus import Case

PAGE = Path(__file__).parents[1] / "docs" / "hazards.md"

# Of nearly every file squawk says these, and the runner sees to all three.
LEFT_OUT = frozenset(("require-lock-timeout", "require-statement-timeout", "prefer-robust-stmts"))

# Those that squawk 2.70 has without being asked; each is in the sources of a case.
SQUAWK_RULES = frozenset((Path(__file__).parent / "gate" / "squawk_rules.txt").read_text(encoding="utf-8").splitlines())

# Kinds that no case of the corpus can have, and where they are tested.
WITHOUT_CASE: Mapping[str, str] = {}

_GROUPS = {
    "4": "what it does to a live server",
    "2": "what it does to the running release",
    "3": "the way back",
    "5": "plans",
    "8": "what only a rule can judge",
    "": "history, order, one schema",
}
_HEAD = """\
# Hazards

Written by `python -m tests.hazards` from `tests/gate/corpus/` and the gate's kinds of findings; do not edit it.
Each case is a small change. A test judges each of them on a real server and holds the gate to exactly what stands here.

`found` and `missed` are about the dangerous ones; to speak up on a safe one is a `false alarm`.

- **gate**: errors and warnings of `inv gate`, with 2,000 rows a table.
- **squawk** {version}: run on the new migrations alone, told the version of Postgres and whether a file runs in a
  transaction. {left_out} are left out:
  it says them of nearly every file, and pgproof's runner sees to them.
- **eugene** 0.8: it could not be had here, so it was not run. What stands here are the hints (of `lint` or of `trace`)
  whose documented condition a case meets. E9, which asks for a lock timeout in each file, counts only where the change
  takes it away.
"""


@dataclass(frozen=True)
class Row:
    """A case, and which rules speak up on it."""

    case: Case
    squawk: tuple[str, ...]

    @property
    def group(self) -> str:
        digits = {each[2] for each in self.case.expected}
        return next((each for each in _GROUPS if each in digits), "")

    @property
    def voices(self) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        """What gate, squawk and eugene say."""
        return sorted(self.case.expected), self.squawk, self.case.eugene


def ask_squawk(cases: Sequence[Case]) -> list[Row]:
    """Run squawk on the new migrations of each case."""
    said: dict[str, set[str]] = {}
    for transactional in (True, False):
        paths = [
            path
            for case in cases
            for path in case.changes
            if Header.read(path.read_text(encoding="utf-8")).transactional is transactional
        ]
        for each in _run(paths, "--assume-in-transaction" if transactional else "--no-assume-in-transaction"):
            said.setdefault(Path(each["file"]).parent.name, set()).add(each["rule_name"])
    return [Row(each, tuple(sorted(_heard(each, said.get(each.name, set()))))) for each in cases]


def _heard(case: Case, rules: set[str]) -> set[str]:
    return rules - (LEFT_OUT - set(case.counts))


def _run(paths: Sequence[Path], *options: str) -> list[dict[str, str]]:
    words = ["--reporter=json", "--config=/dev/null", "--pg-version=18.0", *options, *map(str, paths)]
    done = subprocess.run([_program(), *words], capture_output=True, text=True, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def _program() -> Path:
    return Path(sys.executable).parent / "squawk"


def _version() -> str:
    return subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


def render(rows: Sequence[Row], kinds: Sequence[Kind]) -> str:
    """Return the page."""
    left_out = ", ".join(f"`{each}`" for each in sorted(LEFT_OUT))
    parts = [_HEAD.format(version=_version(), left_out=left_out), *_totals(rows), *_tables(rows), *_kinds(rows, kinds)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _totals(rows: Sequence[Row]) -> Iterator[str]:
    dangerous, safe = [each for each in rows if each.case.dangerous], [each for each in rows if not each.case.dangerous]
    yield f"## {len(rows)} changes\n"
    yield "| | changes | gate | squawk | eugene |"
    yield "|---|--:|--:|--:|--:|"
    for group, title in _GROUPS.items():
        some = [each for each in dangerous if each.group == group]
        yield f"| dangerous, found: {title} | {len(some)} | {_count(some)} |"
    yield f"| **dangerous, found: all** | **{len(dangerous)}** | {_count(dangerous, '**')} |"
    yield f"| **safe, false alarms** | **{len(safe)}** | {_count(safe, '**')} |"
    yield ""


def _count(rows: Sequence[Row], mark: str = "") -> str:
    return " | ".join(f"{mark}{sum(bool(each.voices[voice]) for each in rows)}{mark}" for voice in range(3))


def _tables(rows: Sequence[Row]) -> Iterator[str]:
    for group, title in _GROUPS.items():
        yield f"## Dangerous: {title}\n"
        yield from _table([each for each in rows if each.case.dangerous and each.group == group])
    yield "## Safe, whatever they look like\n"
    yield from _table([each for each in rows if not each.case.dangerous])


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| change | gate | squawk | eugene |"
    yield "|---|---|---|---|"
    for row in rows:
        cells = " | ".join(_cell(each, dangerous=row.case.dangerous) for each in row.voices)
        since = f" (since PostgreSQL {row.case.since})" if row.case.since > 15 else ""
        yield f"| [{row.case.name}](../tests/gate/corpus/{row.case.name}){since}: {row.case.about} | {cells} |"
    yield ""


def _cell(said: Sequence[str], *, dangerous: bool) -> str:
    if not said:
        return "**missed**" if dangerous else ""
    return f"{'found' if dangerous else '**false alarm**'}: {', '.join(said)}"


def _kinds(rows: Sequence[Row], kinds: Sequence[Kind]) -> Iterator[str]:
    yield "## What can be found\n"
    for kind in kinds:
        yield f"### {kind.id} {kind.name}\n"
        yield f"{kind.severity.capitalize()}: {kind.what}. {kind.happens}\n"
        yield f"Instead: {kind.instead}\n"
        yield f"{_where(kind, rows)}\n"


def _where(kind: Kind, rows: Sequence[Row]) -> str:
    names = [each.case.name for each in rows if kind.id in each.case.expected | each.case.notes]
    if not names:
        return f"No case: {WITHOUT_CASE.get(kind.id, 'why not?')}"
    return "Cases: " + ", ".join(f"[{name}](../tests/gate/corpus/{name})" for name in names) + "."


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(ask_squawk(read_corpus()), KINDS), encoding="utf-8")


if __name__ == "__main__":
    main()
