"""An ALTER TABLE in, its commands one by one out, each as text and as a node of its tree. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.sqltext import canonical, parse, split_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.sqltree import Node

NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
"""A name as a pattern, in quotes or without."""

_HEAD = re.compile(rf"ALTER TABLE (?:IF EXISTS )?(?P<table>(?:ONLY )?{NAME}(?:\.{NAME})?) ")
_SAID = "CONSTRAINT|DEFAULT|NOT NULL|UNIQUE|PRIMARY KEY|CHECK|REFERENCES|GENERATED|COLLATE|DEFERRABLE|INITIALLY"
_CLAUSE = re.compile(rf"\b(?=(?:{_SAID})\b)")


@dataclass(frozen=True)
class Command:
    """One thing that an ALTER TABLE does.

    Attributes:
        does: `AT_SetNotNull`.
        text: `ALTER COLUMN name SET NOT NULL`.
    """

    does: str
    node: Node
    text: str

    @property
    def constraint(self) -> Node:
        """The constraint that it adds; empty where it adds none."""
        found: Node = self.node.get("def", {}).get("Constraint", {})
        return found

    @property
    def column(self) -> str:
        """The column that it is about, as it is written."""
        return quote(self.node.get("name") or self.node.get("def", {}).get("ColumnDef", {}).get("colname", ""))


@dataclass(frozen=True)
class Alteration:
    """An ALTER TABLE; `table` is its name as it is written, `called` what objects of it are called after."""

    table: str
    called: str
    commands: tuple[Command, ...]

    def without(self, *commands: Command) -> str:
        """Return it without some of its commands; nothing where none is left."""
        rest = [each.text for each in self.commands if each not in commands]
        return f"ALTER TABLE {self.table} {', '.join(rest)};" if rest else ""


def read_alteration(text: str) -> Alteration | None:
    """Return what an ALTER TABLE does; None where the text is another statement."""
    (statement,) = parse(text)
    written = canonical(text)
    head = _HEAD.match(written)
    if statement.kind != "AlterTableStmt" or head is None:
        return None
    nodes = [each["AlterTableCmd"] for each in statement.tree["cmds"]]
    texts = list(split_top(written[head.end() :], re.compile(r",\s*")))
    if len(nodes) != len(texts):
        return None
    commands = tuple(Command(node["subtype"], node, each) for node, each in zip(nodes, texts, strict=True))
    return Alteration(head["table"], statement.tree["relation"]["relname"], commands)


def split_clauses(command: Command) -> list[str]:
    """Return the parts of `ADD COLUMN name type …`: the type first, then what is said of it."""
    head = re.match(rf"ADD COLUMN (?:IF NOT EXISTS )?{NAME} ", command.text)
    return [each.strip() for each in split_top(command.text[head.end() :], _CLAUSE)] if head else []


def split_top(text: str, separator: re.Pattern[str]) -> Iterator[str]:
    """Split a text where a pattern is found outside of quotes and brackets."""
    part, depth = "", 0
    for piece in split_pieces(text):
        if piece.kind != "code":
            part += piece.text
            continue
        for stretch in re.split(r"([()\[\]])", piece.text):
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(stretch, 0)
            first, *others = separator.split(stretch) if depth == 0 else [stretch]
            part += first
            for each in others:
                yield part
                part = each
    yield part


def quote(name: str) -> str:
    """Return a name as it is written in a statement."""
    escaped = name.replace('"', '""')
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else f'"{escaped}"'
