"""Roles that are there already: what drifted is mended, and what somebody meant is left."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgproof import migrations
from pgproof.errors import MigrationError
from pgproof.pg.catalog import fetch_catalog
from pgproof.roles import ensure_roles, find_held, find_missing
from pgproof.settings import Settings
from tests.roles import DENIED, THINGS, Town, outcome

Connection = psycopg.Connection[Any]


def test_twice_changes_nothing(town: Town):
    first, second = town.keep(), town.keep()
    third = [each.change for each in town.mend().roles]

    assert [each.change for each in first.roles] == ["made"] * 4
    assert [each.change for each in second.roles] == ["as it was", "changed", "changed", "changed"]  # new passwords
    assert third == ["as it was"] * 4
    assert [each for each in second.statements if "PASSWORD" not in each] == []


def test_what_is_shown_is_what_is_done_and_to_show_it_does_nothing(town: Town):
    with town.connect(town.master) as connection:
        connection.execute(THINGS.encode())
        migrations.ledger.ensure_tables(connection)
        before = fetch_catalog(connection)

        shown = find_missing(connection, town.wish())

        assert fetch_catalog(connection) == before
    assert shown.statements == town.mend().statements
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
        connection.execute(cruddur.fill(text))

        kept = ensure_roles(connection, cruddur.wish(), wait=30)

        assert kept.statements[0].startswith(cruddur.fill(DRIFT[text]).replace(b'"', b"").decode())
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
            town.mend()

        assert town.missing() == before
        superuser.execute(sql.SQL("DROP TABLE t; DROP ROLE {third}").format(**names))


def test_what_a_migration_takes_away_stays_away(town: Town, settings: Settings):
    settings.migrations.mkdir()
    take = town.fill(
        "REVOKE UPDATE, DELETE ON letter FROM {app};\nGRANT UPDATE (id) ON letter TO {app};\n"
        "REVOKE ALL ON secret FROM {reader};\n"
        "REVOKE ALL ON SCHEMA closed FROM {app}"
    ).decode()
    make = "CREATE TABLE letter (id int PRIMARY KEY, x int);\nCREATE TABLE secret (id int PRIMARY KEY);\n"
    make += "CREATE SCHEMA closed;\nCREATE TABLE closed.secret (id int PRIMARY KEY);\n"
    (settings.migrations / "0001_a.sql").write_text(f"{make}{take};\n")
    (settings.migrations / "0001_a.rollback.sql").write_text("DROP TABLE letter;\n")
    folder = migrations.read_folder(settings.migrations)
    held = find_held(folder, town.names)
    town.keep(held=held)
    with town.connect(town.names.migrator) as connection:
        migrations.migrate(connection, folder, settings)

    town.mend(held=held)  # who writes to tables of a new schema is said by this
    assert town.missing(held=held) == ()
    assert len(town.missing()) == 3  # which is what it would be without a look at them
    with town.connect(town.names.app) as app:
        assert outcome(app, b"INSERT INTO letter VALUES (1)") == "done"
        assert outcome(app, b"UPDATE letter SET id = 2") == "done"
        assert [outcome(app, each) for each in (b"UPDATE letter SET x = 2", b"DELETE FROM letter")] == [DENIED] * 2
        assert outcome(app, b"SELECT FROM closed.secret") == DENIED
