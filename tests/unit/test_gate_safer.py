"""The migrations that are suggested, as text; that they run and hurt nobody, test_gate_live shows."""

import pytest

from pgproof.gate.instead.suggesting import suggest


def _files(id: str, text: str, migration: str = "0007_x") -> list[str]:
    """Return the suggestion, a file or job each."""
    return list(filter(None, suggest(id, text, migration).split("\n\n")))


def test_a_constraint_is_added_not_valid_and_validated_later():
    text = "alter table posts add foreign key (user_id) references users"

    assert suggest("PG404", text, "0007_x").splitlines() == [
        "-- 0007_add_posts_user_id_fkey.sql",
        "ALTER TABLE posts ADD CONSTRAINT posts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users NOT VALID;",
        "",
        "-- 0008_validate_posts_user_id_fkey.sql",
        "ALTER TABLE posts VALIDATE CONSTRAINT posts_user_id_fkey;",
    ]


@pytest.mark.parametrize(
    ("id", "column", "rule"),
    [
        ("PG402", "website text CHECK (website <> '')", "users_website_check CHECK (website <> '')"),
        ("PG402", "website text CONSTRAINT filled CHECK (website <> '')", "filled CHECK (website <> '')"),
        ("PG404", "team int REFERENCES teams", "users_team_fkey FOREIGN KEY (team) REFERENCES teams"),
        ("PG404", "team int CONSTRAINT in_one REFERENCES teams", "in_one FOREIGN KEY (team) REFERENCES teams"),
    ],
)
def test_a_rule_at_a_new_column_comes_after_it(id: str, column: str, rule: str):
    added, ruled, validated = _files(id, f"ALTER TABLE users ADD COLUMN {column}")
    name = rule.partition(" ")[0]

    assert added.endswith(f"ALTER TABLE users ADD COLUMN {' '.join(column.split()[:2])};")
    assert ruled.endswith(f"ALTER TABLE users ADD CONSTRAINT {rule} NOT VALID;")
    assert validated.endswith(f"ALTER TABLE users VALIDATE CONSTRAINT {name};")


def test_names_are_kept_as_they_are_written():
    files = _files("PG402", """ALTER TABLE "S".users ADD CONSTRAINT "My rule" CHECK (state IN ('a, b', '(c'))""")

    assert files[0].endswith(
        """ALTER TABLE "S".users ADD CONSTRAINT "My rule" CHECK (state IN ('a, b', '(c')) NOT VALID;"""
    )
    assert files[1].startswith("-- 0008_validate_my_rule.sql")


def test_not_null_is_proved_by_a_check_first():
    assert suggest("PG402", "ALTER TABLE users ALTER name SET NOT NULL", "0007_x").splitlines() == [
        "-- 0007_add_users_name_is_there.sql",
        "ALTER TABLE users ADD CONSTRAINT users_name_is_there CHECK (name IS NOT NULL) NOT VALID;",
        "",
        "-- 0008_validate_users_name_is_there.sql",
        "ALTER TABLE users VALIDATE CONSTRAINT users_name_is_there;",
        "",
        "-- 0009_require_users_name.sql",
        "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
        "ALTER TABLE users DROP CONSTRAINT users_name_is_there;",
    ]


def test_what_else_a_statement_does_comes_first():
    first, *_ = _files("PG402", "ALTER TABLE users ADD a numeric(4, 2), ALTER name SET NOT NULL, DROP b")

    assert first == "-- 0007_alter_users.sql\nALTER TABLE users ADD COLUMN a numeric(4, 2), DROP b;"


