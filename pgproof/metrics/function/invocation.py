"""A Lambda event of a DynamoDB stream in, its records in the mirror out, and from which one on to send again.

For an event source mapping with ReportBatchItemFailures; `inv metrics.template` writes one. The upsert is the same as
everywhere, so what Lambda sends twice, or by halves, changes nothing. Lambda knows how far the stream was read. What is
wrong with a record is set aside with that record, and it counts as done. What is wrong for a while, as when the
database is away, is answered with the first record that is not committed: Lambda sends it, and all after it, again.
"""

from __future__ import annotations

import logging
import threading
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from pgproof.errors import CloudError, PgproofError
from pgproof.metrics.function.engine import Engine, Taken
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mirror.item import Malformed
from pgproof.metrics.mirror.record import sequence_of
from pgproof.metrics.mirror.source import EpochOver
from pgproof.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Record = dict[str, Any]
Answer = dict[str, list[dict[str, str]]]

CHUNK = 1000
"""Records of one transaction: what is committed is not sent again."""

SPARE = 10_000
"""Milliseconds that a chunk may need: with less than that left, the rest is for the next invocation."""

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)  # Lambda's root logger is silent below a warning, and this line is all that it is told
kept = threading.local()  # Lambda gives a process one event at a time; whoever calls from threads has an engine each


def handler(event: Any, context: Any) -> Answer:  # noqa: ANN401 - Lambda's
    """Bring the mirror up to the records of an event.

    Settings are the environment's (PGPROOF_SECRET, or CONNECTION_URL), and mappings those in metrics/ of its folder.

    Args:
        event: of a DynamoDB stream.
        context: Lambda's; says how much time is left.

    Raises:
        PgproofError: settings, mappings or the event are not what they have to be: all of it is sent again.
    """
    records = _records(event)
    if not records:
        return {"batchItemFailures": []}
    chunks = list(_chunks(records))
    engine, taken = _engine(), Taken()
    try:
        for stream, chunk in chunks:
            _need_time(context, taken)
            taken += engine.take(stream, chunk)
    except (PgproofError, EpochOver, psycopg.Error) as error:
        engine.close()
        _log.warning("%s: %s; the rest is to be sent again: %s", _table(chunks), _count(taken, records), _said(error))
        return {"batchItemFailures": [{"itemIdentifier": _next(records, taken.records, error)}]}
    _refresh(engine)
    _log.info("%s: %s", _table(chunks), _count(taken, records))
    return {"batchItemFailures": []}


def _engine() -> Engine:
    if not hasattr(kept, "engine"):
        settings = read_settings(Path.cwd())
        if not settings.secret:
            settings = read_settings(Path.cwd(), server=None if settings.target == "prod" else "url")
        kept.engine = Engine(settings, read_mappings(settings.metrics))
    engine: Engine = kept.engine
    return engine


def _records(event: Any) -> list[Record]:  # noqa: ANN401
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise CloudError("the event has no Records", hint="is a DynamoDB stream this function's only source?")
    return records


def _chunks(records: Sequence[Record]) -> Iterator[tuple[str, list[Record]]]:
    """Yield a batch by pieces, in its order, each of one stream; what does not say is of the one that the others say.

    Raises:
        CloudError: none of them says.
    """
    streams = [_stream(each) for each in records]
    current = next(filter(None, streams), None)
    if current is None:
        raise CloudError("no record says of which stream it is", hint="is a DynamoDB stream this function's source?")
    filled = [current := each or current for each in streams]
    for stream, pairs in groupby(zip(filled, records, strict=True), key=lambda pair: pair[0]):
        same = [record for _, record in pairs]
        yield from ((stream, same[start : start + CHUNK]) for start in range(0, len(same), CHUNK))


def _stream(record: Any) -> str | None:  # noqa: ANN401
    said = record.get("eventSourceARN") if isinstance(record, dict) else None
    return said if isinstance(said, str) else None


def _need_time(context: Any, taken: Taken) -> None:  # noqa: ANN401
    """Raise where the next chunk would be cut off, and with it the answer for those before it."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    if taken.records and left and left() < SPARE:
        raise CloudError("time is nearly up")


def _next(records: Sequence[Record], done: int, error: Exception) -> str:
    """Return from which record on Lambda is to send again.

    All before it are committed. Lambda takes an empty name for the whole batch, and a later one for what came before
    it being done; so where the first that is not committed has no name, it is one before, or else the error is raised.
    """
    start = next((each for each in range(done, -1, -1) if _name(records[each])), None)
    if start is None:
        raise error
    return min(filter(None, map(_name, records[start:])), key=int)


def _name(record: Record) -> str:
    try:
        return sequence_of(record)
    except Malformed:
        return ""


def _refresh(engine: Engine) -> None:
    """Have tables of this database counted; where that fails, records are none the worse for it."""
    try:
        engine.refresh()
    except (PgproofError, psycopg.Error) as error:
        _log.warning("metrics of this database's own tables were not counted: %s", _said(error))


def _table(chunks: Sequence[tuple[str, list[Record]]]) -> str:
    return ", ".join(dict.fromkeys(stream.partition("/")[2].partition("/")[0] or stream for stream, _ in chunks))


def _count(taken: Taken, records: Sequence[Record]) -> str:
    done = f"{taken.records} of {len(records)} records, {taken.news} news"
    aside = f", {taken.set_aside} set aside" if taken.set_aside else ""
    return done + aside + (f", {taken.older} of an older stream" if taken.older else "")


def _said(error: Exception) -> str:
    """Return an error on one line, without what an item holds: that is in the details of Postgres' messages."""
    if isinstance(error, psycopg.Error):
        return f"Postgres: {str(error).partition(chr(10))[0]}"
    return "its table is being read anew" if isinstance(error, EpochOver) else " ".join(str(error).split())
