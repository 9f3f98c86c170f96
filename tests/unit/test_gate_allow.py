"""`-- allow: PG401 because …`: which finding it means, and what is wrong with one that means none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pgproof.errors import Location
from pgproof.gate.allow import apply_allows
from pgproof.gate.change import Change, Side
from pgproof.gate.finding import Finding, Kind
from pgproof.gate.proof import Proof, ProofName, Report

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.settings import Settings

NEW = "migrations/0002_b.sql"
TWO = "ALTER TABLE a ADD b int;\n\nUPDATE a\nSET b = 1;\n"


@pytest.fixture
def change(settings: Settings) -> Change:
    """A change from one migration to two."""
    base = replace(settings, root=settings.root / "base")
    for each in (base, settings):
        put(each, "migrations/0001_a.sql", "SELECT 1;\n")
        put(each, "queries/a.sql", "-- returns: many\n-- allow: PG202 because it was so\nSELECT 1 AS a\n")
    return Change(Side("base", base), Side("head", settings))


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which findings there are changes with the proofs, and is not what these tests are about."""
    known = ["PG001", "PG009", "PG101", "PG202", "PG211", "PG303", "PG304", "PG401", "PG405", "PG406", "PG801"]
    monkeypatch.setattr("pgproof.gate.allow._IDS", frozenset(known))


def put(settings: Settings, name: str, text: str) -> Path:
    path = settings.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def judge(change: Change, text: str, *found: str, file: str = NEW) -> list[str]:
    """What becomes of findings such as `PG405 4` in a file with that text, and what is wrong with its allows."""
    settings = change.head.settings
    put(settings, NEW, "SELECT 1;\n")
    path = put(settings, file, text)
    findings = [find(path, *each.split()) for each in found]
    report = apply_allows(change, Report("base", "head", (), (prove("live", *findings), prove("rules"))))
    return [tell(each) for each in report.findings]


def find(path: Path, id: str, line: str = "") -> Finding:
    kind = Kind(id, "name", "error", "what", "happens", "instead")
    return kind.find(Location(path, int(line) if line else None), "found")


def prove(name: ProofName, *findings: Finding) -> Proof:
    return Proof(name, name, findings, "", "", None, 0.0)


def tell(finding: Finding) -> str:
    return f"{finding.kind.id} {finding.at.line}: {finding.allowed or finding.what}"


@pytest.mark.parametrize(
    "text",
    [
        TWO.replace("UPDATE", "-- allow: PG405 because it is small\nUPDATE"),
        TWO.replace("UPDATE a", "UPDATE a -- allow: PG405 because it is small"),
        TWO.replace("= 1;", "= 1; -- Allow:PG405  because  it is small"),
    ],
)
def test_an_allow_stands_above_its_statement_in_it_or_behind_its_end(change: Change, text: str) -> None:
    line = text[: text.index("SET")].count("\n") + 1

    assert judge(change, text, f"PG405 {line}") == [f"PG405 {line}: it is small"]


def test_an_allow_is_about_one_statement_and_one_id(change: Change) -> None:
    text = TWO.replace("UPDATE", "-- allow: PG405 because it is small\nUPDATE")

    told = judge(change, text, "PG405 1", "PG406 4", "PG405 4")

    assert told == ["PG405 1: found", "PG405 4: it is small", "PG406 4: found"]


def test_several_ids_share_one_reason(change: Change) -> None:
    text = "-- allow: PG401, PG406 because nobody works at night\n" + TWO

    assert judge(change, text, "PG401 2", "PG406 2") == [
        "PG401 2: nobody works at night",
        "PG406 2: nobody works at night",
    ]


def test_an_allow_of_the_first_statement_is_about_the_file_and_its_header_too(change: Change) -> None:
    text = "-- irreversible: gone\n-- allow: PG202, PG211, PG304 because we know\n\n" + TWO

    told = judge(change, text, "PG202", "PG211 1", "PG304 4", "PG304 6")

    assert told == ["PG202 None: we know", "PG211 1: we know", "PG304 4: we know", "PG304 6: found"]


def test_what_is_allowed_breaks_nothing(change: Change) -> None:
    path = put(change.head.settings, NEW, "-- allow: PG401 because small\nSELECT 1;\n")
    report = Report("base", "head", (), (prove("live", find(path, "PG401", "2")), prove("rules")))

    allowed = apply_allows(change, report)

    assert report.is_broken
    assert not allowed.is_broken
    assert [each.severity for each in allowed.findings] == ["note"]


