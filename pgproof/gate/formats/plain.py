"""A finding in, lines of plain text out: all that it says, as a log or a test report holds it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.markup import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pgproof.gate.finding import Finding

_STATEMENT = re.compile(r";\s*$", re.MULTILINE)


def title(finding: Finding) -> str:
    """Return `migrations/0013_x.sql:4: PG401 what`, as an editor's list of errors takes it."""
    return visible(f"{finding.at}: {finding.kind.id} {finding.what}")


def explain(finding: Finding, *, again: bool = False) -> list[str]:
    """Return what happens to whom, why it passes where it does, what was seen, and the safer way.

    Args:
        finding: what was found.
        again: the one before it was of the same kind, so that what happens was said.
    """
    lines = [] if again else [f"{finding.severity}, {finding.kind.name}: {finding.kind.happens}"]
    if finding.allowed:
        lines.append(f"allowed because {finding.allowed}")
    lines += finding.details
    if is_pasted(finding):
        lines += ["instead:", *(f"    {line}".rstrip() for line in finding.instead.splitlines())]
    elif finding.instead:
        lines.append(f"instead: {finding.instead}")
    return list(map(visible, lines))


def split_code(text: str) -> list[tuple[bool, str]]:
    """Return the pieces of a sentence, each with whether it is code: what stands between two backticks."""
    if text.count("`") % 2 or "``" in text:
        return [(False, text)]
    return [(bool(place % 2), piece) for place, piece in enumerate(text.split("`")) if piece]


def is_pasted(finding: Finding) -> bool:
    """Whether its safer way is SQL, made for it, that a person may paste; otherwise it is advice."""
    return bool(_STATEMENT.search(finding.instead))


def in_order(findings: Iterable[Finding]) -> Iterator[tuple[Finding, bool]]:
    """Yield findings by file and line, each with whether it is of the same kind and place as the one before."""
    before = None
    for each in sorted(findings, key=lambda finding: finding.order):
        yield each, (each.kind, each.at) == before
        before = (each.kind, each.at)
