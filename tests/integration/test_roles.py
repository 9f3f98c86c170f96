"""The roles of a database, made by a master user who is no superuser: what each can do, and what it cannot."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from invoke import Context
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof import Database, NotOneRow, QueryFailed, migrations
from pgproof.cache import Cache, Limits
from pgproof.cache.backends.postgres import Postgres
from pgproof.contracts.cases import Case, case_files, read_contract
from pgproof.errors import MigrationError, SettingsError
from pgproof.pg.catalog import fetch_catalog
from pgproof.queries import read_queries
from pgproof.rds.server import RdsServer
from pgproof.roles import Wish, ensure_roles, find_held, find_missing
from pgproof.seeds import load, read_seeds
from pgproof.settings import Settings, read_settings
from pgproof.tasks.roles import roles
from tests.roles import PASSWORD, Town, made_town
from tests.thirty import THIRTY, write_steps

ROOT = Path(__file__).parents[2]
QUERIES = read_queries(ROOT / "queries")
CONTRACTS = ROOT / "tests" / "contracts"
CASES = {each.query: each.cases for each in (read_contract(CONTRACTS, path) for path in case_files(CONTRACTS))}

Connection = psycopg.Connection[Any]

DENIED, READ_ONLY = "42501", "25006"


@pytest.fixture(scope="module")
def cruddur(server: str) -> Iterator[Town]:
    """Cruddur's database: its roles were made first, then the migrator migrated and seeded it."""
    with made_town(server) as town:
        town.keep()
        with town.connect(town.names.migrator) as connection:
            folder = migrations.read_folder(ROOT / "migrations")
            migrations.migrate(connection, folder, read_settings(ROOT, environ={}))
            load(connection, read_seeds(ROOT / "seeds"))
        yield town


@pytest.fixture(scope="module")
def sessions(cruddur: Town) -> Iterator[dict[str, Connection]]:
    """A session of each who logs in, by who that is."""
    names = cruddur.names
    who = {"migrator": names.migrator, "app": names.app, "reader": names.reader, "master": cruddur.master, "": ""}
    opened = {each: cruddur.connect(role) for each, role in who.items()}
    yield opened
    for each in opened.values():
        each.close()


@pytest.fixture
def town(server: str) -> Iterator[Town]:
    """An empty database of a master user, without roles."""
    with made_town(server) as town:
        yield town


def fill(text: str, town: Town) -> bytes:
    """Return a statement with the names of this town's roles in it."""
    names = {"owner": town.names.owner, "migrator": town.names.migrator, "app": town.names.app}
    names |= {"reader": town.names.reader, "master": town.master, "database": town.names.owner.removesuffix("_owner")}
    return sql.SQL(text).format(**{name: sql.Identifier(value) for name, value in names.items()}).as_bytes()


def outcome(connection: Connection, *texts: bytes) -> str:
    """Return the SQLSTATE that the last of some statements ends with; nothing of them stays."""
    try:
        with connection.transaction(force_rollback=True):
            for each in texts:
                connection.execute(each)
    except psycopg.Error as error:
        return error.sqlstate or "no SQLSTATE"
    return "done"


WRITE_USER = "INSERT INTO users (display_name, handle, email, cognito_user_id) VALUES ('a', 'a', 'a@b.c', 'x')"

CAN = [
    ("app", "SELECT * FROM users"),
    ("app", WRITE_USER),
    ("app", "UPDATE users SET bio = 'x'"),
    ("app", "DELETE FROM users"),
    ("app", "SELECT * FROM activity_counts"),
    ("app", "SELECT * FROM pgproof_metrics.daily"),
    ("app", "SELECT pgproof_cache.compact()"),
    ("reader", "SELECT * FROM users"),
    ("reader", "SELECT * FROM notifications"),
    ("reader", "SELECT * FROM pgproof_metrics.from_scratch"),
    ("reader", "SELECT * FROM _yoyo_migration"),
    ("migrator", "CREATE TABLE t (id int)"),
    ("migrator", "CREATE SCHEMA s"),
    ("migrator", "ALTER TABLE users ADD x int"),
    ("migrator", "TRUNCATE users CASCADE"),
    ("migrator", "UPDATE _yoyo_migration SET migration_id = 'x'"),
    ("migrator", "INSERT INTO pgproof_metrics.source (name) VALUES ('t')"),
    ("master", "SELECT * FROM users"),
    ("master", "CREATE TABLE t (id int)"),
]