@pytest.mark.parametrize("file", ["migrations/0002_b.rollback.sql", "migrations/repeatable/v.sql", "queries/b.sql"])
def test_a_finding_is_allowed_in_the_file_that_it_points_to(change: Change, file: str) -> None:
    given = "%(b)s" if file.startswith("queries") else "1"
    text = f"-- returns: many\n-- allow: PG202 because it is meant\nSELECT 1 AS a WHERE 1 = {given}\n"

    assert judge(change, text, "PG202 3", file=file) == ["PG202 3: it is meant"]


def test_an_allow_in_another_file_is_of_no_use(change: Change) -> None:
    rollback = put(change.head.settings, "migrations/0002_b.rollback.sql", "SELECT 1;\n")
    path = put(change.head.settings, NEW, "-- allow: PG303 because it is meant\nSELECT 1;\n")
    report = Report("base", "head", (), (prove("way back", find(rollback, "PG303", "1")), prove("rules")))

    told = [f"{each.at.path.name} {tell(each)}" for each in apply_allows(change, report).findings]

    assert told == ["0002_b.rollback.sql PG303 1: found", f"{path.name} PG009 1: there is no PG303 to allow here"]


@pytest.mark.parametrize(
    ("comment", "fault"),
    [
        ("-- allow: PG801 because it is small", "there is no PG801 to allow here"),
        ("-- allow: PG405", "nobody says why PG405 is allowed"),
        ("-- allow: PG405 the table is small", "nobody says why PG405 is allowed"),
        ("-- allow: PG405 because", "nobody says why PG405 is allowed"),
        ("-- allow: PG999 because it is small", "there is no finding PG999"),
        ("-- allow: plan-worse because it is small", "there is no finding plan-worse"),
        ("-- allow: because it is small", "an allow that names no finding"),
        ("-- allow: PG001 because it is small", "PG001 cannot be allowed"),
        ("-- allow: PG101 because it is small", "PG101 cannot be allowed"),
        ("-- allow: PG009 because it is small", "PG009 cannot be allowed"),
    ],
)
def test_an_allow_that_allows_nothing_is_a_finding(change: Change, comment: str, fault: str) -> None:
    assert f"PG009 2: {fault}" in judge(change, f"SELECT 1;\n{comment}\nSELECT 2;\n", "PG405 3")


def test_where_all_files_are_new_at_once_an_allow_may_be_of_no_use_any_more(change: Change) -> None:
    first = replace(change, base=replace(change.base, name="nothing"))

    text = "SELECT 1;\n-- allow: PG801 because it is small\nSELECT 2;\n-- allow: PG303\nSELECT 3;\n"

    assert judge(first, text) == ["PG009 4: nobody says why PG303 is allowed"]


def test_an_allow_after_the_last_statement_is_about_none(change: Change) -> None:
    assert "PG009 5: there is no PG801 to allow here" in judge(
        change, f"{TWO}-- allow: PG801 because of me\n", "PG801 3"
    )


def test_a_comment_that_names_no_finding_and_gives_no_reason_is_for_people(change: Change) -> None:
    text = "-- allow: people without a handle\nSELECT '-- allow: PG999 because';\n"

    assert judge(change, text) == []


def test_what_is_not_new_is_not_asked_for_its_use(change: Change) -> None:
    for each in (change.base.settings, change.head.settings):
        put(each, "migrations/0001_a.sql", "-- allow: PG801 because it was so\nSELECT 1;\n")

    assert judge(change, TWO) == []


def test_where_proofs_had_nothing_to_stand_on_nobody_knows_which_allows_are_of_use(change: Change) -> None:
    text = "-- allow: PG801 because it is small\n-- allow: PG101 because of me\nSELECT 1;\n"

    assert judge(change, text, "PG101 3") == ["PG101 3: found", "PG009 2: PG101 cannot be allowed"]


def test_a_folder_that_cannot_be_read_leaves_the_report_as_it_is(change: Change) -> None:
    put(change.head.settings, "migrations/nonsense.sql", "SELECT 1;\n")

    assert judge(change, "-- allow: PG405 because small\nSELECT 1;\n", "PG405 2") == ["PG405 2: found"]
