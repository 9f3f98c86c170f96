"""A seed in, what happens to a table and its stream out: few keys, so that much happens to each of them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from random import Random
from typing import Any

Key = tuple[str, str]
Item = dict[str, Any]
"""Attribute -> typed value, written as the mirror writes it."""

KEYS: tuple[Key, ...] = (("MSG#1", "a"), ("MSG#1", "b"), ("MSG#2", "a"), ("MSG#3", "é"), ("GRP#1", "a"))
_DAYS = ("2026-01-01T10:00:00", "2026-01-02T23:59:59+00:00", "2026-01-02T23:30:00-05:00", "2026-01-04")
_TIMES = (*({"S": day} for day in _DAYS), {"N": "1767398400"}, {"S": "yesterday"}, {"NULL": True}, None)
_LIKES = (
    {"N": "1"},
    {"N": "-7.5"},
    {"N": "12345678901234567890123456789012345678"},
    {"N": "1E+40"},
    {"S": "many"},
    None,
)
_CITIES = ({"S": "Toronto"}, {"S": ""}, {"S": "Tōkyō\t\\N"}, {"NULL": True}, None)
_PEOPLE = ({"S": "ann"}, {"S": "bob"}, {"N": "7"}, None)
_MORE = ({"M": {"a": {"L": [{"N": "0.1"}, {"BOOL": False}]}}}, {"SS": ["x", "y"]}, {"B": "AAE="}, None)
_USUAL = 0.75

VERBS = {"put": 24, "delete": 8, "expire": 2, "same": 2, "split": 1, "merge": 1, "roll": 1, "iterators_expire": 1}
LOSSES = {**VERBS, "hours": 2, "days": 1, "off": 1, "on": 1}


@dataclass(frozen=True)
class Event:
    """One thing that happens.

    Attributes:
        verb: what `Stage` does.
        number: chooses a shard, or how long it takes.
    """

    verb: str
    key: Key
    item: Item
    number: int


def dice(seed: int | str) -> Random:
    """Return chance that is the same again for the same seed."""
    return Random(seed)  # noqa: S311 - nothing here is secret


def make_script(seed: int, length: int, verbs: dict[str, int] = VERBS) -> list[Event]:
    """Return so many events."""
    chance = dice(seed)
    chosen = chance.choices(list(verbs), list(verbs.values()), k=length)
    keys = [chance.choice(KEYS) for _ in chosen]
    chosen[-1] = "on"  # were its stream off, nobody could say what has become of the table
    return [
        Event(verb, key, make_item(chance, key), chance.randrange(100)) for verb, key in zip(chosen, keys, strict=True)
    ]


def make_item(chance: Random, key: Key) -> Item:
    """Return an item; some cannot be counted."""
    likes = _LIKES[chance.randrange(3)] if chance.random() < _USUAL else chance.choice(_LIKES)
    time = _TIMES[chance.randrange(4)] if chance.random() < _USUAL else chance.choice(_TIMES)
    values = {
        "pk": {"S": key[0]},
        "sk": {"S": key[1]},
        "at": time,
        "likes": likes,
        "city": chance.choice(_CITIES),
        "who": chance.choice(_PEOPLE),
        "more": chance.choice(_MORE),
    }
    return {name: value for name, value in values.items() if value is not None}


def to_boto(item: Item) -> Item:
    """Return an item as boto3 has it: binary as bytes."""
    return {name: {"B": b64decode(value["B"])} if "B" in value else value for name, value in item.items()}


def from_boto(item: Item) -> Item:
    """Return an item as it is written here."""
    return {name: {"B": b64encode(value["B"]).decode()} if "B" in value else value for name, value in item.items()}
