"""A database in, cells in it out: two tables that are watched, queries that read and write one cell or two."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import RawCursor

from pgproof import Database
from pgproof.queries.call import Call, call_for_rows
from tests.adapters import put
from tests.caches import watch_tables
from tests.histories.history import Content

LAG, TTL, STALE = 1.0, 8.0, 2.0  # seconds, as the queries say
TABLES = ("left", "right")

_TABLES = """
CREATE TABLE left_cell (id int PRIMARY KEY, value int NOT NULL, mark int NOT NULL);
CREATE TABLE right_cell (LIKE left_cell INCLUDING ALL);
"""
_READ = "SELECT '{table}' || id AS cell, value, mark FROM {table}_cell WHERE id = %(id)s"
_WRITE = (
    "INSERT INTO {table}_cell AS cell (id, value, mark) VALUES (%(id)s, 1, %(mark)s) "
    "ON CONFLICT (id) DO UPDATE SET value = cell.value + 1, mark = excluded.mark "
    "RETURNING '{table}' || id AS cell, value, mark"
)
_WRITE_BOTH = (
    "WITH one AS ({}), other AS ({}) SELECT cell, value, mark FROM one UNION ALL SELECT cell, value, mark FROM other"
)
_READS = {table: _READ.format(table=table) for table in TABLES}
_WRITES = {table: _WRITE.format(table=table) for table in TABLES}
_READS["both"] = " UNION ALL ".join(_READS.values())
_WRITES["both"] = _WRITE_BOTH.format(*_WRITES.values())
_CLEAR = (
    "TRUNCATE left_cell, right_cell, pgproof_cache.writes, pgproof_cache.deliveries, pgproof_cache.entries, "
    "pgproof_cache.processes"
)


def cells_of(table: str, id: int) -> tuple[str, ...]:
    """Return the cells that a query for `left`, `right` or `both` is about."""
    return tuple(f"{each}{id}" for each in (TABLES if table == "both" else (table,)))


def contents(rows: Sequence[dict[str, Any]]) -> dict[str, Content]:
    """Return an answer by cell."""
    return {row["cell"]: Content(row["value"], row["mark"]) for row in rows}


def _files(lag: float) -> dict[str, str]:
    declared = {
        "strict": f"ttl={TTL:.0f}s mode=strict",
        "bounded": f"ttl={TTL:.0f}s mode=bounded lag={1000 * lag:.0f}ms stale={STALE:.0f}s",
    }
    reads = {
        f"{mode}/{table}": f"-- returns: many\n-- cache: {words}\n{text}"
        for mode, words in declared.items()
        for table, text in _READS.items()
    }
    return reads | {f"write/{table}": f"-- returns: many\n{text}" for table, text in _WRITES.items()}


class Cells:
    """The cells of one database, and a connection that steps are performed on.

    Attributes:
        db: performs steps; it has no cache of its own.
        folder: of the queries.
    """

    def __init__(self, conninfo: str, folder: Path, lag: float = LAG) -> None:
        self.conninfo = conninfo
        self.folder = put(folder, _files(lag))
        self._connections: list[psycopg.Connection[Any]] = []
        self._idle: list[psycopg.Connection[Any]] = []
        with self.lend() as connection:
            connection.execute(_TABLES)
            watch_tables(connection, [f"{table}_cell" for table in TABLES])
        self.db = Database(self._connect(), self.folder)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def clear(self) -> None:
        """Begin anew."""
        with self.db.connection() as connection:
            connection.execute(_CLEAR)

    def call(self, name: str, **parameters: object) -> Call:
        return call_for_rows(self.db.queries[name], None, parameters)

    @contextmanager
    def lend(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend another connection; what was begun on it is rolled back."""
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            yield connection
        finally:
            connection.rollback()
            self._idle.append(connection)

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.conninfo, autocommit=True)
        self._connections.append(connection)
        return connection


def ask(connection: psycopg.Connection[Any], call: Call) -> list[dict[str, Any]]:
    """Send a call on a connection, past every cache."""
    with RawCursor(connection, row_factory=call.row_factory) as cursor:
        cursor.execute(call.command.sql, call.values)
        return cursor.fetchall()
