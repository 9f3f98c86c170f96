"""Readers in each other's way: three on the same shards, and Lambda beside them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from pgproof.metrics.function import engine
from pgproof.metrics.function.engine import Engine
from pgproof.metrics.streams import stream, sync
from pgproof.settings import Settings
from tests.chaos.script import dice
from tests.following import Desk
from tests.streams import Dynamo

# Whoever moves a checkpoint back is refused, and so is found.
NO_WAY_BACK = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a checkpoint goes back: % to %', old, new; END $$;
CREATE TRIGGER no_way_back BEFORE UPDATE ON pgproof_metrics.shard FOR EACH ROW
WHEN (coalesce(new.sequence, 0) < coalesce(old.sequence, 0) OR (old.closed AND NOT new.closed))
EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(database, tmp_path, Dynamo(shards=2), stack)


def write(dynamo: Dynamo, chance: Random, many: int) -> None:
    """Have so many things happen to few items; a shard splits in the midst."""
    for number in range(many):
        key = {"pk": f"MSG#{chance.randrange(6)}", "sk": f"2026-01-0{chance.randrange(1, 4)}T10:00:00"}
        if chance.random() < 0.2:
            dynamo.delete(**key)
        else:
            dynamo.put(**key, user_uuid=chance.choice("abc"), text=f"{number}")
        if number == many // 2:
            dynamo.stream.split(dynamo.stream.open_shards()[0])


def records_of(dynamo: Dynamo) -> list[dict[str, Any]]:
    return [each for shard in dynamo.stream.shards.values() for each in shard.records]


def test_three_readers_of_the_same_shards_and_lambda_bring_it_to_the_same_end(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        sync, "try_take", lambda *_: True
    )  # the lock that shares shards out is not what safety rests on
    monkeypatch.setattr(stream, "_MOST", 4)
    monkeypatch.setattr(engine, "_AGAIN", ())  # a deadlock would be tried again, and not be seen
    desk.connection.execute(NO_WAY_BACK)
    write(desk.dynamo, dice(1), 20)
    desk.read_all()
    write(desk.dynamo, dice(2), 200)
    records = records_of(desk.dynamo)

    def bring(seed: int) -> None:
        chance = dice(seed)
        with closing(Engine(replace(settings, url=desk.database), desk.feed.mappings)) as bringing:
            for _ in range(30):
                bringing.take(desk.dynamo.stream.arn, chance.choices(records, k=60))

    readers: list[Callable[[], None]] = [desk.sync().catch_up for _ in range(3)]
    with ThreadPoolExecutor(5) as pool:
        for each in [*map(pool.submit, readers), pool.submit(bring, 3), pool.submit(bring, 4)]:
            each.result()
    desk.catch_up()

    desk.check()
    assert sum(each.records for each in desk.progress) >= len(records)


def test_what_a_reader_has_read_that_another_has_taken_in_is_left_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sync, "try_take", lambda *_: True)
    desk.read_all()
    write(desk.dynamo, dice(4), 30)
    first, second = desk.sync(), desk.sync()
    ahead, behind = first.readable()[0], second.readable()[0]
    assert first.step(ahead) > 0
    before = rows(desk.connection)

    assert second.step(behind) == 0
    assert rows(desk.connection) == before
    assert behind.shard.sequence == ahead.shard.sequence


def rows(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Versions of all that a reader may write."""
    return connection.execute(
        "SELECT xmin::text, id FROM pgproof_metrics.shard"
        " UNION ALL SELECT xmin::text, key::text FROM pgproof_metrics.item"
    ).fetchall()


def test_three_readers_ask_for_a_shard_no_more_than_five_times_a_second(desk: Desk):
    desk.read_all()
    readers = [desk.sync() for _ in range(3)]
    for reader in readers:
        reader.list_shards()
    for number in range(12):
        write(desk.dynamo, dice(number), 5)
        for reader in readers:
            reader.read_once()
    desk.catch_up()

    desk.check()
    assert desk.dynamo.most_reads_a_second() <= 5


def test_a_read_asks_for_no_more_than_a_thousand_records(desk: Desk):
    desk.read_all()
    for number in range(1100):
        desk.dynamo.put(pk="MSG#1", sk=f"2026-01-01T10:00:00.{number:06}", user_uuid="a")

    desk.catch_up()

    desk.check()
    assert max(each.records for each in desk.progress) <= 1000
