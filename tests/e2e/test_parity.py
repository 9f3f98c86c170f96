"""`inv db.parity` as a person runs it: home and a production beside it."""

from collections.abc import Iterator
from json import loads

import pytest
from psycopg.conninfo import make_conninfo

from pgproof.migrations import migrate, read_folder
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.pg.server import choose_server
from pgproof.settings import read_settings
from tests.e2e.conftest import Project


@pytest.fixture
def production(full_shop: Project) -> Iterator[str]:
    """Conninfo of a production that has the shop's migrations, on the same server."""
    settings = read_settings(full_shop.root, environ=full_shop.environ)
    conninfo = choose_server(settings).ensure_up()
    ensure_created(conninfo, "shop_production")
    with connect(conninfo, dbname="shop_production") as connection:
        migrate(connection, read_folder(settings.migrations), settings)
    yield make_conninfo(conninfo, dbname="shop_production", password="s3cret")  # noqa: S106 - asked by nobody
    drop(conninfo, "shop_production")


def test_a_production_that_is_like_home_is_said_in_a_line(full_shop: Project, production: str):
    said = full_shop.inv("db.parity", PROD_CONNECTION_URL=production).splitlines()

    assert said[0].startswith("home:       shop, PostgreSQL 18.")
    assert said[1].startswith("production: shop_production, PostgreSQL 18.")
    assert said[2:] == ["production is like home: nothing that breaks SQL differs, 0 noted"]


def test_what_breaks_fails_and_is_there_for_a_script(full_shop: Project, production: str):
    with connect(production) as connection:
        connection.execute("ALTER DATABASE shop_production SET timezone = 'America/Toronto'")
        connection.execute("ALTER TABLE users DROP bio")

    done = full_shop.run("db.parity", "--json", PROD_CONNECTION_URL=production)
    said = loads(done.stdout)

    assert (done.returncode, done.stderr) == (
        1,
        f"error: production is not like home: {said['breaking']} things may break, 0 noted\n",
    )
    assert said["production"]["settings"]["TimeZone"] == {"value": "America/Toronto", "is_default": False}
    assert {each["subject"] for each in said["mismatches"]} == {"setting", "schema"}
    assert "s3cret" not in done.stdout + done.stderr


def test_without_a_production_it_says_how_to_name_one(shop: Project):
    error = shop.refuse("db.parity")

    assert error.startswith("PROD_CONNECTION_URL is not set\n  hint: export PROD_CONNECTION_URL=postgresql://")
