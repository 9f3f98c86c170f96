"""A stream's record in, a change to the mirror out; from boto3 or as Lambda gets it."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pgproof.metrics.mappings.facts import NO_FACTS, Facts, find_facts
from pgproof.metrics.mirror.item import Malformed, key_of, normalize, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.mirror.item import Image

_TTL = ("Service", "dynamodb.amazonaws.com")
_DIGITS = 40  # of a sequence number, at most
# What comes of taking JSON that means something else for a record.
_ODD = (ArithmeticError, AttributeError, KeyError, TypeError, ValueError)


class Change(NamedTuple):
    """What becomes of one item.

    Attributes:
        key: hash of the item's key.
        sequence: where in the stream; 0 if it was read from the table.
        image: its text in normal form; None: nobody knows what it was.
        deleted: it is gone.
        expired: it is, because its time to live was over; `image` is what it was, where the stream has old images.
        record: what it was read from.
    """

    key: bytes
    sequence: int
    image: str | None
    facts: Facts = NO_FACTS
    deleted: bool = False
    expired: bool = False
    record: Map[str, Any] | None = None


def read_record(record: Map[str, Any], keys: tuple[str, ...], mappings: Sequence[Mapping]) -> Change:
    """Read one record.

    Args:
        record: of GetRecords, or of a Lambda event.
        keys: attributes of the table's key, in order.
        mappings: of the table.

    Raises:
        Malformed: it is no record of a table with this key; says why.
    """
    try:
        return _read(record, keys, mappings)
    except Malformed:
        raise
    except _ODD as error:
        raise Malformed(_why(error)) from error


def read_item(item: Map[str, Any], keys: tuple[str, ...], mappings: Sequence[Mapping]) -> Change:
    """Read one item of a scan or an export.

    Raises:
        Malformed: it is no item of a table with this key.
    """
    try:
        image = normalize(item)
        return _put(key_of(keys, image), 0, image, mappings, item)
    except Malformed:
        raise
    except _ODD as error:
        raise Malformed(_why(error)) from error


def sequence_of(record: Map[str, Any]) -> str:
    """Return where in the stream a record is, as it says it.

    Raises:
        Malformed: it does not say, or not in words of DynamoDB's.
    """
    try:
        said = record["dynamodb"]["SequenceNumber"]
    except _ODD as error:
        raise Malformed(_why(error)) from error
    if not isinstance(said, str) or not (said.isascii() and said.isdecimal() and len(said) <= _DIGITS and int(said)):
        raise Malformed(f"{said!r:.60} is not a sequence number")
    return said


def moment_of(record: Map[str, Any]) -> datetime | None:
    """Return about when a record was written, to the second; None where it does not say."""
    try:
        said = record["dynamodb"]["ApproximateCreationDateTime"]
        return said if isinstance(said, datetime) else datetime.fromtimestamp(said, UTC)
    except (*_ODD, OSError):
        return None


def to_json(record: Map[str, Any]) -> str:
    """Return a record as JSON in ASCII, binary as base64: `read_record` reads it again."""
    return json.dumps(record, default=_plain, sort_keys=True)


def _read(record: Map[str, Any], keys: tuple[str, ...], mappings: Sequence[Mapping]) -> Change:
    body, name, sequence = record["dynamodb"], record["eventName"], int(sequence_of(record))
    if name == "REMOVE":
        return _remove(key_of(keys, normalize(body["Keys"])), sequence, body, mappings, record)
    if name not in ("INSERT", "MODIFY"):
        raise Malformed(f"unknown event {name!r:.60}")
    if "NewImage" not in body:
        raise Malformed("no NewImage: the stream has to have the view type NEW_IMAGE or NEW_AND_OLD_IMAGES")
    image = normalize(body["NewImage"])
    if body["Keys"] != {each: body["NewImage"].get(each) for each in keys}:
        _need_key(keys, normalize(body["Keys"]), image)
    return _put(key_of(keys, image), sequence, image, mappings, record)


def _need_key(keys: tuple[str, ...], parts: Image, image: Image) -> None:
    """Refuse a record whose image is of another item, or of none."""
    key_of(keys, parts)
    if [image.get(each) for each in keys] != [parts[each] for each in keys]:
        raise Malformed("its NewImage has another key")


def _put(key: bytes, sequence: int, image: Image, mappings: Sequence[Mapping], record: Map[str, Any]) -> Change:
    return Change(key, sequence, to_text(image), find_facts(image, mappings), record=record)


def _remove(
    key: bytes, sequence: int, body: Map[str, Any], mappings: Sequence[Mapping], record: Map[str, Any]
) -> Change:
    if not _is_ttl(record) or "OldImage" not in body:
        return Change(key, sequence, None, deleted=True, expired=_is_ttl(record), record=record)
    image = normalize(body["OldImage"])
    facts = find_facts(image, mappings, gone=True)
    return Change(key, sequence, to_text(image), facts, deleted=True, expired=True, record=record)


def _is_ttl(record: Map[str, Any]) -> bool:
    said = record.get("userIdentity")
    who = {str(name).lower(): value for name, value in said.items()} if isinstance(said, dict) else {}
    return (who.get("type"), who.get("principalid")) == _TTL


def _why(error: BaseException) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    if isinstance(value, set | frozenset | tuple):
        return sorted(value)
    return value.timestamp() if isinstance(value, datetime) else str(value)
