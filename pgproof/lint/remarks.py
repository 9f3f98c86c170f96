"""A text in, its comments out, each with the statement that it is about: above it, in it, or behind its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.sqltext import Piece, Statement


@dataclass(frozen=True)
class Remark:
    """A comment.

    Attributes:
        line: where it begins, from 1.
        statement: the number of the statement that it is about, from 0; that after the last one is none.
    """

    text: str
    line: int
    statement: int


def read_remarks(pieces: Sequence[Piece], statements: Sequence[Statement]) -> Iterator[Remark]:
    """Yield the comments of a text, in order."""
    line = 1
    for piece in pieces:
        if piece.kind == "comment":
            yield Remark(piece.text, line, number_statement(line, statements))
        line += piece.text.count("\n")


def number_statement(line: int, statements: Sequence[Statement]) -> int:
    """Return the number of the statement that a line belongs to: the first that does not end before it."""
    return sum(each.line + each.text.count("\n") < line for each in statements)
