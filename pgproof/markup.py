"""Names, attributes and children in, HTML and SVG out; text is escaped unless it is markup already."""

from __future__ import annotations

import re
from html import escape

_VOID = frozenset(("br",))

# Controls and marks of direction: what comes from a database neither colours a terminal nor turns round its line.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """Return an element; `class_` is `class`, `text_anchor` is `text-anchor`, and None is nothing."""
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    inside = join(*children)
    return Markup(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{inside}</{name}>")


def join(*children: str | None) -> Markup:
    """Return markup and text behind each other, the text escaped."""
    return Markup("".join(each if isinstance(each, Markup) else _escape(each) for each in children if each))


def visible(text: str) -> str:
    """Return text in which what is not seen, or changes how the rest is seen, is written as its number."""
    return _UNSEEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    written = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
    return f' {name}="{_escape(written)}"'


def _escape(text: str) -> str:
    return escape(visible(text))
