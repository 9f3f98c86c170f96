"""The way back of a change: the schema of before, the rows of before, a release before that works, and what is lost."""

import pytest

from pgproof.gate.proofs import way_back
from tests.gates import Repo

PEOPLE = """
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, nick text, born date);
CREATE VIEW named AS SELECT id, name FROM people;
"""
SEED = """
INSERT INTO people VALUES (1, 'Ann', 'annie', '2000-01-01'), (2, 'Bob', NULL, NULL), (3, 'Cy', 'cyan', NULL)
ON CONFLICT DO NOTHING;
"""
WAY_BACK = "migrations/0002_change.rollback.sql"
CHANGE = "migrations/0002_change.sql"


@pytest.fixture
def people(repo: Repo) -> Repo:
    """A project with a table of three people, committed."""
    repo.add("0001_people", PEOPLE)
    repo.put("seeds/010_people.sql", SEED)
    repo.commit()
    return repo


def found(repo: Repo) -> list[str]:
    return repo.found(way_back.prove)


def add_list(repo: Repo) -> None:
    """Put a list of nicknames under contract, and commit it."""
    repo.add_query("people.nicks", "-- returns: many\nSELECT name, nick FROM people ORDER BY id;\n")
    repo.accept()
    repo.commit()


# There and back


def test_a_change_that_its_rollback_undoes_is_no_finding(people):
    up = "ALTER TABLE people ADD COLUMN bio text;\nCREATE INDEX people_born ON people (born);\n"
    people.add("0002_change", up, "DROP INDEX people_born;\nALTER TABLE people DROP COLUMN bio;\n")
    people.add("0003_more", "CREATE TABLE pets (id int);\n", "DROP TABLE pets;\n")
    add_list(people)

    outcome = people.prove(way_back.prove, base="HEAD~1")

    assert outcome.findings == ()
    assert outcome.note == "2 migrations there, back and there again, with odd rows in every table"


def test_without_new_migrations_there_is_nothing_to_prove(people):
    people.put("migrations/repeatable/named.sql", "CREATE OR REPLACE VIEW named AS SELECT id, name FROM people;\n")

    assert people.prove(way_back.prove).not_applicable == "no new migrations"


def test_a_migration_without_a_way_back_is_left_to_the_proof_of_history(people):
    people.add("0002_change", "ALTER TABLE people ADD COLUMN bio text;\n", down=None)

    assert people.prove(way_back.prove).not_applicable == "no way back is written for 0002_change.sql: PG006"


def test_what_the_way_back_leaves_of_the_schema_is_told_at_the_rollback_that_leaves_it(people):
    people.add(
        "0002_change", "CREATE TYPE mood AS ENUM ('ok');\nCREATE TABLE pets (mood mood);\n", "DROP TABLE pets;\n"
    )
    people.add("0003_more", "ALTER TABLE people ADD COLUMN bio text;\n", "ALTER TABLE people DROP COLUMN bio;\n")

    (leaves,) = people.prove(way_back.prove).findings

    assert (leaves.kind.id, str(leaves.at)) == ("PG302", f"{people.root / WAY_BACK}:1")
    assert leaves.what.startswith("0002_change and back gives another schema: added type public.mood: ")
    assert "added type public.mood: labels = 'ok'" in leaves.details


def test_what_the_way_back_does_not_bring_again_is_told(people):
    people.add("0002_change", "ALTER TABLE people ALTER name DROP NOT NULL;\nDROP VIEW named;\n")

    (leaves,) = people.prove(way_back.prove).findings

    assert leaves.kind.id == "PG302"
    assert any(each.startswith("removed view public.named: definition") for each in leaves.details)
    assert any(each.startswith("removed column public.people.name: not null") for each in leaves.details)


def test_a_rollback_that_the_server_refuses_is_told_with_its_line(people):
    people.add(
        "0002_change", "ALTER TABLE people ADD COLUMN bio text;\n", "SELECT 1;\nALTER TABLE people DROP COLUMN boi;\n"
    )

    (refused,) = found(people)

    assert refused.startswith(f'PG301 {WAY_BACK}:2 the way back is refused: column "boi" of relation "people" does not')


def test_where_an_odd_row_is_in_the_way_back_the_seeds_show_what_it_loses(people):
    retype = "ALTER TABLE people ALTER weight TYPE numeric({});\n"
    people.add("0001_people", PEOPLE + "ALTER TABLE people ADD COLUMN weight numeric(4, 2) DEFAULT 70.55;\n")
    people.commit()
    people.add("0002_change", retype.format("4, 1"), retype.format("4, 2"))

    refused, changed = sorted(found(people))

    assert refused == f"PG301 {WAY_BACK}:1 the way back is refused: numeric field overflow (22003)"
    assert (
        changed == f"PG303 {CHANGE}:1 changed on the way there and back: 3 values of public.people.weight from before"
    )


