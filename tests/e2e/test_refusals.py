"""What a person meets who does something wrong: one error that says what and where, exit code 1, nothing harmed."""

import select
import signal
import subprocess

import pytest

from tests.e2e.conftest import BIN, PATIENCE, Project, steady

# 0.0.0.0 leads to this machine and is not its loopback address; nobody listens on port 1.
ELSEWHERE = "postgresql://u:s3cret@0.0.0.0:1/db"
NOWHERE = "postgresql://u:s3cret@127.0.0.1:1/db"


# Migrations


def test_a_failing_migration_is_told_with_place_statement_and_sqlstate(full_shop: Project):
    path = full_shop.write(
        "migrations/0004_hash_handles.sql",
        "CREATE TABLE made (id int PRIMARY KEY);\n\nSELECT\n    nosuch(handle) FROM users;\n",
    )
    full_shop.write("migrations/0004_hash_handles.rollback.sql", "DROP TABLE made;\n")

    error = full_shop.refuse("db.migrate")

    assert f"{path}:4: " in error
    assert "nosuch(handle)" in error
    assert "42883" in error
    assert full_shop.rows("SELECT to_regclass('made')") == [(None,)]


@pytest.mark.parametrize("task", ["db.migrate", "db.redo"])
def test_an_edited_migration_stops_every_run(full_shop: Project, task: str):
    path = full_shop.write("migrations/0002_create_posts.sql", "CREATE TABLE posts (id int PRIMARY KEY);\n")
    before = full_shop.catalog()

    error = full_shop.refuse(task)

    assert f"{path}: it was edited after it was applied" in error
    assert full_shop.catalog() == before


def test_a_migration_whose_file_is_gone_stops_the_run_and_cannot_be_marked(full_shop: Project):
    for path in full_shop.root.glob("migrations/0002*"):
        path.unlink()

    assert "0002_create_posts.sql: it is applied, but the file is gone" in full_shop.refuse("db.migrate")
    assert "already applied" in full_shop.refuse("db.mark", "0002")


@pytest.mark.parametrize(
    "words",
    [
        ("db.migrate", "--to=0009"),
        ("db.rollback", "--to=0009"),
        ("db.mark", "0009"),
        ("db.baseline", "--at=0009"),
    ],
    ids=" ".join,
)
def test_an_unknown_migration_is_said(full_shop: Project, words: tuple[str, ...]):
    before = full_shop.rows("SELECT migration_id FROM _yoyo_migration")

    assert full_shop.refuse(*words).startswith("there is no migration 0009\n  hint: ")
    assert full_shop.rows("SELECT migration_id FROM _yoyo_migration") == before


@pytest.mark.parametrize("steps", ["-1", "two"])
def test_steps_that_are_no_number_undo_nothing(full_shop: Project, steps: str):
    assert full_shop.refuse("db.rollback", f"--steps={steps}") == f"--steps '{steps}' is not a number from 1 on\n"
    assert full_shop.rows("SELECT count(*) FROM _yoyo_migration") == [(3,)]


def test_a_seed_that_does_not_fit_is_told_with_its_line_and_loads_nothing(full_shop: Project):
    path = full_shop.write("seeds/010_users.csv", "id,handle,bio\n1,renamed,\n2,bayko,\nthree,brown,\n")

    assert f"{path}:4: " in full_shop.refuse("db.seed")
    assert full_shop.rows("SELECT handle FROM users WHERE id = 1") == [("andrew",)]


@pytest.mark.parametrize("task", ["db.migrate", "db.status", "db.verify", "db.seed"])
def test_a_database_that_is_not_there_is_told_with_how_to_make_it(shop: Project, task: str):
    assert "hint: inv db.create or inv db.reset makes the database" in shop.refuse(task)


@pytest.mark.parametrize("task", ["db.migrate", "db.reset", "db.status", "db.dump"])
def test_a_project_without_migrations_is_told_how_to_make_the_first(full_shop: Project, task: str):
    for path in full_shop.root.glob("migrations/000*"):
        path.unlink()

    assert "hint: `inv db.new NAME` makes the first" in full_shop.refuse(task)
    assert full_shop.rows("SELECT count(*) FROM posts") == [(3,)]


