"""Text of a database in, text that a terminal shows for what it is out: short, and with nothing invisible in it."""

from __future__ import annotations

import unicodedata

_WIDTH = 60
_BEFORE = 20  # characters before the first difference that are shown

# Controls, marks of direction, joiners and breaks; what has no character, or a private one; spaces beside the usual.
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))


def escape(text: str) -> str:
    r"""Write what is not seen, or changes how the rest is seen, as `\u202e`."""
    return "".join(_escaped(each) for each in text)


def shorten(text: str, width: int = _WIDTH) -> str:
    """Return the beginning of an escaped text."""
    shown = escape(text)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


def shorten_pair(before: str, after: str) -> tuple[str, str]:
    """Return two different texts, escaped, each around the first place where they differ, which is seen."""
    old, new = escape(before), escape(after)
    if unicodedata.normalize("NFKC", old) == unicodedata.normalize("NFKC", new):
        old, new = ascii(before)[1:-1], ascii(after)[1:-1]
    pairs = enumerate(zip(old, new, strict=False))
    first = next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))
    start = max(0, first - _BEFORE) if max(len(old), len(new)) > _WIDTH else 0
    return _window(old, start), _window(new, start)


def _window(text: str, start: int) -> str:
    end = start + _WIDTH - 2
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _escaped(each: str) -> str:
    if each == " " or unicodedata.category(each) not in _INVISIBLE:
        return each
    return f"\\u{ord(each):04x}" if ord(each) <= 0xFFFF else f"\\U{ord(each):08x}"  # noqa: PLR2004 - JSON's own limit
