"""The proofs, in their order: each takes a trial and gives what it found."""

from typing import TYPE_CHECKING, TypeAlias

from pgproof.gate.proof import Outcome, ProofName
from pgproof.gate.proofs import crashes, history, live, order, plans, release, rules, schema, way_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.gate.trial import Trial

ProofFunction: TypeAlias = "Callable[[Trial], Outcome]"

PROOFS: tuple[tuple[ProofName, str, ProofFunction], ...] = (
    ("history", "nothing that was applied has changed", history.prove),
    ("schema", "one schema, whichever way it is built", schema.prove),
    ("release", "the running release survives", release.prove),
    ("way back", "there is a way back", way_back.prove),
    ("live", "a live server goes on", live.prove),
    ("plans", "no plan gets worse", plans.prove),
    ("order", "either merge order gives the same", order.prove),
    ("crashes", "a killed run goes on where it was", crashes.prove),
    ("rules", "the rules agree", rules.prove),
)
KINDS = tuple(
    sorted(
        (
            kind
            for proof in (history, schema, release, way_back, live, plans, order, crashes, rules)
            for kind in proof.KINDS
        ),
        key=lambda kind: kind.id,
    )
)
"""All that can be found."""
