"""A trial in, the report on its change out: every proof in its order, what is allowed marked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pgproof.gate.allow import apply_allows
from pgproof.gate.proof import FATAL, Outcome, Proof, Report
from pgproof.gate.proofs import PROOFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.gate.proof import ProofName
    from pgproof.gate.proofs import ProofFunction
    from pgproof.gate.trial import Trial


def judge(trial: Trial, notify: Callable[[str], None] = lambda _: None) -> Report:
    """Prove what there is to prove of a change.

    Args:
        trial: on which databases, by which options.
        notify: told the title of each proof as it begins.

    Raises:
        PgproofError: base cannot be built, or the server is gone.
    """
    trial.proofs.clear()
    for name, title, prove in PROOFS:
        notify(title)
        fatal = [each.kind.id for proof in trial.proofs for each in proof.findings if each.kind.id in FATAL]
        trial.proofs.append(_skip(name, title, fatal[0]) if fatal else _prove(name, title, prove, trial))
    return apply_allows(trial.change, _report(trial))


def _prove(name: ProofName, title: str, prove: ProofFunction, trial: Trial) -> Proof:
    began = time.monotonic()
    outcome = prove(trial)
    return _conclude(name, title, outcome, time.monotonic() - began)


def _skip(name: ProofName, title: str, id: str) -> Proof:
    return _conclude(name, title, Outcome(not_applicable=f"nothing to stand on: {id}"), 0.0)


def _conclude(name: ProofName, title: str, outcome: Outcome, took: float) -> Proof:
    findings = tuple(sorted(dict.fromkeys(outcome.findings), key=lambda each: each.order))
    return Proof(name, title, findings, outcome.note, outcome.not_applicable, outcome.evidence, took)


def _report(trial: Trial) -> Report:
    change, proofs = trial.change, trial.proofs
    unreadable = any(each.kind.id in FATAL for each in proofs[0].findings)
    new = () if unreadable else tuple(each.id for each in (*change.new, *change.repeated))
    return Report(change.base.name, change.head.name, new, tuple(proofs), trial.databases.version)
