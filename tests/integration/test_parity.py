"""Two databases of a real server read and compared: what is in effect, as far as a role may see it, and only read."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.migrations import fetch_ledger
from pgproof.parity import Mismatch, Side, compare, fetch_side
from pgproof.parity.side import reading
from pgproof.pg.database import connect, ensure_dropped
from pgproof.pg.rolenames import RoleNames
from tests.project import Project, make_table

Make = Callable[..., str]
NAMES = RoleNames("shop_owner", "shop_migrator", "shop_app", "shop_reader")


@pytest.fixture
def make(server: str, maintenance: Connection) -> Iterator[Make]:
    """Make a database with these words of CREATE DATABASE; its conninfo."""
    made = []

    def create(clause: str = "") -> str:
        made.append(f"test_{uuid4().hex[:12]}")
        maintenance.execute(f"CREATE DATABASE {made[-1]} TEMPLATE template0 {clause}".encode())
        return make_conninfo(server, dbname=made[-1])

    yield create
    for name in made:
        ensure_dropped(maintenance, name)


@pytest.fixture
def reader(database: str, maintenance: Connection) -> Iterator[str]:
    """Conninfo of a role that may connect, and nothing else; asked for before a database that grants it more."""
    role = f"reader_{uuid4().hex[:12]}"
    maintenance.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reads'".encode())
    yield make_conninfo(database, user=role, password="reads")  # noqa: S106 - of this server only
    with connect(database) as connection:
        connection.execute(f"DROP OWNED BY {role}".encode())
    maintenance.execute(f"DROP ROLE {role}".encode())


def fetch(conninfo: str) -> Side:
    return fetch_side(conninfo, str(conninfo_to_dict(conninfo)["dbname"]))


def find(home: str, production: str) -> list[Mismatch]:
    return compare(fetch(home), fetch(production))


def weigh(home: str, production: str) -> list[tuple[str, str, str, str]]:
    return [(e.severity, f"{e.subject} {e.name}", e.home, e.production) for e in find(home, production)]


def alter(conninfo: str, text: str) -> None:
    """Run a statement about the database, which it names {}, and its role, {role}."""
    parts = conninfo_to_dict(conninfo)
    with connect(conninfo) as connection:
        role = connection.info.user
        connection.execute(sql.SQL(text).format(sql.Identifier(str(parts["dbname"])), role=sql.Identifier(role)))


# What differs


def test_two_empty_databases_of_one_server_are_alike(database: str, make: Make):
    assert find(database, make()) == []


def test_settings_count_as_they_are_in_effect_for_the_role_in_its_database(database: str, make: Make):
    production = make()
    alter(database, "ALTER DATABASE {} SET timezone = 'UTC'")
    alter(production, "ALTER DATABASE {} SET timezone = 'America/Toronto'")
    alter(production, "ALTER ROLE {role} IN DATABASE {} SET search_path = app, public")
    alter(production, "ALTER DATABASE {} SET work_mem = '64MB'")

    assert weigh(database, production) == [
        ("breaking", "setting TimeZone", "UTC", "America/Toronto"),
        ("breaking", "setting search_path", '"$user", public', "app, public"),
        ("note", "setting work_mem", "4MB", "64MB"),
    ]


def test_our_own_limits_are_no_difference(database: str):
    settings = fetch(database).environment.settings

    assert {settings[name].value for name in ("statement_timeout", "lock_timeout")} == {"0"}
    assert settings["default_transaction_read_only"].value == "off"


def test_letters_of_another_locale_break(make: Make):
    home = make("LOCALE_PROVIDER libc LOCALE 'C.UTF-8' ENCODING 'UTF8'")
    production = make("LOCALE_PROVIDER libc LOCALE 'C' ENCODING 'UTF8'")

    assert ("breaking", "sorting letters", "C.UTF-8", "C") in weigh(home, production)


def test_another_encoding_breaks(make: Make):
    home, production = (make(f"LOCALE_PROVIDER libc LOCALE 'C' ENCODING '{name}'") for name in ("UTF8", "LATIN1"))

    assert weigh(home, production) == [("breaking", "sorting encoding", "UTF8", "LATIN1")]


def test_an_order_of_icu_breaks(make: Make):
    home = make("LOCALE_PROVIDER libc LOCALE 'C' ENCODING 'UTF8'")
    try:
        production = make("LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C' ENCODING 'UTF8'")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("the server under test has no ICU")

    sorting = fetch(production).environment.sorting

    assert ("breaking", "sorting collation", "C (libc)", "en-US (icu)") in weigh(home, production)
    assert sorting.recorded == sorting.actual != ""


def test_an_extension_that_is_missing_or_older_breaks_and_says_what_production_offers(database: str, make: Make):
    production = make()
    for name in ("citext", "pg_trgm"):
        alter(database, f"CREATE EXTENSION {name}")
    alter(production, "CREATE EXTENSION pg_trgm VERSION '1.3'")

    found = {each.name: each for each in find(database, production)}

    assert {name: each.severity for name, each in found.items()} == {"citext": "breaking", "pg_trgm": "breaking"}
    assert "production offers 1." in found["citext"].why
    assert found["pg_trgm"].production == "1.3"
    assert "ALTER EXTENSION ... UPDATE brings 1.6" in found["pg_trgm"].why


def test_ledgers_and_schemas_are_compared(project: Project, make: Make):
    production = make()
    project.add("0001_users", *make_table("users"))
    project.migrate()
    with connect(production) as connection:
        project_there = Project(production, project.settings, project.stack)
        project_there.migrate()
        assert find(project.conninfo, production) == []
        connection.execute("ALTER TABLE users ADD by_hand text")
    project.add("0002_posts", *make_table("posts"))
    project.migrate()

    found = weigh(project.conninfo, production)

    assert ("breaking", "ledger 0002_posts", "applied", "not applied") in found
    assert ("breaking", "schema column public.users.by_hand: type", "not there", "text") in found
    assert any(name.startswith("schema table public.posts") for _, name, _, there in found if there == "not there")


def test_who_owns_a_table_and_the_order_of_its_columns_are_no_difference(database: str, make: Make):
    production = make()
    alter(database, "CREATE TABLE posts (id int, body text)")
    alter(production, "CREATE TABLE posts (body text, id int)")
    alter(production, "ALTER TABLE posts OWNER TO pg_monitor")

    assert find(database, production) == []


def test_what_production_grants_its_own_roles_is_left_out_and_else_noted(reader: str, database: str, make: Make):
    production, role = make(), str(conninfo_to_dict(reader)["user"])
    for conninfo in (database, production):
        alter(conninfo, "CREATE TABLE posts (id int)")
    alter(production, f"GRANT SELECT ON posts TO {role}")

    name = str(conninfo_to_dict(production)["dbname"])
    seen, unaware = fetch_side(production, name, names=replace(NAMES, reader=role)), fetch_side(production, name)

    assert compare(fetch(database), seen) == []
    assert [(each.severity, each.name) for each in compare(fetch(database), unaware)] == [
        ("note", f"table public.posts: granted to {role}")
    ]


def test_who_looks_as_the_reader_that_db_roles_made_sees_no_difference_by_it(reader: str, database: str):
    role = str(conninfo_to_dict(reader)["user"])
    alter(database, f"ALTER ROLE {role} IN DATABASE {{}} SET default_transaction_read_only = 'on'")

    for reads, expected in ((role, []), ("another", ["default_transaction_read_only"])):
        side = fetch_side(reader, str(conninfo_to_dict(database)["dbname"]), names=replace(NAMES, reader=reads))
        found = compare(fetch(database), side)
        assert [each.name for each in found if each.severity == "breaking"] == expected


# Production is only read


def test_nothing_can_be_written_while_a_side_is_read(database: str):
    name = str(conninfo_to_dict(database)["dbname"])
    with connect(database) as connection:
        connection.execute("CREATE SEQUENCE numbers")

    for text in (b"CREATE TABLE made (id int)", b"SELECT nextval('numbers')", b"ALTER DATABASE x SET jit = off"):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), reading(database, name) as connection:
            connection.execute(text)


def test_reading_a_side_takes_no_transaction_id(project: Project, maintenance: Connection):
    project.add("0001_users", *make_table("users"))
    project.migrate()
    next_id = b"SELECT pg_snapshot_xmax(pg_current_snapshot())"
    before = maintenance.execute(next_id).fetchone()

    side = fetch(project.conninfo)

    assert side.ledger
    assert side.catalog
    assert maintenance.execute(next_id).fetchone() == before


def test_a_role_that_may_only_connect_is_enough_and_what_it_may_not_see_is_said(project: Project, reader: str):
    project.add("0001_users", *make_table("users"))
    project.migrate()

    side = fetch(reader)

    assert {each.what for each in side.unseen} == {"ledger", "setting shared_preload_libraries"}
    assert "permission denied for table _yoyo_migration" in {each.why for each in side.unseen}
    assert side.ledger is None
    assert [each for each in compare(fetch(project.conninfo), side) if each.severity == "breaking"] == []


def test_a_reader_of_the_ledger_has_it_compared(project: Project, reader: str):
    project.add("0001_users", *make_table("users"))
    project.migrate()
    with connect(project.conninfo) as connection:
        role = sql.Identifier(str(conninfo_to_dict(reader)["user"]))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
        expected = fetch_ledger(connection)

    assert fetch(reader).ledger == expected
