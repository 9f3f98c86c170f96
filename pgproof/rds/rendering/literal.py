"""A value in, its text out, as YAML and HCL both read it: numbers, true and false, texts in quotes, lists. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BEYOND = 0xFFFF


def literal(value: str | int | Sequence[str]) -> str:
    """Return it; what cannot be seen in a text is escaped by its number."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return '"' + "".join(map(_escape, value)) + '"'
    return f"[{', '.join(map(literal, value))}]"


def _escape(letter: str) -> str:
    if letter in _SHORT or letter.isprintable():
        return _SHORT.get(letter, letter)
    return f"\\U{ord(letter):08x}" if ord(letter) > _BEYOND else f"\\u{ord(letter):04x}"
