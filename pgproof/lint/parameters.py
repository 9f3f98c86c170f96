"""A query's text in, rules about parameters that are none out; what is one, `pgproof.queries` says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.lint.rule import Context, Rule, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = re.compile(r"%\((\w+)\)s")
_FOREIGN = re.compile(r":[A-Za-z_]\w*|\{[A-Za-z_]\w*\}")
# Between quotes braces are left alone: '{admin}' is an array of one.
_QUOTED = re.compile(r"'(:[A-Za-z_]\w*|\$\d+|%%s)'")


def is_foreign(code: str) -> bool:
    """Whether code begins with another tool's parameter: that is where the parser stumbles."""
    return _FOREIGN.match(code) is not None


def _find_quoted(context: Context) -> Iterator[Spot]:
    for at, piece in context.placed_pieces:
        if piece.kind == "quoted" and (found := _QUOTED.fullmatch(piece.text)):
            yield at, f"{found[1]} between quotes is text, and in no case a parameter of ours"


def _find_only_told(context: Context) -> Iterator[Spot]:
    used = {name for piece in context.pieces if piece.kind != "comment" for name in _OURS.findall(piece.text)}
    for at, piece in context.placed_pieces:
        if piece.kind == "comment":
            for found in _OURS.finditer(piece.text):
                if found[1] not in used:
                    place = at + len(piece.text[: found.start()].encode())
                    yield place, f"%({found[1]})s is in a comment only: no caller may pass it"


FOREIGN_PARAMETER = Rule(
    id="foreign-parameter",
    what="a parameter as another tool writes it: :name, {name}, '$1'",
    why="The server gets it as it is: a syntax error at best, a text that no handle equals at worst.",
    instead="write %(name)s, without quotes",
    good="-- returns: maybe\n\nSELECT u.uuid\nFROM users AS u\nWHERE u.handle = %(handle)s\n",
    bad="-- returns: maybe\n\nSELECT u.uuid\nFROM users AS u\nWHERE u.handle = ':handle'\n",
    on="query",
    find=_find_quoted,
)
UNUSED_PARAMETER = Rule(
    id="unused-parameter",
    what="a parameter that only a comment speaks of",
    why="Who reads the comment passes it, and is refused; or a condition was lost that should have used it.",
    instead="use it, or take it out of the comment",
    good=(
        "-- Who has this %(handle)s.\n-- returns: maybe\n\n"
        "SELECT u.uuid\nFROM users AS u\nWHERE u.handle = %(handle)s\n"
    ),
    bad=(
        "-- Who had this %(handle)s at the moment %(now)s.\n-- returns: maybe\n\n"
        "SELECT u.uuid\nFROM users AS u\nWHERE u.handle = %(handle)s\n"
    ),
    on="query",
    find=_find_only_told,
)
