"""A text in, what one rule has against it out: a rule is a record with two examples, and a function that finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pgproof.sqltext import parse, read_header, split_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pgproof.lint.source import Kind, Source
    from pgproof.sqltext import Piece, Statement

On = Literal["query", "migration", "seed", "all"]

Spot = tuple[int, str]
"""A place in a text, in bytes, and what is wrong there."""


@dataclass(frozen=True)
class Context:
    """What a rule looks at: one text that Postgres's parser accepts.

    Attributes:
        pieces: of the file's own text: code, quotes, comments.
        returns: the shape that a query promises; empty for what is no query.
    """

    statements: Sequence[Statement]
    pieces: Sequence[Piece]
    returns: str = ""

    @cached_property
    def placed_pieces(self) -> list[tuple[int, Piece]]:
        """Each piece with its place, in bytes."""
        placed, at = [], 0
        for piece in self.pieces:
            placed.append((at, piece))
            at += len(piece.text.encode())
        return placed


def read_context(source: Source) -> Context:
    """Parse a file.

    Raises:
        ParseError: Postgres's parser does not accept it.
    """
    said = [each.value.strip() for each in read_header(source.text) if each.name == "returns"]
    returns = said[0] if said and source.kind == "query" else ""
    return Context(parse(source.readable), split_pieces(source.text), returns)


@dataclass(frozen=True)
class Rule:
    """One thing that SQL of ours does not do.

    Attributes:
        id: its name, for `-- pgproof: ignore <id>: why`.
        what: what is found, in a line.
        why: what goes wrong otherwise.
        instead: what to do.
        good: a file that is right; documentation and test at once, as is `bad`.
        bad: the same file, wrong.
        on: where it is looked for.
        find: finds it; None where whoever reads the files tells it.
    """

    id: str
    what: str
    why: str
    instead: str
    good: str = field(repr=False)
    bad: str = field(repr=False)
    on: On
    find: Callable[[Context], Iterator[Spot]] | None = None

    def holds_for(self, kind: Kind) -> bool:
        """Whether it is looked for in files of a kind."""
        return self.on in ("all", kind)
