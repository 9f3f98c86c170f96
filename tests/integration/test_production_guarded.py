"""What each task may do to production: it leaves a row, or wants the name in full, or only looks."""

from __future__ import annotations

import inspect
import json

import pytest

from pgproof.pg.conninfo import read_conninfo, url
from pgproof.tasks import ns
from tests.production import FILES, KEY, PASSWORD, Shop

# The other tasks


@pytest.mark.parametrize(
    ("name", "words", "files"),
    [
        ("rollback", [], ["0002_posts"]),
        ("redo", [], ["0002_posts"]),
        ("seed", [], ["010_users.csv"]),
        ("unmark", ["0002"], ["0002_posts"]),
    ],
)
def test_each_task_that_changes_production_leaves_a_row(shop: Shop, name: str, words: list[str], files: list[str]):
    shop.migrate()
    named = {} if name == "unmark" else {"yes_destroy": shop.name_in_full}
    shop.inv(name, *words, **named)

    assert [(row.what, row.outcome, list(row.files)) for row in shop.audit] == [(f"db.{name}", "applied", files)]


@pytest.mark.parametrize(
    ("name", "words", "files"),
    [("mark", ["0001"], ["0001_users"]), ("baseline", ["0002"], ["0001_users", "0002_posts"])],
)
def test_to_adopt_production_leaves_a_row(shop: Shop, name: str, words: list[str], files: list[str]):
    shop.inv(name, *words)

    assert [(row.what, row.outcome, list(row.files)) for row in shop.audit] == [(f"db.{name}", "applied", files)]


def test_to_repair_its_ledger_leaves_a_row_where_there_was_something(shop: Shop):
    shop.migrate()
    assert shop.inv("repair") == "nothing to repair\n"
    shop.put("migrations/0001_users.sql", f"-- why\n{FILES['migrations/0001_users.sql']}")
    shop.inv("repair")

    assert [(row.what, list(row.files)) for row in shop.audit] == [("db.repair", ["0001_users"])]


def test_at_home_there_is_no_audit(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CONNECTION_URL", url(shop.database, show_password=True))
    monkeypatch.setenv("PGPROOF_SERVER", "url")
    for name in ("migrate", "repair", "seed", "rollback"):
        shop.inv(name, target="local")

    assert "nothing is recorded" in shop.inv("audit", target="local")


# What hurts

_READS = {"audit", "parity", "psql", "status", "up", "url", "verify"}
_NAMED = {"drop", "redo", "reset", "rollback", "seed", "sessions"}
_RECORDED = {"baseline", "mark", "migrate", "repair", "roles", "unmark"}
_HARMLESS = {
    "create": "an empty database, where there is none",
    "down": "refused: not ours to stop",
    "dump": "writes a file here, of a database made here",
    "logs": "refused: it is elsewhere",
    "new": "writes files here",
    "templates": "drops what pgproof keeps, and on production it keeps nothing",
}


def test_it_is_known_of_each_task_what_it_may_do_to_production():
    known = [*_READS, *_NAMED, *_RECORDED, *_HARMLESS]

    assert sorted(known) == sorted(ns.collections["db"].tasks)


@pytest.mark.parametrize("name", sorted(_NAMED))
def test_what_destroys_wants_production_named_in_full(shop: Shop, name: str):
    shop.migrate()
    habit = shop.name_in_full.partition("@")[0]
    more = {"kill": True} if name == "sessions" else {}
    for word in (None, habit, f"{habit}@elsewhere"):
        error = shop.refuse(name, yes_destroy=word, **more)

        assert error.startswith(f"error: db.{name}")
        assert error.endswith(f": --yes-destroy={shop.name_in_full}")
        assert PASSWORD not in error
    assert (shop.applied, shop.audit) == (["0001_users", "0002_posts"], [])


@pytest.mark.parametrize("name", sorted(_READS - {"psql", "parity", "verify"}))
def test_what_only_looks_needs_no_right_to_write(shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str):
    shop.migrate()
    parts = read_conninfo(shop.database) | {"options": "-c default_transaction_read_only=on"}
    address = " ".join(f"{name}='{value}'" for name, value in parts.items())
    monkeypatch.setenv("PROD_CONNECTION_URL", url(address, show_password=True))

    assert shop.inv(name)


def test_each_task_that_destroys_has_the_word_for_it():
    tasks = ns.collections["db"].tasks

    assert {name for name in tasks if "yes_destroy" in inspect.signature(tasks[name].body).parameters} == _NAMED


# The audit, to read


def test_the_audit_is_shown_the_last_first_and_for_a_script(shop: Shop):
    shop.inv("migrate", without_proof="a first time")
    shop.inv("unmark", "0002")
    head, *lines = shop.inv("audit").splitlines()
    told = json.loads(shop.inv("audit", json=True, last="1"))

    assert head.split() == ["begun", "took", "outcome", "what", "who", "from", "files", "note"]
    assert [line.split("  ")[2:4] for line in lines] == [["applied", "db.unmark"], ["applied", "db.migrate"]]
    assert lines[1].endswith("0001_users, 0002_posts, ids  WITHOUT PROOF: a first time")
    assert [(each["what"], each["outcome"], each["files"].keys()) for each in told] == [
        ("db.unmark", "applied", {"0002_posts": ""}.keys())
    ]


def test_no_password_and_no_key_is_in_anything_that_is_written(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGPROOF_PROOF_KEY", KEY)
    said = [shop.refuse("migrate")]
    shop.prove()
    said += [shop.inv("migrate"), shop.refuse("rollback"), shop.inv("audit"), shop.inv("audit", json=True)]
    said += [(shop.root / "migrations/PROOF").read_text(encoding="utf-8"), *map(str, shop.audit)]

    assert not [text for text in said if PASSWORD in text or KEY in text]