def test_what_cannot_be_applied_again_after_the_way_back_is_told(people):
    people.add("0002_change", "INSERT INTO people (id, name) VALUES (1000000, 'Zoe');\n")

    (refused,) = found(people)

    assert refused.startswith(f"PG301 {CHANGE}:1 after the way back it cannot be applied again: duplicate key")


def test_a_migration_in_python_is_taken_back_by_its_own_steps(people):
    steps = "from yoyo import step\n\nsteps = [step('CREATE TABLE pets (id int)', '{}')]\n"
    path = people.put("migrations/0002_change.py", steps.format("DROP TABLE pets"))
    assert found(people) == []

    path.write_text(steps.format("SELECT 1"))
    (leaves,) = people.prove(way_back.prove).findings
    assert (leaves.kind.id, leaves.at.path) == ("PG302", path)

    path.write_text(steps.format(""))
    assert found(people) == ["PG301 migrations/0002_change.py:None the way back is refused: there is no rollback"]


def test_the_first_migration_of_all_has_a_way_back_to_nothing(repo):
    repo.commit()
    repo.add("0001_people", PEOPLE, "DROP TABLE people CASCADE;\n")

    assert found(repo) == []


# No way back


def test_an_irreversible_migration_is_noted_and_those_after_it_are_taken_back(people):
    up = "-- irreversible: the old names are nobody's business\nUPDATE people SET name = 'X';\n"
    people.add("0002_change", up, down=None)

    assert found(people) == [
        "PG306 migrations/0002_change.sql:1 0002_change has no way back: the old names are nobody's business"
    ]
    assert people.prove(way_back.prove).not_applicable == "the newest migration is irreversible"

    people.add("0003_more", "CREATE TABLE pets (id int);\n", "SELECT 1;\n")
    leaves, noted = found(people)
    assert noted.startswith("PG306 migrations/0002_change.sql:1 ")
    assert leaves.startswith(
        "PG302 migrations/0003_more.rollback.sql:1 0003_more and back gives another schema: added "
    )


# Rows of before


def test_values_that_the_way_back_does_not_restore_are_lost(people):
    up = "SET LOCAL lock_timeout = '1s';\nUPDATE people SET name = upper(name);\n"
    people.add("0002_change", up, "UPDATE people SET name = lower(name);\n")

    (changed,) = found(people)

    assert changed.startswith(f"PG303 {CHANGE}:2 changed on the way there and back: ")
    assert changed.endswith(" values of public.people.name from before")


def test_rows_that_the_way_back_deletes_are_lost(people):
    people.add("0002_change", "CREATE TABLE pets (id int);\n", "DROP TABLE pets;\nDELETE FROM people WHERE id = 2;\n")

    assert found(people) == [f"PG303 {WAY_BACK}:2 lost on the way there and back: 1 row of public.people from before"]


def test_a_loss_is_told_of_the_migration_that_causes_it(people):
    people.add("0002_change", "UPDATE people SET nick = 'x' WHERE id = 1;\n")
    people.add("0003_more", "UPDATE people SET nick = nick;\n")

    (changed,) = found(people)

    assert changed == f"PG303 {CHANGE}:1 changed on the way there and back: 1 value of public.people.nick from before"


def test_a_dropped_column_that_comes_back_empty_loses_data_and_who_reads_it_is_not_told_again(people):
    add_list(people)
    people.add("0002_change", "ALTER TABLE people DROP COLUMN nick;\n", "ALTER TABLE people ADD COLUMN nick text;\n")

    lost, moved = found(people)

    assert lost.startswith(f"PG304 {CHANGE}:1 lost on the way there and back: ")
    assert lost.endswith(" values of public.people.nick from before")
    assert moved == f"PG307 {WAY_BACK}:1 the columns of public.people stand in another order after the way back"


def test_a_column_that_comes_back_with_another_type_breaks_who_reads_it(people):
    add_list(people)
    people.add("0002_change", "ALTER TABLE people DROP COLUMN nick;\n", "ALTER TABLE people ADD COLUMN nick int;\n")

    kinds = [each[:5] for each in found(people)]

    assert kinds == ["PG302", "PG304", "PG305"]


