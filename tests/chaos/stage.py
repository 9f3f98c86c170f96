"""A script in, a DynamoDB table that it happens to out: a bit of it whenever somebody asks, in small and odd pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.chaos.script import dice, to_boto
from tests.shards import DAY
from tests.streams import Dynamo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.chaos.script import Event, Item

TABLE = "messages"
_FIRST = 10**21 - 12  # so numbers of 21 and of 22 digits are compared
_BEFORE = 6  # events before there is a stream: only a scan knows of them
_BEHIND = 3  # changes that a scan may not have seen yet


class Stage(Dynamo):
    """A table, its stream, and what is still to happen.

    Attributes:
        position: how much of the script has happened.
        is_odd: whether reads give nothing in the midst of a shard, and pages twice.
        days: is told how much time has passed, where it is long enough for records to be lost.
    """

    def __init__(
        self, script: Sequence[Event], seed: int, position: int = 0, days: Callable[[float], None] = lambda _: None
    ) -> None:
        super().__init__(TABLE, shards=2, first=_FIRST, page=2)
        self.position = 0
        self.is_odd = True
        self.days = days
        self._script = script
        self._chance = dice(f"stage/{seed}/{position}")
        self._before: list[dict[str, Item]] = [{}]
        self.disable()
        self.go_on(_BEFORE)
        if not self.is_on:
            self.enable(2)
        self._before = [dict(self.items)]
        self.go_on(position - _BEFORE)

    @property
    def is_over(self) -> bool:
        return self.position >= len(self._script)

    @property
    def table(self) -> list[Item]:
        """The items, in the order of their keys."""
        return sorted(self.items.values(), key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    @property
    def records(self) -> list[dict[str, Any]]:
        """What is left in the stream."""
        return [each for shard in self.stream.shards.values() for each in shard.records[shard.lost :]]

    def go_on(self, events: int) -> None:
        """Let so many more events happen."""
        with self._lock:
            for event in self._script[self.position :][: max(events, 0)]:
                self.position += 1
                getattr(self, f"_{event.verb}")(event)
                self._before = [*self._before, dict(self.items)][-_BEHIND:]

    def finish(self) -> None:
        """Let all happen."""
        self.go_on(len(self._script))

    def scan(self, **asked: Any) -> dict[str, Any]:
        """Read worse than is asked for: each item may be what it was a moment ago."""
        self._call("scan")
        with self._lock:
            now, on_call = self.items, self.on_call
            self.items, self.on_call = self._seen(), lambda _: None
            try:
                return super().scan(**asked)
            finally:
                self.items, self.on_call = now, on_call

    def get_records(self, *, ShardIterator: str, Limit: int = 0) -> dict[str, Any]:  # noqa: ARG002, N803 - boto3's
        """Give a few, or none, or some twice."""
        chance = self._chance.random() if self.is_odd else 1.0
        self.empty, self.again = int(chance < 0.1), int(0.1 < chance < 0.15)
        self.ends_late = chance < 0.5
        return super().get_records(ShardIterator=ShardIterator, Limit=self._chance.randint(1, 3))

    def _seen(self) -> dict[str, Item]:
        states = [*self._before, self.items, self.items]
        keys = sorted({key for each in states for key in each})
        return {key: item for key in keys if (item := self._chance.choice(states).get(key))}

    def _put(self, event: Event) -> None:
        self.put(**to_boto(event.item))

    def _same(self, event: Event) -> None:
        """Change nothing."""
        if item := next(
            (each for each in self.items.values() if (each["pk"]["S"], each["sk"]["S"]) == event.key), None
        ):
            self.put(**item)

    def _delete(self, event: Event) -> None:
        self.delete(pk=event.key[0], sk=event.key[1])

    def _expire(self, event: Event) -> None:
        self.expire(pk=event.key[0], sk=event.key[1])

    def _split(self, event: Event) -> None:
        if 0 < len(shards := self.stream.open_shards()) < 4:
            self.stream.split(shards[event.number % len(shards)])

    def _roll(self, event: Event) -> None:
        if shards := self.stream.open_shards():
            self.stream.roll(shards[event.number % len(shards)])

    def _merge(self, event: Event) -> None:
        shards = sorted(self.stream.open_shards(), key=lambda id: self.stream.shards[id].low)
        if len(shards) > 1:
            place = event.number % (len(shards) - 1)
            self.stream.merge(shards[place], shards[place + 1])

    def _iterators_expire(self, _: Event) -> None:
        self.sleep(16 * 60)

    def _hours(self, event: Event) -> None:
        """Records that are older than a day are lost; a scan is no more than a moment behind."""
        self._let_pass(DAY * event.number / 100)

    def _days(self, _: Event) -> None:
        self._let_pass(DAY * 1.5)

    def _let_pass(self, seconds: float) -> None:
        self._before = [dict(self.items)]
        self.pass_time(seconds)
        self.days(seconds)

    def _off(self, _: Event) -> None:
        self.disable()

    def _on(self, event: Event) -> None:
        if not self.is_on:
            self.enable(1 + event.number % 2)
            self._before = [dict(self.items)]  # it takes longer than what an eventually consistent read is behind
