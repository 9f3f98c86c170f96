"""A connection in the midst of a migration in, how things stand there out: locks, files, counts, WAL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

# One query and one value, so that what is measured is disturbed once a statement; it takes a millisecond. It sets
# again what a script may have set otherwise: the server's words, and no parallel workers, because what they read is
# counted for them and not for us. The ledger's own tables are nobody's business.
TEXT = """
SELECT json_build_object(
  'set', set_config('client_min_messages', 'debug1', false)
      || set_config('max_parallel_maintenance_workers', '0', false)
      || set_config('max_parallel_workers_per_gather', '0', false),
  'lock_timeout', extract(epoch FROM current_setting('lock_timeout')::interval) * 1000,
  'wal', pg_current_wal_insert_lsn() - '0/0',
  'locks', (
    SELECT json_agg(json_build_array(relation::bigint, mode) ORDER BY relation, mode)
    FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
  'relations', (
    SELECT json_agg(json_build_array(
      c.oid::bigint, n.nspname, c.relname, c.relkind, pg_relation_filenode(c.oid)::bigint,
      pg_relation_size(c.oid), i.indrelid::bigint,
      CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::bigint END))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND c.relname NOT LIKE '\\_pgproof\\_%' AND c.relname NOT LIKE '\\_yoyo\\_%'
      AND c.relname NOT IN ('yoyo_lock', 'yoyo_lock_pkey')),
  'counts', (
    SELECT json_agg(json_build_array(relid::bigint, seq_tup_read, n_tup_ins + n_tup_upd + n_tup_del))
    FROM {counts}))
"""
WITHIN = TEXT.replace("{counts}", "pg_stat_xact_user_tables")
"""The query within a transaction: counts are those that it has not made known yet."""

_BETWEEN = TEXT.replace("{counts}", "pg_stat_user_tables")

_MARK = "pgproof looks: "
IN_THE_END = f"DO $pgproof$ BEGIN RAISE NOTICE '{_MARK}%', ({WITHIN}); END $pgproof$;"
"""The same as a message, for a transaction that somebody else ends: `read_message` finds it again."""

KINDS: Mapping[str, str] = {
    "r": "table",
    "p": "table",
    "f": "table",
    "i": "index",
    "I": "index",
    "v": "view",
    "m": "materialized view",
    "S": "sequence",
}


@dataclass(frozen=True)
class Relation:
    """A table, an index or the like, as it stands at one time; `table` is an index's, `root` a partition's, by oid."""

    schema: str
    called: str
    kind: str
    file: int | None
    size: int | None
    table: int | None
    root: int | None

    @property
    def name(self) -> str:
        """`public.users`."""
        return f"{self.schema}.{self.called}"


@dataclass(frozen=True)
class Probe:
    """How things stand.

    Attributes:
        lock_timeout: milliseconds; 0 is none.
        wal: where its end is, in bytes.
        locks: relations' oids and modes that the connection holds.
        relations: all that are not the server's own, by oid.
        counts: rows read one after the other, and rows written, by oid.
    """

    lock_timeout: int
    wal: int
    locks: frozenset[tuple[int, str]] = frozenset()
    relations: dict[int, Relation] = field(default_factory=dict, repr=False)
    counts: Mapping[int, tuple[int, int]] = field(default_factory=dict, repr=False)


def look_within(connection: Connection[Any]) -> Probe:
    """Look in a transaction."""
    return _read(_fetch(connection, WITHIN))


def look_between(connection: Connection[Any]) -> Probe:
    """Look outside of a transaction, when what was counted is known to all."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    return _read(_fetch(connection, _BETWEEN))


def read_message(said: str) -> Probe | None:
    """Return what `IN_THE_END` has found, if this is it."""
    import json

    return _read(json.loads(said.removeprefix(_MARK))) if said.startswith(_MARK) else None


def _fetch(connection: Connection[Any], query: str) -> Any:  # noqa: ANN401 - JSON
    row = connection.execute(query.encode()).fetchone()
    assert row is not None  # noqa: S101 - one row, always
    return row[0]


def _read(found: Any) -> Probe:  # noqa: ANN401 - JSON
    return Probe(
        lock_timeout=round(found["lock_timeout"]),
        wal=int(found["wal"]),
        locks=frozenset((oid, mode) for oid, mode in found["locks"] or ()),
        relations={oid: Relation(*values) for oid, *values in found["relations"] or ()},
        counts={oid: (read, written) for oid, read, written in found["counts"] or ()},
    )
