"""A report in, JSON for a script out; its keys only ever become more within a `version`.

version, base, head, new    what was judged: refs, and ids of the new migrations and changed repeatables
server                      what it was judged on
broken                      whether the change may not merge
proofs                      name, title, condition (held, broken, not applicable), seconds, note, not_applicable
findings                    id, name, proof, severity (error, warning, note), path, line, what, happens, instead,
                            details, allowed (the reason; null where nobody allowed it)
schema                      kind (added, removed, changed), key, before, after; null where it was not seen
live                        rows, statements, traffic, estimates; null where it was not measured
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pgproof.gate.proof import Live, SchemaChange
from pgproof.pg.catalog import diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.errors import Location
    from pgproof.gate.finding import Finding
    from pgproof.gate.measuring.measured import Measured
    from pgproof.gate.measuring.traffic import Ran, Traffic, Wait
    from pgproof.gate.proof import Proof, Report

VERSION = 1


def to_json(report: Report) -> str:
    """Return all that a script could want of it."""
    told = {
        "version": VERSION,
        "base": report.base,
        "head": report.head,
        "new": list(report.new),
        "server": report.server,
        "broken": report.is_broken,
        "proofs": [_proof(each) for each in report.proofs],
        "findings": [_finding(proof, each) for proof in report.proofs for each in proof.findings],
        "schema": next(_schemas(report), None),
        "live": next(_lives(report), None),
    }
    return json.dumps(told, indent=2)


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "name": proof.name,
        "title": proof.title,
        "condition": proof.condition,
        "seconds": round(proof.took, 3),
        "note": proof.note,
        "not_applicable": proof.not_applicable,
    }


def _finding(proof: Proof, finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.kind.id,
        "name": finding.kind.name,
        "proof": proof.name,
        "severity": finding.severity,
        **_place(finding.at),
        "what": finding.what,
        "happens": finding.kind.happens,
        "instead": finding.instead,
        "details": list(finding.details),
        "allowed": finding.allowed or None,
    }


def _place(at: Location | None) -> dict[str, Any]:
    return {"path": at and at.path.as_posix(), "line": at and at.line}


def _placed(seen: Ran | Wait) -> dict[str, Any]:
    """Return what was seen, its `at` as path and line."""
    return {**_place(seen.at), **{name: value for name, value in vars(seen).items() if name != "at"}}


def _schemas(report: Report) -> Iterator[list[dict[str, Any]]]:
    for proof in report.proofs:
        if isinstance(proof.evidence, SchemaChange):
            yield [asdict(each) for each in diff(proof.evidence.before, proof.evidence.after)]


def _lives(report: Report) -> Iterator[dict[str, Any]]:
    for proof in report.proofs:
        if isinstance(proof.evidence, Live):
            yield {
                "rows": dict(proof.evidence.rehearsal.rows),
                "statements": [_measured(each) for each in proof.evidence.rehearsal.statements],
                "traffic": _traffic(proof.evidence.traffic),
                "estimates": proof.evidence.seconds,
            }


def _measured(measured: Measured) -> dict[str, Any]:
    facts = {name: value for name, value in vars(measured).items() if name not in ("at", "locks", "scanned", "written")}
    return {
        **_place(measured.at),
        **facts,
        "locks": [{**asdict(each), "blocks": each.blocks} for each in measured.locks],
        "scanned": dict(measured.scanned),
        "written": dict(measured.written),
    }


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        "calls": traffic.calls,
        "usual": traffic.usual,
        "longest": dict(traffic.longest),
        "ran": [_placed(each) for each in traffic.ran],
        "held": [asdict(each) for each in traffic.held],
        "waits": [_placed(each) for each in traffic.waits],
    }
