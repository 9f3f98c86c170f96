"""What pgproof keeps on a server can be seen, and is dropped when it is stale."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pgproof.pg.database import connect
from pgproof.pg.kept import FAILED_TEST, fetch_kept, prune
from pgproof.pg.template import PREFIX
from tests.recipes import Kitchen


@pytest.fixture
def kitchen(settings, server) -> Kitchen:
    made = Kitchen(settings, server)
    made.migration("0001_create_users", f"CREATE TABLE users (id int PRIMARY KEY, u{uuid4().hex} text);\n")
    return made


def test_what_is_kept_is_shown_with_what_it_holds(kitchen):
    template = kitchen.cook()
    with connect(kitchen.server) as connection:
        (found,) = [each for each in fetch_kept(connection) if each.name == template.name]

    assert (found.kind, found.holds, str(found.used)) == ("template", "1 migration", template.used)
    assert found.bytes > 1_000_000


class Unlucky(psycopg.Connection[Any]):
    """Sees a database vanish between its name and its size, once: the moment itself cannot be met at will."""

    met = False

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        if "pg_database_size" in str(query) and not self.met:
            self.met = True
            raise psycopg.errors.UndefinedObject("database with OID 1 does not exist")
        return super().execute(query, *arguments, **options)


def test_a_database_that_is_dropped_at_this_moment_is_no_failure(kitchen):
    template = kitchen.cook()

    with Unlucky.connect(kitchen.server, autocommit=True) as connection:
        assert template.name in [each.name for each in fetch_kept(connection)]
        assert connection.met


def test_a_template_used_today_stays_and_an_old_one_goes(kitchen):
    new, old = kitchen.cook().name, f"{PREFIX}{uuid4().hex[:24]}"
    kitchen.execute(f"CREATE DATABASE {old} IS_TEMPLATE true ALLOW_CONNECTIONS false")
    note = '{"holds": "x", "made": "2020-01-01", "used": "2020-01-01", "samples": {}}'
    kitchen.execute(f"COMMENT ON DATABASE {old} IS '{note}'")

    with connect(kitchen.server) as connection:
        gone = [each.name for each in prune(connection, days=7, megabytes=100_000)]

    assert old in gone
    assert new not in gone
    assert kitchen.databases(old) == []
    assert kitchen.databases(new) == [new]


def test_asking_for_a_template_of_another_day_marks_it_used_today(kitchen):
    template = kitchen.cook()
    note = '{"holds": "x", "made": "2020-01-01", "used": "2020-01-01", "samples": {"wal_log": [0.5]}}'
    kitchen.execute(f"COMMENT ON DATABASE {template.name} IS '{note}'")

    kitchen.cook()

    again = kitchen.find()
    assert again is not None
    assert (again.made, again.used, again.samples) == ("2020-01-01", template.used, {"wal_log": [0.5]})


def test_beyond_the_size_allowed_nothing_stays(kitchen):
    kitchen.cook()
    with connect(kitchen.server) as connection:
        prune(connection, days=7, megabytes=0)

        assert [each for each in fetch_kept(connection) if each.kind == "template"] == []


def test_what_killed_builders_and_resets_left_is_dropped(kitchen):
    for name in ("pgproof_draft", "pgproof_old_1"):
        kitchen.execute(f"CREATE DATABASE {name}")

    with connect(kitchen.server) as connection:
        gone = {each.name for each in prune(connection, days=7, megabytes=100_000)}

    assert gone >= {"pgproof_draft", "pgproof_old_1"}


def test_what_a_failed_test_kept_stays_until_somebody_asks(kitchen):
    name = f"{FAILED_TEST}{uuid4().hex[:8]}"
    kitchen.execute(f"CREATE DATABASE {name}")

    with connect(kitchen.server) as connection:
        prune(connection, days=7, megabytes=100_000)
        assert kitchen.databases(name) == [name]

        prune(connection, days=7, megabytes=100_000, failed_tests=True)
        assert kitchen.databases(name) == []


def test_the_databases_of_others_are_none_of_our_business(kitchen):
    kitchen.execute("CREATE DATABASE pgproof_cousin")
    with connect(kitchen.server) as connection:
        assert "pgproof_cousin" not in [each.name for each in fetch_kept(connection)]
    kitchen.execute("DROP DATABASE pgproof_cousin")
