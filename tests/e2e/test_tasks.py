"""What each task does, and the lines that a script would read."""

import json
import re
from datetime import datetime
from uuid import uuid4

import psycopg
import pytest

from tests.e2e.conftest import SHOP, Project, steady

APPLIED = [
    "applied     0001_create_users _ ms",
    "applied     0002_create_posts _ ms",
    "applied     0003_add_bio_to_users _ ms",
]
SEEDED = [
    f"seeded      {'010_users.csv':<48} 2 rows",
    f"seeded      {'020_posts.sql':<48} 3 rows",
]
LEDGER = "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id"


def conditions(project: Project) -> list[str]:
    return [each["condition"] for each in json.loads(project.inv("db.status", "--json"))["migrations"]]


# create, drop


def test_the_database_is_made_once_and_dropped_once(shop: Project):
    assert shop.inv("db.create") == "created shop\n"
    assert shop.inv("db.create") == "there already: shop\n"
    assert shop.inv("db.drop") == "dropped shop\n"
    assert shop.inv("db.drop") == "there was no shop\n"


# migrate


def test_migrate_applies_what_is_pending_and_then_nothing(shop: Project):
    shop.inv("db.create")

    assert steady(shop.inv("db.migrate")) == [*APPLIED, "repeated    handles _ ms", "applied 4"]
    assert shop.inv("db.migrate") == "nothing to do\n"
    assert shop.rows("SELECT bio FROM users") == []
    assert shop.rows("SELECT handle FROM handles") == []


def test_migrate_goes_as_far_as_it_is_told(shop: Project):
    shop.inv("db.create")

    assert steady(shop.inv("db.migrate", "--to=0002")) == [*APPLIED[:2], "applied 2"]
    assert conditions(shop) == ["applied", "applied", "pending"]


def test_migrate_ends_before_what_waits_for_the_new_code_where_it_is_told(full_shop: Project):
    full_shop.write("migrations/0004_drop_bio.sql", "-- phase: post\nALTER TABLE users DROP COLUMN bio;\n")
    full_shop.write("migrations/0004_drop_bio.rollback.sql", "ALTER TABLE users ADD COLUMN bio text;\n")

    assert full_shop.inv("db.migrate", "--phase=pre") == "nothing to do\n"
    assert "ALTER TABLE users DROP COLUMN bio" in full_shop.inv("db.migrate", "--phase=post", "--dry-run")
    assert full_shop.refuse("db.migrate", "--phase=later") == "unknown phase 'later'\n  hint: pre or post\n"


def test_a_dry_run_shows_the_sql_and_changes_nothing(full_shop: Project):
    shop = full_shop
    shop.inv("db.rollback")
    before = shop.catalog(), shop.rows(LEDGER)

    assert shop.inv("db.migrate", "--dry-run").splitlines() == [
        "-- 0003_add_bio_to_users.sql",
        "ALTER TABLE users ADD bio text;",
        "",
        "-- handles.sql",
        "CREATE OR REPLACE VIEW handles AS SELECT id, handle FROM users;",
        "",
        "-- 2 to apply; nothing was changed",
    ]
    assert shop.inv("db.rollback", "--dry-run").splitlines() == [
        "-- 0002_create_posts.rollback.sql",
        "DROP TABLE posts;",
        "",
        "-- 1 to roll back; nothing was changed",
    ]
    assert (shop.catalog(), shop.rows(LEDGER)) == before


def test_what_a_run_left_that_should_not_stay_is_named_and_fails(shop: Project):
    shop.write("migrations/0004_create_likes.sql", "CREATE TABLE likes (user_id int REFERENCES users);")
    shop.write("migrations/0004_create_likes.rollback.sql", "DROP TABLE likes;")
    shop.inv("db.create")

    done = shop.run("db.migrate")

    assert done.returncode == 1
    assert done.stderr == "error: the migrations are applied, but left what should not stay\n"
    found = [line for line in done.stdout.splitlines() if line.startswith("made by this run: ")]
    assert [line for line in found if "likes_user_id_fkey" in line], found


# rollback, redo


def test_rollback_undoes_the_newest_first(full_shop: Project):
    lines = steady(full_shop.inv("db.rollback", "--steps=2"))

    assert lines[:3] == [
        "rolled back handles _ ms",
        "rolled back 0003_add_bio_to_users _ ms",
        "rolled back 0002_create_posts _ ms",
    ]
    assert lines[-1] == "rolled back 2"
    assert conditions(full_shop) == ["applied", "pending", "pending"]


