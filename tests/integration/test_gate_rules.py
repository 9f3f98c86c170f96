"""The proof `rules`: what squawk and our own rules say of a change, beside what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pgproof.errors import SettingsError
from pgproof.gate.judge import judge
from pgproof.gate.proof import Outcome, Proof
from pgproof.gate.proofs import rules

if TYPE_CHECKING:
    from pgproof.gate.proof import ProofName, Report
    from tests.gates import Repo

BASE = """\
CREATE TABLE people (id bigint PRIMARY KEY, handle varchar(10) NOT NULL, likes int NOT NULL, bio text);
INSERT INTO people SELECT n, 'h' || n, n FROM generate_series(1, 3) AS n;
"""
CHAR = "Using `character` is likely a mistake and should almost always be replaced by `text` or `varchar`."
QUERY = "-- returns: many\nSELECT p.id, p.likes FROM people AS p ORDER BY p.id\n"


@pytest.fixture
def base(repo: Repo) -> Repo:
    """A table, and a contract of it."""
    repo.add("0001_a", BASE)
    repo.add_query("people.all", QUERY)
    repo.accept()
    repo.commit()
    return repo


def made(*names: ProofName) -> list[Proof]:
    """Proofs that have looked and found nothing."""
    return [Proof(name, name, (), "", "", None, 0.0) for name in names]


def prove(repo: Repo, *proofs: Proof) -> Outcome:
    with repo.trial() as trial:
        trial.proofs.extend(proofs)
        return rules.prove(trial)


def tell(outcome: Outcome) -> list[str]:
    return [f"{each.kind.id}:{each.at.line} {each.what}" for each in outcome.findings]


def test_each_warning_is_held_beside_what_its_statement_did(base: Repo) -> None:
    base.add(
        "0002_b",
        "ALTER TABLE people\n    ALTER COLUMN handle TYPE text;\nALTER TABLE people DROP COLUMN bio;\n"
        "ALTER TABLE people ADD COLUMN code char(2);\nUPDATE people SET likes = 0;\n",
    )

    outcome = prove(base, *made("release", "live"))

    moment = "no rewrite, no scan, no index built; ACCESS EXCLUSIVE on public.people for a moment"
    rows = "2000 rows of public.people read, 2000 rows of public.people written; no lock that anybody waits for"
    assert tell(outcome) == [
        f"PG802:1 squawk changing-column-type: not so: {moment}",
        "PG802:3 squawk ban-drop-column: not so: no contract of the running release breaks by it",
        f"PG801:4 squawk ban-char-field: {CHAR}",
        f"PG802:5 our rule without-where: not so: {rows}",
    ]
    assert outcome.note == "4 warnings: 3 disproved, 1 for a person"


def test_a_repeatable_that_changed_is_looked_at_and_files_of_base_and_rollbacks_are_not(base: Repo) -> None:
    base.put("migrations/repeatable/a.sql", "CREATE OR REPLACE VIEW a AS SELECT 1 AS one;\n")
    base.commit()
    base.put("migrations/repeatable/b.sql", "DELETE FROM people;\n")
    base.add("0002_b", "ALTER TABLE people ADD COLUMN code text;\n", "ALTER TABLE people DROP COLUMN code;\n")

    with base.trial() as trial:
        found = rules.prove(trial).findings

    assert [each.at.path for each in found] == [base.root / "migrations/repeatable/b.sql"]


def test_without_squawk_it_says_how_to_get_it(base: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> str:
        raise SettingsError(f"{name} is not installed", hint="pip install 'pgproof[lint]'")

    monkeypatch.setattr(rules, "fetch_version", refuse)
    base.add("0002_b", "ALTER TABLE people ADD COLUMN code text;\n")

    assert base.prove(rules.prove).not_applicable == "squawk-cli is not installed: pip install 'pgproof[lint]'"


def test_without_new_sql_there_is_nothing_to_prove(base: Repo) -> None:
    assert base.prove(rules.prove).not_applicable == "there is no new SQL"


def run(repo: Repo) -> Report:
    with repo.trial() as trial:
        return judge(trial)


def test_a_hazard_that_only_measurement_found_is_told_and_may_be_allowed(base: Repo) -> None:
    widened, back = (f"ALTER TABLE people ALTER COLUMN likes TYPE {each};\n" for each in ("bigint", "int"))
    base.add("0002_b", widened, back)
    base.add(
        "0003_c",
        "-- allow: PG405 because nobody writes at night\nUPDATE people SET likes = 0 WHERE id > 0;\n",
    )

    report = run(base)

    note = next(each.note for each in report.proofs if each.name == "rules")
    allowed = [(each.kind.id, each.allowed) for each in report.findings if each.allowed]
    assert note == "1 warning: 1 measured too; 1 hazard that only measurement found: PG405 migrations/0003_c.sql:2"
    assert allowed == [("PG405", "nobody writes at night")]
    assert "PG009" not in [each.kind.id for each in report.findings]
