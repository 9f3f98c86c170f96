"""Making a database anew: the same whichever way it came about, and the one before stays until it is there."""

from __future__ import annotations

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.attendant import Errand
from pgproof.errors import MigrationFailed, ServerUnavailable
from pgproof.pg import layers, spare
from pgproof.pg.binaries import find_binaries
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect, drop
from pgproof.pg.kept import fetch_kept
from pgproof.recipe import Recipe, read_recipe
from pgproof.reset import Fresh, reset
from pgproof.settings import read_settings
from tests.recipes import Kitchen

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NAME = "reset_test"


@pytest.fixture
def kitchen(settings, server) -> Iterator[Kitchen]:
    """A small project in CI's manner: no process of its own works behind a test's back."""
    made = Kitchen(replace(settings, ci=True), server)
    made.migration("0001_create_users", "CREATE TABLE users (id int PRIMARY KEY, handle text);\n")
    made.write("seeds/010_users.csv", "id,handle\n1,andrew\n2,bayko\n")
    yield made
    drop(server, NAME)
    for each in made.databases("pgproof_spare_"):
        drop(server, each)


def make(kitchen: Kitchen, **options: Any) -> Fresh:
    return reset(kitchen.server, NAME, kitchen.recipe(), **options)


def errand(kitchen: Kitchen) -> Errand:
    return Errand(kitchen.server, NAME, kitchen.recipe())


def handles(kitchen: Kitchen) -> list[Any]:
    return [handle for (handle,) in kitchen.execute("SELECT handle FROM users ORDER BY id", dbname=NAME)]


# The same, whichever way


def dump(settings, server: str, name: str) -> str:
    """Return all that is in a database, as SQL; without what no two builds have in common: clocks, random ids."""
    program = find_binaries(settings).program("pg_dump")
    text = subprocess.run(
        [program, "--dbname", make_conninfo(server, dbname=name)], capture_output=True, text=True, check=True
    ).stdout
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(\+00)?", "<clock>", text)
    text = re.sub(r"^[0-9a-f-]{36}(?=\t[0-9a-f]{64}\t)", "<id of a log row>", text, flags=re.MULTILINE)
    text = re.sub(r"(?<=\t)(00:00:\d\d\.\d+|00:00:0\d)(?=\t)", "<took>", text)
    text = re.sub(r"^((?:public\.\w+|catalog)\t)-?\d+$", r"\1<step>", text, flags=re.MULTILINE)  # of a table's version
    text = re.sub(r"(?<=pg_attver=)\d+", "<number>", text)  # of PostgreSQL 15.20
    text = re.sub(r"(?<=\t)[0-9a-f]{32}(?=\t)", "<hash over clocks>", text)  # on what a repeatable stands
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


@pytest.fixture
def cruddur(cache, server):
    """The recipe of this repository's own database."""
    settings = replace(read_settings(ROOT, environ={}), cache=cache, ci=True)
    yield read_recipe(settings, seeds=settings.seeds)
    for name in ("cold", "warm", "fresh"):
        drop(server, name)


@pytest.mark.parametrize("keeping", [True, False], ids=["every layer", "no layer"])
def test_a_copy_is_what_building_from_nothing_gives_ledger_included(cruddur, server, monkeypatch, keeping):
    monkeypatch.setattr(layers, "pays", lambda *_, **__: keeping)

    reset(server, "cold", cruddur, cold=True)
    Errand(server, "warm", cruddur).do()
    assert reset(server, "warm", cruddur).origin == "a spare copy"
    reset(server, "fresh", cruddur)

    cold, warm, fresh = (dump(cruddur.settings, server, name) for name in ("cold", "warm", "fresh"))
    assert "0012_add_notifications_seen_at_to_users" in cold
    assert "andrewbrown" in cold
    assert cold == warm == fresh
    with connect(server, dbname="cold") as one, connect(server, dbname="warm") as other:
        assert fetch_catalog(one).fingerprint == fetch_catalog(other).fingerprint