@pytest.mark.parametrize(
    ("text", "safer"),
    [
        (
            "CREATE INDEX ON s.posts USING gin (lower(a) DESC, b) WHERE x > 0",
            "CREATE INDEX CONCURRENTLY posts_expression_b_idx ON s.posts USING gin (lower(a) DESC, b) WHERE x > 0;",
        ),
        (
            'CREATE UNIQUE INDEX "By name" ON users (name)',
            'CREATE UNIQUE INDEX CONCURRENTLY "By name" ON users USING btree (name);',
        ),
        ("REINDEX (VERBOSE) INDEX i", "REINDEX (VERBOSE) INDEX CONCURRENTLY i;"),
    ],
)
def test_an_index_is_built_concurrently_in_a_file_of_its_own(text: str, safer: str):
    (file,) = _files("PG403", text)

    assert file.splitlines()[1:] == ["-- transactional: false", safer]


def test_a_unique_constraint_takes_over_an_index_that_was_built_before():
    assert [file.splitlines()[-1] for file in _files("PG403", "ALTER TABLE t ADD UNIQUE (a, b) INCLUDE (c)")] == [
        "CREATE UNIQUE INDEX CONCURRENTLY t_a_b_key ON t (a, b) INCLUDE (c);",
        "ALTER TABLE t ADD CONSTRAINT t_a_b_key UNIQUE USING INDEX t_a_b_key;",
    ]


def test_a_column_of_another_type_is_added_beside_and_the_old_one_goes_after_the_new_code():
    add, job, drop = _files("PG401", "ALTER TABLE t ALTER v TYPE int USING length(v)")

    assert "ALTER TABLE t ADD COLUMN v_new int;" in add
    assert "NEW.v_new := length(NEW.v);" in add
    assert "UPDATE t SET v_new = length(v) WHERE" in job
    assert drop.splitlines()[1] == "-- phase: post"
    assert drop.endswith("ALTER TABLE t DROP COLUMN v;")


def test_a_volatile_default_is_for_new_rows_first():
    add, job, *required = _files("PG401", "ALTER TABLE t ADD token uuid NOT NULL DEFAULT gen_random_uuid()")

    assert add.splitlines()[1:] == [
        "ALTER TABLE t ADD COLUMN token uuid;",
        "ALTER TABLE t ALTER COLUMN token SET DEFAULT gen_random_uuid();",
    ]
    assert "SET token = DEFAULT" in job
    assert len(required) == 3


def test_a_backfill_ends_by_itself():
    (job,) = _files("PG405", "UPDATE users SET name = upper(name), b = 1 WHERE x OR y")

    assert (
        "(x OR y) AND (name IS DISTINCT FROM (upper(name)) OR b IS DISTINCT FROM (1)) LIMIT 5000 FOR UPDATE SKIP LOCKED"
        in job
    )


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("PG405", "UPDATE users SET seen = now()"),
        ("PG405", "UPDATE users SET seen = CURRENT_TIMESTAMP"),
        ("PG405", "UPDATE users u SET name = p.name FROM people p WHERE p.id = u.id"),
        ("PG405", "INSERT INTO a SELECT * FROM b"),
        ("PG401", "VACUUM FULL users"),
        ("PG401", "ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (a + 1) STORED"),
        ("PG402", "DO $$ BEGIN ALTER TABLE users ALTER name SET NOT NULL; END $$"),
        ("PG408", "ALTER EXTENSION hstore UPDATE"),
        ("PG999", "SELECT 1"),
    ],
)
def test_where_no_text_would_be_right_there_is_none(id: str, text: str):
    assert suggest(id, text, "0007_x") == ""


def test_a_statement_may_be_suggested_as_it_is_elsewhere_or_with_a_limit():
    assert suggest("PG406", "SELECT 1", "0007_x") == "-- 0007_the_rest.sql\nSELECT 1;"
    assert suggest("PG407", "ALTER TABLE t ADD x int", "0007_x") == (
        "-- 0007_same.sql\n-- lock_timeout: 5s\nALTER TABLE t ADD x int;"
    )


def test_a_repeatable_has_no_number_to_go_on_from():
    assert suggest("PG406", "SELECT 1", "views").startswith("-- 0001_the_rest.sql")