def test_a_column_or_table_that_is_dropped_and_made_anew_loses_data(people):
    people.add("0001_people", f"{PEOPLE}CREATE TABLE pets (id int);\nINSERT INTO pets VALUES (1), (2);\n")
    people.commit()
    anew = "ALTER TABLE people DROP COLUMN nick, ADD COLUMN nick text;\nDROP TABLE pets;\nCREATE TABLE pets (id int);\n"
    people.add("0002_change", anew)

    kinds = [each[:5] for each in found(people)]

    assert kinds == ["PG304", "PG304", "PG307"]


def test_a_release_before_that_reads_other_values_is_broken(people):
    add_list(people)
    people.add("0002_change", "UPDATE people SET nick = 'other' WHERE id = 1;\n")

    changed, broken = found(people)

    assert changed == f"PG303 {CHANGE}:1 changed on the way there and back: 1 value of public.people.nick from before"
    assert broken.startswith(f"PG305 {WAY_BACK}:1 after the way back, people.nicks of the release before is broken: ")


def test_a_contract_that_did_not_hold_before_is_not_the_way_backs_fault(people):
    add_list(people)
    golden = people.root / "tests/contracts/people/nicks.golden.json"
    golden.write_text(golden.read_text().replace("annie", "other"))
    people.commit()
    people.add("0002_change", "CREATE TABLE pets (id int);\n", "DROP TABLE pets;\n")

    assert found(people) == []


# What head writes


def test_what_head_wrote_and_the_way_back_drops_is_told_with_its_number_of_rows(people):
    people.add(
        "0002_change",
        "ALTER TABLE people ADD COLUMN bio text NOT NULL DEFAULT '', ADD COLUMN since timestamptz DEFAULT now();\n"
        "CREATE TABLE pets (name text);\nINSERT INTO pets SELECT name FROM people;\n",
        "DROP TABLE pets;\nALTER TABLE people DROP COLUMN since, DROP COLUMN bio;\n",
    )
    people.add_query("people.add", "-- returns: affected\nINSERT INTO people (id, name) VALUES (7000, 'Di');\n")
    people.add_query(
        "people.tell", "-- returns: affected\nUPDATE people SET bio = 'I am' || id WHERE id < 3 AND id > 0;\n"
    )
    people.add_query("pets.add", "-- returns: affected\nINSERT INTO pets VALUES ('Rex'), ('Tom');\n")
    people.accept()

    assert found(people) == [
        f"PG304 {WAY_BACK}:1 lost on the way back: 2 rows of public.pets that head wrote",
        f"PG304 {WAY_BACK}:2 lost on the way back: 2 values of public.people.bio that head wrote",
    ]


def test_what_head_wrote_under_a_new_name_is_not_lost_with_the_name(people):
    rename = "ALTER TABLE people RENAME {} TO {};\n"
    people.add("0001_people", f"{PEOPLE}CREATE TABLE pets (name text);\n")
    people.commit()
    people.add(
        "0002_change",
        rename.format("nick", "called") + "ALTER TABLE pets RENAME TO animals;\n",
        rename.format("called", "nick") + "ALTER TABLE animals RENAME TO pets;\n",
    )
    people.add_query(
        "people.add", "-- returns: affected\nINSERT INTO people (id, name, called) VALUES (7000, 'D', 'x');\n"
    )
    people.add_query("animals.add", "-- returns: affected\nINSERT INTO animals VALUES ('Rex'), ('Tom');\n")
    people.accept()

    assert found(people) == []


def test_what_head_wrote_and_the_way_back_changes_or_deletes_is_told(people):
    down = "UPDATE people SET nick = 'n' WHERE nick = 'new';\nDELETE FROM people WHERE id = 7000;\n"
    people.add("0002_change", "COMMENT ON TABLE people IS NULL;\n", down)
    people.add_query("people.add", "-- returns: affected\nINSERT INTO people (id, name) VALUES (7000, 'Di');\n")
    people.add_query("people.tell", "-- returns: affected\nUPDATE people SET nick = 'new' WHERE id = 2;\n")
    people.accept()

    assert found(people) == [
        f"PG304 {WAY_BACK}:1 changed on the way back: 1 value of public.people.nick that head wrote",
        f"PG304 {WAY_BACK}:1 lost on the way back: 1 row of public.people that head wrote",
    ]


def test_what_is_lost_whoever_writes_is_told_once(people):
    people.add("0002_change", "COMMENT ON TABLE people IS NULL;\n", "UPDATE people SET nick = 'n' WHERE id < 4;\n")
    people.add_query("people.tell", "-- returns: affected\nUPDATE people SET nick = 'new' WHERE id = 2;\n")
    people.accept()

    assert [each[:5] for each in found(people)] == ["PG303"]


