"""From a change to production, as a team types it: prove, sign, migrate, look who did what; and what is refused."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time

import pytest

from tests.e2e.conftest import BIN, PATIENCE, Project
from tests.gates import GIT

_KEY = "the-key-of-the-gate"
_CHANGE = "ALTER TABLE users ADD COLUMN website text;\n"


def git(project: Project, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=project.root, check=True, capture_output=True)


@pytest.fixture
def production(full_shop: Project) -> dict[str, str]:
    """The environment in which the shop's database is production."""
    return {"PROD_CONNECTION_URL": full_shop.inv("db.url").strip()}


def test_what_the_gate_has_signed_runs_on_production_and_what_it_has_not_does_not(
    full_shop: Project, production: dict[str, str]
):
    environ = {**production, "PGPROOF_PROOF_KEY": _KEY}
    full_shop.write("migrations/HEAD", "0003_add_bio_to_users\n")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "the shop"]):
        git(full_shop, *words)
    file = full_shop.write("migrations/0004_change.sql", _CHANGE)
    full_shop.write("migrations/0004_change.rollback.sql", "ALTER TABLE users DROP COLUMN website;\n")
    full_shop.write("migrations/HEAD", "0004_change\n")

    signed = full_shop.inv("gate", "--base=main", "--rows=300", "--sign", **environ).splitlines()
    file.write_text(_CHANGE.replace("text", "varchar(80)"), encoding="utf-8")
    error = full_shop.refuse("db.migrate", "--target=prod", **environ)
    file.write_text(_CHANGE, encoding="utf-8")
    lines = full_shop.inv("db.migrate", "--target=prod", **environ).splitlines()
    (row,) = json.loads(full_shop.inv("db.audit", "--target=prod", "--json", **environ))

    assert f"signed: {full_shop.root}/migrations/PROOF" in signed
    assert "PROOF: it is about other files: migrations/0004_change.sql has changed\n" in error
    assert re.match(r"proved 20.* by \S+ on PostgreSQL \S+, .*, from main \(", lines[3])
    assert lines[-1] == "applied 2"
    assert (row["what"], row["outcome"], list(row["files"])) == ("db.migrate", "applied", ["0004_change", "handles"])
    assert not [text for text in (*signed, error, *lines, json.dumps(row)) if _KEY in text]


def test_a_run_that_is_killed_leaves_a_row_that_has_begun_and_the_next_one_ends_its_own(
    full_shop: Project, production: dict[str, str]
):
    full_shop.write("migrations/0004_waits.sql", "-- lock_timeout: 60s\nALTER TABLE users ADD born date;\n")
    full_shop.write("migrations/0004_waits.rollback.sql", "ALTER TABLE users DROP born;\n")
    words = ["db.migrate", "--target=prod", "--without-proof=tried out"]
    blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '0004_waits'"

    with full_shop.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE users IN SHARE MODE")
        with subprocess.Popen(
            [BIN / "inv", *words], cwd=full_shop.root, env=full_shop.environ | production, stdout=subprocess.DEVNULL
        ) as running:
            _wait_for(full_shop, blocked)
            running.send_signal(signal.SIGKILL)
            running.wait(PATIENCE)
    full_shop.inv(*words, **production)

    assert full_shop.rows("SELECT outcome, reason, ended_at IS NULL FROM _pgproof_audit ORDER BY id") == [
        ("begun", "tried out", True),
        ("applied", "tried out", False),
    ]


def _wait_for(project: Project, fact: str) -> None:
    until = time.monotonic() + PATIENCE
    with project.connect() as connection:
        while not connection.execute(fact.encode()).fetchone():
            assert time.monotonic() < until, fact
