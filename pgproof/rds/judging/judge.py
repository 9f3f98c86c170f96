"""A plan in, findings out, by their lines; AWS is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.rds.judging.linting import lint
from pgproof.rds.judging.refusals import REFUSALS
from pgproof.rds.judging.risks import RISKS

if TYPE_CHECKING:
    from pgproof.rds.finding import Finding
    from pgproof.rds.plan import Plan

RULES = (*REFUSALS, *RISKS)


def judge(plan: Plan) -> list[Finding]:
    """Return what is against a plan, as if there were no instance yet: errors before warnings, each by their lines.

    Raises:
        SettingsError: cfn-lint is not installed.
    """
    ours = [rule.to_finding(plan) for rule in RULES if rule.is_broken(plan)]
    found = [*lint(plan), *ours]
    return sorted(found, key=lambda each: (each.severity, each.at.line or 0))
