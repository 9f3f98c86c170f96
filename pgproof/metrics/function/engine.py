"""Records as Lambda gets them in, the mirror brought up to them out: on a connection kept between invocations."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from pgproof.errors import CloudError, SettingsError
from pgproof.metrics.feed import need_metrics
from pgproof.metrics.function.arn import StreamArn, read_stream_arn
from pgproof.metrics.mappings.mapping import fingerprint
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.keys import fetch_keys
from pgproof.metrics.mirror.mirror import prune
from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.mirror.source import EpochOver, fetch_source, hold
from pgproof.pg.conninfo import read_conninfo
from pgproof.pg.database import connect_runner

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from psycopg import Connection

    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.mirror.source import Source
    from pgproof.settings import Settings

_TRIES = 5
_PRUNES_EVERY = 600.0  # seconds
_AGAIN = (EpochOver, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
# A function sleeps between invocations, and its connection may be gone when it wakes: a NAT gateway forgets it, and
# without this the first statement waits for a quarter of an hour.
_WAKEFUL = {"tcp_user_timeout": "15000"}


@dataclass(frozen=True)
class Taken:
    """What became of records.

    Attributes:
        news: how many changed the mirror.
        set_aside: how many are in `dead_letter` now.
        older: how many are of a stream from before: what they say, the reading of the whole table has covered.
    """

    records: int = 0
    news: int = 0
    set_aside: int = 0
    older: int = 0

    def __add__(self, other: Taken) -> Taken:
        """Add up."""
        both = (self.records + other.records, self.news + other.news)
        return Taken(*both, self.set_aside + other.set_aside, self.older + other.older)


@dataclass
class Engine:
    """Brings records to Postgres; one thread at a time.

    Attributes:
        settings: where Postgres is.
        mappings: all of the project.
    """

    settings: Settings
    mappings: Sequence[Mapping]
    _connection: Connection[Any] | None = field(default=None, repr=False)
    _prunes_at: float = field(default=0.0, repr=False)

    def take(self, stream: str, records: Sequence[Map[str, Any]]) -> Taken:
        """Bring the mirror up to records of one stream, in one transaction.

        Raises:
            PgproofError: the database is away or not made for them; or their table is not to be followed, as yet.
            psycopg.Error: what Postgres says, in other cases.
            EpochOver: the whole table was begun to be read anew, time and again.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._take(stream, records)
            except (EpochOver, psycopg.Error) as error:
                if not isinstance(error, _AGAIN) and not self._connect_lost:
                    raise
        return self._take(stream, records)

    def refresh(self) -> None:
        """Have this database's own tables counted, and forget items that are long gone; each now and then.

        Raises:
            PgproofError: Postgres refuses.
            psycopg.Error: it was not reached, or is busy.
        """
        from pgproof.metrics.mappings.relational import refresh_due

        if any(each.store == "postgres" for each in self.mappings):
            refresh_due(self._connect(), self.mappings)
        if time.monotonic() >= self._prunes_at:
            self._prunes_at = time.monotonic() + _PRUNES_EVERY
            connection = self._connect()
            for table in sorted({each.table for each in self.mappings if each.store == "dynamodb"}):
                prune(connection, fetch_source(connection, table))

    def close(self) -> None:
        """Leave the connection, and what was known of where it leads: a password may have been changed meanwhile."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _take(self, stream: str, records: Sequence[Map[str, Any]]) -> Taken:
        arn = read_stream_arn(stream)
        mappings = self._mappings(arn.table)
        connection = self._connect()
        source = fetch_source(connection, arn.table)
        if source.stream and arn.is_older(read_stream_arn(source.stream)):
            return Taken(len(records), older=len(records))
        _check(source, arn, mappings)
        read = partial(read_record, keys=fetch_keys(connection, source), mappings=mappings)
        reasons: list[str] = []
        with connection.transaction():
            hold(connection, source)
            news = take_in(connection, source, records, read, tell=reasons.append)
        return Taken(len(records), news, len(reasons))

    def _mappings(self, table: str) -> list[Mapping]:
        found = [each for each in self.mappings if each.store == "dynamodb" and each.table == table]
        if not found:
            what = f"no mapping of this function is about DynamoDB's table {table}"
            raise SettingsError(what, hint="put the project's metrics/*.toml beside it, or remove its event source")
        return found

    @property
    def _connect_lost(self) -> bool:
        return self._connection is not None and self._connection.closed

    def _connect(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            limit = self.settings.lock_timeout.replace(" ", "")
            conninfo = find_conninfo(self.settings)
            self._connection = connect_runner(conninfo, program="pgproof on AWS Lambda", lock_timeout=limit)
            need_metrics(self._connection)
        return self._connection


def find_conninfo(settings: Settings) -> str:
    """Return where Postgres is, by the secret or the URL that settings name.

    Raises:
        SettingsError: neither says.
        CloudError: the secret cannot be read.
    """
    if settings.secret:
        from pgproof.aws import fetch_secret
        from pgproof.metrics.function.secret import read_secret

        conninfo = read_secret(fetch_secret(settings), settings.url or "")
    else:
        conninfo = settings.url or ""
    return make_conninfo("", **(_WAKEFUL | read_conninfo(conninfo)))


def _check(source: Source, arn: StreamArn, mappings: Sequence[Mapping]) -> None:
    """Refuse records for which the mirror is not ready.

    Raises:
        CloudError: the table was never read, or has another stream than the one that is followed.
        SettingsError: the database follows other mappings.
    """
    anew = "`inv metrics.backfill` reads the whole table, and goes on from there"
    if source.stream is None:
        raise CloudError(f"DynamoDB's table {source.name} was never read", hint=anew)
    if read_stream_arn(source.stream) != arn:
        what = f"the mirror of DynamoDB's table {source.name} follows {source.stream}"
        raise CloudError(f"{what}, and these records are of another stream", hint=anew)
    if source.mappings != fingerprint(mappings):
        what = f"the database counts DynamoDB's table {source.name} by other mappings than this function has"
        raise SettingsError(
            what, hint="`inv metrics.retry` has it count by the project's; put those beside the function"
        )
