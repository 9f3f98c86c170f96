"""Templates: built once, sealed, found again by content; layers save work, and change nothing of what comes out."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.errors import LockTimeout, MigrationFailed, ServerUnavailable
from pgproof.pg import layers, strategy
from pgproof.pg.database import connect
from pgproof.pg.layers import LOCK, ensure_template
from pgproof.pg.lock import named_lock
from pgproof.pg.strategy import Strategy
from pgproof.pg.template import clone, fetch_templates, fingerprints
from tests.recipes import Kitchen


@pytest.fixture
def kitchen(settings, server) -> Kitchen:
    """Three migrations, a view, seeds; no other test has the same, for its table has a name of its own."""
    made = Kitchen(settings, server)
    made.migration("0001_create_users", f"CREATE TABLE users (id int PRIMARY KEY, u{uuid4().hex} text);\n")
    made.migration("0002_add_handle", "ALTER TABLE users ADD handle text;\n")
    made.migration("0003_add_bio", "ALTER TABLE users ADD bio text;\n")
    made.write("migrations/repeatable/handles.sql", "CREATE OR REPLACE VIEW handles AS SELECT handle FROM users;\n")
    made.write("migrations/repeatable/handles.rollback.sql", "DROP VIEW handles;\n")
    made.write("seeds/010_users.csv", "id,handle\n1,andrew\n2,bayko\n")
    return made


@pytest.fixture
def every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a layer after each step, whatever it costs."""
    monkeypatch.setattr(layers, "pays", lambda *_, **__: True)


