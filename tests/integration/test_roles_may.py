"""What each role of Cruddur's database can do, and what it cannot."""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof import Database, NotOneRow, QueryFailed
from pgproof.cache import Cache, Limits
from pgproof.cache.backends.postgres import Postgres
from pgproof.contracts.cases import Case, case_files, read_contract
from pgproof.errors import SettingsError
from pgproof.queries import read_queries
from pgproof.roles import ensure_roles
from tests.roles import DENIED, PASSWORD, WRITE_USER, Town, outcome

ROOT = Path(__file__).parents[2]
QUERIES = read_queries(ROOT / "queries")
CONTRACTS = ROOT / "tests" / "contracts"
CASES = {each.query: each.cases for each in (read_contract(CONTRACTS, path) for path in case_files(CONTRACTS))}

Connection = psycopg.Connection[Any]

READ_ONLY = "25006"

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
    assert outcome(sessions[who], cruddur.fill(text)) == "done"


@pytest.mark.parametrize(("who", "text", "sqlstate"), CANNOT)
def test_a_role_can_do_nothing_else(cruddur: Town, sessions: dict[str, Connection], who: str, text: str, sqlstate: str):
    assert outcome(sessions[who], *cruddur.fill(text).split(b"; ")) == sqlstate


def test_the_application_passes_on_nothing(cruddur: Town, sessions: dict[str, Connection]):
    text = cruddur.fill("GRANT SELECT ON users TO {reader}")

    with sessions["app"].transaction(force_rollback=True):
        sessions["app"].execute(text)  # no error of Postgres', but a warning: nothing was granted

    assert cruddur.missing() == ()


@pytest.mark.parametrize("who", ["migrator", "app"])
def test_nobody_makes_a_database(cruddur: Town, sessions: dict[str, Connection], who: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sessions[who].execute(cruddur.fill("CREATE DATABASE {reader}"))


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


@pytest.mark.parametrize("who", ["migrator", "app", "reader"])
def test_who_may_not_make_roles_is_told_who_may(cruddur: Town, sessions: dict[str, Connection], who: str):
    with pytest.raises(SettingsError, match="may not make roles\n  hint: connect as the master user"):
        ensure_roles(sessions[who], cruddur.wish(), wait=30)


def test_all_that_a_migrator_made_is_the_owners_and_needs_no_other_grant(
    cruddur: Town, sessions: dict[str, Connection]
):
    owners = sessions[""].execute(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace IN ("
        "SELECT oid FROM pg_namespace WHERE nspname ~ '^(public|pgproof_.*)$')"
    )

    assert owners.fetchall() == [(cruddur.names.owner,)]
    assert cruddur.missing() == ()


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
