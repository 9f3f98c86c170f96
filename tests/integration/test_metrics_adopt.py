"""Mappings that change: what is counted follows them from the mirror, at once, and whoever writes meanwhile."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import Mapping, read_mappings
from pgproof.metrics.mirror.mirror import merge
from pgproof.metrics.mirror.record import Change, read_record
from pgproof.metrics.mirror.source import EpochOver, Source, fetch_source, hold
from pgproof.pg.database import connect
from tests.metrics import fetch_daily, fetch_from_scratch, install, write_mapping

Connection = psycopg.Connection[Any]
MESSAGES = """
dynamodb = "messages"
items = { pk = "MSG#*" }
time = "sk"
[metric.messages]
"""
SIZES = MESSAGES + '[metric.sizes]\nmeasure = "sum"\nof = "size"\n[metric.authors]\nmeasure = "distinct"\nof = "by"\n'
FIRST, SECOND = ("messages", "2026-01-01", "{}"), ("messages", "2026-01-02", "{}")
_BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND pid = %s"


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as connection:
        install(connection)
        yield connection


def read(root: Path, text: str) -> list[Mapping]:
    write_mapping(root, "messages", text)
    return read_mappings(root / "metrics")


def message(mappings: list[Mapping], sk: str, sequence: int = 1, *, gone: bool = False, **more: Any) -> Change:
    """Return a message as a stream's record says it; `gone` by its time to live."""
    item = {"pk": {"S": "MSG#1"}, "sk": {"S": sk}, **more}
    body = {"Keys": {"pk": item["pk"], "sk": item["sk"]}, "SequenceNumber": str(sequence)}
    record = {"eventName": "INSERT", "dynamodb": {**body, "NewImage": item}}
    if gone:
        who = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
        record = {"eventName": "REMOVE", "userIdentity": who, "dynamodb": {**body, "OldImage": item}}
    return read_record(record, ("pk", "sk"), mappings)


def fill(connection: Connection, *changes: Change) -> Source:
    source = fetch_source(connection, "messages")
    with connection.transaction():
        merge(connection, source, changes)
    return source


def test_metrics_of_a_new_mapping_are_counted_from_the_mirror(connection: Connection, tmp_path: Path):
    old = read(tmp_path, MESSAGES)
    adopt(connection, old)
    sizes: dict[str, Any] = {"size": {"N": "7"}, "by": {"S": "a"}}
    fill(
        connection,
        message(old, "2026-01-01"),
        message(old, "2026-01-02", **sizes),
        message(old, "2026-01-02T10:00", **sizes),
    )

    assert adopt(connection, read(tmp_path, SIZES))

    daily = fetch_daily(connection)
    assert daily == {SECOND: 2, ("sizes", "2026-01-02", "{}"): 14, ("authors", "2026-01-02", "{}"): 1}
    assert daily == fetch_from_scratch(connection)
    problem = connection.execute("SELECT problem FROM pgproof_metrics.item WHERE problem IS NOT NULL").fetchall()
    assert problem == [("messages: no size, which is summed",)]


def test_what_follows_a_changed_mapping_is_kept_up_by_what_comes_then(connection: Connection, tmp_path: Path):
    old = read(tmp_path, MESSAGES)
    whole: dict[str, Any] = {"size": {"N": "7"}, "by": {"S": "a"}}
    adopt(connection, old)
    fill(connection, message(old, "2026-01-01", **whole), message(old, "2026-01-01T10:00", **whole))
    new = read(tmp_path, SIZES)
    adopt(connection, new)

    fill(
        connection,
        message(new, "2026-01-01", 2, size={"N": "1"}, by={"S": "b"}),
        message(new, "2026-01-01T10:00", 2, gone=True),
    )

    daily = fetch_daily(connection)
    assert daily == {FIRST: 1, ("sizes", "2026-01-01", "{}"): 1, ("authors", "2026-01-01", "{}"): 1}
    assert daily == fetch_from_scratch(connection)


@pytest.mark.parametrize(
    ("old", "new", "daily"),
    [
        ('time = "sk"', 'time = "sk"\nexpired = "counted"', {FIRST: 1, SECOND: 1}),
        ('time = "sk"', 'time = "sk"\ndays = "America/Toronto"', {("messages", "2026-01-01", "{}"): 1}),
        ("MSG#*", "GRP#*", {}),
        ("[metric.messages]", "[metric.letters]", {("letters", "2026-01-02", "{}"): 1}),
        ("[metric.messages]", '[metric.messages]\nby = ["pk"]', {("messages", "2026-01-02", '{"pk": "MSG#1"}'): 1}),
    ],
)
def test_each_word_of_a_mapping_can_be_changed(
    connection: Connection, tmp_path: Path, old: str, new: str, daily: dict[tuple[str, str, str], int]
):
    was = read(tmp_path, MESSAGES)
    adopt(connection, was)
    fill(connection, message(was, "2026-01-01", gone=True), message(was, "2026-01-02"))

    adopt(connection, read(tmp_path, MESSAGES.replace(old, new)))
    assert fetch_daily(connection) == daily == fetch_from_scratch(connection)

    adopt(connection, was)
    assert fetch_daily(connection) == {SECOND: 1} == fetch_from_scratch(connection)


