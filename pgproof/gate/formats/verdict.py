"""A report in, its first words out: whether the change may merge, and what was judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.figures import many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.gate.proof import Condition, Report

SIGNS: Mapping[Condition, str] = {"held": "✓", "broken": "✗", "not applicable": "\N{EN DASH}"}
_NAMED = 6  # migrations; of more there is a number


@dataclass(frozen=True)
class Verdict:
    """What stands above all the rest.

    Attributes:
        headline: whether it may merge, with how many proofs are broken.
        subject: what was judged: from where to where.
        news: what is new in it.
    """

    headline: str
    subject: str
    news: str


def give_verdict(report: Report) -> Verdict:
    """Return the first words on a report."""
    return Verdict(_headline(report), f"{report.base} → {report.head}", _tell_new(report))


def _headline(report: Report) -> str:
    broken = sum(each.condition == "broken" for each in report.proofs)
    held = sum(each.condition == "held" for each in report.proofs)
    warnings = sum(each.severity == "warning" for each in report.findings)
    also = f", {many(warnings, 'warning')}" if warnings else ""
    if broken:
        errors = sum(each.severity == "error" for each in report.findings)
        return f"This change may not merge: {many(broken, 'proof')} broken, {many(errors, 'error')}{also}"
    return f"This change may merge: {many(held, 'proof')} held{also}"


def _tell_new(report: Report) -> str:
    if report.new:
        more = len(report.new) - _NAMED
        return f"new: {', '.join([*report.new[:_NAMED], *([f'{more} more'] if more > 0 else [])])}"
    if report.proofs and report.proofs[0].condition == "broken":
        return "what is new cannot be told before its history is in order"
    return "no new migration, no repeatable that changed"
