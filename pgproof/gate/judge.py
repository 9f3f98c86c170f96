"""A trial in, the report on its change out: every proof in its order, what is allowed marked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pgproof.gate.allow import apply_allows
from pgproof.gate.proof import Outcome, Proof, Report
from pgproof.gate.proofs import PROOFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.errors import Location
    from pgproof.gate.finding import Finding
    from pgproof.gate.proof import ProofName
    from pgproof.gate.proofs import ProofFunction
    from pgproof.gate.trial import Trial

# What keeps every further proof from having anything to stand on.
_FATAL = frozenset(("PG001", "PG002", "PG003", "PG004", "PG005", "PG100", "PG101"))


def judge(trial: Trial, notify: Callable[[str], None] = lambda _: None) -> Report:
    """Prove what there is to prove of a change.

    Args:
        trial: on which databases, by which options.
        notify: told the title of each proof as it begins.

    Raises:
        PgproofError: base cannot be built, or the server is gone.
    """
    proofs: list[Proof] = []
    for name, title, prove in PROOFS:
        notify(title)
        fatal = [each.kind.id for proof in proofs for each in proof.findings if each.kind.id in _FATAL]
        proofs.append(_skip(name, title, fatal[0]) if fatal else _prove(name, title, prove, trial))
    return apply_allows(trial.change, _report(trial, proofs))


def _prove(name: ProofName, title: str, prove: ProofFunction, trial: Trial) -> Proof:
    began = time.monotonic()
    outcome = prove(trial)
    return _conclude(name, title, outcome, time.monotonic() - began)


def _skip(name: ProofName, title: str, id: str) -> Proof:
    return _conclude(name, title, Outcome(not_applicable=f"nothing to stand on: {id}"), 0.0)


def _conclude(name: ProofName, title: str, outcome: Outcome, took: float) -> Proof:
    findings = tuple(sorted(dict.fromkeys(outcome.findings), key=_order))
    return Proof(name, title, findings, outcome.note, outcome.not_applicable, outcome.evidence, took)


def _order(finding: Finding) -> tuple[str, int, str, str]:
    at: Location = finding.at
    return str(at.path), at.line or 0, finding.kind.id, finding.what


def _report(trial: Trial, proofs: list[Proof]) -> Report:
    change = trial.change
    new = () if proofs[0].condition == "broken" else (*change.new, *change.repeated)
    return Report(change.base.name, change.head.name, tuple(each.id for each in new), tuple(proofs))
