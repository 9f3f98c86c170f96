"""Several readers of one stream: they share it out, overtake and outlive each other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pgproof.metrics.mirror.source import EpochOver
from pgproof.metrics.streams import stream, sync
from pgproof.metrics.streams.shard import Shard
from tests.following import Desk, at_desk, messages
from tests.streams import Dynamo


def reached(desk: Desk) -> dict[str, int]:
    return dict(desk.connection.execute("SELECT id, sequence FROM pgproof_metrics.shard").fetchall())


def test_two_readers_share_the_shards_out(database: str, tmp_path: Path):
    dynamo = Dynamo(shards=4)
    for desk in at_desk(database, tmp_path, dynamo):
        desk.read_all()
        one, other = desk.sync(), desk.sync()
        mine = one.readable()

        assert (len(mine), other.readable()) == (4, [])


def test_another_reader_takes_over_when_the_session_of_the_first_is_gone(desk: Desk, dynamo: Dynamo):
    one, other = desk.sync(), desk.sync()
    messages(dynamo, 1)
    assert one.read_once() == 1
    messages(dynamo, 2)
    assert other.read_once() == 0

    one.connection.close()

    _await(lambda: other.read_once() == 1)
    desk.check()


def _await(condition: Callable[[], bool]) -> None:
    """A server process takes a moment to see that its client is gone."""
    while not condition():
        pass


def test_a_shard_that_was_read_to_its_end_is_left(desk: Desk, dynamo: Dynamo):
    (first,) = dynamo.stream.open_shards()
    reader = desk.sync()
    dynamo.stream.roll(first)
    reader.catch_up()

    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"
    row = desk.connection.execute(locks, [reader.connection.info.backend_pid]).fetchone()

    assert row == (1,)


def test_a_reader_that_was_paused_discards_what_it_had_read(
    desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sync, "try_take", lambda *_: True)  # two at one shard: as after a failover
    paused, other = desk.sync(), desk.sync()
    messages(dynamo, 1)
    (reader,) = paused.readable()
    page = reader.read()
    other.read_once()
    messages(dynamo, 1, day="2026-01-02")
    dynamo.delete(pk="MSG#1", sk="2026-01-01T10:00:00")
    other.read_once()
    before = reached(desk)
    monkeypatch.setattr(reader, "read", lambda: page)

    assert paused.step(reader) == 0

    assert reached(desk) == before
    desk.check()


def test_a_reader_that_was_overtaken_goes_on_from_there(desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sync, "try_take", lambda *_: True)
    slow, fast = desk.sync(), desk.sync()
    messages(dynamo, 1)
    slow.readable()
    fast.read_once()
    assert slow.read_once() == 0
    messages(dynamo, 2)

    assert slow.read_once() == 1

    desk.check()


def test_shards_of_an_epoch_that_is_over_are_not_made_known(desk: Desk, dynamo: Dynamo):
    late = desk.sync()
    dynamo.stream.roll(*dynamo.stream.open_shards())
    dynamo.disable()
    dynamo.enable()
    desk.catch_up()
    shards = desk.shards()

    with pytest.raises(EpochOver):
        late.list_shards()

    assert desk.shards() == shards


def test_a_list_that_was_on_its_way_when_an_epoch_ended_is_of_no_use(
    desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
):
    late = desk.sync()
    dynamo.stream.roll(*dynamo.stream.open_shards())
    listed = stream.fetch_stream_shards(dynamo.aws, dynamo.stream.arn)

    def fetch(*_: object) -> list[Shard]:
        monkeypatch.undo()
        dynamo.disable()
        dynamo.enable()
        desk.catch_up()
        return listed

    monkeypatch.setattr(sync, "fetch_stream_shards", fetch)

    with pytest.raises(EpochOver):
        late.list_shards()

    assert [*desk.shards()] == dynamo.stream.open_shards()


def test_a_shard_that_another_reader_makes_known_meanwhile_is_not_taken_for_gone(
    desk: Desk, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
):
    reader, other = desk.sync(), desk.sync()
    listed = stream.fetch_stream_shards(dynamo.aws, dynamo.stream.arn)

    def fetch(*_: object) -> list[Shard]:
        monkeypatch.undo()  # and while that answer is on its way:
        dynamo.stream.roll(*dynamo.stream.open_shards())
        other.list_shards()
        return listed

    monkeypatch.setattr(sync, "fetch_stream_shards", fetch)

    reader.list_shards()

    assert len(desk.shards()) == 2
