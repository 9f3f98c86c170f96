"""A view's definition as a server prints it in, the text that every server would print out.

Postgres up to 15 prints `SELECT users.id FROM users`, later ones `SELECT id FROM users`: with a single source
the prefix says nothing. Only that prefix is taken away; inside a subquery every version prints it.
"""

from __future__ import annotations

import re
from itertools import takewhile

_NAME = r'(?:"(?:[^"]|"")*"|\w+)'
_PIECE = re.compile(rf"'(?:[^']|'')*'|{_NAME}(?:\.(?:{_NAME}|\*))*|\s+|.", re.DOTALL)
_LAST_NAME = re.compile(rf"{_NAME}$")

_KEYWORD = re.compile("[A-Z]+")  # names are printed in lower case or in quotes

_ENDS_FROM = {"TABLESAMPLE", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "OFFSET", "FETCH", "FOR", ";"}
_COMBINES = {"UNION", "INTERSECT", "EXCEPT"}


def same_on_every_version(definition: str) -> str:
    """Take the needless prefix from the columns of a view with one source; leave any other as it is."""
    pieces = _PIECE.findall(definition)
    source = _only_source(_outermost(pieces))
    if source is None:
        return definition
    return "".join(piece.removeprefix(f"{source}.") for piece in pieces)


def _outermost(pieces: list[str]) -> list[str]:
    """Return the words outside of any parentheses."""
    depth = 0
    words = []
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if depth == 0 and piece != ")" and not piece.isspace():
            words.append(piece)
    return words


def _only_source(words: list[str]) -> str | None:
    """Return what the one table, function or subquery after FROM is called, if there is one."""
    if "FROM" not in words or not _COMBINES.isdisjoint(words):
        return None
    sources = list(takewhile(lambda word: word not in _ENDS_FROM, words[words.index("FROM") + 1 :]))
    names = [word for word in sources if not _KEYWORD.fullmatch(word)]
    if not names or "," in names:
        return None  # nothing is named, or too much: a join stands in parentheses
    last = _LAST_NAME.search(names[-1])
    return last[0] if last else None