def test_rollback_undoes_one_or_everything_after(full_shop: Project):
    full_shop.inv("db.rollback")
    assert conditions(full_shop) == ["applied", "applied", "pending"]

    full_shop.inv("db.rollback", "--to=0001")
    assert conditions(full_shop) == ["applied", "pending", "pending"]


def test_rolling_back_and_migrating_again_gives_the_same_schema(full_shop: Project):
    before = full_shop.catalog()

    full_shop.inv("db.rollback", "--steps=3")
    assert full_shop.inv("db.rollback") == "nothing to do\n"
    full_shop.inv("db.migrate")

    assert full_shop.catalog() == before


def test_redo_undoes_the_newest_and_applies_it_again(full_shop: Project):
    lines = steady(full_shop.inv("db.redo"))

    changes = [line for line in lines if "0003" in line]
    assert changes == ["rolled back 0003_add_bio_to_users _ ms", "applied     0003_add_bio_to_users _ ms"]
    assert full_shop.rows("SELECT handle FROM handles ORDER BY id") == [("andrew",), ("bayko",)]
    assert full_shop.rows("SELECT handle, bio FROM users ORDER BY id") == [("andrew", None), ("bayko", None)]


def test_redo_of_nothing_says_so(shop: Project):
    shop.inv("db.create")

    assert shop.inv("db.redo") == "nothing to do\n"


# status


def test_status_for_a_script_has_a_stable_shape(full_shop: Project):
    found = json.loads(full_shop.inv("db.status", "--json"))

    migrations = found.pop("migrations")
    assert found.pop("version").startswith("18.")
    assert found == {
        "server": "embedded",
        "database": "shop",
        "url": full_shop.inv("db.url").rstrip(),
        "applied": 3,
        "pending": 0,
        "drift": 0,
        "to_repeat": [],
    }
    assert [list(each) for each in migrations] == [["id", "condition", "applied_at", "took", "note"]] * 3
    assert migrations[0]["id"] == "0001_create_users"
    assert datetime.fromisoformat(migrations[0]["applied_at"]).tzinfo
    assert isinstance(migrations[0]["took"], float)


def test_status_shows_the_ledger_beside_the_files(full_shop: Project):
    full_shop.write("migrations/0001_create_users.sql", "-- Who writes.\nCREATE TABLE users (id int PRIMARY KEY);\n")
    full_shop.write("migrations/0004_drop_bio.sql", "ALTER TABLE users DROP bio;\n")

    head, columns, *rows, counts = full_shop.inv("db.status").splitlines()

    assert head.startswith("shop on embedded PostgreSQL 18.")
    assert head.endswith("  " + full_shop.inv("db.url").rstrip())
    assert columns.split() == ["migration", "condition", "applied", "took", "note"]
    assert [row.split()[:2] for row in rows] == [
        ["0001_create_users", "edited"],
        ["0002_create_posts", "applied"],
        ["0003_add_bio_to_users", "applied"],
        ["0004_drop_bio", "pending"],
    ]
    assert counts == "3 applied, 1 pending, 1 drift, 0 to repeat"


def test_status_makes_nothing_in_the_database(shop: Project):
    shop.inv("db.create")
    before = shop.rows("SELECT relname FROM pg_class ORDER BY 1")

    assert shop.inv("db.status").splitlines()[-1] == "0 applied, 3 pending, 0 drift, 1 to repeat"
    assert shop.rows("SELECT relname FROM pg_class ORDER BY 1") == before


# seed, reset


def test_seeding_twice_changes_nothing(shop: Project):
    shop.inv("db.create")
    shop.inv("db.migrate")

    assert shop.inv("db.seed").splitlines() == SEEDED
    before = shop.rows("SELECT * FROM users ORDER BY id"), shop.rows("SELECT * FROM posts ORDER BY id")
    shop.inv("db.seed")

    assert before[0] == [(1, "andrew", None), (2, "bayko", "Clouds.")]
    assert (shop.rows("SELECT * FROM users ORDER BY id"), shop.rows("SELECT * FROM posts ORDER BY id")) == before


WHOLE = "3 migrations, 1 repeatable, 2 seeds"
BUILT = [*APPLIED, "repeated    handles _ ms", *SEEDED]


