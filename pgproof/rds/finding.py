"""What a judge has against a plan: a value for people, ordered by the lines of pyproject.toml. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pgproof.errors import Location

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing against a plan.

    Attributes:
        severity: error: AWS refuses it, or it cannot work; warning: it works, and is a risk or a cost.
        at: the line that says it, or where the plan begins.
        what: what is the case, and why that is bad.
        hint: what to do instead.
        rule: its name: ours are words, cfn-lint's such as E3691.
        field: the word of the plan that it is about; empty: none of them.
    """

    severity: Severity
    at: Location
    what: str
    hint: str = ""
    rule: str = ""
    field: str = ""

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.at}: {self.severity}: {self.what} ({self.rule}){hint}"
