"""An item as DynamoDB gives it in, the one text that stands for it out: what is equal has equal text, nothing is lost.

The text is DynamoDB's own JSON, `{"pk": {"S": "MSG#1"}, …}`, as Postgres writes jsonb: so a digest of it can be taken
on either side. Numbers stay text (38 digits), binary is base64, sets are sorted. jsonb has no place for U+0000, so a
text with it is `{"S0": base64}`, and a map with it in a name is `{"M0": [[base64, value], …]}`.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, Underflow
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Image = dict[str, Any]
"""Attribute -> typed value, in the normal form that `normalize` gives."""

# DynamoDB's own limits: a number that does not fit is none of DynamoDB's.
_NUMBERS = Context(prec=38, Emin=-130, Emax=126, traps=[Inexact, InvalidOperation, Overflow, Underflow])
_PLAIN = 40  # exponents up to which a number is written without one


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
    return {_check_name(name): _normalize(value) for name, value in image.items()}


def to_text(image: Image) -> str:
    """Return the text of an item in normal form: what Postgres gives for `image::text`."""
    return json.dumps(_sorted(image), ensure_ascii=False, separators=(", ", ": "))


def key_of(names: tuple[str, ...], image: Image) -> bytes:
    """Return the hash that is an item's key in the mirror.

    Args:
        names: the attributes of the table's key.
        image: an item, or only its key, in normal form.

    Raises:
        Malformed: a part of the key is missing.
    """
    if missing := [name for name in names if name not in image]:
        raise Malformed(f"no {' and no '.join(missing)}, which is a part of the key")
    return sha256(to_text({name: image[name] for name in names}).encode()).digest()


def to_number(text: str) -> Decimal:
    """Return an exact number.

    Raises:
        Malformed: it is none, or none that DynamoDB can hold.
    """
    try:
        number = _NUMBERS.create_decimal(text)
    except (DecimalException, TypeError, ValueError) as error:
        raise Malformed(f"{_short(text)} is not a number of DynamoDB's") from error
    if not number.is_finite():
        raise Malformed(f"{_short(text)} is not a number of DynamoDB's")
    return number


def number_text(text: str) -> str:
    """Return the one text of a number: 1, 1.0 and 1e0 are one."""
    number = _NUMBERS.normalize(to_number(text))
    if not number:
        return "0"
    return format(number, "f") if -_PLAIN < number.adjusted() < _PLAIN else str(number)


def _normalize(value: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict) or len(value) != 1:
        raise Malformed(f"{_short(value)} is not a typed value")
    ((kind, content),) = value.items()
    if kind not in _KINDS:
        raise Malformed(f"unknown type {kind!r}")
    return _KINDS[kind](content)


def _text(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, str):
        raise Malformed(f"{_short(content)} is not a text")
    return {"S0": b64encode(content.encode()).decode()} if "\0" in content else {"S": content}


def _binary(content: Any) -> str:  # noqa: ANN401
    if isinstance(content, bytes):
        return b64encode(content).decode()
    try:
        return b64encode(b64decode(content, validate=True)).decode()
    except (NotBase64, ValueError, TypeError) as error:
        raise Malformed(f"{_short(content)} is not base64") from error


def _bool(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, bool):
        raise Malformed(f"{_short(content)} is neither true nor false")
    return {"BOOL": content}


def _null(_: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"NULL": True}


def _list(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, list):
        raise Malformed(f"{_short(content)} is not a list")
    return {"L": [_normalize(each) for each in content]}


def _map(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(content, dict):
        raise Malformed(f"{_short(content)} is not a map")
    if any("\0" in name for name in content):
        named = sorted((b64encode(name.encode()).decode(), _normalize(value)) for name, value in content.items())
        return {"M0": [list(pair) for pair in named]}
    return {"M": {name: _normalize(value) for name, value in content.items()}}


def _set(kind: str, normal: Callable[[Any], str]) -> Callable[[Any], dict[str, Any]]:
    def read(content: Any) -> dict[str, Any]:  # noqa: ANN401
        if not isinstance(content, list | set | tuple):
            raise Malformed(f"{_short(content)} is not a set")
        return {kind: sorted(normal(each) for each in content)}

    return read


def _string_set(content: Any) -> dict[str, Any]:  # noqa: ANN401
    if any(isinstance(each, str) and "\0" in each for each in content):
        return {"SS0": sorted(b64encode(each.encode()).decode() for each in content)}
    return _set("SS", lambda each: str(_text(each)["S"]))(content)


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


def _check_name(name: str) -> str:
    if "\0" in name:
        raise Malformed("U+0000 in the name of an attribute")
    return name


def _sorted(value: Any) -> Any:  # noqa: ANN401
    """Put names in jsonb's order: by length in bytes, then by bytes."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=_jsonb_order)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _jsonb_order(name: str) -> tuple[int, bytes]:
    encoded = name.encode()
    return len(encoded), encoded


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004