CANNOT = [
    # the application: no DDL
    ("app", "CREATE TABLE t (id int)", DENIED),
    ("app", "CREATE TEMPORARY TABLE t (id int)", DENIED),
    ("app", "CREATE SCHEMA s", DENIED),
    ("app", "CREATE TABLE pgproof_cache.t (id int)", DENIED),
    ("app", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", DENIED),
    ("app", "CREATE EXTENSION citext", DENIED),
    ("app", "CREATE ROLE r", DENIED),
    ("app", "ALTER TABLE users ADD x int", DENIED),
    ("app", "ALTER TABLE users DISABLE TRIGGER ALL", DENIED),
    ("app", "DROP TABLE likes", DENIED),
    ("app", "DROP VIEW activity_counts", DENIED),
    ("app", "CREATE INDEX ON users (bio)", DENIED),
    ("app", "CREATE OR REPLACE VIEW activity_counts AS SELECT 1", DENIED),
    ("app", "COMMENT ON TABLE users IS 'mine'", DENIED),
    ("app", "TRUNCATE likes", DENIED),
    ("app", "CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION pgproof_cache.note_write('x')", DENIED),
    # nor what would lead to it
    ("app", "SET ROLE {owner}", DENIED),
    ("app", "SET ROLE {migrator}", DENIED),
    ("app", "SET SESSION AUTHORIZATION {owner}", DENIED),
    ("app", "SET session_replication_role = replica", DENIED),
    ("app", "GRANT {owner} TO {app}", DENIED),
    ("app", "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO {app}", DENIED),
    ("app", "REASSIGN OWNED BY {owner} TO {app}", DENIED),
    ("app", "ALTER DATABASE {database} SET search_path = pgproof_cache", DENIED),
    # nor the machine
    ("app", "COPY users FROM PROGRAM 'true'", DENIED),
    ("app", "COPY users TO '/tmp/x'", DENIED),
    ("app", "SELECT pg_read_file('postgresql.conf')", DENIED),
    ("app", "SELECT lo_import('/etc/passwd')", DENIED),
    # nor the ledger, and what others count
    ("app", "SELECT * FROM _yoyo_migration", DENIED),
    ("app", "DELETE FROM _yoyo_migration", DENIED),
    ("app", "SELECT * FROM _pgproof_migration", DENIED),
    ("app", "UPDATE _pgproof_repeatable SET sha256 = ''", DENIED),
    ("app", "INSERT INTO yoyo_lock VALUES (1, now(), 1)", DENIED),
    ("app", "DELETE FROM pgproof_cache.writes", DENIED),
    ("app", "UPDATE pgproof_cache.tables SET version = 0", DENIED),
    ("app", "UPDATE pgproof_metrics.daily SET value = 0", DENIED),
    ("app", "DELETE FROM pgproof_metrics.item", DENIED),
    # the reader: by mistake, and on purpose
    ("reader", "UPDATE users SET bio = 'x'", READ_ONLY),
    ("reader", "SELECT * FROM users FOR UPDATE", READ_ONLY),
    ("reader", "SET TRANSACTION READ WRITE; UPDATE users SET bio = 'x'", DENIED),
    ("reader", f"SET TRANSACTION READ WRITE; {WRITE_USER}", DENIED),
    ("reader", "SET TRANSACTION READ WRITE; DELETE FROM users", DENIED),
    ("reader", "SET TRANSACTION READ WRITE; TRUNCATE users", DENIED),
    ("reader", "SET TRANSACTION READ WRITE; SELECT * FROM users FOR UPDATE", DENIED),
    ("reader", "SET TRANSACTION READ WRITE; CREATE TABLE t (id int)", DENIED),
    ("reader", "SET TRANSACTION READ WRITE; CREATE TEMPORARY TABLE t (id int)", DENIED),
    ("reader", "SET TRANSACTION READ WRITE; DELETE FROM _yoyo_migration", DENIED),
    ("reader", "SET ROLE {app}", DENIED),
    ("reader", "SET ROLE {owner}", DENIED),
    # the migrator: nothing beyond its database
    ("migrator", "CREATE ROLE r", DENIED),
    ("migrator", "ALTER ROLE {app} SUPERUSER", DENIED),
    ("migrator", "ALTER ROLE {owner} LOGIN", DENIED),
    ("migrator", "SET ROLE {master}", DENIED),
    ("migrator", "GRANT {owner} TO {app}", DENIED),
    ("migrator", "COPY users FROM PROGRAM 'true'", DENIED),
    ("migrator", "SET ROLE NONE; CREATE ROLE r", DENIED),
]


@pytest.mark.parametrize(("who", "text"), CAN)
def test_a_role_can_do_its_work(cruddur: Town, sessions: dict[str, Connection], who: str, text: str):
    assert outcome(sessions[who], fill(text, cruddur)) == "done"


@pytest.mark.parametrize(("who", "text", "sqlstate"), CANNOT)
def test_a_role_can_do_nothing_else(cruddur: Town, sessions: dict[str, Connection], who: str, text: str, sqlstate: str):
    assert outcome(sessions[who], *fill(text, cruddur).split(b"; ")) == sqlstate


def test_the_application_passes_on_nothing(cruddur: Town, sessions: dict[str, Connection]):
    text = fill("GRANT SELECT ON users TO {reader}", cruddur)

    with sessions["app"].transaction(force_rollback=True):
        sessions["app"].execute(text)  # no error of Postgres', but a warning: nothing was granted

    assert cruddur.missing() == ()


@pytest.mark.parametrize("who", ["migrator", "app"])
def test_nobody_makes_a_database(cruddur: Town, sessions: dict[str, Connection], who: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sessions[who].execute(fill("CREATE DATABASE {reader}", cruddur))


def test_nobody_logs_in_as_the_owner_even_with_a_password(cruddur: Town, sessions: dict[str, Connection]):
    give = sql.SQL("ALTER ROLE {} PASSWORD {}")
    sessions[""].execute(give.format(sql.Identifier(cruddur.names.owner), sql.Literal(PASSWORD)))

    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(cruddur.login(cruddur.names.owner))


def test_nobody_else_may_connect(cruddur: Town, town: Town):
    town.keep()

    for role in (town.names.migrator, town.names.app, town.names.reader, town.master):
        with pytest.raises(psycopg.OperationalError, match="does not have CONNECT privilege"):
            psycopg.connect(make_conninfo(cruddur.conninfo, user=role, password=PASSWORD))


# What is made later


def test_all_that_a_migrator_made_is_the_owners_and_needs_no_other_grant(
    cruddur: Town, sessions: dict[str, Connection]
):
    owners = sessions[""].execute(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace IN ("
        "SELECT oid FROM pg_namespace WHERE nspname ~ '^(public|pgproof_.*)$')"
    )

    assert owners.fetchall() == [(cruddur.names.owner,)]
    assert cruddur.missing() == ()


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


# The application


def answer(db: Database, name: str, case: Case) -> Any:
    """What comes of a case: its answer but for what is masked, or how it is refused."""
    try:
        given = db.run(name, **dict[str, Any](case.params))
    except QueryFailed as error:
        return error.sqlstate
    except NotOneRow as error:
        return error.rows
    return {key: value for key, value in given.items() if key not in case.masks} if isinstance(given, dict) else given


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_query_gives_the_application_what_it_gives_a_superuser(sessions: dict[str, Connection], name: str):
    for case in CASES[name]:
        given = []
        for who in ("app", ""):
            with sessions[who].transaction(force_rollback=True):
                given.append(answer(Database(sessions[who], QUERIES), name, case))

        assert given[0] == given[1], case.name
        assert given[0] != DENIED


def test_the_application_has_a_strict_cache_in_postgres(cruddur: Town, sessions: dict[str, Connection]):
    user = "SELECT cognito_user_id FROM users ORDER BY 1 LIMIT 1"
    [(cognito,)] = sessions[""].execute(user.encode()).fetchall()
    url = cruddur.login(cruddur.names.app)
    cache = Cache(Postgres(url, timeout=5), limits=Limits(budget=60))
    with closing(Database(url, QUERIES, cache=cache)) as db:
        before = [db.users.uuid_from_cognito_user_id(cognito_user_id=cognito) for _ in range(2)]
        sessions["migrator"].execute("UPDATE users SET bio = 'another' WHERE cognito_user_id = %s", [cognito])
        after = db.users.uuid_from_cognito_user_id(cognito_user_id=cognito)

    assert {*before, after} == {before[0]}
    events = {event: many for (_, event), many in cache.counters.events.items()}
    assert (events["miss"], events["hit"]) == (2, 1)


# What is there already

THINGS = """
CREATE SCHEMA "odd ""one";
CREATE TABLE "odd ""one"."T%s; --" (id serial PRIMARY KEY, x text);
CREATE TABLE part (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part DEFAULT;
CREATE VIEW v AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
CREATE SEQUENCE s;
CREATE FUNCTION f(int, "odd ""one"."T%s; --") RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE a(int) (sfunc = int4pl, stype = int);
CREATE TYPE color AS ENUM ('red');
CREATE TYPE pair AS (x int, y int);
CREATE TYPE span AS RANGE (subtype = int);
CREATE DOMAIN age AS int CHECK (value > 0);
CREATE STATISTICS st ON id, day FROM part;
CREATE COLLATION c (locale = 'C');
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE TEXT SEARCH DICTIONARY d (template = simple);
CREATE TEXT SEARCH CONFIGURATION k (copy = simple);
CREATE CONVERSION n FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
"""
OWNED = """
SELECT count(*) FROM pg_shdepend AS d JOIN pg_database AS b ON b.oid = d.dbid
WHERE b.datname = current_database() AND d.refobjid = %s::regrole AND d.deptype = 'o'
"""


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


def test_a_superuser_can_do_it_too(town: Town):
    with town.connect("") as superuser:
        superuser.execute(THINGS.encode())
        ensure_roles(superuser, town.wish(), wait=30)
        kept = ensure_roles(superuser, town.wish(), wait=30)

    assert (kept.statements, kept.notes) == ((), ())


# Kept so


def test_twice_changes_nothing(town: Town):
    first, second = town.keep(), town.keep()
    third = [each.change for each in ensured(town).roles]

    assert [each.change for each in first.roles] == ["made"] * 4
    assert [each.change for each in second.roles] == ["as it was", "changed", "changed", "changed"]  # new passwords
    assert third == ["as it was"] * 4
    assert [each for each in second.statements if "PASSWORD" not in each] == []


def ensured(town: Town) -> Any:
    with town.connect(town.master) as connection:
        return ensure_roles(connection, town.wish(), wait=30)


def test_what_is_shown_is_what_is_done_and_to_show_it_does_nothing(town: Town):
    with town.connect(town.master) as connection:
        connection.execute(THINGS.encode())
        migrations.ledger.ensure_tables(connection)
        before = fetch_catalog(connection)

        shown = find_missing(connection, town.wish())

        assert fetch_catalog(connection) == before
    assert shown.statements == ensured(town).statements
    assert [each.change for each in shown.roles] == ["made"] * 4


DRIFT = {
    "GRANT TRUNCATE ON users TO {app}": "REVOKE TRUNCATE ON TABLE public.users FROM {app} CASCADE",
    "GRANT ALL ON likes TO {reader}": "REVOKE DELETE, INSERT",
    "GRANT UPDATE (bio) ON users TO {reader}": "REVOKE UPDATE ON TABLE public.users FROM {reader} CASCADE",
    "GRANT SELECT ON users TO {app} WITH GRANT OPTION": "REVOKE GRANT OPTION FOR ALL ON TABLE public.users FROM {app}",
    "GRANT SELECT ON _yoyo_log TO {app}": "REVOKE SELECT ON TABLE public._yoyo_log FROM {app} CASCADE",
    "GRANT SELECT ON _yoyo_log TO PUBLIC": "REVOKE SELECT ON TABLE public._yoyo_log FROM PUBLIC CASCADE",
    "GRANT DELETE ON pgproof_cache.writes TO {app}": "REVOKE DELETE ON TABLE pgproof_cache.writes FROM {app} CASCADE",
    "GRANT CREATE ON SCHEMA public TO {app}": "REVOKE CREATE ON SCHEMA public FROM {app} CASCADE",
    "GRANT CREATE ON SCHEMA public TO PUBLIC": "REVOKE CREATE ON SCHEMA public FROM PUBLIC CASCADE",
    "GRANT CONNECT ON DATABASE {database} TO PUBLIC": "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC CASCADE",
    "GRANT TEMPORARY ON DATABASE {database} TO {app}": "REVOKE TEMPORARY ON DATABASE {database} FROM {app} CASCADE",
    "GRANT {owner} TO {app}": "REVOKE {owner} FROM {app}",
    "GRANT {migrator} TO {reader}": "REVOKE {migrator} FROM {reader}",
    "ALTER ROLE {app} CREATEDB": "ALTER ROLE {app} NOCREATEDB",
    "ALTER ROLE {app} CREATEROLE": "ALTER ROLE {app} NOCREATEROLE",
    "ALTER ROLE {owner} LOGIN": "ALTER ROLE {owner} NOLOGIN",
    "ALTER ROLE {app} NOLOGIN": "ALTER ROLE {app} LOGIN",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO {reader}": "ALTER DEFAULT PRIVILEGES FOR ROLE "
    "{owner} REVOKE DELETE, INSERT",
    "REVOKE SELECT ON users FROM {app}": "GRANT SELECT ON TABLE public.users TO {app}",
    "REVOKE USAGE ON SCHEMA pgproof_metrics FROM {reader}": "GRANT USAGE ON SCHEMA pgproof_metrics TO {reader}",
    "REVOKE CONNECT ON DATABASE {database} FROM {app}": "GRANT CONNECT ON DATABASE {database} TO {app}",
    "REVOKE {owner} FROM {master}": "GRANT {owner} TO {master}",
    "REVOKE {owner} FROM {migrator}": "GRANT {owner} TO {migrator}",
    "ALTER TABLE likes OWNER TO {master}": "ALTER TABLE public.likes OWNER TO {owner}",
    "ALTER ROLE {reader} IN DATABASE {database} RESET ALL": "ALTER ROLE {reader} IN DATABASE {database} SET "
    "default_transaction_read_only = 'on'",
    "ALTER ROLE {migrator} IN DATABASE {database} SET role = none": "ALTER ROLE {migrator} IN DATABASE ",
    "CREATE TABLE t (id serial)": "ALTER TABLE public.t OWNER TO {owner}",
}


@pytest.mark.parametrize("text", DRIFT)
def test_what_drifted_is_mended(cruddur: Town, sessions: dict[str, Connection], text: str):
    connection = sessions["master"]
    with connection.transaction(force_rollback=True):
        connection.execute(fill(text, cruddur))

        kept = ensure_roles(connection, cruddur.wish(), wait=30)

        assert kept.statements[0].startswith(fill(DRIFT[text], cruddur).replace(b'"', b"").decode())
        assert {each.change for each in kept.roles} == {"changed", "as it was"}
        assert find_missing(connection, cruddur.wish()).statements == ()


def test_what_another_role_granted_is_told_and_nothing_is_done(town: Town):
    town.keep()
    with town.connect(town.master) as connection, town.connect("") as superuser:
        third = f"{town.master}_third"
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(third)))
        names = {"third": sql.Identifier(third), "reader": sql.Identifier(town.names.reader)}
        make = "CREATE TABLE t (id int); GRANT UPDATE ON t TO {third} WITH GRANT OPTION"
        connection.execute(sql.SQL(make).format(**names))
        superuser.execute(sql.SQL("SET ROLE {third}; GRANT UPDATE ON t TO {reader}; RESET ROLE").format(**names))
        before = town.missing()

        with pytest.raises(MigrationError, match=r"without effect: REVOKE UPDATE ON TABLE public\.t FROM"):
            ensured(town)

        assert town.missing() == before
        superuser.execute(sql.SQL("DROP TABLE t; DROP ROLE {third}").format(**names))


def test_what_a_migration_takes_away_stays_away(town: Town, settings: Settings):
    settings.migrations.mkdir()
    take = fill("REVOKE UPDATE, DELETE ON letter FROM {app};\nREVOKE ALL ON secret FROM {reader}", town).decode()
    make = "CREATE TABLE letter (id int PRIMARY KEY);\nCREATE TABLE secret (id int PRIMARY KEY);\n"
    (settings.migrations / "0001_a.sql").write_text(f"{make}{take};\n")
    (settings.migrations / "0001_a.rollback.sql").write_text("DROP TABLE letter;\n")
    folder = migrations.read_folder(settings.migrations)
    held = find_held(folder, town.names)
    town.keep(held=held)
    with town.connect(town.names.migrator) as connection:
        migrations.migrate(connection, folder, settings)

    assert town.missing(held=held) == ()
    assert len(town.missing()) == 2  # which is what it would be without a look at them
    with town.connect(town.names.app) as app:
        assert outcome(app, b"INSERT INTO letter VALUES (1)") == "done"
        assert outcome(app, b"DELETE FROM letter") == DENIED


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
    first = {each.name: each.login for each in ensured(town).roles}
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


@pytest.mark.parametrize("who", ["migrator", "app", "reader"])
def test_who_may_not_make_roles_is_told_who_may(cruddur: Town, sessions: dict[str, Connection], who: str):
    with pytest.raises(SettingsError, match="may not make roles\n  hint: connect as the master user"):
        ensure_roles(sessions[who], cruddur.wish(), wait=30)


def test_names_that_need_quotes_are_names(server: str):
    with made_town(server) as town:
        odd = replace(town.names, app='an "odd" app', reader="it's; DROP")
        with town.connect(town.master) as connection:
            migrations.ledger.ensure_tables(connection)
            with connection.transaction(force_rollback=True):
                connection.execute(THINGS.encode())
                ensure_roles(connection, Wish(names=odd), wait=30)

                assert find_missing(connection, Wish(names=odd)).statements == ()


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
    database = town.names.owner.removesuffix("_owner")
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