def test_a_way_back_that_head_writes_shut_is_refused(people):
    view = "CREATE VIEW named AS SELECT id, name FROM people;\n"
    retype = "DROP VIEW named;\nALTER TABLE people ALTER id TYPE {};\n" + view
    people.add("0002_change", retype.format("bigint"), retype.format("int"))
    people.add_query("people.add", "-- returns: affected\nINSERT INTO people (id, name) VALUES (5000000000, 'Di');\n")
    people.accept()

    (refused,) = found(people)

    assert refused.startswith(
        f"PG301 {WAY_BACK}:2 after head's contracts have written, the way back is refused: integer out of range"
    )


def test_head_writes_as_the_applications_role(people):
    people.choose(application_role="pg_monitor")  # one that every server has
    grant, revoke = "GRANT SELECT (id), UPDATE (bio) ON people TO", "REVOKE SELECT (id), UPDATE (bio) ON people FROM"
    up = f"ALTER TABLE people ADD COLUMN bio text;\n{grant} pg_monitor;\n"
    people.add("0002_change", up, f"{revoke} pg_monitor;\nALTER TABLE people DROP COLUMN bio;\n")
    people.add_query(
        "people.add", "-- returns: affected\nINSERT INTO people (id, name, bio) VALUES (7000, 'Di', 'x');\n"
    )
    people.add_query("people.tell", "-- returns: affected\nUPDATE people SET bio = 'x' WHERE id = 2;\n")
    people.accept()

    assert found(people) == [f"PG304 {WAY_BACK}:2 lost on the way back: 1 value of public.people.bio that head wrote"]


# Odd rows


def test_a_row_that_breaks_a_new_rule_is_noted_and_the_way_back_is_proved_without_it(people):
    up = "UPDATE people SET nick = name WHERE id < 4 AND nick IS NULL;\nALTER TABLE people ALTER nick SET NOT NULL;\n"
    people.add("0002_change", up, "ALTER TABLE people ALTER nick DROP NOT NULL;\n")

    changed, odd = found(people)

    assert changed == f"PG303 {CHANGE}:1 changed on the way there and back: 1 value of public.people.nick from before"
    assert odd.startswith(
        f'PG309 {CHANGE}:2 a row that the schema allows makes it fail: column "nick" of relation "people" contains null'
    )
    assert "the seeds' rows alone" in people.prove(way_back.prove).note


def test_a_value_that_cannot_be_converted_is_a_warning(people):
    people.add(
        "0002_change", "ALTER TABLE people ALTER nick TYPE varchar(8);\n", "ALTER TABLE people ALTER nick TYPE text;\n"
    )

    (odd,) = people.prove(way_back.prove).findings

    assert (odd.kind.id, odd.severity) == ("PG308", "warning")
    assert "value too long for type character varying(8) (22001)" in odd.what


# Repeatables


def test_after_the_way_back_the_release_before_has_its_repeatables_again(people):
    view = "migrations/repeatable/{}.sql"
    people.put(view.format("nicks"), "DROP VIEW IF EXISTS nicks;\nCREATE VIEW nicks AS SELECT nick FROM people;\n")
    people.put("migrations/repeatable/nicks.rollback.sql", "DROP VIEW nicks;\n")
    people.commit()
    people.put(view.format("nicks"), "DROP VIEW IF EXISTS nicks;\nCREATE VIEW nicks AS SELECT nick, bio FROM people;\n")
    people.put(view.format("names"), "CREATE OR REPLACE VIEW names AS SELECT name FROM people;\n")
    people.put(view.format("bios"), "CREATE OR REPLACE VIEW bios AS SELECT bio FROM people;\n")
    people.put("migrations/repeatable/bios.rollback.sql", "DROP VIEW bios;\n")
    people.add("0002_change", "ALTER TABLE people ADD COLUMN bio text;\n", "ALTER TABLE people DROP COLUMN bio;\n")

    assert found(people) == []


def test_a_repeatable_of_the_release_before_that_no_longer_runs_is_told(people):
    view = "migrations/repeatable/nicks.sql"
    people.put(view, "CREATE OR REPLACE VIEW nicks AS SELECT nick FROM people;\n")
    people.commit()
    people.put(view, "CREATE OR REPLACE VIEW nicks AS SELECT nick, name FROM people;\n")
    people.add("0002_change", "ALTER TABLE people ADD COLUMN bio text;\n", "ALTER TABLE people DROP COLUMN bio;\n")

    (refused,) = found(people)

    assert refused.startswith(f"PG301 {view}:1 the way back is refused: cannot drop columns from view")