@pytest.fixture
def new_shop(shop: Project) -> Project:
    """The shop with a first migration that no template was built of yet."""
    first = "migrations/0001_create_users.sql"
    shop.write(first, f"-- {uuid4()}\n{SHOP[first]}")
    return shop


def test_reset_builds_everything_and_again_the_same(new_shop: Project):
    shop, url = new_shop, new_shop.inv("db.url").rstrip()

    made = f"created shop on the embedded server, built: {WHOLE}"
    assert steady(shop.inv("db.reset")) == [*BUILT, made, url]
    before = shop.catalog(), shop.rows("SELECT * FROM posts ORDER BY id")
    shop.execute("CREATE TABLE by_hand (); DELETE FROM posts; DROP VIEW handles")
    again = shop.inv("db.reset")
    assert re.fullmatch(
        rf"replaced shop on the embedded server, a (spare copy|copy of a template): {WHOLE}\n{re.escape(url)}\n", again
    )

    assert (shop.catalog(), shop.rows("SELECT * FROM posts ORDER BY id")) == before


def test_a_cold_reset_builds_all_again(shop: Project):
    shop.inv("db.reset")

    printed = steady(shop.inv("db.reset", "--cold"))

    assert printed[:-1] == [*BUILT, f"replaced shop on the embedded server, built: {WHOLE}"]


def test_a_reset_that_fails_is_one_line_and_the_database_stays(full_shop: Project):
    full_shop.write("migrations/0004_fails.sql", "SELECT nonsense;\n")
    full_shop.write("migrations/0004_fails.rollback.sql", "SELECT 1;\n")

    error = full_shop.refuse("db.reset")

    assert "0004_fails.sql:1: " in error
    assert full_shop.rows("SELECT count(*) FROM posts") == [(3,)]


# templates


def test_templates_shows_what_is_kept_and_prune_drops_what_is_too_much(new_shop: Project):
    new_shop.inv("db.reset", CI="true")

    shown = json.loads(new_shop.inv("db.templates", "--json"))
    assert ("template", WHOLE) in [(each["kind"], each["holds"]) for each in shown["kept"]]
    table = new_shop.inv("db.templates").splitlines()
    assert table[0].split() == ["database", "kind", "size", "used", "holds"]
    assert any(line.startswith("pgproof_template_") and line.endswith(WHOLE) for line in table)

    dropped = new_shop.inv("db.templates", "--prune", PGPROOF_TEMPLATE_MEGABYTES="0")
    assert re.search(r"^dropped pgproof_template_\w+$", dropped, re.MULTILINE)
    assert "pgproof_template_" not in new_shop.inv("db.templates")


def test_files_that_cannot_be_read_cost_no_database(full_shop: Project):
    full_shop.write("seeds/030_broken.sql", "INSERT INTO;")

    error = full_shop.refuse("db.reset")

    assert "030_broken.sql:1" in error
    assert full_shop.rows("SELECT count(*) FROM posts") == [(3,)]


# new


def test_a_new_migration_is_numbered_after_the_newest_and_refused_while_it_is_empty(full_shop: Project):
    assert full_shop.inv("db.new", "Create likes").splitlines() == [
        "migrations/0004_create_likes.sql",
        "migrations/0004_create_likes.rollback.sql",
        "migrations/HEAD",
    ]
    assert "-- depends: 0003_add_bio_to_users\n" in (full_shop.root / "migrations/0004_create_likes.sql").read_text()

    error = full_shop.refuse("db.migrate")

    assert f"{full_shop.root}/migrations/0004_create_likes.sql" in error
    assert "there is no statement in it" in error


def test_tasks_work_from_any_folder_of_the_project(full_shop: Project):
    below = Project(full_shop.root / "migrations" / "repeatable", full_shop.environ)

    assert below.inv("db.migrate") == "nothing to do\n"
    assert below.inv("db.new", "x").splitlines()[0] == "migrations/0004_x.sql"


# mark, unmark, baseline, repair


def test_a_baseline_adopts_a_database_that_exists_already(shop: Project):
    shop.inv("db.create")
    shop.execute((shop.root / "migrations/0001_create_users.sql").read_text())
    shop.execute((shop.root / "migrations/0002_create_posts.sql").read_text())

    assert shop.inv("db.baseline", "--at=0002") == "marked 2 migrations, up to 0002_create_posts\n"
    assert steady(shop.inv("db.migrate"))[0] == APPLIED[2]
    assert shop.inv("db.verify") == "ledger, files and schema agree\n"


