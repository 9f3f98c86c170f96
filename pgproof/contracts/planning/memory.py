"""Plans in that keep what their query promises, the last ones of it out: what is shown beside those that break it.

A file for each query, written whole: runs at once do not disturb each other, and what is lost or cannot be read only
costs the comparison.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pgproof.contracts.cases import contract_path
from pgproof.contracts.planning.plantree import Node, Plan
from pgproof.contracts.planning.verdict import Plans
from pgproof.pg.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pgproof.contracts.answer import Refusal
    from pgproof.settings import Settings


@dataclass(frozen=True)
class Memory:
    """The plans that kept their promise last, by query; `folder` is ours, and without one nothing is remembered."""

    folder: Path | None = None

    def recall(self, query: str) -> Plans | None:
        """Return those of a query; None where nobody knows any."""
        if self.folder is None:
            return None
        with suppress(OSError, ValueError, TypeError, LookupError, AttributeError):
            forced, run = json.loads((self.folder / f"{query}.json").read_bytes())
            return Plans(_plans(forced), _plans(run), {})
        return None

    def remember(self, query: str, plans: Plans) -> None:
        """Note those of a query, instead of the ones before."""
        if self.folder is None:
            return
        with suppress(OSError):
            write_whole(self.folder / f"{query}.json", json.dumps([_tell(plans.forced), _tell(plans.run)]))


def read_memory(settings: Settings) -> Memory:
    """Return what is remembered of a project, after forgetting what is under contract no more; of CI it is nothing."""
    if settings.memory is None:
        return Memory()
    folder = settings.memory / "plans"
    with suppress(OSError):
        for each in folder.iterdir():
            if not contract_path(settings.contracts, each.stem).is_file():
                each.unlink(missing_ok=True)
    return Memory(folder)


def _tell(plans: Mapping[str, Plan | Refusal]) -> dict[str, dict[str, Any]]:
    return {case: asdict(plan.root) for case, plan in plans.items() if isinstance(plan, Plan)}


def _plans(told: Mapping[str, dict[str, Any]]) -> dict[str, Plan]:
    return {case: Plan(_node(root)) for case, root in told.items()}


def _node(told: dict[str, Any]) -> Node:
    conditions, children = tuple(map(tuple, told["conditions"])), tuple(map(_node, told["children"]))
    return Node(**told | {"conditions": conditions, "children": children})
