"""db.roles as a person types it: at home, and on production with what it writes down."""

import json
from collections.abc import Iterator

import pytest

from pgproof.pg.database import connect
from pgproof.pg.server import choose_server
from pgproof.settings import read_settings
from tests.e2e.conftest import Project

PASSWORDS = {"MIGRATOR_PASSWORD": "m1grator's", "APPLICATION_PASSWORD": "appl1cation's", "READER_PASSWORD": "r3ader's"}


@pytest.fixture
def city(full_shop: Project) -> Iterator[Project]:
    """The shop, on a server that knows no role of it before and after."""
    yield full_shop
    server = choose_server(read_settings(full_shop.root, environ=full_shop.environ))
    with connect(server.ensure_up()) as connection:
        connection.execute("DROP DATABASE shop WITH (FORCE)")
        for role in ("owner", "migrator", "app", "reader"):
            connection.execute(f"DROP ROLE IF EXISTS shop_{role}".encode())


def test_roles_are_made_and_kept_and_no_drift(city: Project):
    shown = city.inv("db.roles", "--dry-run")
    assert shown.startswith("CREATE ROLE shop_app LOGIN;\n")
    assert shown.splitlines()[-1].endswith(" statements; nothing was changed")
    assert city.rows("SELECT count(*) FROM pg_roles WHERE rolname ~ '^shop_'") == [(0,)]

    made = city.inv("db.roles", **PASSWORDS)
    kept = json.loads(city.inv("db.roles", "--json"))

    assert made.splitlines()[:5] == [
        "role           login        may                                change",
        "shop_owner     nobody       owns the database and all in it    made",
        "shop_migrator  by password  what shop_owner may: DDL           made",
        "shop_app       by password  SELECT, INSERT, UPDATE, DELETE     made",
        "shop_reader    by password  SELECT, in read-only transactions  made",
    ]
    assert [each for each in PASSWORDS.values() if each in made] == []
    assert kept["statements"] == []
    assert {each["change"] for each in kept["roles"]} == {"as it was"}
    assert city.inv("db.verify") == "ledger, files and schema agree\n"


def test_on_production_it_is_written_down(city: Project):
    """Production is the shop's own server here, by a URL; its plan says that one logs in by IAM."""
    city.write(
        "pyproject.toml", '[tool.pgproof]\ndatabase = "shop"\n[tool.pgproof.rds]\nidentifier = "shop"\niam = true\n'
    )
    prod = {"PROD_CONNECTION_URL": city.inv("db.url", "--show-password").strip()}

    said = city.inv("db.roles", "--target=prod", **prod)

    assert said.endswith("note: this server has no role rds_iam, which only RDS makes: nobody logs in by IAM\n")
    assert city.rows("SELECT what, outcome FROM _pgproof_audit") == [("db.roles", "applied")]
    table = "FROM pg_class WHERE relname = '_pgproof_audit'"
    assert city.rows(f"SELECT relowner::regrole::text, coalesce(relacl::text, '') ~ 'app|reader' {table}") == [
        ("shop_owner", False)
    ]
