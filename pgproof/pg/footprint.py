"""A connection in, the footprint of its database out: taken twice and equal, nothing was written in between.

A session that ends hands in what it wrote before it leaves the list of sessions, and a session that waits for us
does so on demand. So the server's own counts of rows that were ever inserted, updated or deleted are complete once
no other session is left; writes to catalogs are among them, and with these all DDL. The rest of a footprint is what
Postgres writes without counting: sequences, the statistics in pg_class, and what it keeps about this database in
catalogs that all databases share. Rolled-back writes count as well.

What it cannot see: rows written while `track_counts` was off, which a superuser can do and undo (no other role, unless
granted); what belongs to the whole server (roles, tablespaces, ALTER SYSTEM, other databases) or lies outside of it
(files, foreign servers, an extension's own memory); functions that write to pages or statistics directly, as those
of pg_surgery or PostgreSQL 18's `pg_clear_attribute_stats`; rebuilt storage of the same content (REINDEX of pg_class,
BRIN summaries); what a session that connects only now does next.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from psycopg import Connection, Cursor
    from psycopg.rows import TupleRow

_POLL = 0.0005  # seconds; most sessions have left a millisecond after their client has closed
_FLUSHES_SINCE = 15_00_00
_TELLS_SEQUENCES_SINCE = 18_00_00

# Workers such as autovacuum are among them. What is prepared for a second phase is not counted yet, and holds locks.
_FOREIGN = """
SELECT pg_stat_get_db_numbackends(d.oid) - 1 + (SELECT count(*) FROM pg_prepared_xact() WHERE dbid = d.oid)
FROM pg_database AS d WHERE datname = current_database()
"""

# It acts when its transaction has ended, so counts are read in another one.
_FLUSH = "SELECT pg_stat_force_next_flush()"

# After a crash all counts start again at zero, and only the background writer's tell it. Of pg_class what VACUUM and
# ANALYZE overwrite in place, which decides plans. A row of a shared catalog is another one when its xmin is,
# this database's own too: no two databases share it.
_FACTS = """
SELECT current_setting('track_counts')::bool, d.xmin,
  pg_stat_get_db_tuples_inserted(d.oid), pg_stat_get_db_tuples_updated(d.oid), pg_stat_get_db_tuples_deleted(d.oid),
  pg_stat_get_db_stat_reset_time(d.oid), pg_stat_get_bgwriter_stat_reset_time(),
  (SELECT bit_xor(hash_record_extended((c.oid, relpages, reltuples, relallvisible, relfrozenxid), 0))
   FROM pg_class AS c WHERE c.oid >= 16384),
  ARRAY(SELECT xmin::text FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY setrole),
  ARRAY(SELECT xmin::text FROM pg_shdescription WHERE classoid = 'pg_database'::regclass AND objoid = d.oid),
  ARRAY(SELECT xmin::text FROM pg_shseclabel
        WHERE classoid = 'pg_database'::regclass AND objoid = d.oid ORDER BY provider),
  ARRAY(SELECT oid FROM pg_subscription WHERE subdbid = d.oid ORDER BY oid),
  ARRAY(SELECT slot_name::text FROM pg_get_replication_slots() WHERE datoid = d.oid ORDER BY slot_name)
FROM pg_database AS d WHERE datname = current_database()
"""

_SEQUENCES = """
SELECT c.oid, s.last_value, s.is_called
FROM pg_class AS c, pg_get_sequence_data(c.oid) AS s WHERE relkind = 'S' AND relpersistence <> 't'
"""

# Before 18 a sequence can only be read as a table of one row: this makes the text that reads them all.
_SEQUENCES_BEFORE_18 = """
SELECT string_agg(CASE WHEN has_sequence_privilege(oid, 'SELECT')
    THEN format('SELECT %s::oid AS oid, last_value, is_called FROM %s', oid, oid::regclass)
    ELSE format('SELECT %s::oid AS oid, NULL::bigint AS last_value, NULL::bool AS is_called', oid) END, ' UNION ALL ')
