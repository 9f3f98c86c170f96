"""The outbox: a store outside hears of every commit, whoever died, and however often two deliver at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof import Database
from pgproof.cache import BackendError, Cache, Memory
from pgproof.cache.current import fetch_spaces
from pgproof.cache.outbox import Outbox, Round, find_due
from pgproof.queries.steps import Do, Select
from tests.adapters import put
from tests.caches import Run, begin, watch_tables

FILES = {
    "notes/bounded": "-- returns: many\n-- cache: ttl=60s mode=bounded lag=1ms\nSELECT id FROM note ORDER BY id",
    "notes/add": "-- returns: affected\nINSERT INTO note (id) VALUES (%(id)s)",
}
NOTE = "public.note"


class Outside(Memory):
    """A store that outlives processes; it fails as often as it is told to."""

    name = "outside"
    holds_tokens = True
    failures = 0

    def set(self, key: str, value: bytes, ttl: float) -> None:
        if self.failures:
            self.failures -= 1
            raise BackendError("TIMEOUT_ERROR")
        super().set(key, value, ttl)


@pytest.fixture
def store() -> Outside:
    return Outside()


@pytest.fixture
def outbox(store: Outside) -> Outbox:
    return Outbox(store)


@pytest.fixture
def elsewhere(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE note (id int); CREATE TABLE other (id int)")
        watch_tables(connection, ["note", "other"])
        yield connection


@pytest.fixture
def db(database: str, elsewhere: psycopg.Connection[Any], tmp_path: Path, outbox: Outbox) -> Iterator[Database]:
    """A database of which the store knows everything."""
    assert elsewhere
    with Database(database, put(tmp_path / "queries", FILES)) as db:
        Run(db, outbox.deliver()).finish()
        yield db


def deliver(db: Database, outbox: Outbox) -> Round:
    done = Run(db, outbox.deliver()).finish()
    assert done is not None
    return done


def token(db: Database, store: Outside, name: str = NOTE) -> bytes | None:
    spaces = Run(db, fetch_spaces("")).finish()
    assert spaces is not None
    return store.get(f"pgproof1:{spaces[1]}:token:{name}")


def test_what_a_killed_writer_did_not_tell_the_outbox_does(db: Database, store: Outside, outbox: Outbox):
    reader, writer = Cache(store), Cache(store)
    assert begin(db, reader, "notes.bounded").finish() == []
    begin(db, writer, "notes.add", id=1).until(Do, "set").kill()  # the commit is done, the token is as it was
    before = token(db, store)

    assert deliver(db, outbox) == Round((NOTE,), (), "")

    assert token(db, store) != before
    assert begin(db, Cache(store), "notes.bounded").finish() == [{"id": 1}]
    assert deliver(db, outbox) == Round((), (), "")


def test_only_what_was_written_is_due(db: Database, elsewhere: psycopg.Connection[Any], outbox: Outbox):
    assert Run(db, find_due(outbox.store)).finish() == {}
    elsewhere.execute("INSERT INTO other VALUES (1)")

    assert list(Run(db, find_due(outbox.store)).finish() or ()) == ["public.other"]


def test_what_a_store_refuses_stays_due(
    db: Database, elsewhere: psycopg.Connection[Any], store: Outside, outbox: Outbox
):
    elsewhere.execute("INSERT INTO note VALUES (1); INSERT INTO other VALUES (1)")
    store.failures = 1
    assert deliver(db, outbox) == Round((), (NOTE, "public.other"), "TIMEOUT_ERROR")

    assert deliver(db, outbox) == Round((NOTE, "public.other"), (), "")


@pytest.mark.parametrize("steps", range(8))
def test_what_a_killed_worker_left_the_next_one_delivers(
    db: Database, elsewhere: psycopg.Connection[Any], store: Outside, outbox: Outbox, steps: int
):
    elsewhere.execute("INSERT INTO note VALUES (1); INSERT INTO other VALUES (1)")
    before = {name: token(db, store, name) for name in (NOTE, "public.other")}
    killed = Run(db, outbox.deliver())
    for _ in range(steps):
        killed.step()
    killed.kill()

    assert deliver(db, outbox).due == ()

    assert [name for name in before if token(db, store, name) == before[name]] == []
    assert Run(db, find_due(outbox.store)).finish() == {}


@pytest.mark.parametrize(("kind", "method"), [(Do, "set"), (Select, "")])
def test_a_commit_during_a_delivery_is_due_after_it(
    db: Database, elsewhere: psycopg.Connection[Any], outbox: Outbox, kind: type[Any], method: str
):
    elsewhere.execute("INSERT INTO note VALUES (1)")
    delivery = Run(db, outbox.deliver()).until(Do, "set")
    if kind is Select:
        delivery.until(kind, method)
    elsewhere.execute("INSERT INTO note VALUES (2)")
    delivery.finish()

    assert deliver(db, outbox).delivered == (NOTE,)


def test_of_two_workers_the_slower_one_hides_nothing(
    db: Database, elsewhere: psycopg.Connection[Any], store: Outside, outbox: Outbox
):
    elsewhere.execute("INSERT INTO note VALUES (1)")
    slow = Run(db, outbox.deliver()).until(Do, "set")
    elsewhere.execute("INSERT INTO note VALUES (2)")
    assert deliver(db, Outbox(store)).delivered == (NOTE,)
    slow.finish()  # it notes a version that is past

    assert deliver(db, outbox).delivered == (NOTE,)
    assert deliver(db, outbox) == deliver(db, Outbox(store)) == Round((), (), "")


def test_adding_up_neither_hides_a_write_nor_makes_one_up(
    db: Database, elsewhere: psycopg.Connection[Any], outbox: Outbox
):
    elsewhere.execute("INSERT INTO note VALUES (1)")
    elsewhere.execute("SELECT pgproof_cache.compact()")

    assert deliver(db, outbox).delivered == (NOTE,)
    assert elsewhere.execute("SELECT count(*) FROM pgproof_cache.writes").fetchone() == (0,)
    assert deliver(db, outbox).delivered == ()


def test_what_one_store_was_told_another_one_was_not(db: Database, elsewhere: psycopg.Connection[Any], store: Outside):
    elsewhere.execute("INSERT INTO note VALUES (1)")

    for outbox in (Outbox(store), Outbox(store, "staging")):
        assert NOTE in deliver(db, outbox).delivered
        assert deliver(db, outbox).delivered == ()


def test_a_store_without_tokens_is_told_nothing(db: Database, elsewhere: psycopg.Connection[Any]):
    elsewhere.execute("INSERT INTO note VALUES (1)")

    assert deliver(db, Outbox(Memory())) == Round((), (), "")
    assert elsewhere.execute("SELECT count(*) FROM pgproof_cache.writes").fetchone() == (0,)


def test_application_and_worker_come_to_the_same_tokens_whatever_their_roles(
    database: str, elsewhere: psycopg.Connection[Any], tmp_path: Path
):
    elsewhere.execute("DROP ROLE IF EXISTS plain; CREATE ROLE plain")
    elsewhere.execute("SET search_path = pg_catalog")
    found = []
    for options in ("", "-c role=plain", "-c search_path=pg_catalog -c TimeZone=Asia/Tokyo"):
        with Database(make_conninfo(database, options=options), put(tmp_path / "queries", FILES)) as db:
            found.append(Run(db, fetch_spaces("x")).finish() or ("", ""))
    elsewhere.execute("DROP ROLE plain")

    assert len({session for session, _ in found}) == 3
    assert len({tokens for _, tokens in found}) == 1
