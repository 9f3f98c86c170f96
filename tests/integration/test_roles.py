"""The roles of a database, made by a master user who is no superuser: of what is there, and for what will be."""

from dataclasses import replace
from pathlib import Path

import pytest
from invoke import Context
from psycopg import sql

from pgproof import migrations
from pgproof.errors import LockTimeout, SettingsError
from pgproof.rds.server import RdsServer
from pgproof.roles import Wish, ensure_roles, find_missing
from pgproof.settings import Settings
from pgproof.tasks.roles import roles
from tests.roles import DENIED, PASSWORD, THINGS, Town, outcome
from tests.thirty import THIRTY, write_steps

OWNED = """
SELECT count(*) FROM pg_shdepend AS d JOIN pg_database AS b ON b.oid = d.dbid
WHERE b.datname = current_database() AND d.refobjid = %s::regrole AND d.deptype = 'o'
"""


# What is there already


def test_what_is_there_changes_hands_from_a_master_who_is_no_superuser(town: Town):
    with town.connect(town.master) as connection:
        connection.execute(THINGS.encode())
        before = connection.execute(OWNED, [town.master]).fetchone()

        town.keep()

        assert before
        assert before[0] > 20
        assert connection.execute(OWNED, [town.master]).fetchall() == [(0,)]
        assert connection.execute("SELECT * FROM part").fetchall() == []  # the application may still be the master
    with town.connect(town.names.app) as app:
        assert outcome(app, b"""INSERT INTO "odd ""one"."T%s; --" (x) VALUES ('y')""") == "done"
        assert outcome(app, b"INSERT INTO part VALUES (1, '2026-01-01')") == "done"


def test_an_extensions_own_things_stay_its_own(town: Town):
    with town.connect(town.master) as connection:
        connection.execute("CREATE EXTENSION citext")
        owner = "SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE proname ~ '^citext'"
        before = connection.execute(owner.encode()).fetchall()

        kept = town.keep()

        assert connection.execute(owner.encode()).fetchall() == before
        assert [each for each in (*kept.statements, *kept.notes) if "citext" in each] == []


def test_what_is_not_the_masters_to_give_stays_and_is_named(town: Town):
    with town.connect("") as superuser:
        superuser.execute("CREATE TABLE theirs (id int)")
        who = superuser.info.user

    kept = town.keep()

    assert kept.notes == (f"table public.theirs belongs to {who}, and stays as it is",)
    assert [each for each in kept.statements if "theirs" in each] == []


def test_a_schema_of_another_that_lets_everybody_make_tables_is_named(town: Town):
    """As a database of 14 is, and after its upgrade."""
    with town.connect("") as superuser:
        superuser.execute("ALTER SCHEMA public OWNER TO CURRENT_USER; GRANT CREATE ON SCHEMA public TO PUBLIC")
        who = superuser.info.user

    stays = f"schema public belongs to {who}, and stays as it is"
    assert town.keep().notes == (f"{stays}; others may CREATE in it, which only its owner takes back",)
    with town.connect("") as superuser:
        superuser.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert town.keep().notes == (stays,)


@pytest.mark.parametrize(
    "trap",
    [
        "FUNCTION quote_ident(name) RETURNS text {body}",
        "FUNCTION unnest(text[]) RETURNS SETOF text {body}",
        "FUNCTION f(oid, int) RETURNS bool {body}; CREATE OPERATOR = (leftarg = oid, rightarg = int, function = f)",
    ],
    ids=lambda each: each.split("(")[0].split()[-1],
)
def test_no_function_that_somebody_left_there_runs_as_who_makes_the_roles(town: Town, trap: str):
    """A name of Postgres' own, for types that fit a query better than those of pg_catalog (CVE-2018-1058)."""
    body = "LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$trapped$$; END'"
    with town.connect(town.master) as connection:
        connection.execute(f"CREATE {trap.format(body=body)}".encode())

    assert town.keep().statements
    assert town.missing() == ()


def test_a_superuser_can_do_it_too(town: Town):
    with town.connect("") as superuser:
        superuser.execute(THINGS.encode())
        ensure_roles(superuser, town.wish(), wait=30)
        kept = ensure_roles(superuser, town.wish(), wait=30)

    assert (kept.statements, kept.notes) == ((), ())


