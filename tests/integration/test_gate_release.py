"""The rolling deploy, step by step: what the release that runs now, and the new one, meet on each schema between."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg import sql

from pgproof.gate.proofs.release import prove
from pgproof.pg.database import connect
from tests.gates import Repo

USERS = "CREATE TABLE users (id int PRIMARY KEY, handle varchar(20) NOT NULL, bio text);\n"
BY_HANDLE = '[[case]]\nname = "ann"\nparams = { handle = "ann" }\n'
SHOW = "-- returns: maybe\nSELECT id, handle, bio FROM users WHERE handle = %(handle)s;\n"
ADD = "-- returns: affected\nINSERT INTO users (id, handle) VALUES (%(id)s, %(handle)s);\n"
ADDED = '[[case]]\nname = "new"\nparams = { id = 9, handle = "new" }\n'


@pytest.fixture
def app(repo: Repo) -> Repo:
    """A release that runs: a table with two rows, a query that reads it and one that adds to it."""
    repo.add("0001_create_users", USERS)
    repo.put("seeds/010_users.csv", "id,handle,bio\n1,ann,hello\n2,bob,\n")
    repo.add_query("users.show", SHOW, BY_HANDLE)
    repo.add_query("users.add", ADD, ADDED)
    repo.accept()
    repo.commit()
    return repo


@pytest.fixture
def role(app: Repo) -> Iterator[str]:
    """A role that the application connects as, which may read and add users."""
    name = f"app_{uuid4().hex[:8]}"
    with connect(app.conninfo) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        app.choose(application_role=name)
        app.add("0002_grant", f"GRANT SELECT, INSERT ON users TO {name};")
        app.commit()
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def found(repo: Repo) -> list[str]:
    return repo.found(prove)


def ids(repo: Repo) -> list[str]:
    return [each.partition(" ")[0] for each in found(repo)]


def test_a_column_more_is_no_harm_to_a_release_that_names_its_columns(app: Repo):
    app.add("0002_add_age", "ALTER TABLE users ADD COLUMN age int DEFAULT 1;")

    outcome = app.prove(prove)

    assert outcome.findings == ()
    assert outcome.note == "2 contracts, 2 cases, in 3 steps"


def test_a_column_that_the_running_release_reads_must_not_go_before_the_new_code_is_out(app: Repo):
    app.add("0002_drop_bio", "-- a reason\nALTER TABLE users ADD COLUMN x int;\nALTER TABLE users DROP COLUMN bio;")
    app.put("queries/users/show.sql", SHOW.replace(", bio", ""))
    app.put("seeds/010_users.csv", "id,handle\n1,ann\n2,bob\n")
    app.accept()

    (finding,) = app.prove(prove).findings

    assert str(finding.at).endswith("migrations/0002_drop_bio.sql:3")
    assert finding.kind.id == "PG201"
    assert finding.what == 'users.show is refused: column "bio" does not exist (42703)'
    assert finding.details[0].startswith("queries/users/show.sql at main (")
    assert "-- phase: post" in finding.instead
    assert "ALTER TABLE users DROP COLUMN bio;" in finding.instead


def test_a_column_may_go_when_the_new_code_is_out(app: Repo):
    app.add("0002_drop_bio", "-- phase: post\nALTER TABLE users DROP COLUMN bio;")
    app.put("queries/users/show.sql", SHOW.replace(", bio", ""))
    app.put("seeds/010_users.csv", "id,handle\n1,ann\n2,bob\n")
    app.accept()

    outcome = app.prove(prove)

    assert outcome.findings == ()
    assert outcome.note == "2 contracts, 2 cases, in 4 steps"


def test_what_to_write_instead_of_a_rename_keeps_both_releases(app: Repo):
    app.add("0002_rename", "ALTER TABLE users RENAME COLUMN bio TO about;")
    app.put("queries/users/show.sql", SHOW.replace("bio", "about"))
    app.put("seeds/010_users.csv", "id,handle,about\n1,ann,hello\n2,bob,\n")
    app.accept()
    broken, note = app.prove(prove).findings
    assert (broken.kind.id, note.kind.id) == ("PG201", "PG208")

    app.add("0002_rename", broken.instead.partition("-- phase: post")[0])

    assert ids(app) == ["PG208"]


def test_what_to_write_instead_is_written_once_however_many_queries_break(app: Repo):
    app.add_query("users.bios", "-- returns: many\nSELECT bio FROM users;\n")
    app.accept()
    app.commit()
    app.add("0002_rename", "ALTER TABLE users RENAME COLUMN bio TO about;")

    first, second = [each for each in app.prove(prove).findings if each.kind.id == "PG201"]

    assert "ALTER TABLE users ADD COLUMN about text;" in first.instead
    assert second.instead == f"the same as for: {first.what}"


def test_a_column_that_may_not_be_null_and_has_another_name_now_is_not_left_out(app: Repo):
    app.add("0002_rename", "ALTER TABLE users RENAME COLUMN handle TO name;")

    assert set(ids(app)) == {"PG201"}


def test_changed_rows_are_told_with_the_statement_that_changes_them(app: Repo):
    app.add("0002_write", "CREATE TABLE x (id int PRIMARY KEY);\nUPDATE users SET bio = upper(bio);")

    (finding,) = app.prove(prove).findings

    assert (finding.kind.id, finding.at.line) == ("PG202", 2)
    assert finding.what == "users.show gives something else"
    assert any("HELLO" in line for line in finding.details)


def test_another_type_breaks_the_contract_and_sessions_that_are_open(app: Repo):
    app.add("0002_widen", "ALTER TABLE users ALTER COLUMN id TYPE bigint;")

    assert found(app) == [
        "PG203 migrations/0002_widen.sql:1 users.add has another shape: parameter id: integer → bigint",
        "PG203 migrations/0002_widen.sql:1 users.show has another shape: column id: integer → bigint",
        "PG204 migrations/0002_widen.sql:1 users.show fails in sessions that are open",
    ]


def test_a_text_may_become_longer_but_open_sessions_have_planned_for_the_short_one(app: Repo):
    app.add("0002_widen", "ALTER TABLE users ALTER COLUMN handle TYPE text;")

    assert ids(app) == ["PG204"]


def test_a_star_gets_another_column_under_open_sessions_and_nothing_else_is_wrong(app: Repo):
    app.add_query("users.all", "-- returns: many\nSELECT * FROM users ORDER BY id;\n")
    app.accept()
    app.commit()
    app.add("0002_add_age", "ALTER TABLE users ADD COLUMN age int;")
    app.accept()

    (finding,) = app.prove(prove).findings

    assert finding.kind.id == "PG204"
    assert "cached plan must not change result type (0A000)" in finding.details


@pytest.mark.parametrize(
    "demand",
    [
        "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1; ALTER TABLE users ALTER age SET NOT NULL;",
        "ALTER TABLE users ADD COLUMN age int, ADD CONSTRAINT age_there CHECK (age IS NOT NULL) NOT VALID;",
        """CREATE DOMAIN years AS int NOT NULL; ALTER TABLE users ADD COLUMN age years DEFAULT 1;
        ALTER TABLE users ALTER age DROP DEFAULT;""",
    ],
)
def test_an_insert_that_leaves_out_what_is_demanded_now_is_found_once(app: Repo, demand: str):
    app.add("0002_demand", demand)
    app.put("queries/users/add.sql", ADD.replace("handle)", "handle, age)", 1).replace("(handle)s)", "(handle)s, 1)"))
    app.put("seeds/010_users.csv", "id,handle,bio,age\n1,ann,hello,1\n2,bob,,1\n")
    app.accept()

    assert [each for each in found(app) if "PG208" not in each] == [
        "PG205 migrations/0002_demand.sql:1 users.add inserts into users without age"
    ]


def test_an_insert_without_any_case_is_looked_at_too(app: Repo):
    app.put("queries/users/by_place.sql", "-- returns: affected\nINSERT INTO users VALUES (1, 'x', 'y');\n")
    app.put("queries/users/bare.sql", "-- returns: affected\nINSERT INTO users (id, handle) SELECT 1, 'x';\n")
    app.put("queries/users/never.sql", "-- returns: affected\nINSERT INTO users (id) SELECT 1;\n")
    app.put(
        "queries/users/upsert.sql",
        "-- returns: affected\nINSERT INTO users (id, handle, bio) VALUES (1, 'x', DEFAULT)\n"
        "ON CONFLICT (id) DO UPDATE SET bio = 'z';\n",
    )
    app.commit()
    app.add("0002_demand", "UPDATE users SET bio = '';\nALTER TABLE users ALTER bio SET NOT NULL;")

    assert [each for each in found(app) if "PG205" in each] == [
        f"PG205 migrations/0002_demand.sql:2 users.{name} inserts into users without bio"
        for name in ("add", "bare", "never", "upsert")
    ]


@pytest.mark.parametrize(
    "supply",
    [
        "ALTER TABLE users ADD COLUMN age int NOT NULL DEFAULT 1;",
        "ALTER TABLE users ADD COLUMN age int GENERATED ALWAYS AS IDENTITY;",
        "ALTER TABLE users ADD COLUMN age int GENERATED ALWAYS AS (id) STORED NOT NULL;",
        """CREATE FUNCTION age() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.age := 1; RETURN new; END';
        CREATE TRIGGER age BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION age();
        ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 1; ALTER TABLE users ALTER age SET NOT NULL;""",
    ],
)
def test_what_the_server_fills_in_need_not_be_inserted(app: Repo, supply: str):
    app.add("0002_supply", supply)

    assert found(app) == []


def test_a_key_that_the_running_release_breaks_is_a_refusal(app: Repo):
    app.add_query("users.again", ADD, '[[case]]\nname = "namesake"\nparams = { id = 9, handle = "ann" }\n')
    app.accept()
    app.commit()
    app.add("0002_unique", "CREATE INDEX i ON users (handle);\nALTER TABLE users ADD UNIQUE (handle);")
    app.put("queries/users/again.sql", ADD.replace(";", " ON CONFLICT DO NOTHING;"))
    app.accept()

    (finding,) = found(app)
    said = 'duplicate key value violates unique constraint "users_handle_key" (23505)'
    assert finding == f"PG201 migrations/0002_unique.sql:2 users.again is refused: {said}"


def test_a_query_without_a_contract_has_to_be_accepted_by_the_server(app: Repo):
    app.put("queries/users/count.sql", "-- returns: value\nSELECT count(bio) FROM users;\n")
    app.commit()
    app.add("0002_drop_bio", "ALTER TABLE users DROP COLUMN bio;")
    app.put("queries/users/show.sql", SHOW.replace(", bio", ""))
    app.put("queries/users/count.sql", "-- returns: value\nSELECT count(*) FROM users;\n")
    app.put("seeds/010_users.csv", "id,handle\n1,ann\n2,bob\n")
    app.accept()

    outcome = app.prove(prove)

    assert sorted(each.what.split()[0] for each in outcome.findings) == ["users.count", "users.show"]
    assert "1 query of base without a contract: only prepared" in outcome.note


def test_what_breaks_on_purpose_is_a_note_with_its_reason(app: Repo):
    app.add("0002_drop", "-- breaks: users.show because nobody calls it\nALTER TABLE users DROP COLUMN bio;")
    app.put("queries/users/show.sql", SHOW.replace(", bio", ""))
    app.put("seeds/010_users.csv", "id,handle\n1,ann\n2,bob\n")
    app.accept()

    (finding,) = app.prove(prove).findings

    assert (finding.kind.id, finding.severity, finding.at.line) == ("PG209", "note", 1)
    assert finding.what == "users.show breaks on purpose: nobody calls it"
    assert finding.details == ('PG201 query-refused: users.show is refused: column "bio" does not exist (42703)',)


def test_a_purpose_that_nothing_meets_is_found(app: Repo):
    app.add("0002_add", "-- breaks: users.show, users.gone because x\nALTER TABLE users ADD COLUMN x int;")

    first, second = found(app)

    assert first.startswith("PG211 migrations/0002_add.sql:1 nothing breaks users.gone: main (")
    assert second == "PG211 migrations/0002_add.sql:1 nothing breaks users.show"


def test_what_the_new_code_needs_must_not_wait_for_the_new_code(app: Repo):
    app.add("0002_add_age", "-- phase: post\nALTER TABLE users ADD COLUMN age int DEFAULT 1;")
    app.put("queries/users/show.sql", SHOW.replace("bio", "age"))
    app.accept()

    assert found(app) == [
        'PG206 migrations/0002_add_age.sql:2 users.show is refused: column "age" does not exist (42703)',
        'PG208 migrations/0002_add_age.sql:2 users.show is refused: column "age" does not exist (42703)',
    ]


def test_only_post_may_promise_that_a_column_is_never_null(app: Repo):
    app.put("seeds/010_users.csv", "id,handle,bio\n1,ann,hello\n2,bob,x\n")
    app.put("queries/users/add.sql", ADD.replace("handle)", "handle, bio)", 1).replace("(handle)s)", "(handle)s, '')"))
    app.accept()
    app.commit()
    app.add("0002_demand", "-- phase: post\nALTER TABLE users ALTER bio SET NOT NULL;")
    app.accept()

    assert found(app) == []


def test_seeds_that_only_fit_what_comes_after_post_are_told(app: Repo):
    app.add("0002_add_age", "-- phase: post\nALTER TABLE users ADD COLUMN age int;")
    app.put("seeds/010_users.csv", "id,handle,bio,age\n1,ann,hello,3\n2,bob,,4\n")

    (finding,) = found(app)
    assert finding.startswith("PG206 seeds/010_users.csv:1 head's seeds do not load before `post`")
    assert finding.endswith(": users has no column age")


def test_a_contract_of_the_new_release_that_does_not_hold_at_the_end_is_found_without_any_migration(app: Repo):
    app.put("queries/users/show.sql", SHOW.replace("bio", "upper(bio) AS bio"))

    (finding,) = found(app)

    assert finding == "PG207 queries/users/show.sql:1 users.show gives something else"


def test_a_repeatable_that_does_not_fit_between_the_phases_stops_the_deploy(app: Repo):
    app.add("0002_add_age", "-- phase: post\nALTER TABLE users ADD COLUMN age int;")
    app.put("migrations/repeatable/ages.sql", "CREATE OR REPLACE VIEW ages AS\nSELECT age FROM users;")

    (finding,) = found(app)

    assert finding.startswith("PG212 migrations/repeatable/ages.sql:2 refused after `pre`: column ")


def test_a_view_that_is_replaced_is_the_one_to_look_at(app: Repo):
    view = "CREATE OR REPLACE VIEW names AS SELECT handle FROM users;"
    app.put("migrations/repeatable/names.sql", view)
    app.add_query("users.names", "-- returns: many\nSELECT handle FROM names ORDER BY handle;\n")
    app.accept()
    app.commit()
    app.put("migrations/repeatable/names.sql", "SELECT 1;\n" + view.replace("users;", "users WHERE id > 1;"))

    assert "PG202 migrations/repeatable/names.sql:2 users.names gives something else" in found(app)


def test_what_did_not_hold_before_the_change_is_not_its_fault(app: Repo):
    app.put("queries/users/show.sql", SHOW.replace("bio", "upper(bio) AS bio"))
    app.commit()
    app.add("0002_drop_bio", "ALTER TABLE users DROP COLUMN bio;")
    app.put("queries/users/show.sql", SHOW.replace(", bio", ""))
    app.put("seeds/010_users.csv", "id,handle\n1,ann\n2,bob\n")
    app.accept()

    outcome = app.prove(prove)

    assert outcome.findings == ()
    assert outcome.note.endswith("left out, as they do not hold on base itself: users.show")


def test_a_privilege_that_is_taken_away_shows_because_the_role_is_the_application_s(app: Repo, role: str):
    revoke = sql.SQL("REVOKE SELECT ON users FROM {};").format(sql.Identifier(role)).as_string()
    app.add("0003_revoke", f"ALTER TABLE users SET (fillfactor = 90);\n{revoke}")

    findings = app.prove(prove).findings

    assert [(each.kind.id, each.at.line, each.what) for each in findings] == [
        ("PG210", 2, "users.show: permission denied for table users (42501)")
    ]
    assert findings[0].instead == f"GRANT SELECT ON users TO {role};\n"


def test_a_new_table_that_nobody_granted_is_denied_to_the_new_code(app: Repo, role: str):
    app.add("0003_notes", "CREATE TABLE notes (id int PRIMARY KEY);")
    app.add_query("notes.add", "-- returns: affected\nINSERT INTO notes (id) VALUES (1);\n")
    app.accept()

    (finding,) = app.prove(prove).findings

    assert (finding.kind.id, str(finding.at.path.name)) == ("PG210", "0003_notes.sql")
    assert finding.what == "notes.add: permission denied for table notes (42501)"
    assert finding.instead == f"GRANT INSERT ON notes TO {role};\n"


def test_rows_that_a_policy_hides_from_the_role_are_missing(app: Repo, role: str):
    app.add("0003_policy", "ALTER TABLE users ENABLE ROW LEVEL SECURITY;")

    findings = app.prove(prove).findings

    assert sorted(each.kind.id for each in findings) == ["PG202", "PG210"]
    policy = next(each.instead for each in findings if each.kind.id == "PG210")
    assert f"CREATE POLICY … ON users FOR INSERT TO {role}" in policy


def test_a_session_of_the_application_holds_nothing_that_a_migration_waits_for(app: Repo):
    app.choose(lock_timeout="100ms", lock_attempts=1)
    app.add("0002_lock", "LOCK TABLE users IN ACCESS EXCLUSIVE MODE; ALTER TABLE users ADD COLUMN x int;")

    assert found(app) == []


def test_without_queries_there_is_nothing_to_prove(repo: Repo):
    repo.add("0001_create_users", USERS)
    repo.commit()

    assert repo.prove(prove).not_applicable == "there are no queries"
