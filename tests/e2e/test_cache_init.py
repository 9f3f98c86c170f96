"""`inv cache.init` as a person types it: what is written, that it fits, and what is said where nothing is missing."""

import pytest

from tests.e2e.conftest import Project

ALL = "-- returns: many\n-- cache: ttl=60s mode=strict reads=users\nSELECT id, handle\nFROM handles\nORDER BY id\n"


@pytest.fixture
def cached(full_shop: Project) -> Project:
    """A shop with a query that is cached."""
    full_shop.write("queries/users/all.sql", ALL)
    full_shop.write("tests/contracts/users/all.toml", '[[case]]\nname = "all"\n')
    return full_shop


def test_the_migration_is_written_and_with_it_the_contract_of_the_line_holds(cached: Project):
    assert cached.inv("cache.init").splitlines() == [
        "migrations/0004_watch_writes_for_the_cache.sql",
        "migrations/0004_watch_writes_for_the_cache.rollback.sql",
        "migrations/HEAD",
    ]
    cached.inv("db.migrate")
    cached.inv("query.accept", "--all")

    assert cached.inv("query.check").endswith("every promise is kept\n")
    assert cached.inv("cache.init") == "the cache is told of every write to what cached queries read\n"


def test_a_project_without_cached_queries_is_told_how_to_have_one(full_shop: Project):
    assert full_shop.refuse("cache.init") == (
        "no query is cached\n  hint: write `-- cache: ttl=60s mode=strict` into the leading comment of one\n"
    )