def test_names_that_need_quotes_are_names(town: Town):
    odd = Wish(names=replace(town.names, app='an "odd" app', reader="it's; DROP"))
    with town.connect(town.master) as connection:
        migrations.ledger.ensure_tables(connection)
        with connection.transaction(force_rollback=True):
            connection.execute(THINGS.encode())
            ensure_roles(connection, odd, wait=30)

            assert find_missing(connection, odd).statements == ()


def test_a_session_that_uses_a_table_is_not_waited_for_and_nothing_is_changed(town: Town):
    with town.connect(town.master) as connection, town.connect("") as other:
        connection.execute("CREATE TABLE t (id int); SET lock_timeout = '10ms'")
        other.execute("BEGIN; SELECT * FROM t")

        with pytest.raises(
            LockTimeout, match=r"nothing was changed, .* due to lock timeout\n  hint: `inv db\.sessions`"
        ):
            ensure_roles(connection, town.wish(), wait=30)

        assert connection.execute("SELECT to_regrole(%s)", [town.names.owner]).fetchone() == (None,)


# What is made later


def test_what_a_later_migration_makes_is_of_use_at_once(town: Town, settings: Settings):
    settings.migrations.mkdir()
    (settings.migrations / "0001_a.sql").write_text(
        "CREATE TABLE a (id serial PRIMARY KEY);\nCREATE TABLE b (id int GENERATED ALWAYS AS IDENTITY, x int);\n"
        "CREATE VIEW v AS SELECT * FROM a;\nCREATE SCHEMA s;\nCREATE TABLE s.c (id int);\n"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE TYPE color AS ENUM ('red');\n"
    )
    (settings.migrations / "0001_a.rollback.sql").write_text("SELECT 1;\n")
    town.keep()
    with town.connect(town.names.migrator) as connection:
        migrations.migrate(connection, migrations.read_folder(settings.migrations), settings)

    with town.connect(town.names.app) as app, town.connect(town.names.reader) as reader:
        for each in (b"INSERT INTO a DEFAULT VALUES", b"INSERT INTO b (x) VALUES (1)", b"SELECT f(), 'red'::color"):
            assert outcome(app, each) == "done"
        for each in (b"SELECT * FROM v", b"SELECT * FROM s.c"):
            assert [outcome(app, each), outcome(reader, each)] == ["done", "done"]
        # A schema that is new can be read; it is written to when somebody has said so.
        assert outcome(app, b"INSERT INTO s.c VALUES (1)") == DENIED
        town.keep()
        assert outcome(app, b"INSERT INTO s.c VALUES (1)") == "done"


def test_a_migrator_goes_every_way_forth_and_back(town: Town, settings: Settings):
    """Thirty migrations: in a transaction, without one, in Python, and a repeatable."""
    write_steps(settings.root, THIRTY)
    folder = migrations.read_folder(settings.migrations)
    town.keep()
    with town.connect(town.names.migrator) as connection:
        migrations.migrate(connection, folder, settings)
        owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(owners.encode()).fetchall() == [(town.names.owner,)]

        undone = migrations.roll_back(connection, folder, settings, steps=30)

    assert len(undone.changed) >= len(THIRTY)
    assert town.missing() == ()


def test_a_migration_that_takes_another_role_leaves_the_next_one_the_owners(town: Town, settings: Settings):
    settings.migrations.mkdir()
    for number, text in enumerate(["SET ROLE NONE;\nSELECT 1;\n", "CREATE TABLE t (id int PRIMARY KEY);\n"], 1):
        (settings.migrations / f"000{number}_x.sql").write_text(text)
        (settings.migrations / f"000{number}_x.rollback.sql").write_text("SELECT 1;\n")
    town.keep()
    with town.connect(town.names.migrator) as connection:
        migrations.migrate(connection, migrations.read_folder(settings.migrations), settings)

    assert town.missing() == ()


# Who logs in, and who asks


