"""What a check of contracts tells: one promise that is not kept, where it stands, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pgproof.errors import Location

Layer = Literal["files", "shape", "rows", "stability", "plan", "cache"]


@dataclass(frozen=True)
class Finding:
    """A promise that is not kept.

    Attributes:
        layer: what of the contract is concerned.
        query: its name.
        case: which case; empty where it concerns all of them.
        at: where a person looks first.
        what: one line that says it, or several of which the first does.
        hint: what to do.
    """

    layer: Layer
    query: str
    case: str
    at: Location
    what: str
    hint: str = ""

    def __str__(self) -> str:
        about = f"{self.query}[{self.case}]" if self.case else self.query
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.at}: {about}: {self.what}{hint}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as a script reads it."""
        return asdict(self) | {"at": str(self.at)}