def test_a_mapping_that_is_gone_counts_nothing(connection: Connection, tmp_path: Path):
    mappings = read(tmp_path, MESSAGES)
    adopt(connection, mappings)
    fill(connection, message(mappings, "2026-01-01"))

    adopt(connection, [])

    assert fetch_daily(connection) == {} == fetch_from_scratch(connection)


def test_what_has_not_changed_is_not_counted_again(connection: Connection, tmp_path: Path):
    mappings = read(tmp_path, SIZES)
    adopt(connection, mappings)

    assert not adopt(connection, read(tmp_path / "elsewhere", "\n\n" + SIZES))


def test_in_which_order_the_database_has_metrics_is_of_no_matter(connection: Connection, tmp_path: Path):
    mappings = read(tmp_path, SIZES)
    adopt(connection, mappings)
    connection.execute("UPDATE pgproof_metrics.metric SET measure = measure WHERE name = 'authors'")

    assert not adopt(connection, mappings)


def test_who_found_facts_by_other_mappings_cannot_write_them(connection: Connection, tmp_path: Path):
    old = read(tmp_path, MESSAGES)
    adopt(connection, old)
    source = fetch_source(connection, "messages")

    adopt(connection, read(tmp_path, SIZES))

    with pytest.raises(EpochOver), connection.transaction():
        hold(connection, source)


def test_who_writes_meanwhile_is_waited_for_and_what_was_written_is_counted(
    connection: Connection, database: str, tmp_path: Path
):
    old = read(tmp_path, MESSAGES)
    adopt(connection, old)
    source = fetch_source(connection, "messages")
    new = read(tmp_path, SIZES)
    with connect(database) as writer, connect(database) as adopter, connect(database) as watcher:
        thread = threading.Thread(target=adopt, args=[adopter, new])
        with writer.transaction():
            hold(writer, source)
            thread.start()
            pid = adopter.info.backend_pid
            while watcher.execute(_BLOCKED, [pid]).fetchone() == (0,):
                pass
            merge(writer, source, [message(old, "2026-01-01", size={"N": "7"}, by={"S": "a"})])
        thread.join()

    daily = fetch_daily(connection)
    assert daily == {FIRST: 1, ("sizes", "2026-01-01", "{}"): 7, ("authors", "2026-01-01", "{}"): 1}
    assert daily == fetch_from_scratch(connection)


def test_a_writer_needs_no_more_rights_than_the_migration_says(connection: Connection, tmp_path: Path):
    role = sql.Identifier(f"writer_{connection.info.dbname}")
    connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA pgproof_metrics TO {}").format(role))
        rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pgproof_metrics TO {}"
        connection.execute(sql.SQL(rights).format(role))
        connection.execute(sql.SQL("SET ROLE {}").format(role))
        mappings = read(tmp_path, SIZES)
        adopt(connection, mappings)
        fill(connection, message(mappings, "2026-01-01", size={"N": "7"}, by={"S": "a"}))

        assert fetch_daily(connection)[FIRST] == 1
    finally:
        connection.execute("RESET ROLE")
        connection.execute(sql.SQL("DROP OWNED BY {0}").format(role))
        connection.execute(sql.SQL("DROP ROLE {0}").format(role))


def test_of_two_who_adopt_at_once_the_last_one_has_it_all(connection: Connection, database: str, tmp_path: Path):
    new, old = read(tmp_path, SIZES), read(tmp_path, MESSAGES)
    adopt(connection, old)
    fill(connection, message(old, "2026-01-01", size={"N": "7"}, by={"S": "a"}))
    with connect(database) as first, connect(database) as second, connect(database) as watcher:
        thread = threading.Thread(target=adopt, args=[second, [*old, *other(tmp_path)]])
        with first.transaction():
            adopt(first, new)
            thread.start()
            while watcher.execute(_BLOCKED, [second.info.backend_pid]).fetchone() == (0,):
                pass
        thread.join()

    assert fetch_daily(connection) == {FIRST: 1} == fetch_from_scratch(connection)
    assert not adopt(connection, [*old, *other(tmp_path)])


def other(root: Path) -> list[Mapping]:
    """A mapping of another table: to adopt it as well is a change, though nothing of the first table's changes."""
    write_mapping(root / "other", "posts", 'dynamodb = "posts"\ntime = "sk"\n[metric.posts]\n')
    return read_mappings(root / "other/metrics")