def test_a_password_never_reaches_the_server_as_it_is(town: Town, tmp_path: Path):
    said = tmp_path / "said"
    with town.connect(town.master) as connection, said.open("wb") as file:
        connection.pgconn.trace(file.fileno())
        kept = ensure_roles(connection, town.wish(passwords=town.passwords), wait=30)
        connection.pgconn.untrace()

    assert b"SCRAM-SHA-256$4096:" in said.read_bytes()
    for part in ("s3cret", "ünïcode"):
        assert part.encode() not in said.read_bytes()
        assert part not in repr(kept) + repr(town.wish(passwords=town.passwords))
    with town.connect("") as superuser:
        stored = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [town.names.app]).fetchone()
    assert stored
    assert stored[0].startswith("SCRAM-SHA-256$")


def test_who_has_no_password_yet_cannot_log_in_and_is_told(town: Town):
    first = {each.name: each.login for each in town.mend().roles}
    with town.connect("") as superuser:
        seen = {each.name: each.login for each in find_missing(superuser, town.wish()).roles}

    names = town.names
    assert first == dict.fromkeys(names.logins, "not yet: no password") | {names.owner: "nobody"}
    assert seen == first


def test_with_iam_those_who_log_in_do_it_by_token(town: Town):
    iam = town.wish(iam=True)
    with town.connect("") as superuser:
        migrations.ledger.ensure_tables(superuser)
        with superuser.transaction(force_rollback=True):
            superuser.execute("CREATE ROLE rds_iam")
            kept = ensure_roles(superuser, iam, wait=30)

            assert [each.login for each in kept.roles] == ["nobody", *["by IAM token"] * 3]
            granted = {each.split()[3] for each in kept.statements if each.startswith("GRANT rds_iam TO ")}
            assert granted == {*town.names.logins}
            assert find_missing(superuser, iam).statements == ()


def test_a_server_that_knows_no_iam_is_told(town: Town):
    assert town.keep(iam=True).notes == (
        "this server has no role rds_iam, which only RDS makes: nobody logs in by IAM",
    )


def test_who_is_connected_and_will_be_shut_out_is_named(town: Town):
    with town.connect("") as superuser:
        other = f"{town.master}_other"
        superuser.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(other), sql.Literal(PASSWORD))
        )
        with town.connect(other):
            assert town.keep().notes == (f"{other} is connected, and cannot connect again: GRANT CONNECT, if it shall",)
        superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(other)))


@pytest.mark.parametrize("role", ["app", "owner"])
def test_who_makes_the_roles_is_not_made_one_of_them(town: Town, role: str):
    """It would lose the right to make roles, and nobody could give it back."""
    names = replace(town.names, **{role: town.master})
    with town.connect(town.master) as connection:
        for do in (find_missing, lambda *of: ensure_roles(*of, wait=30)):
            with pytest.raises(SettingsError, match="is who makes the roles, and cannot be one of them"):
                do(connection, Wish(names=names))


class MasterOnly:
    """How one logs in to a planned instance: a stand-in for `Access`, whose TLS and secrets have tests of their own."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def conninfo(self, role: str = "") -> str:
        assert role == "the_master", "not as who migrates"
        return self.town.login(self.town.master)


@pytest.mark.parametrize("migrates", ["{database}_migrator", ""])
def test_on_a_planned_instance_it_is_done_as_the_master_user(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], migrates: str
):
    database = town.database
    plan = f'identifier = "x"\ndatabase = "{database}"\nusername = "the_master"\n'
    plan += f'connect_as = "{migrates.format(database=database)}"\n' if migrates else ""
    (tmp_path / "pyproject.toml").write_text(f"[tool.pgproof.rds]\n{plan}", encoding="utf-8")
    write_steps(tmp_path, [1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RdsServer, "access", MasterOnly(town))

    roles.body(Context(), target="prod", server=None)

    said = capsys.readouterr().out
    assert f"{database}_owner     nobody" in said
    assert (f'say `connect_as = "{database}_migrator"`' in said) == (not migrates)
    with town.connect(town.master) as connection:
        rows = connection.execute("SELECT what, role, outcome FROM _pgproof_audit").fetchall()
        sees = "SELECT has_table_privilege(role, '_pgproof_audit', 'SELECT') FROM unnest(%s::text[]) AS role"
        seen = connection.execute(sees, [[*town.names.granted]]).fetchall()
    assert rows == [("db.roles", town.master, "applied")]
    assert seen == [(False,), (False,)]