def test_nothing_is_pending_in_a_copy(cruddur, server):
    from pgproof.migrations import fetch_ledger, find_pending

    reset(server, "warm", cruddur)

    with connect(server, dbname="warm") as connection:
        assert find_pending(cruddur.folder, fetch_ledger(connection)) == ([], [])


# The one before


def test_a_reset_undoes_whatever_was_done(kitchen):
    assert not make(kitchen).replaced
    kitchen.execute("DELETE FROM users; CREATE TABLE scratch ()", dbname=NAME)

    assert make(kitchen).replaced

    assert handles(kitchen) == ["andrew", "bayko"]
    assert kitchen.execute("SELECT to_regclass('scratch')", dbname=NAME) == [(None,)]


def test_a_reset_that_fails_leaves_the_database_before_as_it_was(kitchen):
    make(kitchen)
    kitchen.execute("INSERT INTO users VALUES (3, 'mine')", dbname=NAME)
    kitchen.migration("0002_fails", "SELECT nonsense;\n")

    with pytest.raises(MigrationFailed, match="0002_fails"):
        make(kitchen)

    assert handles(kitchen) == ["andrew", "bayko", "mine"]


def test_who_is_connected_is_disconnected(kitchen):
    make(kitchen)
    with psycopg.connect(make_conninfo(kitchen.server, dbname=NAME)) as session:
        session.execute("SELECT 1")

        make(kitchen)

        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_the_database_before_is_renamed_and_can_be_dropped_later(kitchen):
    make(kitchen)
    errand(kitchen).do()
    (ahead,) = kitchen.databases("pgproof_spare_")
    with psycopg.connect(make_conninfo(kitchen.server, dbname=NAME)), connect(kitchen.server) as connection:
        old = spare.swap(connection, ahead, NAME)

    assert kitchen.databases(spare.OLD) == [old]
    errand(kitchen).tidy()


def test_a_session_that_cannot_be_ended_in_time_does_not_keep_the_old_database(kitchen, monkeypatch):
    make(kitchen)
    monkeypatch.setattr(spare, "END_SESSIONS", "SELECT %s")  # as if it came back at once
    monkeypatch.setattr(spare, "await_quiet", lambda *_: None)
    with psycopg.connect(make_conninfo(kitchen.server, dbname=NAME)) as session:
        session.execute("DELETE FROM users")
        session.commit()

        assert make(kitchen).replaced

    assert handles(kitchen) == ["andrew", "bayko"]


def test_the_database_before_is_dropped_in_ci(kitchen):
    make(kitchen)
    make(kitchen)

    assert kitchen.databases(spare.OLD) == []
    assert kitchen.databases("pgproof_spare_") == []


def test_resets_at_the_same_time_all_succeed(kitchen):
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda _: make(kitchen), range(8)))) == 8

    assert handles(kitchen) == ["andrew", "bayko"]


# Templates, and what is built while somebody waits


def test_a_finished_template_is_copied(kitchen):
    kitchen.migration("0002_add_bio", f"ALTER TABLE users ADD b{uuid4().hex} text;\n")
    kitchen.cook()
    kitchen.told.clear()

    assert make(kitchen).origin == "a copy of a template"

    assert kitchen.told == []
    found = kitchen.find()
    assert found is not None
    assert found.samples != {}  # what the copy took is known to the next one


def test_who_waits_does_not_wait_for_a_copy_of_what_was_quickly_built(kitchen, monkeypatch):
    monkeypatch.setattr(layers, "pays", lambda *_, **__: False)
    kitchen.migration("0002_add_bio", f"ALTER TABLE users ADD b{uuid4().hex} text;\n")

    assert make(kitchen).origin == "built"
    assert kitchen.find() is None

    errand(kitchen).do()
    assert kitchen.find() is not None


def test_nobody_can_change_what_was_built_before_it_has_its_name(kitchen, monkeypatch):
    monkeypatch.setattr(layers, "pays", lambda *_, **__: False)
    kitchen.migration("0002_add_bio", f"ALTER TABLE users ADD b{uuid4().hex} text;\n")

    assert layers.build(kitchen.server, kitchen.recipe(), wait=30, give_as="pgproof_spare_x") is None

    with pytest.raises(ServerUnavailable, match="not currently accepting connections"):
        connect(kitchen.server, dbname="pgproof_spare_x")


