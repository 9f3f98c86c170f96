"""A rule's warning beside what was measured: confirmed, disproved, of no account, or for a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgproof.errors import Location
from pgproof.gate.finding import Finding, Kind, Severity
from pgproof.gate.measuring.measured import Lock, Measured
from pgproof.gate.proof import Proof, ProofName
from pgproof.gate.rules.joined import Joined, describe, find_unspoken, join
from pgproof.gate.rules.referee import MOOT, REFEREES
from pgproof.lint import Finding as Warned

FILE = Path("/p/migrations/0002_b.sql")
QUERY = Path("/p/queries/a.sql")
FIRST, SECOND = "ALTER TABLE a\n    ADD b int;", "ALTER TABLE c ADD d int;"


def measured(line: int, text: str, **seen: object) -> Measured:
    place = Location(FILE, line)
    statement = Measured("0002_b", "pre", place, text, "AlterTableStmt", transactional=True, began=0, took=0)
    return Measured(**{**statement.__dict__, **seen})


STATEMENTS = (measured(3, FIRST), measured(6, SECOND))


def found(id: str, at: Location, severity: Severity = "error") -> Finding:
    return Kind(id, "name", severity, "what", "happens", "instead").find(at, "found")


def proof(name: ProofName, *findings: Finding, not_applicable: str = "") -> Proof:
    return Proof(name, name, findings, "", not_applicable, None, 0.0)


def judge(rule: str, *proofs: Proof, line: int = 4) -> Joined:
    (joined,) = join([Warned(rule, "squawk", Location(FILE, line), 1, "it warns")], STATEMENTS, proofs)
    return joined


def test_a_warning_that_measurement_found_too_is_confirmed() -> None:
    assert judge("changing-column-type", proof("live", found("PG401", Location(FILE, 3)))).verdict == "confirmed"


def test_a_warning_of_which_measurement_found_nothing_is_disproved_with_what_was_measured() -> None:
    joined = judge("changing-column-type", proof("live"))

    assert (joined.verdict, joined.statement) == ("disproved", STATEMENTS[0])
    assert joined.why.startswith("no rewrite, no scan, no index built")


def test_what_another_statement_does_confirms_nothing() -> None:
    assert judge("changing-column-type", proof("live", found("PG401", Location(FILE, 6)))).verdict == "disproved"


def test_what_no_statement_is_named_for_may_be_of_any() -> None:
    broken = found("PG201", Location(QUERY, 3))

    assert judge("ban-drop-column", proof("release", broken)).verdict == "confirmed"


@pytest.mark.parametrize("rule", ["renaming-column", "ban-drop-table", "adding-required-field"])
def test_what_readers_meet_is_disproved_by_their_contracts(rule: str) -> None:
    joined = judge(rule, proof("live"), proof("release"))

    assert (joined.verdict, joined.why) == ("disproved", "no contract of the running release breaks by it")


def test_where_no_contract_was_held_a_person_has_to_judge() -> None:
    assert judge("renaming-column", proof("release", not_applicable="base has no contracts")).verdict == "open"


def test_a_proof_that_was_not_made_disproves_nothing() -> None:
    assert judge("changing-column-type").verdict == "open"


def test_a_place_where_nothing_was_measured_is_for_a_person() -> None:
    assert judge("changing-column-type", proof("live"), line=9).verdict == "open"


@pytest.mark.parametrize("rule", ["prefer-text-field", "ban-char-field", "naive-timestamp", "a-rule-of-tomorrow"])
def test_what_no_proof_measures_is_for_a_person(rule: str) -> None:
    everything = [proof(name) for name in ("live", "release", "way back", "schema", "crashes")]

    assert judge(rule, *everything).verdict == "open"


def test_what_the_runner_makes_moot_is_no_warning() -> None:
    assert judge("prefer-robust-stmts", proof("live", found("PG401", Location(FILE, 3)))).verdict == "moot"
    assert not MOOT.keys() & REFEREES.keys()


def test_a_hazard_of_which_no_rule_speaks_was_found_by_measurement_only() -> None:
    hazards = [found("PG401", Location(FILE, 3)), found("PG405", Location(FILE, 6))]
    proofs = (proof("live", *hazards, found("PG409", Location(FILE, 6), "note")),)

    assert find_unspoken([judge("changing-column-type", *proofs)], STATEMENTS, proofs) == hazards[1:]
    assert find_unspoken([judge("prefer-robust-stmts", *proofs)], STATEMENTS, proofs) == hazards


def test_a_statement_is_described_by_what_is_the_same_each_time() -> None:
    locks = (
        Lock("public.a", "AccessExclusiveLock", was_there=True, taken=0, until=1),
        Lock("public.c", "ShareRowExclusiveLock", was_there=True, taken=0, until=1),
        Lock("public.new", "AccessExclusiveLock", was_there=False, taken=0, until=1),
        Lock("public.d", "AccessShareLock", was_there=True, taken=0, until=1),
    )

    assert describe(measured(3, FIRST, locks=locks)) == (
        "no rewrite, no scan, no index built; "
        "ACCESS EXCLUSIVE on public.a, SHARE ROW EXCLUSIVE on public.c for a moment"
    )
    assert describe(measured(3, FIRST, said=('verifying table "a"',), scanned={"public.a": 3, "public.b": 0})) == (
        'verifying table "a", 3 rows of public.a read; no lock that anybody waits for'
    )
