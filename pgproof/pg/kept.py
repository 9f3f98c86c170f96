"""A connection in, the databases that pgproof keeps on that server out, and which of them are to go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from psycopg import errors, sql

from pgproof.pg import spare, template
from pgproof.pg.database import ensure_dropped
from pgproof.pg.layers import DRAFT, LOCK
from pgproof.pg.lock import named_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

TEST = "pgproof_test_"
"""What the name of a test's database begins with."""

FAILED_TEST = "pgproof_kept_"
"""What it begins with when its test has failed and it is kept."""

Kind = Literal["template", "spare", "old", "draft", "test", "failed test"]

_KINDS: dict[str, Kind] = {
    template.PREFIX: "template",
    spare.PREFIX: "spare",
    spare.OLD: "old",
    DRAFT: "draft",
    TEST: "test",
    FAILED_TEST: "failed test",
}
_OURS = """
SELECT datname, pg_database_size(oid) FROM pg_database WHERE starts_with(datname, 'pgproof_') ORDER BY datname
"""
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Kept:
    """One database that pgproof keeps.

    Attributes:
        holds: what was built in it, where that is known.
        used: the last day on which a template was asked for.
    """

    name: str
    kind: Kind
    bytes: int
    holds: str = ""
    used: date | None = None


def fetch_kept(connection: Connection[Any]) -> list[Kept]:
    """Return every database of ours on this server."""
    templates = {each.name: each for each in template.fetch_templates(connection)}
    kept = []
    for name, size in _fetch_sizes(connection):
        kind = next((kind for prefix, kind in _KINDS.items() if name.startswith(prefix)), None)
        found = templates.get(name)
        if kind:
            used = date.fromisoformat(found.used) if found and found.used else None
            kept.append(Kept(name, kind, size, found.holds if found else "", used))
    return kept


def _fetch_sizes(connection: Connection[Any]) -> list[tuple[str, int]]:
    while True:
        try:
            return connection.execute(_OURS).fetchall()
        except (errors.UndefinedObject, errors.UndefinedFile):
            continue  # one of them was dropped at this moment, so the next look finds fewer


def find_stale(kept: Iterable[Kept], *, days: int, megabytes: int, today: date) -> Iterator[Kept]:
    """Choose the templates that nobody asked for in `days`, and those that are too much, unused for longest first."""
    room = megabytes * _MEGABYTE
    templates = [each for each in kept if each.kind == "template"]
    for each in sorted(templates, key=lambda each: each.used or date.min, reverse=True):
        room -= each.bytes
        if room < 0 or (each.used or date.min) <= today - timedelta(days=days):
            yield each


def prune(
    connection: Connection[Any], *, days: int, megabytes: int, failed_tests: bool = False, wait: float = 600.0
) -> list[Kept]:
    """Drop stale templates, what killed builders and resets left, and on demand what failed tests have kept.

    Returns:
        What was dropped.
    """
    left = {"draft", "old", *(["failed test"] if failed_tests else [])}
    with named_lock(connection, LOCK, wait=wait):  # no builder is copying one of them
        kept = fetch_kept(connection)
        gone = list(find_stale(kept, days=days, megabytes=megabytes, today=datetime.now(UTC).date()))
        gone += [each for each in kept if each.kind in left]
        for each in gone:
            discard(connection, each)
    return gone


def discard(connection: Connection[Any], kept: Kept) -> None:
    """Drop one of them, whoever is connected to it."""
    if kept.kind == "template":
        connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(kept.name)))
    ensure_dropped(connection, kept.name)