def test_what_took_its_time_becomes_a_template_at_once(kitchen, monkeypatch):
    monkeypatch.setattr(layers, "pays", lambda *_, **__: True)
    kitchen.migration("0002_add_bio", f"ALTER TABLE users ADD b{uuid4().hex} text;\n")

    assert make(kitchen).origin == "built"
    assert kitchen.find() is not None


# Spares


def test_a_spare_is_used_and_is_gone_then(kitchen):
    errand(kitchen).do()

    assert make(kitchen).origin == "a spare copy"

    assert handles(kitchen) == ["andrew", "bayko"]
    assert kitchen.databases("pgproof_spare_") == []


def test_a_spare_of_other_files_is_not_used_and_makes_room(kitchen):
    errand(kitchen).do()
    (before,) = kitchen.databases("pgproof_spare_")

    kitchen.write("seeds/010_users.csv", "id,handle\n1,andrew\n")
    assert make(kitchen).origin == "built"
    assert handles(kitchen) == ["andrew"]

    errand(kitchen).do()
    (after,) = kitchen.databases("pgproof_spare_")
    assert after != before


def test_nobody_can_change_a_spare(kitchen):
    errand(kitchen).do()

    with pytest.raises(Exception, match="not currently accepting connections"):
        connect(kitchen.server, dbname=kitchen.databases("pgproof_spare_")[0])


def test_the_errand_drops_what_the_reset_replaced(kitchen):
    kitchen.execute(f"CREATE DATABASE {spare.OLD}1")

    errand(kitchen).do()

    assert kitchen.databases(spare.OLD) == []


def test_after_a_reset_a_process_of_its_own_makes_the_spare_and_ends(kitchen):
    kitchen.settings = replace(kitchen.settings, ci=False)

    make(kitchen)

    until = time.monotonic() + 30
    while not kitchen.databases("pgproof_spare_") or kitchen.databases(spare.OLD):
        assert time.monotonic() < until
    kitchen.settings = replace(kitchen.settings, ci=True)
    assert make(kitchen).origin == "a spare copy"


def test_the_process_shows_no_password(settings, monkeypatch):
    started: list[Any] = []

    class Process:
        def __init__(self, command: list[str], **options: Any) -> None:
            started.extend([command, options.get("env")])
            raise InterruptedError

    monkeypatch.setattr(subprocess, "Popen", Process)
    secret = Errand("host=here password=s3cret", NAME, Recipe(settings, None))
    with pytest.raises(InterruptedError):
        secret.start()

    assert "s3cret" not in repr([*started, secret])


# Where no template may be kept


@pytest.mark.parametrize(
    "chosen", [{"server": "url"}, {"templates": "never"}, {"target": "prod", "templates": "always"}]
)
def test_a_server_that_is_not_ours_gets_no_template_unless_asked(kitchen, chosen):
    kitchen.settings = replace(kitchen.settings, **chosen)
    with connect(kitchen.server) as connection:
        before = fetch_kept(connection)

        assert make(kitchen).origin == "built"

        assert fetch_kept(connection) == before
    assert handles(kitchen) == ["andrew", "bayko"]


def test_a_server_that_is_not_ours_gets_templates_when_asked(kitchen):
    kitchen.settings = replace(kitchen.settings, server="url", templates="always")
    kitchen.cook()

    assert make(kitchen).origin == "a copy of a template"


def test_cold_builds_from_nothing_where_a_template_is(kitchen):
    kitchen.cook()
    kitchen.told.clear()

    assert make(kitchen, cold=True).origin == "built"

    assert kitchen.told == ["applied 0001_create_users", "seeded 010_users.csv"]


def test_a_step_that_names_its_database_sees_the_right_name(kitchen):
    kitchen.migration(
        "0002_names_it",
        "CREATE TABLE named (name text PRIMARY KEY DEFAULT current_database());\nINSERT INTO named DEFAULT VALUES;\n",
    )

    make(kitchen)

    assert kitchen.execute("SELECT name FROM named", dbname=NAME) == [(NAME,)]
