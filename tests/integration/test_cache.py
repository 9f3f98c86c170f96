"""What a cache promises of a query's answer, from the outside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof import Database
from pgproof.cache import Cache
from tests.adapters import put
from tests.caches import watch_tables

FILES = {
    "notes/strict": "-- returns: many\n-- cache: ttl=60s mode=strict\nSELECT id FROM note ORDER BY id",
    "notes/bounded": "-- returns: many\n-- cache: ttl=60s mode=bounded\nSELECT id FROM note ORDER BY id",
    "notes/add": "-- returns: affected\nINSERT INTO note (id) VALUES (%(id)s)",
}


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id int UNIQUE)")
        watch_tables(connection, ["note"])
        yield connection


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def db(database: str, elsewhere: psycopg.Connection[Any], tmp_path: Path, cache: Cache) -> Iterator[Database]:
    assert elsewhere
    with Database(database, put(tmp_path / "queries", FILES), cache=cache) as db:
        yield db


@pytest.mark.parametrize("mode", ["strict", "bounded"])
def test_an_answer_is_kept_until_this_process_writes(db: Database, cache: Cache, mode: str):
    assert [db.run(f"notes.{mode}"), db.run(f"notes.{mode}")] == [[], []]
    db.notes.add(id=1)

    assert [db.run(f"notes.{mode}"), db.run(f"notes.{mode}")] == [[{"id": 1}], [{"id": 1}]]
    counted = cache.counters.events
    assert (counted[f"notes.{mode}", "hit"], counted[f"notes.{mode}", "miss"]) == (2, 2)


def test_a_strict_answer_knows_of_a_write_by_anybody(db: Database, elsewhere: psycopg.Connection[Any]):
    assert db.notes.strict() == []
    elsewhere.execute("INSERT INTO note VALUES (1)")

    assert db.notes.strict() == [{"id": 1}]
