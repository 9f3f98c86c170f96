"""What a change of production has to pass: the tasks themselves, against a database that is called production."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pgproof import migrations
from pgproof.migrations import marks
from pgproof.pg.conninfo import read_conninfo
from pgproof.pg.database import connect
from pgproof.rds import snapshot
from pgproof.rds.server import RdsServer
from pgproof.tasks import production
from pgproof.tasks import task as task_module
from tests.production import FILES, KEY, Shop
from tests.rds import Stubs, make_plan, make_stubs

if TYPE_CHECKING:
    from collections.abc import Iterator


# The proof


def test_what_was_proved_runs_shows_its_plan_first_and_leaves_a_row(shop: Shop):
    shop.prove()
    lines = shop.inv("migrate").splitlines()
    (row,) = shop.audit

    assert lines[:4] == [
        "to run on production  phase       statements",
        "0001_users            pre         1",
        "0002_posts            post        2",
        "ids                   repeatable  1",
    ]
    assert lines[4].startswith("proved 20")
    assert lines[4].endswith(
        " on PostgreSQL 18.6, from main (1a2b3c4), its signature not looked at: no PGPROOF_PROOF_KEY"
    )
    assert lines[-1] == "applied 3"
    assert (row.outcome, row.what, list(row.files)) == ("applied", "db.migrate", ["0001_users", "0002_posts", "ids"])
    assert row.files["0001_users"] == shop.folder.migrations[0].sha256
    assert row.proof == json.loads((shop.root / "migrations/PROOF").read_text(encoding="utf-8"))["fingerprint"]
    assert (row.reason, row.snapshot) == (None, None)


def test_without_a_record_nothing_runs(shop: Shop):
    error = shop.refuse("migrate")

    assert error.startswith("error: there is no proof of these files: no ")
    assert error.endswith(
        "\n  hint: `inv gate --sign` proves it; --without-proof=REASON goes on without, and is kept in the audit"
    )
    assert (shop.applied, shop.audit) == ([], [])


@pytest.mark.parametrize("name", ["migrations/0001_users.rollback.sql", "queries/users.sql"])
def test_a_file_that_has_changed_since_is_named_and_nothing_runs(shop: Shop, name: str):
    shop.prove()
    shop.put(name, "SELECT 7;\n")

    assert f"it is about other files: {name} has changed" in shop.refuse("migrate")
    assert (shop.applied, shop.audit) == ([], [])


def test_a_record_by_another_key_lets_nothing_run(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.prove()
    monkeypatch.setenv("PGPROOF_PROOF_KEY", KEY)

    assert "PROOF: it is not signed" in shop.refuse("migrate")
    assert shop.applied == []

    shop.prove()
    assert "its signature" not in shop.inv("migrate")
    assert shop.applied == ["0001_users", "0002_posts"]


def test_a_production_that_is_behind_the_base_is_told_what_nobody_has_proved_there(shop: Shop):
    shop.prove(base=1)
    first = shop.refuse("migrate")
    shop.migrate(to="0001")
    shop.prove(base=2)
    second = shop.refuse("migrate")

    assert "not judged as new: 0001_users; its base, main (1a2b3c4), had 0001_users" in first
    assert "hint: `inv gate --sign --base=nothing`, for production has nothing yet; or" in first
    assert "hint: `inv gate --sign --base=REF`, of what production has now; or" in second
    assert (shop.applied, shop.audit) == (["0001_users"], [])


def test_a_run_that_ended_early_lets_no_repeatable_through_that_nobody_has_proved(shop: Shop):
    """The base has another view than production: it was never judged on what is there."""
    run_early(shop, "CREATE OR REPLACE VIEW ids AS SELECT id FROM users WHERE id > 0;\n")

    assert "not judged as new: ids;" in shop.refuse("migrate")
    assert shop.applied == ["0001_users", "0002_posts"]


def test_a_run_that_ended_early_is_gone_on_with(shop: Shop):
    run_early(shop, FILES["migrations/repeatable/ids.sql"])

    assert shop.inv("migrate").endswith("applied 2\n")


def run_early(shop: Shop, view: str) -> None:
    """Let production have one migration and its view; of two more, proved beside this view, the first runs."""
    with connect(shop.database) as connection:
        migrations.migrate(connection, replace(shop.folder, migrations=shop.folder.migrations[:1]), shop.settings)
    for name in ("migrations/repeatable/ids.sql", "base/migrations/repeatable/ids.sql"):
        shop.put(name, view)
    for name in ("migrations/0003_x.sql", "migrations/0003_x.rollback.sql"):
        shop.put(name, "SELECT 1;\n")
    shop.prove(base=1)
    shop.inv("migrate", to="0002")


def test_in_phases_the_same_record_lets_each_run(shop: Shop):
    shop.prove()
    shop.inv("migrate", phase="pre")
    assert shop.applied == ["0001_users"]

    shop.inv("migrate", phase="post")
    assert [(row.outcome, list(row.files)) for row in shop.audit] == [
        ("applied", ["0001_users", "ids"]),
        ("applied", ["0002_posts", "ids"]),
    ]


def test_a_way_back_and_forth_is_let_by_the_same_record(shop: Shop):
    shop.prove()
    shop.inv("migrate")
    shop.inv("rollback", yes_destroy=shop.name_in_full)

    assert shop.inv("migrate").splitlines()[-1] == "applied 2"


def test_nothing_pending_needs_no_proof_and_leaves_no_row(shop: Shop):
    shop.migrate()

    assert shop.inv("migrate") == "nothing to do\n"
    assert shop.audit == []


def test_to_look_needs_no_proof_and_leaves_no_row(shop: Shop):
    assert shop.inv("migrate", dry_run=True).endswith("-- 3 to apply; nothing was changed\n")
    assert (shop.applied, shop.audit) == ([], [])


def test_what_was_checked_is_what_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """Somebody saves a file when the proof is checked and the run not yet begun."""
    shop.prove()
    real = migrations.migrate

    def save_first(*arguments: Any, **options: Any) -> migrations.Outcome:
        shop.put("migrations/0001_users.sql", "CREATE TABLE another ();\n")
        return real(*arguments, **options)

    monkeypatch.setattr(production.migrations, "migrate", save_first)
    shop.inv("migrate")

    with connect(shop.database) as connection:
        assert connection.execute("SELECT to_regclass('users'), to_regclass('another')").fetchone() == ("users", None)


def test_what_was_read_of_a_python_migration_runs_or_nothing_does(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.put("migrations/0003_x.py", "from yoyo import step\nstep('SELECT 1', 'SELECT 1')\n")
    shop.prove()
    real = migrations.migrate

    def save_first(*arguments: Any, **options: Any) -> migrations.Outcome:
        shop.put("migrations/0003_x.py", "from yoyo import step\nstep('CREATE TABLE another ()', 'SELECT 1')\n")
        return real(*arguments, **options)

    monkeypatch.setattr(production.migrations, "migrate", save_first)

    assert "0003_x.py: it was changed after it was read" in shop.refuse("migrate")
    assert shop.applied == []


def test_what_was_read_is_checked_though_the_file_is_as_it_was_proved_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    shop.prove()
    shop.put("migrations/0001_users.sql", "CREATE TABLE another ();\n")
    real = production._show_plan  # noqa: SLF001 - what is done between reading and checking

    def restore_then(*arguments: Any) -> None:
        real(*arguments)
        shop.put("migrations/0001_users.sql", FILES["migrations/0001_users.sql"])

    monkeypatch.setattr(production, "_show_plan", restore_then)

    assert "0001_users.sql has changed" in shop.refuse("migrate")


def test_what_became_pending_after_the_plan_was_shown_does_not_run(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.migrate(to="0001")
    shop.prove(base=1)
    real = migrations.migrate

    def unmark_first(connection: Any, *arguments: Any, **options: Any) -> migrations.Outcome:
        marks.unmark(connection, ["0001_users"], shop.settings)
        return real(connection, *arguments, **options)

    monkeypatch.setattr(production.migrations, "migrate", unmark_first)

    assert "0001_users was not in the plan that was shown" in shop.refuse("migrate")
    assert shop.applied == []
    assert [row.outcome for row in shop.audit] == ["failed"]


# Without it


def test_a_reason_goes_on_without_proof_and_is_kept(shop: Shop):
    said = shop.inv("migrate", without_proof="the gate's server\nis  down")
    (row,) = shop.audit

    assert "WITHOUT PROOF: the gate's server is down\n" in said
    assert (row.outcome, row.proof, row.reason) == ("applied", None, "the gate's server is down")


def test_a_reason_of_any_bytes_is_kept(shop: Shop):
    shop.inv("migrate", without_proof="caf\udce9 '\x1b[31m; DROP TABLE users; --")

    assert [row.reason for row in shop.audit] == ["caf? '\x1b[31m; DROP TABLE users; --"]


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
def test_no_reason_is_none(shop: Shop, reason: str):
    shop.prove()

    assert "--without-proof has no reason" in shop.refuse("migrate", without_proof=reason)
    assert (shop.applied, shop.audit) == ([], [])


@pytest.mark.parametrize(
    ("option", "said"),
    [({"without_proof": "why not"}, "--without-proof is for"), ({"snapshot": True}, "--snapshot is for")],
)
def test_what_only_production_has_is_refused_at_home(shop: Shop, option: dict[str, Any], said: str):
    assert said in shop.refuse("migrate", target="local", **option)


# Failures


def test_a_failure_is_kept_with_its_place(shop: Shop):
    shop.put("migrations/0003_fails.sql", "SELECT 1;\nSELECT nonsense;\n")
    shop.put("migrations/0003_fails.rollback.sql", "SELECT 1;\n")
    shop.prove()
    error = shop.refuse("migrate")
    (row,) = shop.audit

    assert row.outcome == "failed"
    assert row.error
    assert f"error: {row.error}\n" in error
    assert row.error.endswith('0003_fails.sql:2: column "nonsense" does not exist (42703)')
    assert shop.applied == ["0001_users", "0002_posts"]


def test_a_run_whose_connection_was_lost_ends_its_row_by_another(shop: Shop):
    shop.put("migrations/0003_fails.sql", "SELECT pg_terminate_backend(pg_backend_pid());\n")
    shop.put("migrations/0003_fails.rollback.sql", "SELECT 1;\n")
    shop.prove()

    assert "the connection was lost during 0003_fails.sql" in shop.refuse("migrate")
    assert [row.outcome for row in shop.audit] == ["failed"]


# A snapshot first


@pytest.fixture
def stubs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubs]:
    """The planned instance is the database; RDS is what the stubs say."""
    stubs, plan = make_stubs(), make_plan(shop.root)

    class Planned(RdsServer):
        access = cast("Any", type("Access", (), {"cloud": stubs.cloud, "conninfo": lambda _: shop.database})())
        database = read_conninfo(shop.database)["dbname"]

    monkeypatch.delenv("PROD_CONNECTION_URL")
    monkeypatch.setattr(task_module, "_choose_server", Planned)
    assert plan.identifier == "cruddur-db-instance"
    yield stubs
    stubs.rds.assert_no_pending_responses()


def note_snapshots(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of each snapshot, which is to be taken before anything has changed."""
    names: list[str] = []
    real = snapshot.take_snapshot

    def take(cloud: Any, identifier: str, name: str, **options: Any) -> str:
        assert (shop.applied, shop.audit) == ([], [])
        names.append(name)
        return real(cloud, identifier, name, **options)

    monkeypatch.setattr(snapshot, "take_snapshot", take)
    return names


