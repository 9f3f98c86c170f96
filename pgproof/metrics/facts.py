"""An item and the mappings of its table in, what is counted of it out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.metrics.item import Malformed, to_number, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.metrics.item import Image
    from pgproof.metrics.mapping import Mapping

_LONGEST = 200  # characters of a dimension: it is a part of a key in the table of metrics


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


def find_facts(image: Image, mappings: Sequence[Mapping]) -> Facts:
    """Return what mappings count of an item in normal form."""
    found, problems = {}, []
    for mapping in mappings:
        if mapping.takes(image):
            try:
                found[mapping.name] = _facts(image, mapping)
            except Malformed as error:
                problems.append(f"{mapping.name}: {error}")
    by_mapping = json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None
    return Facts(by_mapping, "; ".join(problems) or None)


def dig(image: Image, path: str) -> dict[str, Any] | None:
    """Return the typed value of an attribute, or of one in maps: `address.city`; None where there is none."""
    if path in image:
        found: dict[str, Any] = image[path]
        return found
    first, _, rest = path.partition(".")
    inside = image.get(first, {}).get("M") if rest else None
    return dig(inside, rest) if inside is not None else None


def _facts(image: Image, mapping: Mapping) -> dict[str, Any]:
    time = dig(image, mapping.time)
    if time is None:
        raise Malformed(f"no {mapping.time}")
    said = {path: _said(dig(image, path), path, mapping) for path in mapping.fields}
    return {
        "day": mapping.calendar.day(time).isoformat(),
        "with": {path: text for path, text in said.items() if text is not None},
    }


def _said(value: dict[str, Any] | None, path: str, mapping: Mapping) -> str | None:
    """Return an attribute as text; NULL is none."""
    if value is None or "NULL" in value:
        if path in mapping.summed:
            raise Malformed(f"no {path}, which is summed")
        return None
    ((kind, content),) = value.items()
    if path in mapping.summed and kind != "N":
        raise Malformed(f"{path} is summed, and is {kind}")
    text = str(to_number(content)) if kind == "N" else content if kind == "S" else to_text(value)
    if path in mapping.dimensions and len(text) > _LONGEST:
        raise Malformed(f"{path} is a dimension of {len(text)} characters: {_LONGEST} is the most")
    return text
