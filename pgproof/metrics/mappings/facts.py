"""An item and the mappings of its table in, what is counted of it out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from json.encoder import encode_basestring as _quote
from typing import TYPE_CHECKING, Any

from pgproof.metrics.mirror.item import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.mirror.item import Image

_LONGEST = 200  # characters of a dimension: it is a part of a key in the table of metrics
_MOST = 1500  # bytes of all of them, for the same reason


@dataclass(frozen=True)
class Facts:
    """What is counted of one item.

    Attributes:
        by_mapping: JSON as `pgproof_metrics.contributions` reads it; None where no mapping has to do with the item.
        problem: why a mapping that should count it could not; such an item is kept, and counted once it is mended.
    """

    by_mapping: str | None = None
    problem: str | None = None


NO_FACTS = Facts()


def find_facts(image: Image, mappings: Sequence[Mapping], *, gone: bool = False) -> Facts:
    """Return what mappings count of an item in normal form; of one that is gone, those that count it even so."""
    found, problems = [], []
    for mapping in mappings:
        if (mapping.counts_expired or not gone) and mapping.takes(image):
            try:
                found.append(f"{_quote(mapping.name)}:{_facts(image, mapping)}")
            except Malformed as error:
                problems.append(f"{mapping.name}: {error}")
    if not found and not problems:
        return NO_FACTS
    return Facts(f"{{{','.join(found)}}}" if found else None, "; ".join(problems) or None)


def dig(image: Image, path: str) -> dict[str, Any] | None:
    """Return the typed value of an attribute, or of one in maps: `address.city`; None where there is none."""
    found: dict[str, Any] | None = image.get(path)
    if found is not None or "." not in path:
        return found
    first, _, rest = path.partition(".")
    inside = image[first].get("M") if first and first in image else None
    return None if inside is None else dig(inside, rest)


def _facts(image: Image, mapping: Mapping) -> str:
    """Return JSON: the day, and what is said of it."""
    time = dig(image, mapping.time)
    if time is None:
        raise Malformed(f"no {mapping.time}")
    day = mapping.calendar.day(time).isoformat()
    said = {path: text for path in mapping.fields if (text := _said(dig(image, path), path, mapping)) is not None}
    if mapping.dimensions and (size := sum(len(said.get(path, "").encode()) for path in mapping.dimensions)) > _MOST:
        raise Malformed(f"dimensions of {size} bytes: {_MOST} are the most")
    pairs = ",".join([f"{_quote(path)}:{_quote(text)}" for path, text in said.items()])
    return f'{{"day":"{day}","with":{{{pairs}}}}}'


def _said(value: dict[str, Any] | None, path: str, mapping: Mapping) -> str | None:
    """Return an attribute as text; NULL is none."""
    if value is None or "NULL" in value:
        if path in mapping.summed:
            raise Malformed(f"no {path}, which is summed")
        return None
    ((kind, content),) = value.items()
    if path in mapping.summed and kind != "N":
        raise Malformed(f"{path} is summed, and is {kind}")
    text: str = content if kind in ("S", "N") else json.dumps(value, ensure_ascii=False)
    if path in mapping.dimensions and len(text) > _LONGEST:
        raise Malformed(f"{path} is a dimension of {len(text)} characters: {_LONGEST} is the most")
    return text