def test_a_snapshot_is_there_before_anything_is_changed_and_in_the_row(
    shop: Shop, stubs: Stubs, monkeypatch: pytest.MonkeyPatch
):
    stubs.rds.add_response("create_db_snapshot", {})
    stubs.rds.add_response("describe_db_snapshots", {"DBSnapshots": [{"Status": "available"}]})
    names = note_snapshots(shop, monkeypatch)
    said = shop.inv("migrate", to="0001", without_proof="a first time", snapshot=True)
    (row,) = shop.audit

    assert names == [row.snapshot]
    assert str(row.snapshot).startswith("cruddur-db-instance-before-0001-users-20")
    assert f"snapshot {row.snapshot} is available\n" in said


def test_where_no_snapshot_can_be_taken_nothing_is_changed(shop: Shop, stubs: Stubs):
    stubs.rds.add_client_error("create_db_snapshot", "SnapshotQuotaExceeded", "no more of them")

    assert "SnapshotQuotaExceeded" in shop.refuse("migrate", without_proof="a first time", snapshot=True)
    assert (shop.applied, shop.audit) == ([], [])


@pytest.mark.usefixtures("stubs")
def test_nothing_pending_takes_no_snapshot(shop: Shop):
    shop.migrate()

    assert shop.inv("migrate", snapshot=True) == "nothing to do\n"


def test_a_server_that_a_url_names_has_no_snapshot(shop: Shop):
    shop.prove()

    assert "PROD_CONNECTION_URL may name another server" in shop.refuse("migrate", snapshot=True)
    assert (shop.applied, shop.audit) == ([], [])
