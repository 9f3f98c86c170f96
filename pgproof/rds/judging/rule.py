"""A rule of ours about plans: what is the case, why that is bad, what to do instead. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.rds.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.rds.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule.

    Attributes:
        id: its name.
        field: the word of the plan that it is about.
        severity: error: AWS refuses the plan; warning: it works, at a risk or a cost.
        is_broken: whether a plan breaks it.
        what: what is the case then; {plan.storage} is filled in.
        why: why that is bad.
        hint: what to do instead.
    """

    id: str
    field: str
    severity: Severity
    is_broken: Callable[[Plan], bool]
    what: str
    why: str
    hint: str

    def to_finding(self, plan: Plan) -> Finding:
        """Return what it has against a plan that breaks it."""
        what = f"{self.what.format(plan=plan)}: {self.why.format(plan=plan)}"
        hint = self.hint.format(plan=plan)
        at = plan.at(self.field)
        return Finding(severity=self.severity, at=at, what=what, hint=hint, rule=self.id, field=self.field)