# Settings


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--target=staging",), "unknown target 'staging'\n  hint: local or prod\n"),
        (("--server=docker",), "unknown server 'docker'\n  hint: embedded, container or url\n"),
        (("--target=prod",), "PROD_CONNECTION_URL is not set\n  hint: export PROD_CONNECTION_URL="),
        (("--server=url",), "PGPROOF_URL or CONNECTION_URL is not set\n  hint: export CONNECTION_URL="),
        (
            ("--server=embedded", "--target=prod"),
            "target prod is never on server embedded\n  hint: leave out --server\n",
        ),
    ],
    ids=str,
)
def test_a_place_that_cannot_be_is_said(shop: Project, words: tuple[str, ...], error: str):
    assert shop.refuse("db.status", *words).startswith(error)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "[tool.pgproof]\nmayor = 18\n",
            "unknown setting mayor in [tool.pgproof]\n  hint: known: application_role, binaries, cache, ",
        ),
        ("[tool.pgproof\n", "Expected ']'"),
        ("[tool.pgproof]\nurl = 'postgresql://'\n", "unknown setting url in [tool.pgproof]\n"),
    ],
    ids=["unknown", "broken", "url"],
)
def test_a_pyproject_that_cannot_be_read_is_named(shop: Project, text: str, error: str):
    path = shop.write("pyproject.toml", text)

    assert shop.refuse("db.status").startswith(f"{path}: {error}")


# Servers


@pytest.mark.parametrize("task", ["db.status", "db.sessions", "db.verify"])
def test_who_only_looks_starts_no_server(shop: Project, task: str):
    elsewhere = shop.root / "cache"

    error = shop.refuse(task, PGPROOF_CACHE=str(elsewhere))

    assert error == "the embedded server is not running\n  hint: `inv db.up` starts it\n"
    assert not elsewhere.exists()


@pytest.mark.parametrize("task", ["db.up", "db.url", "db.status", "db.sessions", "db.psql", "db.verify"])
def test_a_url_where_nobody_answers_is_said(shop: Project, task: str):
    error = shop.refuse(task, "--server=url", CONNECTION_URL=NOWHERE)

    assert error.startswith("no server answers at postgresql://u:***@127.0.0.1:1/db")


@pytest.mark.parametrize("task", ["db.drop", "db.reset", "db.rollback", "db.redo", "db.seed"])
def test_what_destroys_is_refused_where_the_server_is_not_ours(shop: Project, task: str):
    assert shop.refuse(task, "--server=url", CONNECTION_URL=ELSEWHERE) == (
        f"{task} would destroy database db on a server that does not answer\n"
        "  hint: if that is what you want: --yes-destroy=db\n"
    )


def test_what_destroys_is_refused_on_production_also_behind_a_tunnel_that_ends_here(shop: Project):
    error = shop.refuse("db.reset", "--target=prod", "--yes-destroy=db", PROD_CONNECTION_URL=NOWHERE)

    assert error.startswith("db.reset would destroy database db on ")
    assert error.endswith(
        "; --yes-destroy names db\n  hint: if that is what you want: --yes-destroy=db@127.0.0.1\n"  # its name in full
    )


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("db.down", "a server given by URL is not ours to stop\n"),
        ("db.logs", "the log of a server given by URL is on its own machine\n"),
    ],
)
def test_a_server_given_by_url_is_left_alone(shop: Project, task: str, error: str):
    assert shop.refuse(task, "--server=url", CONNECTION_URL=NOWHERE).startswith(error)


# Interruption


def test_ctrl_c_says_interrupted_and_leaves_the_run_to_be_finished(full_shop: Project):
    full_shop.write("migrations/0004_add_born_to_users.sql", "-- lock_timeout: 1ms\nALTER TABLE users ADD born date;\n")
    full_shop.write("migrations/0004_add_born_to_users.rollback.sql", "ALTER TABLE users DROP born;\n")

    with full_shop.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE users IN SHARE MODE")
        running = subprocess.Popen(
            [BIN / "inv", "db.migrate"],
            cwd=full_shop.root,
            env=full_shop.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert read_line(running).startswith("retrying: 0004_add_born_to_users ")
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=PATIENCE)

    assert (running.returncode, error) == (130, "interrupted\n")
    assert "applied     0004_add_born_to_users _ ms" in steady(full_shop.inv("db.migrate"))


def read_line(running: subprocess.Popen[str]) -> str:
    """Return the next line; a program that says nothing is ended, so that the test is."""
    assert running.stdout
    if not select.select([running.stdout], [], [], PATIENCE)[0]:
        running.kill()
    return running.stdout.readline()
