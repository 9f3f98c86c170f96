"""The bootcamp's failures that were a command's: what its exit code and its arguments are here.

As in tests/integration/test_bootcamp.py, which has the other numbers, a docstring says what happened there.
"""

from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests.e2e.conftest import Project


def test_no_1_a_seed_that_is_refused_fails_the_command_and_loads_nothing(full_shop: Project):
    """psql went on after each error: exit code 0, and no rows."""
    full_shop.write("seeds/010_users.csv", "id,handle\n1,renamed\n2,bayko\n3,brown\n")
    path = full_shop.write("seeds/020_posts.sql", "INSERT INTO posts (id, user_id) VALUES (4, 3);\n")

    assert full_shop.refuse("db.seed").startswith(f'{path}:1: null value in column "body"')
    assert full_shop.rows("SELECT handle FROM users ORDER BY id") == [("andrew",), ("bayko",)]


def test_no_3_a_client_is_told_the_database_as_one_address(shop: Project, tmp_path: Path):
    """psql got a URL and a name behind it: it took the name for a user's, or for nothing."""
    client = tmp_path / "psql"
    client.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    client.chmod(0o755)

    [address] = shop.inv("db.psql", PATH=str(tmp_path)).splitlines()

    parts = conninfo_to_dict(address)
    assert (parts["dbname"], parts["user"]) == ("shop", "postgres")


def test_no_4_what_stands_behind_a_step_that_failed_is_not_done(full_shop: Project):
    """What was to stop the script was a comment: it went on to the seeds after the schema had failed, exit code 0."""
    full_shop.write("migrations/0004_fails.sql", "SELECT nonsense;\n")
    full_shop.write("migrations/0004_fails.rollback.sql", "SELECT 1;\n")
    full_shop.write("seeds/010_users.csv", "id,handle\n1,renamed\n")

    assert "0004_fails.sql:1: " in full_shop.refuse("db.migrate", "db.seed")
    assert full_shop.rows("SELECT handle FROM users WHERE id = 1") == [("andrew",)]


def test_no_5_production_is_never_emptied_for_the_asking(full_shop: Project):
    """One word more, `prod`, and the file that dropped the tables ran there."""
    url = full_shop.inv("db.url").rstrip()

    for task in ("db.reset", "db.seed"):
        error = full_shop.refuse(task, "--target=prod", PROD_CONNECTION_URL=url)
        assert error.startswith(f"{task} would destroy database shop on ")
    assert full_shop.rows("SELECT count(*) FROM posts") == [(3,)]
