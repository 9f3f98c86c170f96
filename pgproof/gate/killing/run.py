"""A database and a point in, the same database after a run of the migrations that was killed there out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgproof.errors import ServerUnavailable
from pgproof.migrations import Folder, Migration, fetch_ledger, migrate
from pgproof.migrations.events import ignore
from pgproof.sqltext import parse
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from psycopg import Connection

    from pgproof.gate.databases import Databases
    from pgproof.gate.killing.points import Point
    from pgproof.migrations import Event
    from pgproof.settings import Settings
    from pgproof.sqltext import Statement

_GONE_IN = 10  # seconds that a session which was told to end has for it
_DEADLINE = 60  # seconds until a run has come to where it waits: far more than any needs
_POLL = 0.002

_KILL = "SELECT pg_terminate_backend(%s)"
_LIVES = "SELECT true FROM pg_stat_activity WHERE pid = %s"
# Whatever the script has made of its session; the login role may end itself.
_DIE = "RESET SESSION AUTHORIZATION; RESET ROLE; SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());"
_WAITS = """
SELECT coalesce(relation::regclass::text ~ '_yoyo_migration$', false) FROM pg_locks WHERE pid = %s AND NOT granted
"""
# An index is concerned through its table, whose locks decide.
_TABLES = """
SELECT DISTINCT nspname, t.relname FROM unnest(%s::text[]) AS name
JOIN pg_class AS c ON c.oid = to_regclass(name) LEFT JOIN pg_index ON indexrelid = c.oid
JOIN pg_class AS t ON t.oid = coalesce(indrelid, c.oid) JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE t.relkind IN ('r', 'p')
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Cut(Migration):
    """A migration that ends its own session; it is never committed, so nobody meets its checksum."""

    content: str = field(default="", repr=False)

    @cached_property
    def raw(self) -> bytes:
        """What would be in its file."""
        return self.content.encode()


def run_killed(databases: Databases, name: str, folder: Folder, settings: Settings, point: Point) -> bool:
    """Run the migrations and have the server end the session at a point; False where it could not be had there."""
    if point.moment in ("at work", "unrecorded"):
        return _kill_in_its_wait(databases, name, folder, settings, point)
    with databases.connect(name) as other, databases.connect_runner(name) as connection:
        if point.moment == "inside":
            _run(connection, _with_cut(folder, point), settings)
        else:
            pid = connection.info.backend_pid
            _run(connection, folder, settings, _at(point, lambda: _kill(other, pid)))
        return connection.closed


def _run(
    connection: Connection[Any], folder: Folder, settings: Settings, notify: Callable[[Event], None] = ignore
) -> None:
    with suppress(ServerUnavailable, psycopg.OperationalError):
        migrate(connection, folder, settings, notify=notify, sweeps=False)


def _at(point: Point, act: Callable[[], object]) -> Callable[[Event], None]:
    """Return a listener that acts when the migration of a point has begun, or is applied."""
    moment = ("applied" if point.moment == "applied" else "begun", point.migration.id)

    def hear(event: Event) -> None:
        if (event.kind, event.id) == moment:
            act()

    return hear


def _with_cut(folder: Folder, point: Point) -> Folder:
    migration = point.migration
    cut = Cut(migration.path, migration.id, migration.number, migration.rollback, cut_after(migration.text, point))
    return Folder(tuple(cut if each.id == migration.id else each for each in folder.migrations), folder.repeatables)


def cut_after(text: str, point: Point) -> str:
    """Return a script that ends its session behind a statement; all lines stay where they are."""
    following = [each.start for each in parse(text) if point.statement and each.start > point.statement.start]
    if not following:
        return f"{text}\n;{_DIE}"
    raw = text.encode()
    return f"{raw[: following[0]].decode()}{_DIE} {raw[following[0] :].decode()}"


def _kill_in_its_wait(databases: Databases, name: str, folder: Folder, settings: Settings, point: Point) -> bool:
    """Hold a lock that a run without a transaction has to wait for, and end it as it waits.

    Its record waits for the ledger. In the midst, what works CONCURRENTLY waits until those who may still see the
    table as it was have left: with a lock that is not in its way before.
    """
    with (
        databases.connect(name) as other,
        databases.connect(name) as watcher,
        databases.connect_runner(name) as connection,
        ThreadPoolExecutor(1) as pool,
        other.transaction(),
    ):
        listener = _at(point, lambda: _stand_in_the_way(other, point))
        running = pool.submit(_run, connection, folder, settings, listener)
        where = _wait(watcher, connection.info.backend_pid, running, point)
        _kill(watcher, connection.info.backend_pid)
    running.result()
    return where == point.moment


def _kill(other: Connection[Any], pid: int) -> None:
    """End a session, and wait until it is gone: the server's own waiting looks only every 100 ms."""
    other.execute(_KILL, [pid])
    until = time.monotonic() + _GONE_IN
    while other.execute(_LIVES, [pid]).fetchone() and time.monotonic() < until:
        time.sleep(_POLL)


def _stand_in_the_way(other: Connection[Any], point: Point) -> None:
    schema = fetch_ledger(other).schema or "public"
    ledger = sql.Identifier(schema, "_yoyo_migration")
    other.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(ledger))
    if point.moment == "at work" and point.statement:
        for table in other.execute(_TABLES, [_names(point.statement)]).fetchall():
            other.execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.Identifier(*table)))


def _wait(watcher: Connection[Any], pid: int, running: Future[None], point: Point) -> str:
    """Look until the session waits for a lock; return at which moment it does.

    On its way to the ledger it may wait for a moment as well: what works CONCURRENTLY lets each look of ours pass.
    """
    until = time.monotonic() + _DEADLINE
    while not running.done() and time.monotonic() < until:
        for (for_ledger,) in watcher.execute(_WAITS, [pid]).fetchall():
            if for_ledger or point.moment == "at work":
                return "unrecorded" if for_ledger else "at work"
        time.sleep(_POLL)
    return ""


def _names(statement: Statement) -> Sequence[str]:
    """Return the tables and indexes that a statement names, quoted."""
    nodes = [node for _, node in walk(statement)]
    named = [(node.get("schemaname"), node["relname"]) for node in nodes if "relname" in node]
    listed = [[part["String"]["sval"] for part in node["List"]["items"]] for node in statement.tree.get("objects", [])]
    return [sql.Identifier(*filter(None, parts)).as_string() for parts in (*named, *listed)]
