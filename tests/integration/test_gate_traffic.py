"""Clients that run base's contracts while a change is migrated: who waited for what, and that it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pgproof.errors import MigrationFailed
from pgproof.gate.measuring.traffic import Traffic, drive
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect
from tests.gates import Repo

BASE = """
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, state text);
INSERT INTO users SELECT n, 'name ' || n FROM generate_series(1, 500) AS n;
INSERT INTO orders SELECT n, 'new' FROM generate_series(1, 500) AS n;
"""
READ = "-- returns: maybe\nSELECT name FROM users WHERE id = 5\n"
WRITE = "-- returns: affected\nUPDATE orders SET state = 'sent' WHERE id = 7\n"
# A statement that takes its time, as one on a large table would.
WORK = "SELECT pg_sleep(0.3);\n"


@pytest.fixture
def shop(repo: Repo) -> Repo:
    """A project with one query that reads and one that writes."""
    repo.add("0001_base", BASE)
    repo.add_query("users.one", READ)
    repo.add_query("orders.send", WRITE)
    repo.accept()
    repo.commit()
    return repo


def _drive(repo: Repo) -> Traffic:
    with repo.databases() as databases:
        change = repo.change()
        with databases.clone(databases.built(change.base, seeded=True)) as name:
            traffic = drive(databases, name, change)
            with databases.connect(name) as ours, databases.connect(databases.built(change.head, seeded=False)) as head:
                assert fetch_catalog(head) == fetch_catalog(ours)
    return traffic


def _waited(traffic: Traffic) -> set[tuple[str, str, int | None]]:
    return {(each.client, each.relation, each.at.line if each.at else None) for each in traffic.waits}


@contextmanager
def _nothing_left(repo: Repo) -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= threads
    with connect(repo.conninfo) as connection:
        left = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'pgproof%'").fetchone()
    assert left == (0,)


def test_a_client_that_waits_is_told_with_the_lock_and_the_statement(shop: Repo):
    shop.add("0002_change", f"ALTER TABLE users ADD COLUMN age int;\n{WORK}")

    with _nothing_left(shop):
        traffic = _drive(shop)

    assert ("users.one[all]", "public.users", 2) in _waited(traffic)
    assert "orders.send[all]" not in {client for client, *_ in _waited(traffic)}
    assert traffic.longest["users.one"] > traffic.usual
    assert [(each.at.line, each.text) for each in traffic.ran] == [
        (1, "ALTER TABLE users ADD COLUMN age int"),
        (2, "SELECT pg_sleep(0.3)"),
    ]
    assert ("public.users", "AccessExclusiveLock") in {(each.relation, each.mode) for each in traffic.held}


def test_a_writer_waits_for_a_row_that_the_migration_has_written(shop: Repo):
    shop.add("0002_change", f"UPDATE orders SET state = 'old';\n{WORK}")  # noqa: S608

    traffic = _drive(shop)

    assert {"orders.send[all]"} == {client for client, *_ in _waited(traffic)}
    assert traffic.longest["orders.send"] > traffic.usual


def test_nobody_waits_where_nothing_is_locked(shop: Repo):
    shop.add("0002_change", f"CREATE TABLE tags (id int);\n{WORK}")

    traffic = _drive(shop)

    assert traffic.waits == ()
    assert traffic.calls > 10


def test_a_session_that_idles_in_a_transaction_is_in_the_way_and_the_queue_builds_up_behind(shop: Repo):
    shop.add("0002_change", "ALTER TABLE users ADD COLUMN age int;\n")

    traffic = _drive(shop)

    assert ("users.one[all]", "public.users", 1) in _waited(traffic)


def test_a_migration_that_meets_a_lock_gives_way_and_is_tried_again(shop: Repo):
    shop.add("0002_change", "-- lock_timeout: 10ms\nCREATE TABLE tags ();\nALTER TABLE users ADD COLUMN age int;\n")

    traffic = _drive(shop)

    assert [each.at.line for each in traffic.ran] == [2, 3]


def test_one_that_meets_a_lock_in_each_attempt_gives_up_and_leaves_nothing(shop: Repo):
    shop.choose(lock_attempts=1)
    shop.add("0002_change", "-- lock_timeout: 10ms\nALTER TABLE users ADD COLUMN age int;\n")

    with _nothing_left(shop), shop.databases() as databases:
        change = shop.change()
        with databases.clone(databases.built(change.base, seeded=True)) as name:
            traffic = drive(databases, name, change)

    assert traffic.ran == ()
    assert traffic.calls


def test_each_kind_of_migration_runs_among_clients(shop: Repo):
    shop.add("0002_index", "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON users (name);\n", "VACUUM;\n")
    shop.put("migrations/0003_python.py", 'from yoyo import step\nstep("ALTER TABLE users ADD b int", "SELECT 1")\n')
    shop.put("migrations/repeatable/names.sql", "CREATE OR REPLACE VIEW names AS SELECT name FROM users;\n")
    shop.add("0004_late", "-- phase: post\nALTER TABLE users ADD COLUMN c int;\n")

    traffic = _drive(shop)

    assert [each.at.path.stem for each in traffic.ran] == ["0002_index", "0003_python", "names", "0004_late", "names"]


def test_clients_are_the_application(shop: Repo):
    """What its role may not read it does not wait for."""
    with connect(shop.conninfo) as connection:
        connection.execute("DROP ROLE IF EXISTS gate_traffic")
        connection.execute("CREATE ROLE gate_traffic")
    shop.choose(application_role="gate_traffic")
    shop.add("0002_change", f"LOCK TABLE orders IN ROW EXCLUSIVE MODE;\nUPDATE orders SET state = 'x';\n{WORK}")

    assert _drive(shop).waits == ()


def test_without_contracts_the_migrations_run_alone(repo: Repo):
    repo.add("0001_base", BASE)
    repo.commit()
    repo.add("0002_change", "ALTER TABLE users ADD COLUMN age int;\n")

    traffic = _drive(repo)

    assert (traffic.calls, traffic.longest, traffic.waits, traffic.usual) == (0, {}, (), 0.0)
    assert len(traffic.ran) == 1


def test_a_slow_query_is_left_out_and_holds_nobody_up(shop: Repo):
    shop.add_query("users.slow", "-- returns: value\nSELECT count(*) FROM users, pg_sleep(0.15)\n")
    shop.accept()
    shop.commit()
    shop.add("0002_change", f"CREATE TABLE tags (id int);\n{WORK}")

    traffic = _drive(shop)

    assert "users.slow" not in traffic.longest
    assert "users.one" in traffic.longest


def test_a_refused_migration_is_told_and_leaves_neither_thread_nor_session(shop: Repo):
    shop.add("0002_change", "ALTER TABLE nobody ADD COLUMN age int;\n")

    with _nothing_left(shop), pytest.raises(MigrationFailed, match="nobody"):
        _drive(shop)
