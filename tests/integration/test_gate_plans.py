"""The proof `plans`: which queries of the running release get slower, and by which statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pgproof.gate.proofs import plans

if TYPE_CHECKING:
    from tests.gates import Repo

BASE = """\
CREATE TABLE people (id bigint PRIMARY KEY, handle text NOT NULL, bio text NOT NULL);
CREATE UNIQUE INDEX people_handle ON people (handle);
CREATE TABLE visits (id bigint PRIMARY KEY, person bigint NOT NULL REFERENCES people, place text NOT NULL);
CREATE INDEX visits_person ON visits (person);
INSERT INTO people SELECT n, 'h' || n, repeat('b', 200) FROM generate_series(1, 3) AS n;
"""
BY_HANDLE = "-- returns: many\nSELECT p.id, p.bio FROM people AS p WHERE p.handle = %(handle)s ORDER BY p.id\n"
BY_PERSON = "-- returns: value\nSELECT count(*) FROM visits AS v WHERE v.person = %(person)s\n"
CASES = '[[case]]\nname = "one"\nparams = { handle = "h1" }\n\n[[case]]\nname = "none"\nparams = { handle = "x" }\n'
COUNTED = '[[case]]\nname = "one"\nparams = { person = 1 }\n'


@pytest.fixture
def base(repo: Repo) -> Repo:
    """Two tables with an index each, and a query that uses it."""
    repo.add("0001_a", BASE)
    repo.add_query("people.by_handle", BY_HANDLE, CASES)
    repo.add_query("visits.count", BY_PERSON, COUNTED)
    repo.accept()
    repo.commit()
    return repo


def test_a_query_whose_index_goes_reads_the_whole_table_and_the_statement_is_named(base: Repo) -> None:
    base.add("0002_b", "ALTER TABLE people ADD COLUMN a text;\n\nDROP INDEX people_handle;\n")

    outcome = base.prove(plans.prove)

    (found,) = outcome.findings
    assert found.kind.id == "PG502"
    assert (found.at.path, found.at.line) == (base.root / "migrations/0002_b.sql", 3)
    assert found.what.startswith("people.by_handle reads all of public.people (2000 rows)")
    assert found.what.endswith("cases: one, none)")
    assert any(line.startswith("-   Index Scan on people p using people_handle") for line in found.details)
    assert any(line.startswith("+   Seq Scan on people p") for line in found.details)
    assert any(line.startswith("gone: CREATE UNIQUE INDEX people_handle ON public.people") for line in found.details)
    assert outcome.note.startswith("2 queries, 3 cases planned, 3 run")


def test_an_index_that_serves_as_well_may_take_the_place_of_another(base: Repo) -> None:
    base.add("0002_b", "CREATE INDEX people_handle_bio ON people (handle, id);\nDROP INDEX people_handle;\n")

    assert base.found(plans.prove) == []


def test_a_query_that_needs_the_new_names_is_planned_by_the_new_text(base: Repo) -> None:
    base.add("0002_b", "ALTER TABLE people RENAME TO members;\nALTER INDEX people_handle RENAME TO members_handle;\n")
    base.add_query("people.by_handle", BY_HANDLE.replace("people AS", "members AS"), CASES)

    outcome = base.prove(plans.prove)

    assert outcome.findings == ()
    assert outcome.note.startswith("2 queries, 3 cases planned, 3 run")


def test_a_renamed_table_that_loses_its_index_is_the_same_table(base: Repo) -> None:
    base.add("0002_b", "ALTER TABLE people RENAME TO members;\nDROP INDEX people_handle;\n")
    base.add_query("people.by_handle", BY_HANDLE.replace("people AS", "members AS"), CASES)

    (found,) = base.found(plans.prove)

    assert found.startswith("PG502 migrations/0002_b.sql:2 people.by_handle reads all of public.members")


def test_a_query_that_no_text_of_can_be_planned_is_named_as_not_judged(base: Repo) -> None:
    base.add_query("people.new", "-- returns: value\nSELECT count(*) FROM people AS p\n")
    base.accept()
    base.add("0002_b", "ALTER TABLE people RENAME COLUMN handle TO name;\n")

    outcome = base.prove(plans.prove)

    assert outcome.findings == ()
    assert "new, so with nothing to compare: people.new" in outcome.note
    assert "not judged: people.by_handle (column p.handle does not exist)" in outcome.note


def test_what_a_function_reads_counts_where_the_plan_around_it_stays_the_same(repo: Repo) -> None:
    many = "CREATE OR REPLACE FUNCTION many() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN ({}); END $$;\n"
    repo.add("0001_a", BASE)
    repo.put("migrations/repeatable/many.sql", many.format("SELECT 1"))
    repo.add_query("people.many", "-- returns: value\nSELECT many() AS many\n")
    repo.accept()
    repo.commit()
    repo.put("migrations/repeatable/many.sql", many.format("SELECT count(*) - 2 FROM people WHERE bio > ''"))

    (found,) = repo.found(plans.prove)

    assert found.startswith("PG501 queries/people/many.sql:2 people.many looks at more blocks (")


def test_what_a_query_writes_is_planned_and_not_kept(base: Repo) -> None:
    base.add_query("people.forget", "-- returns: affected\nDELETE FROM visits WHERE person = %(person)s\n", COUNTED)
    base.accept()
    base.commit()
    base.add("0002_b", "DROP INDEX visits_person;\n")

    with base.trial() as trial:
        outcome = plans.prove(trial)
        with trial.databases.connect(trial.rehearsal.database) as connection:
            kept = connection.execute("SELECT count(*) FROM visits").fetchone()

    assert sorted(each.what.partition(" ")[0] for each in outcome.findings) == ["people.forget", "visits.count"]
    assert kept == (2000,)


def test_without_a_contract_of_base_or_a_change_there_is_nothing_to_prove(repo: Repo) -> None:
    repo.add("0001_a", BASE)
    repo.commit()
    unchanged = repo.prove(plans.prove)
    repo.add("0002_b", "DROP INDEX visits_person;\n")

    assert unchanged.not_applicable == "nothing of the schema changes"
    assert repo.prove(plans.prove).not_applicable == "base has no contracts"
