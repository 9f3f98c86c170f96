"""One schema, whichever way it is built: from base, from nothing, as `schema.sql` has it, with its seeds."""

import pytest

from pgproof.gate.proof import SchemaChange
from pgproof.gate.proofs.schema import prove
from pgproof.pg.binaries import find_binaries
from pgproof.pg.catalog import diff
from pgproof.pg.dump import dump_schema
from tests.gates import Repo


@pytest.fixture
def app(repo: Repo) -> Repo:
    """A table with a row in it."""
    repo.add("0001_create_users", "CREATE TABLE users (id int PRIMARY KEY, handle text);\n")
    repo.put("seeds/010_users.csv", "id,handle\n1,\n")
    repo.commit()
    return repo


def found(repo: Repo) -> list[str]:
    return repo.found(prove)


def dump(repo: Repo) -> str:
    with repo.databases() as databases:
        name = databases.built(repo.change().head, seeded=False)
        return dump_schema(databases.conninfo(name), pg_dump=find_binaries(repo.settings).program("pg_dump"))


def test_a_change_that_comes_to_one_schema_holds_and_says_what_it_changed(app: Repo):
    app.add("0002_add_age", "ALTER TABLE users ADD COLUMN age int;")

    outcome = app.prove(prove)

    assert outcome.findings == ()
    assert outcome.note.startswith("2 migrations, 1 new; ")
    assert isinstance(outcome.evidence, SchemaChange)
    changed = diff(outcome.evidence.before, outcome.evidence.after)
    assert "column public.users.age: type" in [each.key for each in changed]
    assert outcome.note.endswith(f"; {len(changed)} facts changed")


def test_a_migration_that_the_rows_stand_against_is_refused_at_its_line(app: Repo):
    app.add("0002_demand", "-- a reason\nSELECT 1;\nALTER TABLE users ALTER handle SET NOT NULL;")

    (finding,) = app.prove(prove).findings

    assert (finding.kind.id, finding.at.line) == ("PG101", 3)
    assert finding.what.startswith('refused on base\'s seeded database: column "handle" of relation "users"')
    assert finding.details[0].startswith("statement: ALTER TABLE users")
    assert finding.details[-1].startswith("without rows it goes through")


def test_a_migration_that_nothing_can_run_says_nothing_of_rows(app: Repo):
    app.add("0002_typo", "ALTER TABLE user_s ADD COLUMN age int;")

    outcome = app.prove(prove)

    assert found(app) == [
        'PG101 migrations/0002_typo.sql:1 refused on an empty database: relation "user_s" does not exist (42P01)'
    ]
    assert outcome.evidence is None


def test_a_schema_that_hangs_on_the_rows_is_another_one_in_production(app: Repo):
    if_rows = "IF EXISTS (SELECT FROM users) THEN ALTER TABLE users ADD COLUMN age int; END IF;"
    app.add("0002_sometimes", f"CREATE TABLE x (id int PRIMARY KEY);\nDO $$ BEGIN {if_rows} END $$;")

    (finding,) = app.prove(prove).findings

    assert (finding.kind.id, finding.at.line) == ("PG102", 2)
    assert finding.what.startswith("base with its rows and the new migrations differ from head from nothing in ")
    assert "added column public.users.age: type = integer" in finding.details


def test_a_schema_that_hangs_on_its_history_is_another_one_in_production(app: Repo):
    app.put("migrations/repeatable/views.sql", "CREATE OR REPLACE VIEW all_users AS SELECT id FROM users;")
    app.commit()
    app.put("migrations/repeatable/views.sql", "CREATE VIEW every_user AS SELECT id FROM users;")

    (finding,) = app.prove(prove).findings

    assert finding.kind.id == "PG102"
    assert any(each.startswith("added view public.all_users") for each in finding.details)


def test_columns_in_another_order_are_another_schema(app: Repo):
    app.put("migrations/repeatable/t.sql", "CREATE TABLE IF NOT EXISTS t (a int PRIMARY KEY, b int);")
    app.commit()
    app.put("migrations/repeatable/t.sql", "CREATE TABLE IF NOT EXISTS t (b int, a int PRIMARY KEY);")

    (finding,) = app.prove(prove).findings

    assert finding.kind.id == "PG102"
    assert all("order" in each for each in finding.details)


def test_what_seeds_do_to_the_schema_is_theirs(app: Repo):
    app.put("seeds/020_more.sql", "CREATE TABLE IF NOT EXISTS of_seeds (id int PRIMARY KEY);")
    app.commit()
    app.add("0002_add_age", "ALTER TABLE users ADD COLUMN age int;")

    assert found(app) == []


def test_a_stale_schema_sql_is_shown_from_its_first_line_that_is_not_so(app: Repo):
    app.put("schema.sql", dump(app))
    assert found(app) == []
    app.add("0002_add_age", "ALTER TABLE users ADD COLUMN age int;")

    (finding,) = app.prove(prove).findings

    line = finding.at.path.read_text().splitlines()[(finding.at.line or 0) - 1]
    assert (finding.kind.id, finding.at.path.name, line.strip()) == ("PG103", "schema.sql", "handle text")
    assert "+    age integer" in finding.details


def test_a_schema_sql_that_nothing_can_be_compared_with_is_said_to_be_so(app: Repo):
    app.put("schema.sql", "-- anything")
    app.choose(binaries=app.root)

    assert "schema.sql was not compared: no PostgreSQL" in app.prove(prove).note


def test_seeds_have_to_fit_the_new_schema(app: Repo):
    app.add("0002_rename", "ALTER TABLE users RENAME COLUMN handle TO name;")

    assert found(app) == ["PG104 seeds/010_users.csv:1 users has no column handle"]


def test_seeds_that_cannot_be_read_are_told_one_by_one(app: Repo):
    app.put("seeds/020_a.sql", "SELEC 1;")
    app.put("seeds/030_b.sql", "INSERT;")

    assert [each.partition(" ")[2].partition(" ")[0] for each in found(app)] == [
        "seeds/020_a.sql:1",
        "seeds/030_b.sql:1",
    ]


def test_what_hurts_later_is_told_at_the_statement_that_leaves_it(app: Repo):
    app.add("0002_more", "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (id int);\nALTER TABLE a ADD y int;")

    (finding,) = app.prove(prove).findings

    assert (finding.kind.id, finding.at.line) == ("PG105", 2)
    assert finding.what == "no-primary-key: table public.b"
    assert "add a primary key" in finding.instead


def test_what_hurt_before_is_not_the_change_s(app: Repo):
    app.add("0002_bare", "CREATE TABLE b (id int);")
    app.commit()
    app.add("0003_add_age", "ALTER TABLE users ADD COLUMN age int;")

    assert found(app) == []


def test_without_a_change_of_the_schema_files_and_seeds_are_still_looked_at(app: Repo):
    app.put("schema.sql", "-- nothing")
    app.put("seeds/010_users.csv", "id,nickname\n1,\n")

    assert [each.partition(" ")[0] for each in found(app)] == ["PG103", "PG104"]
