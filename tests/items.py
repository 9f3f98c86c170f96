"""Items as DynamoDB may hold them, at random, out; and the way back from the normal form: nothing is lost on it."""

from base64 import b64decode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pgproof.metrics.mirror.item import Image

# What encodings trip over: U+0000, controls, quotes, what has two and four bytes, what looks like an escape.
TEXTS = st.one_of(st.text(max_size=20), st.text('\0\x01\x1f\x7f"\\\n\r\t\b\fu0aé😀\uffff{}[]:, ', max_size=8))
NAMES = TEXTS.filter(bool)
NUMBERS = st.builds(
    lambda sign, digits, exponent: f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}",
    st.sampled_from(["", "-"]),
    st.from_regex(r"[1-9][0-9]{0,37}", fullmatch=True),
    st.integers(-130, 125),
) | st.sampled_from(
    ["0", "-0", "1", "1.0", "+1", "1e0", "100", "1E125", "1E-130", "9" * 38, "0." + "3" * 38, ".5", "5."]
)
SCALARS = st.one_of(
    TEXTS.map(lambda text: {"S": text}),
    NUMBERS.map(lambda number: {"N": number}),
    st.binary(max_size=20).map(lambda content: {"B": content}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    st.lists(TEXTS, min_size=1, max_size=4, unique=True).map(lambda texts: {"SS": texts}),
    st.lists(NUMBERS, min_size=1, max_size=4, unique_by=Decimal).map(lambda numbers: {"NS": numbers}),
    st.lists(st.binary(max_size=9), min_size=1, max_size=4, unique=True).map(lambda contents: {"BS": contents}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda values: {"L": values}),
        st.dictionaries(TEXTS, inner, max_size=4).map(lambda values: {"M": values}),
    ),
    max_leaves=12,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=6)
"""As boto3 gives them: binary as bytes."""


def nest(value: dict[str, Any], levels: int) -> dict[str, Any]:
    """Put a value in so many lists and maps, by turns."""
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"inside": value}}
    return value


def restore(image: Image) -> dict[str, Any]:
    """Return the item that an image is of, binary as bytes."""
    named = {name: _restore(value) for name, value in image.items() if not isinstance(value, list)}
    return named | _unpair(image.get("", []))


def meaning(item: Any) -> Any:
    """Return what an item says: numbers by value, sets without an order."""
    if isinstance(item, list):
        return [meaning(each) for each in item]
    if not isinstance(item, dict):
        return item
    return {name: _MEANINGS.get(name, meaning)(value) for name, value in item.items()}


_MEANINGS: dict[str, Callable[[Any], Any]] = {
    "N": lambda content: Decimal(content) if isinstance(content, str) else meaning(content),
    "NS": lambda content: {*map(Decimal, content)} if isinstance(content, list) else meaning(content),
    "SS": lambda content: {*content} if isinstance(content, list) else meaning(content),
    "BS": lambda content: {*content} if isinstance(content, list) else meaning(content),
}


def _restore(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    return _WAYS_BACK[kind](content) if kind in _WAYS_BACK else value


def _unpair(pairs: list[Any]) -> dict[str, Any]:
    return {b64decode(name).decode(): _restore(value) for name, value in pairs}


_WAYS_BACK: dict[str, Callable[[Any], dict[str, Any]]] = {
    "S0": lambda content: {"S": b64decode(content).decode()},
    "SS0": lambda content: {"SS": [b64decode(each).decode() for each in content]},
    "B": lambda content: {"B": b64decode(content)},
    "BS": lambda content: {"BS": [b64decode(each) for each in content]},
    "L": lambda content: {"L": [_restore(each) for each in content]},
    "M": lambda content: {"M": {name: _restore(each) for name, each in content.items()}},
    "M0": lambda content: {"M": _unpair(content)},
}