def test_marking_and_unmarking_write_the_ledger_and_run_nothing(full_shop: Project):
    before = full_shop.catalog()

    assert full_shop.inv("db.unmark", "0003") == "unmarked 0003_add_bio_to_users\n"
    assert conditions(full_shop) == ["applied", "applied", "pending"]
    assert full_shop.inv("db.mark", "0003") == "marked 0003_add_bio_to_users\n"
    assert conditions(full_shop) == ["applied", "applied", "applied"]

    assert full_shop.catalog() == before


def test_repair_accepts_an_edit_of_comments_and_no_other(full_shop: Project):
    assert full_shop.inv("db.repair") == "nothing to repair\n"

    full_shop.write(
        "migrations/0003_add_bio_to_users.sql", "-- Why: they asked.\nALTER TABLE users\n    ADD bio text;\n"
    )
    assert conditions(full_shop) == ["applied", "applied", "reworded"]
    assert full_shop.inv("db.repair") == "recorded checksums of 0003_add_bio_to_users\n"
    assert conditions(full_shop) == ["applied", "applied", "applied"]

    full_shop.write("migrations/0003_add_bio_to_users.sql", "ALTER TABLE users ADD bio varchar;\n")
    assert full_shop.inv("db.repair") == "nothing to repair\n"
    assert conditions(full_shop) == ["applied", "applied", "edited"]


# verify


def test_verify_finds_what_was_done_by_hand(full_shop: Project):
    assert full_shop.inv("db.verify") == "ledger, files and schema agree\n"
    full_shop.execute("ALTER TABLE users ADD by_hand int; DROP INDEX posts_user_id_idx")

    done = full_shop.run("db.verify")

    assert (done.returncode, done.stderr) == (1, "error: ledger, files and schema do not agree\n")
    assert ["by_hand" in line or "posts_user_id_idx" in line for line in done.stdout.splitlines()] == [True, True]


def test_verify_finds_a_pending_migration_and_what_the_schema_lacks_for_it(full_shop: Project):
    full_shop.inv("db.rollback")

    done = full_shop.run("db.verify")

    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "0003_add_bio_to_users: pending"
    assert "bio" in done.stdout.splitlines()[1]


def test_verify_and_dump_leave_no_database_behind(full_shop: Project):
    databases = "SELECT datname FROM pg_database ORDER BY 1"
    before = full_shop.rows(databases)

    full_shop.inv("db.verify")
    full_shop.inv("db.dump")

    assert full_shop.rows(databases) == before


# dump


def test_dump_writes_what_the_migrations_give_and_its_check_fails_when_stale(full_shop: Project):
    stale = "schema.sql is not what the migrations give\n  hint: `inv db.dump`\n"
    full_shop.execute("CREATE TABLE by_hand ()")

    assert full_shop.refuse("db.dump", "--check") == stale
    assert full_shop.inv("db.dump") == "schema.sql written\n"
    assert full_shop.inv("db.dump") == "schema.sql is current\n"
    assert full_shop.inv("db.dump", "--check") == ""
    assert "by_hand" not in (full_shop.root / "schema.sql").read_text()

    full_shop.write("migrations/0004_add_born_to_users.sql", "ALTER TABLE users ADD born date;\n")
    full_shop.write("migrations/0004_add_born_to_users.rollback.sql", "ALTER TABLE users DROP born;\n")
    before = (full_shop.root / "schema.sql").read_text()
    assert full_shop.refuse("db.dump", "--check") == stale
    assert (full_shop.root / "schema.sql").read_text() == before


# url, logs, sessions


def test_sessions_shows_who_is_connected_and_disconnects_them(full_shop: Project):
    with full_shop.connect() as connection:
        connection.execute("SET application_name = 'till'")
        pid = connection.info.backend_pid

        columns, row = full_shop.inv("db.sessions").splitlines()
        assert columns.split() == ["pid", "role", "from", "program", "state", "since"]
        assert row.split()[:5] == [str(pid), "postgres", "local", "till", "idle"]
        assert full_shop.inv("db.sessions", "--kill").splitlines()[-1] == "disconnected 1"
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT")


def test_logs_shows_the_last_lines(full_shop: Project):
    with full_shop.connect() as connection:
        connection.execute("DO $$ BEGIN RAISE LOG 'the last word'; END $$")

    lines = full_shop.inv("db.logs", "--lines=3").splitlines()

    assert len(lines) == 3
    assert [line for line in lines if "the last word" in line]
