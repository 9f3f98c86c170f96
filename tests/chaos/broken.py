"""Protocols that look right and are not, each with the mistake that it makes: some history has to find every one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

from pgproof.metrics.mirror import intake, mirror
from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.mirror.source import hold
from pgproof.metrics.streams import sync
from tests.chaos.script import LOSSES, VERBS
from tests.chaos.stage import Stage

Patch = AbstractContextManager[Any]

_ROWS_THAT_ARE_GONE = "DELETE FROM pgproof_metrics.item WHERE deleted"
_COUNT = "SELECT pgproof_metrics.count_change(ARRAY[%s::jsonb], '{}', ARRAY[%s])"


@dataclass(frozen=True)
class Broken:
    """A protocol.

    Attributes:
        wrong: the mistake.
        install: makes it.
        schema: what it changes in the schema: a text, and what stands there instead.
        verbs: what has to happen.
        by_lambda: whether it shows where Lambda does it alone.
    """

    wrong: str
    install: Callable[[], Patch]
    schema: tuple[str, str] = ("", "")
    verbs: dict[str, int] = field(default_factory=lambda: LOSSES)
    by_lambda: bool = False

    def __str__(self) -> str:
        return self.wrong.replace(" ", "-")

    def change(self, schema: str) -> str:
        """Return the tables of metrics as this protocol has them."""
        return _swap(schema, *self.schema)


def _swap(text: str, old: str, new: str) -> str:
    assert old in text, f"{old} is no more: {text}"
    return text.replace(old, new)


def _sql(name: str, old: str, new: str) -> Callable[[], Patch]:
    return lambda: patch.object(mirror, name, _swap(getattr(mirror, name), old, new))


def _hard_delete() -> Patch:
    def merge(connection: Any, source: Any, changes: Any) -> int:
        done = mirror.merge(connection, source, changes)
        connection.execute(_ROWS_THAT_ARE_GONE)
        return done

    return patch.object(intake, "merge", merge)


def _count_events() -> Patch:
    def merge(connection: Any, source: Any, changes: Any) -> int:
        connection.execute("SET LOCAL pgproof_metrics.paused = 'on'")
        for change in changes:
            if change.facts.by_mapping and not change.deleted:
                connection.execute(_COUNT, [change.facts.by_mapping, source.id])
        return mirror.merge(connection, source, changes)

    return patch.object(intake, "merge", merge)


def _take_last_of_page() -> Patch:
    def merge(connection: Any, source: Any, changes: Any) -> int:
        return mirror.merge(connection, source, {each.key: each for each in changes}.values())

    return patch.object(intake, "merge", merge)


def _checkpoint_first() -> Patch:
    def take_in(self: Any, shard: Any, page: Any) -> Any:
        read = partial(read_record, keys=self.feed.table.keys, mappings=self.feed.mappings)
        reached = replace(shard, **sync._reached(page), closed=page.last)  # noqa: SLF001 - it is a copy of its caller
        with self.connection.transaction():
            hold(self.connection, self.source)
            sync.advance(self.connection, self.source, reached)
        with self.connection.transaction():
            news = intake.take_in(self.connection, self.source, page.records, read)
        return reached, news

    return patch.object(sync.Sync, "_take_in", take_in)


def _begin_stream_after_scan() -> Patch:
    """Shards that are there when they are first read are read from then on."""
    whole = Stage.get_shard_iterator

    def find(self: Stage, **asked: Any) -> Any:
        shard = self.stream.shards.get(asked["ShardId"])
        late = asked["ShardIteratorType"] == "TRIM_HORIZON" and shard and not shard.parent
        return whole(self, **{**asked, **({"ShardIteratorType": "LATEST"} if late else {})})

    return patch.object(Stage, "get_shard_iterator", find)


def _go_on_after_a_gap() -> Patch:
    """What is trimmed is not missed."""
    whole = Stage.get_shard_iterator

    def find(self: Stage, **asked: Any) -> Any:
        try:
            return whole(self, **asked)
        except Exception:  # noqa: BLE001 - as it would
            return whole(self, **{**asked, "ShardIteratorType": "TRIM_HORIZON"})  # it never is refused

    return patch.object(Stage, "get_shard_iterator", find)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


_GUARD = "(excluded.epoch, excluded.sequence) > (kept.epoch, kept.sequence)"

BROKEN = (
    Broken("the guard has no epoch", _sql("_MERGE", _GUARD, "excluded.sequence > kept.sequence")),
    Broken("the guard has no sequence", _sql("_MERGE", _GUARD, "excluded.epoch >= kept.epoch"), by_lambda=True),
    Broken("what is known is news (>=)", _sql("_MERGE", _GUARD, _GUARD.replace(">", ">="))),
    Broken(
        "sequence numbers are compared as text",
        _sql(
            "_MERGE",
            _GUARD,
            _GUARD.replace("excluded.sequence", "excluded.sequence::text").replace(
                "kept.sequence", "kept.sequence::text"
            ),
        ),
        by_lambda=True,
    ),
    Broken("the last of a page is taken for the newest", _take_last_of_page, by_lambda=True),
    Broken("no tombstones", _hard_delete, by_lambda=True),
    Broken("nothing is swept", lambda: patch("pgproof.metrics.reading.scan.sweep", lambda *_: 0)),
    Broken("what is seen in this epoch is swept too", _sql("_UNSEEN", "epoch < %s", "epoch <= %s")),
    Broken("the stream is read from after the scan", _begin_stream_after_scan, verbs=VERBS),
    Broken("what was trimmed is not missed", _go_on_after_a_gap, verbs={"put": 12, "delete": 4, "hours": 8}),
    Broken("the checkpoint has a transaction of its own", _checkpoint_first, verbs=VERBS),
    Broken("events are counted", _count_events),
    Broken("what an item was is not taken away", _nothing, ("IF tg_op <> 'INSERT' THEN", "IF tg_op = 'DELETE' THEN")),
    Broken(
        "a distinct value is counted with each item",
        _nothing,
        ("count(*) FILTER (WHERE m.items = net.items) - count(*) FILTER (WHERE m.items = 0)", "sum(net.items)"),
    ),
)
