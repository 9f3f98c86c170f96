"""A report in, a comment on a pull request out: GitHub-flavoured Markdown, never longer than a comment may be."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING

from pgproof.figures import duration, many
from pgproof.gate.formats.plain import in_order, is_pasted, split_code
from pgproof.gate.formats.statements import make_rows, tabulate
from pgproof.gate.formats.verdict import SIGNS, give_verdict
from pgproof.gate.proof import Live
from pgproof.markup import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pgproof.gate.finding import Finding
    from pgproof.gate.formats.statements import Row
    from pgproof.gate.proof import Proof, Report

LIMIT = 60_000
"""Characters: GitHub takes 65,536."""

MARK = "<!-- pgproof gate -->"
"""The first line, by which a workflow finds the comment that it wrote the last time."""

_TAIL = 200  # characters kept for the line that says what was left out
_BLOCKS = (
    30_000  # characters of all blocks of code: they share it, so that the last finding is told as well as the first
)
_BLOCK = range(600, 3_000)  # characters of one; a difference as long as a book is read on the page
_LINE = 600  # characters of a text in one line
_STATEMENTS = 40  # of the table of what was measured
_NOTES = 60
_WEIGHTS = {"error": "✗", "warning": "⚠", "note": "\N{EN DASH}"}
_AS_DIFF = frozenset(("PG102", "PG202", "PG203", "PG302", "PG501", "PG502", "PG601"))  # kinds whose details are one
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&$])")
# A name behind @ would call a person, a number behind # link to an issue, whatever is escaped before it.
_CALLS = re.compile(r"([@#])(?=\w)")


def to_markdown(report: Report) -> str:
    """Return the comment; where all of it is too long, its end is left out and told."""
    blocks = list(_blocks(report))
    ends = accumulate(len(each) + 2 for each in blocks)
    kept = [each for each, end in zip(blocks, ends, strict=True) if end <= LIMIT - _TAIL]
    if len(kept) < len(blocks):
        kept.append("*The rest is too long for a comment: it is on the page that `inv gate --html` writes.*")
    return "\n\n".join(kept)


def _blocks(report: Report) -> Iterator[str]:
    """Yield parts that may each be the last one."""
    verdict = give_verdict(report)
    yield f"{MARK}\n### {'✗' if report.is_broken else '✓'} {_text(verdict.headline)}"
    yield f"{_text(verdict.subject)}<br>{_text(verdict.news)}"
    yield _proofs(report.proofs)
    weighed = [each for each in report.findings if each.severity != "note"]
    block = min(max(_BLOCKS // max(1, len(weighed)), _BLOCK.start), _BLOCK.stop)
    for severity in ("error", "warning"):
        same = in_order(each for each in weighed if each.severity == severity)
        yield from (_finding(each, block, again=again) for each, again in same)
    for proof in report.proofs:
        if isinstance(proof.evidence, Live) and (rows := make_rows(proof.evidence)):
            yield _statements(rows)
    if notes := [each for each in report.findings if each.severity == "note"]:
        more = ["- and more, on the page"] if len(notes) > _NOTES else []
        yield _fold(many(len(notes), "note"), "\n".join([*map(_note, notes[:_NOTES]), *more]))


def _proofs(proofs: Sequence[Proof]) -> str:
    rows = [
        [SIGNS[each.condition], each.title, duration(each.took), each.not_applicable or each.note] for each in proofs
    ]
    return _table(["", "proof", "took", "seen"], [[_cell(cell) for cell in row] for row in rows])


def _finding(finding: Finding, block: int, *, again: bool) -> str:
    lines = [f"{_WEIGHTS[finding.severity]} **{finding.kind.id} {_text(finding.what)}**"]
    if not again:
        place = f"{_code(str(finding.at))} · {finding.severity}, {finding.kind.name}"
        lines += [place, _text(finding.kind.happens)]
    if finding.details:
        lines.append(_fence("\n".join(finding.details), "diff" if finding.kind.id in _AS_DIFF else "text", block))
    if is_pasted(finding):
        lines.append(_fold("The safer way, to paste", _fence(finding.instead, "sql", _BLOCK.stop)))
    elif finding.instead:
        lines.append(f"Instead: {_text(finding.instead)}")
    return "\n\n".join(lines)


def _note(finding: Finding) -> str:
    allowed = f" (allowed because {_text(finding.allowed)})" if finding.allowed else ""
    return f"- {_code(str(finding.at))} {finding.kind.id} {_text(finding.what)}{allowed}"


def _statements(rows: Sequence[Row]) -> str:
    shown = rows[:_STATEMENTS]
    columns, cells = tabulate(shown)
    names = [f"{_code_cell(each.place)}<br>{_code_cell(each.text)}" for each in shown]
    table = _table(["statement", *columns], [[name, *map(_cell, row)] for name, row in zip(names, cells, strict=True)])
    more = len(rows) - _STATEMENTS
    rest = f"\n\n{many(more, 'more statement')}: on the page." if more > 0 else ""
    return _fold(f"What {many(len(rows), 'statement')} did, measured", table + rest)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, ["---"] * len(names), *rows])


def _fold(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _fence(text: str, language: str, limit: int) -> str:
    """Return a block of code, whose fence is longer than any in the text."""
    if len(text) > limit:
        whole_lines = text[:limit].rpartition("\n")[0]
        text = f"{whole_lines or text[:limit]}\n… all of it is on the page"
    shown = visible(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}"


def _code(text: str) -> str:
    """Return a name, a path or SQL as code of one line, in which GitHub calls nobody and links nothing."""
    shown = _short(text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def _code_cell(text: str) -> str:
    return _code(text).replace("|", "\\|")


def _text(text: str) -> str:
    """Return prose in which only code is markup, nobody is called and nothing linked."""
    return "".join(_code(piece) if is_code else _escape(piece) for is_code, piece in split_code(_short(text)))


def _escape(text: str) -> str:
    return _call_nobody(_SPECIAL.sub(r"\\\1", text))


def _cell(text: str) -> str:
    return _escape(_short(text)) or " "


def _call_nobody(text: str) -> str:
    return _CALLS.sub(r"\1&#8203;", text)


def _short(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
