"""An item as DynamoDB gives it in, the one text that stands for it out: what is equal has equal text, nothing is lost.

The text is DynamoDB's own JSON, `{"pk": {"S": "MSG#1"}, …}`, as Postgres writes jsonb: so a digest of it can be taken
on either side. Numbers stay text (38 digits), binary is base64, sets are sorted. jsonb has no place for U+0000, so a
text with it is `{"S0": base64}`, a set `{"SS0": [base64, …]}`, a map with it in a name `{"M0": [[base64, value], …]}`;
and attributes with it in their names are such pairs, too, under the name "", which is none in DynamoDB.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from decimal import Context, DecimalException, Inexact, InvalidOperation, Overflow, Subnormal, Underflow
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as _quote
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

Image = dict[str, Any]
"""Attribute -> typed value, in the normal form that `normalize` gives, names in the order of jsonb."""

# DynamoDB's own limits: a number that does not fit is none of DynamoDB's. Zero has no exponent there.
_TRAPS = [Inexact, InvalidOperation, Overflow, Subnormal, Underflow]
_NUMBERS = Context(prec=38, Emin=-130, Emax=125, clamp=0, traps=_TRAPS)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,37}")
_PLAIN = 40  # exponents up to which a number is written without one

_write = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(", ", ": ")).encode


class Malformed(ValueError):
    """This is not what DynamoDB gives; says what is wrong with it."""


def normalize(image: Mapping[str, Any]) -> Image:
    """Return an item in normal form.

    Args:
        image: attribute -> typed value: from boto3 (binary as bytes), or JSON (binary as base64).

    Raises:
        Malformed: it is no item.
    """
    if not isinstance(image, dict):
        raise Malformed(f"an item is a map of attributes, not {type(image).__name__}")
    try:
        return _named(image) if _is_plain(image) else _half_named(image)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except UnicodeEncodeError as error:
        raise Malformed(f"{_short(error.object)} is not Unicode: {error.reason}") from None


def to_text(image: Image) -> str:
    """Return the text of an item in normal form: what Postgres gives for `image::text`."""
    pairs = [
        f'{_quote(name)}: {{"S": {_quote(value["S"])}}}' if "S" in value else f"{_quote(name)}: {_write(value)}"
        for name, value in image.items()
    ]
    return f"{{{', '.join(pairs)}}}"


def key_of(names: tuple[str, ...], image: Image) -> bytes:
    """Return the hash that is an item's key in the mirror.

    Args:
        names: the attributes of the table's key.
        image: an item, or only its key, in normal form.

    Raises:
        Malformed: a part of the key is missing.
    """
    try:
        return sha256(to_text({name: image[name] for name in names}).encode()).digest()
    except KeyError:
        missing = [name for name in names if name not in image]
        raise Malformed(f"no {' and no '.join(missing)}, which is a part of the key") from None


def to_number(text: str) -> Decimal:
    """Return an exact number.

    Raises:
        Malformed: it is none, or none that DynamoDB can hold.
    """
    try:
        if _NUMBER.fullmatch(text):
            return _NUMBERS.create_decimal(text)
    except (DecimalException, TypeError):
        pass
    raise Malformed(f"{_short(text)} is not a number of DynamoDB's")


def number_text(text: str) -> str:
    """Return the one text of a number: 1, 1.0 and 1e0 are one."""
    if isinstance(text, str) and _PLAIN_INTEGER.fullmatch(text):
        return text
    number = to_number(text)
    if not number:
        return "0"
    number = _NUMBERS.normalize(number)
    return format(number, "f") if -_PLAIN < number.adjusted() < _PLAIN else str(number)


def _named(values: dict[str, Any]) -> Image:
    """Normalize values of names that jsonb has a place for, and put them in its order."""
    image = {}
    for name in _in_order(tuple(values)):
        value = values[name]
        text = value.get("S") if type(value) is dict and len(value) == 1 else None
        # Most are plain text: there is no need to look closer, or to build it anew.
        image[name] = value if type(text) is str and text.isascii() and "\0" not in text else _normalize(value)
    return image


def _half_named(values: dict[str, Any]) -> Image:
    """Normalize an item of which some names are none for jsonb."""
    hidden = {name: value for name, value in values.items() if "\0" in name or not name}
    return {"": _pairs(hidden), **_named({name: value for name, value in values.items() if name not in hidden})}


def _is_plain(names: Iterable[str]) -> bool:
    """Whether jsonb has a place for all names."""
    try:
        return "\0" not in "".join(names)
    except TypeError:
        raise Malformed("a name is not a text") from None


@lru_cache(maxsize=128)  # most items of a table have the same names; all those of an item are 400 KB at the most
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Sort as jsonb does: by length in bytes, then by bytes; those of UTF-8 are in the order of its characters."""
    return tuple(sorted(names, key=lambda name: (len(name.encode()), name)))


def _normalize(value: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict) or len(value) != 1:
        raise Malformed(f"{_short(value)} is not a typed value")
    ((kind, content),) = value.items()
    if kind not in _KINDS:
        raise Malformed(f"unknown type {_short(kind)}")
    return _KINDS[kind](content)


def _text(content: Any) -> dict[str, Any]:  # noqa: ANN401
    encoded = _encode(content)
    return {"S0": b64encode(encoded).decode()} if b"\0" in encoded else {"S": content}


def _encode(content: Any) -> bytes:  # noqa: ANN401
    if not isinstance(content, str):
        raise Malformed(f"{_short(content)} is not a text")
    return content.encode()


def _binary(content: Any) -> str:  # noqa: ANN401
    if isinstance(content, bytes):
        return b64encode(content).decode()
    try:
        if isinstance(content, str):
            return b64encode(b64decode(content, validate=True)).decode()
    except ValueError:
        pass
    raise Malformed(f"{_short(content)} is not base64")


def _bool(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, bool):
        raise Malformed(f"{_short(content)} is neither true nor false")
    return {"BOOL": content}


def _null(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if content is not True:
        raise Malformed(f"NULL is true, not {_short(content)}")
    return {"NULL": True}


def _list(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, list):
        raise Malformed(f"{_short(content)} is not a list")
    return {"L": [_normalize(each) for each in content]}


def _map(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, dict):
        raise Malformed(f"{_short(content)} is not a map")
    return {"M": _named(content)} if _is_plain(content) else {"M0": _pairs(content)}


def _pairs(values: dict[str, Any]) -> list[list[Any]]:
    """Normalize values of names that jsonb has no place for."""
    named = sorted((b64encode(_encode(name)).decode(), name) for name in values)
    return [[encoded, _normalize(values[name])] for encoded, name in named]


def _set(kind: str, normal: Callable[[Any], str]) -> Callable[[Any], dict[str, Any]]:
    def read(content: Any) -> dict[str, Any]:  # noqa: ANN401
        if not isinstance(content, list):
            raise Malformed(f"{_short(content)} is not a set")
        return {kind: sorted(normal(each) for each in content)}

    return read


def _string_set(content: Any) -> dict[str, Any]:  # noqa: ANN401
    plain: dict[str, Any] = _set("SS", lambda each: _encode(each).decode())(content)
    if any("\0" in each for each in content):
        return {"SS0": sorted(b64encode(each.encode()).decode() for each in content)}
    return plain


_KINDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "S": _text,
    "N": lambda content: {"N": number_text(content)},
    "B": lambda content: {"B": _binary(content)},
    "BOOL": _bool,
    "NULL": _null,
    "L": _list,
    "M": _map,
    "SS": _string_set,
    "NS": _set("NS", number_text),
    "BS": _set("BS", _binary),
}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004