FROM pg_class WHERE relkind = 'S' AND relpersistence <> 't'
"""

_SET_BACK = """
SELECT setval(oid::regclass, last_value, is_called)
FROM unnest(%s::oid[], %s::bigint[], %s::bool[]) AS s (oid, last_value, is_called)
"""


@dataclass(frozen=True)
class Standing:
    """Where a sequence stands; its values are None if our role may not read it."""

    oid: int
    last_value: int | None
    is_called: bool | None


@dataclass(frozen=True)
class Footprint:
    """What was ever written to a database; two that are equal prove that nothing was written between them.

    One that cannot prove anything equals no other: while other sessions stayed, where the server counts nothing
    (`track_counts`) or does not flush on demand (before PostgreSQL 15), or hides a sequence from our role.

    Attributes:
        facts: what the server counts and tells.
        sequences: where they stand.
        foreign: other sessions of the database, and prepared transactions, that were still there. Then nothing else
            was read, because they may hold locks.
    """

    facts: tuple[object, ...]
    sequences: frozenset[Standing]
    foreign: int = 0


def fetch_footprint(connection: Connection[Any], *, patience: float = 0.1) -> Footprint:
    """Take the footprint of the connection's database; resets the session, because a test's SET may falsify it.

    Args:
        connection: in autocommit, outside of a transaction.
        patience: seconds to wait for other sessions, which leave a moment after their client.

    Raises:
        psycopg.errors.ActiveSqlTransaction: a transaction is open.
    """
    flushes = connection.info.server_version >= _FLUSHES_SINCE
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("DISCARD ALL")
        if foreign := _await_foreign(cursor, patience):
            return Footprint(_unlike_any(), frozenset(), foreign)
        if flushes:
            cursor.execute(_FLUSH)
        counts, *facts = cursor.execute(_FACTS).fetchone() or (False,)
        sequences = fetch_sequences(cursor)
    hidden = any(each.last_value is None for each in sequences)
    return Footprint(tuple(facts) if flushes and counts and not hidden else _unlike_any(), sequences)


def restore_sequences(connection: Connection[Any], footprint: Footprint) -> None:
    """Put sequences that a rolled-back transaction has moved back to where they stood; no rollback does that.

    Raises:
        ValueError: others were connected when the footprint was taken, so it knows no sequences.
    """
    if footprint.foreign:
        raise ValueError("a footprint with foreign sessions knows no sequences")
    with connection.cursor(row_factory=tuple_row) as cursor:
        if moved := footprint.sequences - fetch_sequences(cursor):
            rows = ((each.oid, each.last_value, each.is_called) for each in moved)
            cursor.execute(_SET_BACK, [list(column) for column in zip(*rows, strict=True)])
            cursor.execute("DISCARD SEQUENCES")  # setval is heard by currval


def _await_foreign(cursor: Cursor[TupleRow], patience: float) -> int:
    """Return how many others are still there after at most `patience` seconds."""
    until = time.monotonic() + patience
    while (foreign := _fetch_value(cursor, _FOREIGN)) and time.monotonic() < until:
        time.sleep(_POLL)
    return foreign or 0


def fetch_sequences(cursor: Cursor[TupleRow]) -> frozenset[Standing]:
    """Return where the sequences of the database stand."""
    if cursor.connection.info.server_version >= _TELLS_SEQUENCES_SINCE:
        return frozenset(Standing(*row) for row in cursor.execute(_SEQUENCES))
    reader: str | None = _fetch_value(cursor, _SEQUENCES_BEFORE_18)
    return frozenset(Standing(*row) for row in cursor.execute(reader.encode())) if reader else frozenset()


def _fetch_value(cursor: Cursor[TupleRow], query: LiteralString) -> Any:  # noqa: ANN401 - whatever the query selects
    (value,) = cursor.execute(query).fetchone() or (None,)
    return value


def _unlike_any() -> tuple[object, ...]:
    return (object(),)
