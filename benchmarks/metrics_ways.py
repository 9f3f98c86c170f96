"""Messages of a table in, ways to bring them to Postgres out: ours, and the least that one would write by hand."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
from metrics_pages import KEYS, STREAM, TABLE, make_item
from psycopg.types.json import Jsonb

from pgproof.metrics.aws import open_aws
from pgproof.metrics.feed import SCHEMA, Feed
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.mirror.source import fetch_source, hold
from pgproof.metrics.reading.scan import SEGMENTS, Scan, fetch_pages
from pgproof.metrics.streams.shard import Shard, add_shards, advance, hold_shard
from pgproof.metrics.table import Table
from pgproof.pg.database import connect
from pgproof.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.metrics.mappings.mapping import Mapping

MAPPING = f"""
dynamodb = "{TABLE}"
items = {{ pk = "MSG#*" }}
time = "sk"

[metric.messages]

[metric.active_users]
measure = "distinct"
of = "user_uuid"
"""
_A_DAY = 3000  # messages that the stream tells of
_DROP = "DROP SCHEMA IF EXISTS pgproof_metrics CASCADE"
_LIVE = "UPDATE pgproof_metrics.source SET epoch = 1, phase = 'live', stream = %s"
_WITHOUT_METRICS = "ALTER TABLE pgproof_metrics.item DISABLE TRIGGER USER"
_BARE = """
DROP TABLE IF EXISTS bare;
CREATE TABLE bare (pk text, sk text, sequence numeric(40, 0), image jsonb)
"""
_KEY = "ALTER TABLE bare ADD PRIMARY KEY (pk, sk)"
_COPY = "COPY bare (pk, sk, image) FROM STDIN"
_UPSERT = """
INSERT INTO bare (pk, sk, sequence, image) VALUES (%s, %s, %s, %s)
ON CONFLICT (pk, sk) DO UPDATE SET sequence = excluded.sequence, image = excluded.image
WHERE excluded.sequence > bare.sequence
"""


@dataclass
class Desk:
    """A database, and the table whose messages come to it.

    Attributes:
        url: conninfo of the database.
        pages: URL of what gives the table's pages.
    """

    url: str
    pages: str
    mappings: Sequence[Mapping] = field(init=False)

    def __post_init__(self) -> None:
        """Read the mapping, and say where DynamoDB is."""
        with TemporaryDirectory(prefix="pgproof-bench-") as folder:
            (Path(folder) / "messages.toml").write_text(MAPPING)
            self.mappings = read_mappings(Path(folder))
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "ca-central-1"}
            os.environ |= {"AWS_ENDPOINT_URL": self.pages, "AWS_DEFAULT_REGION": "ca-central-1", **keys}
            aws = open_aws(read_settings(Path(folder)))
        table = Table(TABLE, KEYS, STREAM, "NEW_AND_OLD_IMAGES", 0)
        self.feed = Feed(aws, partial(connect, self.url), table, self.mappings)

    def begin(self, *, metrics: bool = True, live: bool = True) -> None:
        """Have an empty mirror."""
        with closing(connect(self.url)) as connection:
            connection.execute(_DROP)
            connection.execute(SCHEMA.read_text().encode())
            adopt(connection, self.mappings)
            if live:
                connection.execute(_LIVE, [STREAM])
                add_shards(connection, fetch_source(connection, TABLE), [Shard("shardId-1", None)])
            if not metrics:
                connection.execute(_WITHOUT_METRICS)

    def begin_bare(self, *, key: bool = True) -> None:
        """Have an empty table to compare with."""
        with closing(connect(self.url)) as connection:
            connection.execute(_BARE.encode())
            if key:
                connection.execute(_KEY)

    def backfill(self) -> None:
        """Read the whole table, as `inv metrics.backfill` does."""
        with closing(connect(self.url)) as connection:
            Scan(self.feed).run(fetch_source(connection, TABLE))

    def scan_and_copy(self) -> None:
        """Read the same segments by the same client, and COPY what is read."""
        with ThreadPoolExecutor(SEGMENTS) as pool:
            list(pool.map(self._copy, range(SEGMENTS)))

    def _copy(self, segment: int) -> None:
        with closing(connect(self.url)) as connection:
            for items, _ in fetch_pages(self.feed, segment, SEGMENTS):
                with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                    for item in items:
                        copy.write_row((item["pk"]["S"], item["sk"]["S"], json.dumps(item)))

    def apply(self, pages: Sequence[Sequence[dict[str, Any]]]) -> None:
        """Take in pages of a stream, each with its checkpoint in one transaction, as `inv metrics.sync` does."""
        read = partial(read_record, keys=KEYS, mappings=self.mappings)
        with closing(connect(self.url)) as connection:
            source = fetch_source(connection, TABLE)
            for records in pages:
                with connection.transaction():
                    hold(connection, source)
                    shard = hold_shard(connection, source, "shardId-1")
                    take_in(connection, source, records, read)
                    last = int(records[-1]["dynamodb"]["SequenceNumber"])
                    advance(connection, source, Shard(shard.id, None, last))

    def upsert(self, pages: Sequence[Sequence[dict[str, Any]]], *, prepare: bool) -> None:
        """Send a guarded upsert a record, and commit a page; no metrics, no checkpoint.

        Args:
            pages: records of a stream.
            prepare: as psycopg does if it is left alone; a pool of connections in between may not bear it.
        """
        with closing(psycopg.connect(self.url) if prepare else connect(self.url)) as connection:
            for records in pages:
                with connection.transaction():
                    for record in records:
                        connection.execute(_UPSERT, _values(record))

    def upsert_many(self, pages: Sequence[Sequence[dict[str, Any]]]) -> None:
        """Send the same upserts, a page in one go."""
        with closing(psycopg.connect(self.url)) as connection:
            for records in pages:
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany(_UPSERT, map(_values, records))


def _values(record: dict[str, Any]) -> list[Any]:
    body = record["dynamodb"]
    keys = body["Keys"]
    return [keys["pk"]["S"], keys["sk"]["S"], body["SequenceNumber"], Jsonb(body["NewImage"])]


def make_records(number: int) -> list[dict[str, Any]]:
    """Return what a stream says, as boto3 gives it: new messages in order of time; each third changes one of before."""
    return [_record(place, place if place % 3 else place // 2) for place in range(number)]


def cut(records: Sequence[dict[str, Any]], size: int) -> list[Sequence[dict[str, Any]]]:
    """Return pages of so many records."""
    return [records[place : place + size] for place in range(0, len(records), size)]


def _record(place: int, item: int) -> dict[str, Any]:
    day, moment = divmod(item, _A_DAY)
    image = json.loads(make_item(item)) | {"sk": {"S": f"2026-01-{day % 28 + 1:02}T10:00:00.{moment:06}"}}
    keys = {name: image[name] for name in KEYS}
    body = {"Keys": keys, "NewImage": image, "SequenceNumber": str(10**21 + place), "StreamViewType": "NEW_IMAGE"}
    return {"eventID": str(place), "eventName": "INSERT", "dynamodb": body}
