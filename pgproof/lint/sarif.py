"""What tools found in, a SARIF 2.1.0 log out, as code scanning takes it; for `inv lint` and `inv gate` alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.errors import Location

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_log(runs: Sequence[dict[str, Any]]) -> str:
    """Return a log of these runs."""
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)


def make_run(driver: dict[str, Any], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the run of one tool: `driver` says which, and what rules it has."""
    return {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}


def make_texts(**texts: str) -> dict[str, Any]:
    """Return texts by name, as SARIF writes each; an empty one is none."""
    return {name: {"text": text} for name, text in texts.items() if text}


def make_result(
    rule: str, index: int, level: str, message: str, at: Location, *, column: int | None = None
) -> dict[str, Any]:
    """Return what a rule, by its id and its index in the driver's, says of a place."""
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(at.path.as_posix(), errors="surrogateescape")}}
    if at.line:
        place["region"] = {"startLine": at.line, **({"startColumn": column} if column else {})}
    said = {"ruleId": rule, "ruleIndex": index, "level": level, "message": {"text": message}}
    return {**said, "locations": [{"physicalLocation": place}]}
