"""The details of a finding in, how the page shows them out: side by side, as a plan, or as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.markup import element

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.gate.finding import Finding
    from pgproof.markup import Markup

_OF_CONTRACTS = frozenset(("PG202", "PG203", "PG206", "PG207", "PG305"))
_PLANS = frozenset(("PG501", "PG502"))  # a tree whose lines wrap is none
_LONG = 30  # lines; more of them would hide the findings behind
_WORDS = {"-": "gone", "+": "new", "~": "changed"}
# What contracts say of a difference; a line may begin with the case that it is of.
_CASE = re.compile(r"\s*(?:\[(?P<case>[^\]]+)\] )?(?P<said>.*)", re.DOTALL)
_GROUP = re.compile(r"~ (?P<name>row [^:]*):")
_FORMS = (
    re.compile(r"~\s+(?P<name>.*?):?\s*expected (?P<old>.*?),?\s+actual (?P<new>.*)", re.DOTALL),
    re.compile(r"- (?P<name>.*?) is missing(?:: (?P<old>.*))?", re.DOTALL),
    re.compile(r"\+ (?P<name>.*?) is new(?:: (?P<new>.*))?", re.DOTALL),
    re.compile(r"(?P<name>[^:]+): (?P<old>.+?) → (?P<new>.+)", re.DOTALL),
)


def show_details(finding: Finding) -> Markup | None:
    """Return the details of a finding, folded where they are long; None where it has none."""
    lines = [line for each in finding.details for line in each.splitlines()]
    if not lines:
        return None
    shown = _show(finding, lines)
    if len(lines) <= _LONG:
        return shown
    return element("details", element("summary", f"{len(lines)} lines of what was seen"), shown)


def _show(finding: Finding, lines: Sequence[str]) -> Markup:
    if finding.kind.id in _OF_CONTRACTS and any(_read_sides(_read_case(line)[1]) for line in lines):
        return _side_by_side(lines)
    look = None if finding.kind.id in _PLANS else "wrapped"
    return element("pre", *_lines(lines), class_=look, tabindex="0")


def _lines(lines: Sequence[str]) -> Iterator[Markup]:
    """Yield each line; what a difference or a plan says to be gone, new or changed looks so, and keeps its sign."""
    unified = any(line.startswith("@@") for line in lines)  # whose signs stand close to the text
    for line in lines:
        marked = line[1:2] == " " or (unified and not line.startswith(("---", "+++")))
        yield element("span", f"{line}\n", class_=_WORDS.get(line[:1]) if marked else None)


def _side_by_side(lines: Sequence[str]) -> Markup:
    heads = ("", "the contract expects", "it gets")
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in heads)))
    body = element("tbody", *(row for line in lines for row in _compare(line)))
    return element("div", element("table", head, body, class_="sides"), class_="scroll", tabindex="0")


def _compare(line: str) -> Iterator[Markup]:
    """Yield the case, where one begins, and what the line says of both sides."""
    case, said = _read_case(line)
    if case:
        yield element("tr", element("th", f"case {case}", colspan=3, scope="rowgroup"))
    if group := _GROUP.fullmatch(said):
        yield element("tr", element("th", group["name"], colspan=3, scope="rowgroup"))
    elif sides := _read_sides(said):
        cells = (_side(sides, "old", "gone"), _side(sides, "new", "new"))
        yield element("tr", element("th", sides["name"] or "rows", scope="row"), *cells)
    else:
        yield element("tr", element("td", said, colspan=3))


def _read_case(line: str) -> tuple[str | None, str]:
    """Return the case that a line begins with, and the rest of it."""
    found = _CASE.fullmatch(line)
    return (found["case"], found["said"]) if found else (None, line)


def _read_sides(said: str) -> dict[str, str | None] | None:
    """Return what a line says of `old` and `new`, and by which `name`; a side that it lacks has nothing of it."""
    found = next(filter(None, (each.fullmatch(said) for each in _FORMS)), None)
    return found.groupdict() if found else None


def _side(sides: dict[str, str | None], name: str, word: str) -> Markup:
    """Return a cell: what is on this side, or that nothing is."""
    if name not in sides:
        return element("td", "nothing", class_="absent")
    return element("td", element("code", sides[name] or "there", class_=word))
