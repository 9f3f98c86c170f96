"""The text of a pg_node_tree in, its nodes out: how the server itself stores a query that it has understood."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A backslash protects what follows it; quotes are letters like others, and a name may begin with a colon.
_TOKEN = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.DOTALL)
_LIST_OF = ("i", "o", "b", "x")  # numbers of a kind; names in a list stand in quotes


@dataclass(frozen=True)
class Node:
    """A node of the tree, such as a `VAR`; asked for a field that it does not have, it raises KeyError."""

    kind: str
    fields: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a node, a list, a word, or None
        return self.fields[name]

    def each(self, name: str) -> list[Any]:
        """Return a list, which may be empty."""
        return self.fields[name] or []

    def number(self, name: str) -> int:
        """Return a number."""
        return int(self.fields[name])

    def says(self, name: str) -> bool:
        """Whether it is true."""
        return bool(self.fields[name] == "true")


def parse_nodes(text: str) -> Any:  # noqa: ANN401 - a node, or a list of them, or of lists
    """Return what the text is of. Words and numbers stay text; `<>` is None; values of constants are left out."""
    tokens = iter(_TOKEN.findall(text))
    return _value(next(tokens), tokens)


def _value(token: str, tokens: Iterator[str]) -> Any:  # noqa: ANN401
    if token == "{":  # noqa: S105 - no password
        return Node(next(tokens), _fields(tokens))
    if token == "(":  # noqa: S105
        found = [_value(each, tokens) for each in _until(")", tokens)]
        return found[1:] if found and found[0] in _LIST_OF else found
    return None if token == "<>" else token  # noqa: S105


def _fields(tokens: Iterator[str]) -> dict[str, Any]:
    fields = {}
    for name in _until("}", tokens):
        if name == "[":  # bytes of a constant, behind their number
            list(_until("]", tokens))
        else:
            fields[name.removeprefix(":")] = _value(next(tokens), tokens)
    return fields


def _until(end: str, tokens: Iterator[str]) -> Iterator[str]:
    return iter(tokens.__next__, end)
