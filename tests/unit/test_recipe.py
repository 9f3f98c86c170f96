"""A recipe: what its steps are, and which of them may live in a template."""

from __future__ import annotations

import pytest

from pgproof.errors import MigrationError
from pgproof.migrations import ledger
from pgproof.recipe import Recipe, read_recipe


def write(settings, **migrations: str) -> None:
    settings.migrations.mkdir(exist_ok=True)
    for id, text in migrations.items():
        (settings.migrations / f"{id.lstrip('_')}.sql").write_text(text)


@pytest.fixture
def three(settings) -> Recipe:
    """Three migrations, a repeatable and a seed."""
    write(settings, _0001_a="SELECT 1;", _0002_b="SELECT 2;", _0003_c="SELECT 3;")
    (settings.migrations / "repeatable").mkdir()
    (settings.migrations / "repeatable" / "v.sql").write_text("SELECT 4;")
    settings.seeds.mkdir()
    (settings.seeds / "010_users.csv").write_text("id\n1\n")
    return read_recipe(settings, seeds=settings.seeds)


def test_a_step_is_a_migration_or_all_repeatables_or_all_seeds(three):
    assert len(three.steps) == 5


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (2, "2 migrations"),
        (3, "3 migrations"),
        (4, "3 migrations, 1 repeatable"),
        (5, "3 migrations, 1 repeatable, 1 seed"),
    ],
)
def test_a_recipe_says_what_its_first_steps_are(three, done, said):
    assert three.describe(done) == said


def test_up_to_a_migration_nothing_else_is_made(three):
    assert read_recipe(three.settings, seeds=None, at="0002").describe(2) == "2 migrations"
    assert len(read_recipe(three.settings, seeds=None, at="0002").steps) == 2


def test_a_migration_that_is_not_there_is_said(three):
    with pytest.raises(MigrationError, match="there is no migration 0004"):
        read_recipe(three.settings, seeds=None, at="0004")


def test_the_same_text_in_another_order_is_another_recipe(settings):
    write(settings, _0001_a="SELECT 1;", _0002_b="SELECT 2;")
    before = read_recipe(settings, seeds=None).steps
    write(settings, _0001_a="SELECT 2;", _0002_b="SELECT 1;")

    assert set(read_recipe(settings, seeds=None).steps).isdisjoint(before)


def test_another_ledger_is_another_recipe(three, monkeypatch):
    before = three.steps

    monkeypatch.setattr(ledger, "FORMAT", "as the next version of pgproof makes it")

    assert set(read_recipe(three.settings, seeds=three.settings.seeds).steps).isdisjoint(before)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER DATABASE cruddur SET timezone = 'UTC';",
        "DO $$ BEGIN EXECUTE format('alter  database %I SET work_mem = 1', 'x'); END $$;",
        "CREATE TABLE t AS SELECT current_database();",
        "CREATE TABLE t AS SELECT current_catalog;",
        "GRANT CONNECT ON DATABASE cruddur TO public;",
        "COMMENT ON\nDATABASE cruddur IS 'x';",
        "ALTER ROLE postgres IN DATABASE cruddur SET work_mem = 1;",
        "SELECT 1; -- first\nSELECT CURRENT_DATABASE();",
    ],
)
def test_what_names_its_database_is_not_portable_nor_what_follows(settings, text):
    write(settings, _0001_a="SELECT 1;", _0002_b=text, _0003_c="SELECT 3;")

    assert read_recipe(settings, seeds=None).portable == 1


@pytest.mark.parametrize(
    "text", ["-- the current_database of the shop\nSELECT 1;", "CREATE TABLE database_of_users ();"]
)
def test_what_only_speaks_of_databases_is_portable(settings, text):
    write(settings, _0001_a=text)

    assert read_recipe(settings, seeds=None).portable == 1


def test_seeds_that_name_their_database_are_not_portable(three):
    (three.settings.seeds / "020_more.sql").write_text("INSERT INTO t SELECT current_database();")

    assert read_recipe(three.settings, seeds=three.settings.seeds).portable == 4
