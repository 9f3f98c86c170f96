"""What a change of production has to pass: the tasks themselves, against a database that is called production."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from invoke import Context, Exit

from pgproof import migrations
from pgproof.gate.change import Change, Side
from pgproof.gate.proof import Report
from pgproof.gate.record import hash_files, write_record
from pgproof.migrations import fetch_ledger, marks, read_folder
from pgproof.migrations.audit import Row, fetch_last
from pgproof.pg.conninfo import read_conninfo, url
from pgproof.pg.database import connect
from pgproof.rds import snapshot
from pgproof.rds.server import RdsServer
from pgproof.settings import Settings, read_settings
from pgproof.tasks import ns, production
from pgproof.tasks import task as task_module
from tests.rds import Stubs, make_plan, make_stubs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHOP = {
    "pyproject.toml": "[tool.pgproof]\n",
    "migrations/0001_users.sql": "CREATE TABLE users (id int PRIMARY KEY);\n",
    "migrations/0001_users.rollback.sql": "DROP TABLE users;\n",
    "migrations/0002_posts.sql": "-- phase: post\nCREATE TABLE posts (id int PRIMARY KEY);\nSELECT 1;\n",
    "migrations/0002_posts.rollback.sql": "DROP TABLE posts;\n",
    "migrations/repeatable/ids.sql": "CREATE OR REPLACE VIEW ids AS SELECT id FROM users;\n",
    "migrations/repeatable/ids.rollback.sql": "DROP VIEW ids;\n",
    "queries/users.sql": "SELECT id FROM users;\n",
    "seeds/010_users.csv": "id\n1\n",
}
_KEY = "the-key-of-the-gate"
_PASSWORD = "s3cret-word"  # noqa: S105 - looked for in what is written


@dataclass
class Shop:
    """A project, and its database as production."""

    root: Path
    database: str
    capture: pytest.CaptureFixture[str]

    @property
    def settings(self) -> Settings:
        return read_settings(self.root, target="prod")

    @property
    def name_in_full(self) -> str:
        parts = read_conninfo(self.database)
        return f"{parts['dbname']}@{parts['host']}"

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def inv(self, name: str, *words: str, target: str = "prod", **options: Any) -> str:
        """Run a task; return what it wrote."""
        body = ns.collections["db"].tasks[name].body
        self.capture.readouterr()
        body(Context(), *words, target=target, server=None, **options)
        return self.capture.readouterr().out

    def refuse(self, name: str, *words: str, **options: Any) -> str:
        """Run a task that refuses; return the error."""
        with pytest.raises(Exit) as caught:
            self.inv(name, *words, **options)
        assert caught.value.code == 1
        return str(caught.value.message)

    def prove(self, *, base: int = 0) -> None:
        """Write the gate's record, as after `inv gate --sign`, with so many migrations in base."""
        before = self.root / "base"
        for name in [f"{each.id}.sql" for each in self.folder.migrations[:base]]:
            self.put(f"base/migrations/{name}", (self.settings.migrations / name).read_text(encoding="utf-8"))
        change = Change(
            Side("main (1a2b3c4)", replace(self.settings, root=before), "1a2b3c4"),
            Side("the working tree", self.settings),
        )
        write_record(self.settings, change, Report("", "", (), (), "PostgreSQL 18.6"), hash_files(self.settings))

    @property
    def folder(self) -> migrations.Folder:
        return read_folder(self.root / "migrations")

    def migrate(self, to: str | None = None) -> None:
        """Migrate at home: no proof, no row."""
        with connect(self.database) as connection:
            migrations.migrate(connection, self.folder, self.settings, to=to)

    @property
    def applied(self) -> list[str]:
        with connect(self.database) as connection:
            return sorted(fetch_ledger(connection).applied)

    @property
    def audit(self) -> list[Row]:
        """Its rows, the first first."""
        with connect(self.database) as connection:
            return fetch_last(connection, 99)[::-1]


@pytest.fixture
def shop(
    tmp_path: Path, cache: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shop:
    """Nothing is applied in it, and nothing proved; its URL has a password that nobody asks for."""
    shop = Shop(tmp_path / "shop", database, capsys)
    for name, text in _SHOP.items():
        shop.put(name, text)
    parts = {"password": _PASSWORD} | read_conninfo(database)
    address = " ".join(f"{name}='{value}'" for name, value in parts.items())
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("PROD_CONNECTION_URL", url(address, show_password=True))
    monkeypatch.setenv("PGPROOF_CACHE", str(cache))
    monkeypatch.setenv("CI", "")
    return shop


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
    monkeypatch.setenv("PGPROOF_PROOF_KEY", _KEY)

    assert "PROOF: it is not signed" in shop.refuse("migrate")
    assert shop.applied == []

    shop.prove()
    assert "its signature" not in shop.inv("migrate")
    assert shop.applied == ["0001_users", "0002_posts"]


def test_a_production_that_is_behind_the_base_is_told_what_nobody_has_proved_there(shop: Shop):
    shop.prove(base=1)

    assert "not judged as new: 0001_users; its base, main (1a2b3c4), had 0001_users" in shop.refuse("migrate")
    assert (shop.applied, shop.audit) == ([], [])


def test_a_run_that_ended_early_lets_no_repeatable_through_that_nobody_has_proved(shop: Shop):
    """The base has another view than production: it was never judged on what is there."""
    run_early(shop, "CREATE OR REPLACE VIEW ids AS SELECT id FROM users WHERE id > 0;\n")

    assert "not judged as new: ids;" in shop.refuse("migrate")
    assert shop.applied == ["0001_users", "0002_posts"]


def test_a_run_that_ended_early_is_gone_on_with(shop: Shop):
    run_early(shop, _SHOP["migrations/repeatable/ids.sql"])

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
        shop.put("migrations/0001_users.sql", _SHOP["migrations/0001_users.sql"])

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
    shop.put("migrations/0001_users.sql", f"-- why\n{_SHOP['migrations/0001_users.sql']}")
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
        assert _PASSWORD not in error
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
    monkeypatch.setenv("PGPROOF_PROOF_KEY", _KEY)
    said = [shop.refuse("migrate")]
    shop.prove()
    said += [shop.inv("migrate"), shop.refuse("rollback"), shop.inv("audit"), shop.inv("audit", json=True)]
    said += [(shop.root / "migrations/PROOF").read_text(encoding="utf-8"), *map(str, shop.audit)]

    assert not [text for text in said if _PASSWORD in text or _KEY in text]


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
