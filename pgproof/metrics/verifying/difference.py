"""Something that is not as it has to be: what, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes:
        kind: missing in the mirror, missing in DynamoDB, different, under a wrong key; facts; members, metric.
        where: the key of the item, or the metric with its day and dimensions.
        details: names of attributes that differ, without what is in them; or what is there, and what has to be.
    """

    kind: str
    where: Mapping[str, object]
    details: Sequence[str] = ()

    def __str__(self) -> str:
        where = ", ".join(f"{name} {value}" for name, value in self.where.items())
        return f"{self.kind}: {where}{': ' if self.details else ''}{', '.join(self.details)}"