@pytest.fixture
def no_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep only what was asked for."""
    monkeypatch.setattr(layers, "pays", lambda *_, **__: False)


EVERYTHING = [
    "applied 0001_create_users",
    "applied 0002_add_handle",
    "applied 0003_add_bio",
    "repeated handles",
    "seeded 010_users.csv",
]


# Built once


def test_a_template_is_built_once(kitchen):
    first = kitchen.cook()
    assert kitchen.told == EVERYTHING

    assert kitchen.cook() == first
    assert kitchen.told == []


def test_a_copy_holds_what_the_recipe_says(kitchen):
    template = kitchen.cook()
    name = f"copy_{uuid4().hex[:8]}"

    with connect(kitchen.server) as connection:
        clone(connection, template, name)

    assert kitchen.execute("SELECT handle FROM handles ORDER BY 1", dbname=name) == [("andrew",), ("bayko",)]
    assert len(kitchen.execute("SELECT true FROM _yoyo_migration", dbname=name)) == 3
    kitchen.execute(f"DROP DATABASE {name}")


def test_nobody_can_connect_to_a_finished_template(kitchen):
    with pytest.raises(ServerUnavailable, match="not currently accepting connections"):
        connect(kitchen.server, dbname=kitchen.cook().name)


def test_a_template_says_what_it_holds(kitchen):
    with connect(kitchen.server) as connection:
        (found,) = fetch_templates(connection, kitchen.cook().name)

    assert found.holds == "3 migrations, 1 repeatable, 1 seed"


def test_builders_that_start_together_build_one_template(kitchen):
    told: list[str] = []

    def cook(_: int) -> str:
        worker = Kitchen(kitchen.settings, kitchen.server, told)
        return ensure_template(worker.server, worker.recipe()).name

    with ThreadPoolExecutor(10) as pool:
        found = set(pool.map(cook, range(10)))

    assert len(found) == 1
    assert told == EVERYTHING


def test_a_builder_waits_for_another_one_no_longer_than_it_was_told(kitchen):
    with (
        connect(kitchen.server) as other,
        named_lock(other, LOCK, wait=30),
        pytest.raises(LockTimeout, match="another process still does this"),
    ):
        ensure_template(kitchen.server, kitchen.recipe(), wait=0.01)


# What makes it another one


def edit_migration(kitchen: Kitchen) -> None:
    kitchen.migration("0002_add_handle", "ALTER TABLE users ADD handle text NOT NULL DEFAULT '';\n")


def edit_rollback(kitchen: Kitchen) -> None:
    kitchen.write("migrations/0002_add_handle.rollback.sql", "ALTER TABLE users DROP handle;\n")


def rename_migration(kitchen: Kitchen) -> None:
    folder = kitchen.settings.migrations
    for ending in (".sql", ".rollback.sql"):
        (folder / f"0003_add_bio{ending}").rename(folder / f"0003_add_words{ending}")


def edit_repeatable(kitchen: Kitchen) -> None:
    view = "CREATE OR REPLACE VIEW handles AS SELECT handle, id FROM users;\n"
    kitchen.write("migrations/repeatable/handles.sql", view)


def edit_seed(kitchen: Kitchen) -> None:
    kitchen.write("seeds/010_users.csv", "id,handle\n1,andrew\n")


def rename_seed(kitchen: Kitchen) -> None:
    (kitchen.settings.seeds / "010_users.csv").rename(kitchen.settings.seeds / "020_users.csv")


@pytest.mark.parametrize(
    "edit", [edit_migration, edit_rollback, rename_migration, edit_repeatable, edit_seed, rename_seed]
)
def test_other_files_are_another_template(kitchen, edit):
    before = kitchen.cook()

    edit(kitchen)

    assert kitchen.find() is None
    assert kitchen.cook().name != before.name


def test_files_put_back_are_the_template_they_were(kitchen):
    before = kitchen.cook()
    edit_seed(kitchen)
    kitchen.cook()

    kitchen.write("seeds/010_users.csv", "id,handle\n1,andrew\n2,bayko\n")

    assert kitchen.find() == before


@pytest.mark.parametrize("setting", ["TimeZone=Asia/Tokyo", "search_path=pg_catalog", "DateStyle=SQL"])
def test_another_setting_of_the_server_is_another_template(kitchen, setting):
    recipe = kitchen.recipe()
    with connect(kitchen.server) as here, connect(kitchen.server, options=f"-c {setting}") as there:
        assert fingerprints(here, recipe)[-1] != fingerprints(there, recipe)[-1]


# Layers


@pytest.mark.usefixtures("every_layer")
def test_a_migration_added_at_the_end_runs_alone(kitchen):
    kitchen.cook()

    kitchen.migration("0004_add_motto", "ALTER TABLE users ADD motto text;\n")
    kitchen.cook()

    assert kitchen.told == ["applied 0004_add_motto", "repeated handles", "seeded 010_users.csv"]


@pytest.mark.usefixtures("every_layer")
def test_an_edit_in_the_middle_builds_from_the_layer_before_it(kitchen):
    kitchen.cook()

    edit_migration(kitchen)
    kitchen.cook()

    assert kitchen.told == EVERYTHING[1:]


@pytest.mark.usefixtures("every_layer")
def test_an_edited_seed_runs_no_migration(kitchen):
    kitchen.cook()

    edit_seed(kitchen)
    kitchen.cook()

    assert kitchen.told == ["seeded 010_users.csv"]


@pytest.mark.usefixtures("every_layer")
def test_a_recipe_without_seeds_is_a_layer_of_the_one_with_seeds(kitchen):
    kitchen.cook()

    bare = kitchen.cook(seeds=None)

    assert kitchen.told == []
    assert bare.holds == "3 migrations, 1 repeatable"


@pytest.mark.usefixtures("every_layer")
def test_a_recipe_up_to_a_migration_is_a_layer_of_the_whole_one(kitchen):
    kitchen.cook()

    assert kitchen.cook(at="0002", seeds=None).holds == "2 migrations"
    assert kitchen.told == []


@pytest.mark.usefixtures("no_layer")
def test_where_layers_do_not_pay_only_the_whole_is_kept(kitchen):
    before = len(kitchen.databases("pgproof_template_"))

    kitchen.cook()

    assert len(kitchen.databases("pgproof_template_")) == before + 1


# Failures


def test_a_build_that_fails_leaves_nothing_and_the_next_one_can(kitchen):
    edit = kitchen.settings.migrations / "0003_add_bio.sql"
    text = edit.read_text()
    edit.write_text("ALTER TABLE nowhere ADD bio text;\n")

    with pytest.raises(MigrationFailed, match=r"0003_add_bio.sql:1: .*nowhere"):
        kitchen.cook()
    assert kitchen.databases("pgproof_draft") == []
    assert kitchen.find() is None

    edit.write_text(text)
    assert kitchen.cook() == kitchen.find()


BUILDS = "SELECT true FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname = 'pgproof_draft'"
BUILDER = """
import sys
from pathlib import Path
from pgproof.pg.layers import ensure_template
from pgproof.recipe import read_recipe
from pgproof.settings import read_settings
ensure_template(sys.stdin.read(), read_recipe(read_settings(Path(sys.argv[1])), seeds=None))
"""


def test_what_a_killed_builder_left_is_built_anew(kitchen):
    slow = kitchen.migration("0004_slow", "SELECT pg_sleep(600);\n")
    command = [sys.executable, "-c", BUILDER, str(kitchen.settings.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as builder:
        assert builder.stdin
        with builder.stdin:
            builder.stdin.write(kitchen.server)
        until = time.monotonic() + 30
        while not kitchen.execute(BUILDS):
            assert time.monotonic() < until
        builder.send_signal(signal.SIGKILL)
    assert kitchen.databases("pgproof_draft") == ["pgproof_draft"]

    slow.write_text("SELECT 1;\n")
    assert kitchen.cook() == kitchen.find()
    assert kitchen.databases("pgproof_draft") == []


# What belongs to a database by its name


def test_a_step_that_names_its_database_and_what_follows_run_in_the_copy(kitchen):
    kitchen.migration(
        "0002_add_handle",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''7MB''', current_database()); END $$;\n",
    )
    kitchen.migration("0003_add_bio", "ALTER TABLE users ADD handle text;\n")
    recipe = kitchen.recipe()
    template = kitchen.cook()
    assert kitchen.told == EVERYTHING[:1]
    name = f"copy_{uuid4().hex[:8]}"

    with connect(kitchen.server) as connection:
        clone(connection, template, name)
    recipe.finish(make_conninfo(kitchen.server, dbname=name))

    assert kitchen.told == EVERYTHING
    assert kitchen.execute("SHOW work_mem", dbname=name) == [("7MB",)]
    kitchen.execute(f"DROP DATABASE {name}")


# How a copy is made


def test_every_way_of_copying_is_tried_before_one_is_chosen(kitchen):
    template = kitchen.cook()
    with connect(kitchen.server) as connection:
        known = [each.name for each in strategy.STRATEGIES if each.since <= connection.info.server_version // 10000]
        for number in range(2 * len(known)):
            clone(connection, template, f"copy_{number}")
            connection.execute(f"DROP DATABASE copy_{number}".encode())

    assert {name: len(samples) for name, samples in template.samples.items()} == dict.fromkeys(known, 2)


def test_each_way_is_what_the_server_is_told(kitchen, monkeypatch):
    told: list[tuple[str, str | None]] = []

    def create(connection, *_: object, clause: str, **__: object) -> None:
        (method,) = connection.execute("SELECT current_setting('file_copy_method', true)").fetchone()
        told.append((clause, method))

    template = kitchen.cook()
    monkeypatch.setattr("pgproof.pg.template.create", create)
    with connect(kitchen.server) as connection:
        major = connection.info.server_version // 10000
        known = [each for each in strategy.STRATEGIES if each.since <= major]
        for _ in range(2 * len(known)):
            clone(connection, template, "copy")

    copying, methods = {clause for clause, _ in told}, {method for _, method in told}
    assert copying == {"STRATEGY file_copy", "STRATEGY wal_log"}
    assert methods == ({"copy", "clone"} if major >= 18 else {None})


def test_a_way_that_the_server_cannot_go_is_passed_over(kitchen, monkeypatch):
    impossible = Strategy("impossible", "STRATEGY file_copy", "by_magic", 18)
    possible = Strategy("possible", "", "copy", 0)
    monkeypatch.setattr(strategy, "STRATEGIES", (impossible, possible))
    template = kitchen.cook()

    with connect(kitchen.server) as connection:
        clone(connection, template, "copy_anyway")

    assert kitchen.databases("copy_anyway") == ["copy_anyway"]
    kitchen.execute("DROP DATABASE copy_anyway")


def test_a_copy_that_fails_for_another_reason_says_so(kitchen):
    template = kitchen.cook()
    with connect(kitchen.server) as connection, pytest.raises(psycopg.errors.DuplicateDatabase):
        clone(connection, template, "postgres")
